/*
 * Misuse of small blocks that is seen only where the block is guarded, which is one now and then
 * among very many; in hard mode the first one of each class is, too. The line is followed by where
 * it was made and freed.
 */
#include "misuse.h"

#include <stdlib.h>
#include <string.h>

#define NBLOCKS 400000u

static const size_t sizes[] = {16, 64, 240, 0};
static const size_t of_many_classes[] = {16, 64, 240, 1008, 5008, 20000, 0};
/* Something is left of their pages. */
static const size_t inexact[] = {24, 100, 1000, 5000, 0};

static volatile unsigned char seen;

static void read_each_freed(size_t size)
{
	unsigned i;

	for (i = 0; i < NBLOCKS; i++) {
		unsigned char *p = must_malloc(size);

		memset(p, 1, size);
		free(p);
		seen = *(volatile unsigned char *)hidden(p);
	}
}

/* Not the first bytes, which are looked at before the slot is handed out again. */
static void write_each_freed(size_t size)
{
	unsigned i;

	for (i = 0; i < NBLOCKS; i++) {
		unsigned char *p = must_malloc(size);

		free(p);
		((volatile unsigned char *)hidden(p))[size - 1] = 1;
	}
}

/* The block ends on its page. */
static void read_past_each_end(size_t size)
{
	unsigned i;

	for (i = 0; i < NBLOCKS; i++) {
		unsigned char *p = must_malloc(size);

		seen = ((volatile unsigned char *)hidden(p))[size];
		free(p);
	}
}

/* What was there is put back, so that no canary tells. */
static void write_past_each_end(size_t size)
{
	unsigned i;

	for (i = 0; i < NBLOCKS; i++) {
		unsigned char *p = must_malloc(size);
		volatile unsigned char *end = (unsigned char *)hidden(p) + size;
		unsigned char before = *end;

		*end = (unsigned char)~before;
		*end = before;
		free(p);
	}
}

static void read_first_freed(size_t size)
{
	unsigned char *p = must_malloc(size);

	free(p);
	expect_address(p, p);
	seen = *(volatile unsigned char *)hidden(p);
}

static void read_past_first_end(size_t size)
{
	unsigned char *p = must_malloc(size);

	expect_address(p + size, p + size);
	seen = ((volatile unsigned char *)hidden(p))[size];
}

/* It is never freed: what is written beside it is seen when another block is made. */
static void write_beside(unsigned char *p, ptrdiff_t offset)
{
	expect_address(p, p);
	((volatile unsigned char *)hidden(p))[offset] = 0;
	must_malloc(30000);
}

static void write_behind_one_that_stays(size_t size)
{
	write_beside(must_malloc(size), (ptrdiff_t)size);
}

static void write_before_one_that_stays(size_t size)
{
	write_beside(must_malloc(size), -1);
}

#define WHERE_GUARDED(kind)                                                                        \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, FAULT(kind), FAULT(kind), SILENT, FAULT(kind)              \
	}
#define IN_HARD(expected)                                                                          \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, expected, SILENT, SILENT, expected                         \
	}

const struct misuse many[] = {
	{"many-read-after-free", read_each_freed, sizes, WHERE_GUARDED("use after free")},
	{"many-write-after-free", write_each_freed, sizes, WHERE_GUARDED("use after free")},
	{"many-read-past-end", read_past_each_end, sizes, WHERE_GUARDED("access past the end")},
	{"many-write-past-end", write_past_each_end, sizes, WHERE_GUARDED("access past the end")},
	{"first-read-after-free", read_first_freed, of_many_classes,
	 IN_HARD(FAULT("use after free"))},
	{"first-read-past-end", read_past_first_end, of_many_classes,
	 IN_HARD(FAULT("access past the end"))},
	{"first-write-behind-and-stay", write_behind_one_that_stays, inexact,
	 IN_HARD(ABORT_SIZED("overflow"))},
	{"first-write-before-and-stay", write_before_one_that_stays, inexact,
	 IN_HARD(ABORT_SIZED("underflow"))},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
