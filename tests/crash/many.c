/*
 * Misuse of one small block among very many, which is seen only where the block is guarded; by
 * default one now and then is, and the line is followed by where it was made and freed.
 */
#include "misuse.h"

#include <stdlib.h>
#include <string.h>

#define NBLOCKS 400000u

static const size_t sizes[] = {16, 64, 240, 0};

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

#define WHERE_GUARDED(kind)                                                                        \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, FAULT(kind), FAULT(kind)                                   \
	}

const struct misuse many[] = {
	{"many-read-after-free", read_each_freed, sizes, WHERE_GUARDED("use after free")},
	{"many-write-after-free", write_each_freed, sizes, WHERE_GUARDED("use after free")},
	{"many-read-past-end", read_past_each_end, sizes, WHERE_GUARDED("access past the end")},
	{"many-write-past-end", write_past_each_end, sizes, WHERE_GUARDED("access past the end")},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
