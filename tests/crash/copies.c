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
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static void *(*volatile find_last)(const void *, int, size_t) = memrchr;
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
	set(p, 1, size + 1);
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

static void compare_from_behind(size_t size)
{
	unsigned char *p = must_malloc(size);

	memset(p, 0, size);
	expect_in(p, size);
	compare(other, p, size + 1);
	had_its_effect("more was compared than there is");
}

static void search_behind(size_t size)
{
	unsigned char *p = must_malloc(size);

	memset(p, 0, size);
	expect_in(p, size);
	find_last(p, 7, size + 1);
	had_its_effect("a byte was looked for behind the block");
}

/* What _FORTIFY_SOURCE makes of memcpy where it sees another size than the block's. */
static void fortified_copy_too_much(size_t size)
{
	void *(*checked)(void *, const void *, size_t, size_t) =
		(void *(*)(void *, const void *, size_t, size_t))function("__memcpy_chk");
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	checked(p, other, size + 1, size + 100);
	had_its_effect("more was copied than there is room for");
}

static void copy_over_itself(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_in(p, size);
	copy(p + 8, p, size - 8);
	had_its_effect("overlapping bytes were copied");
}

/* Of what is no block, too. */
static void copy_over_itself_elsewhere(size_t size)
{
	expect_address(other, other + sizeof(other));
	copy(other, other + 1, size);
	had_its_effect("overlapping bytes were copied");
}

static void string_over_itself(size_t size)
{
	char *p = must_malloc(size);

	memset(p, 'x', size);
	p[size - 1] = '\0';
	expect_in((unsigned char *)p, size);
	copy_string(p, p + 1);
	had_its_effect("an overlapping string was copied");
}

#define CHECKED_ONLY(kind, sized, access, more)                                                    \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, NO_PROMISE, NO_PROMISE,                                    \
			ABORT_OF(kind, sized, access, more)                                        \
	}
#define PAST_END(access, more) CHECKED_ONLY("access past the end", true, access, more)

const struct misuse copies[] = {
	{"copy-too-much", copy_too_much, some, PAST_END("destination of memcpy", 1)},
	{"copy-from-behind", copy_from_behind, some, PAST_END("source of memcpy", 1)},
	{"copy-from-freed", copy_from_freed, some,
	 CHECKED_ONLY("use after free", false, "source of memcpy", 0)},
	{"move-too-far", move_too_far, some, PAST_END("destination of memmove", 0)},
	{"set-too-much", set_too_much, some, PAST_END("destination of memset", 1)},
	{"compare-from-behind", compare_from_behind, some, PAST_END("source of memcmp", 1)},
	{"search-behind", search_behind, some, PAST_END("source of memrchr", 1)},
	{"fortified-copy-too-much", fortified_copy_too_much, some,
	 PAST_END("destination of memcpy", 1)},
	{"string-without-its-end", string_without_its_end, some,
	 PAST_END("destination of strcpy", 1)},
	{"string-that-grows", string_that_grows, some,
	 PAST_END("destination of strcat", ANY_NUMBER)},
	{"string-with-zeros", string_with_zeros, some, PAST_END("destination of strncpy", 1)},
	{"copy-over-itself", copy_over_itself, some,
	 CHECKED_ONLY("overlap", true, "memcpy", (size_t)-8)},
	{"copy-over-itself-elsewhere", copy_over_itself_elsewhere, some,
	 CHECKED_ONLY("overlap", false, "memcpy", 0)},
	{"string-over-itself", string_over_itself, some,
	 CHECKED_ONLY("overlap", true, "strcpy", (size_t)-1)},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
