/* libplat's checked functions, on blocks of libplat-malloc: they ask it in every mode. */
#include "misuse.h"

#include <plat/checked.h>

#include <stdlib.h>
#include <string.h>

static const size_t some[] = {24, 64, 1000, 5000, 40000, 200000, 0};

/* A mapping's pages cannot be touched once it is freed. */
static const size_t in_heap[] = {24, 64, 1000, 5000, 40000, 0};

static unsigned char other[400000];

static unsigned char *must_have(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_address(p - 16, p + size + 16);
	memset(p, 0, size);
	return p;
}

static void copy_too_much(size_t size)
{
	plat_checked_memcpy(must_have(size), other, size + 1);
	had_its_effect("more was copied than there is room for");
}

static void copy_from_behind(size_t size)
{
	plat_checked_memcpy(other, must_have(size), size + 1);
	had_its_effect("more was copied than there is");
}

static void copy_to_freed(size_t size)
{
	unsigned char *p = must_have(size);

	free(p);
	plat_checked_memcpy(hidden(p), other, size);
	had_its_effect("what is free was written to");
}

static void copy_over_itself(size_t size)
{
	unsigned char *p = must_have(size);

	plat_checked_memcpy(p, p + 8, size - 8);
	had_its_effect("overlapping bytes were copied");
}

static void copy_on_the_stack(size_t size)
{
	unsigned char here[64] = {0};

	(void)size;
	expect_address(here, here + sizeof(here));
	plat_checked_memcpy(here + 8, here, 9);
	had_its_effect("overlapping bytes were copied");
}

static void move_too_far(size_t size)
{
	unsigned char *p = must_have(size);

	plat_checked_memmove(p + 8, p, size);
	had_its_effect("more was moved than there is room for");
}

static void set_too_much(size_t size)
{
	plat_checked_memset(must_have(size), 1, size + 1);
	had_its_effect("more was set than there is");
}

static void compare_from_behind(size_t size)
{
	if (plat_checked_memcmp(other, must_have(size), size + 1) < 2)
		had_its_effect("more was compared than there is");
}

#define ALWAYS(kind, sized, access, more)                                                          \
	{                                                                                          \
		ABORT_OF(kind, sized, access, more), ABORT_OF(kind, sized, access, more),          \
			ABORT_OF(kind, sized, access, more)                                        \
	}
#define PAST_END(access, more) ALWAYS("access past the end", true, access, more)

const struct misuse asking[] = {
	{"asking-copy-too-much", copy_too_much, some, PAST_END("destination of memcpy", 1)},
	{"asking-copy-from-behind", copy_from_behind, some, PAST_END("source of memcpy", 1)},
	{"asking-copy-to-freed", copy_to_freed, in_heap,
	 ALWAYS("use after free", false, "destination of memcpy", 0)},
	{"asking-copy-over-itself", copy_over_itself, some,
	 ALWAYS("overlap", true, "memcpy", (size_t)-8)},
	{"asking-copy-on-the-stack", copy_on_the_stack, NULL,
	 ALWAYS("overlap", false, "memcpy", 9)},
	{"asking-move-too-far", move_too_far, some, PAST_END("destination of memmove", 0)},
	{"asking-set-too-much", set_too_much, some, PAST_END("destination of memset", 1)},
	{"asking-compare-from-behind", compare_from_behind, some, PAST_END("source of memcmp", 1)},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
