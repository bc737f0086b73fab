/* Copies that leave their block: with libplat-checked in front they do not happen. */
#include "misuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t some[] = {24, 64, 1000, 5000, 40000, 200000, 0};

static unsigned char other[400000];

static void expect_in(const unsigned char *p, size_t size)
{
	expect_address(p - 16, p + size + 16);
}

/* The compiler is to call them, of whatever size. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static char *(*volatile copy_string)(char *, const char *) = strcpy;
static char *(*volatile add_string)(char *, const char *) = strcat;
static char *(*volatile copy_some)(char *, const char *, size_t) = strncpy;

static void copy_too_much(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	copy(p, other, size + 1);
	had_its_effect("more was copied than there is room for");
}

static void copy_from_behind(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	copy(other, p, size + 1);
	had_its_effect("more was copied than there is");
}

static void copy_from_freed(size_t size)
{
	unsigned char *p = must_malloc(size);

	free(p);
	expect_in(p, size);
	copy(other, hidden(p), size);
	had_its_effect("what is free was copied");
}

static void move_too_far(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	move(p + 8, p, size);
	had_its_effect("more was moved than there is room for");
}

static void set_too_much(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	set(p + size / 2, 1, size / 2 + 1);
	had_its_effect("more was set than there is");
}

static char *string_of(size_t length)
{
	memset(other, 'x', length);
	other[length] = '\0';
	return (char *)other;
}

static void string_without_its_end(size_t size)
{
	char *p = must_malloc(size);

	expect_in((unsigned char *)p, size);
	copy_string(p, string_of(size));
	had_its_effect("a string is longer than its block");
}

static void string_that_grows(size_t size)
{
	char *p = must_malloc(size);

	copy_string(p, string_of(size / 2));
	expect_in((unsigned char *)p, size);
	add_string(p, string_of(size - size / 2));
	had_its_effect("a string is longer than its block");
}

/* The string would fit, but the rest is filled with zeros. */
static void string_with_zeros(size_t size)
{
	char *p = must_malloc(size);

	expect_in((unsigned char *)p, size);
	copy_some(p, string_of(3), size + 1);
	had_its_effect("zeros are behind the block");
}

#define CHECKED_ONLY(kind)                                                                         \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, NO_PROMISE, NO_PROMISE, ABORT(kind)                        \
	}

const struct misuse copies[] = {
	{"copy-too-much", copy_too_much, some, CHECKED_ONLY("access past the end")},
	{"copy-from-behind", copy_from_behind, some, CHECKED_ONLY("access past the end")},
	{"copy-from-freed", copy_from_freed, some, CHECKED_ONLY("use after free")},
	{"move-too-far", move_too_far, some, CHECKED_ONLY("access past the end")},
	{"set-too-much", set_too_much, some, CHECKED_ONLY("access past the end")},
	{"string-without-its-end", string_without_its_end, some,
	 CHECKED_ONLY("access past the end")},
	{"string-that-grows", string_that_grows, some, CHECKED_ONLY("access past the end")},
	{"string-with-zeros", string_with_zeros, some, CHECKED_ONLY("access past the end")},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
