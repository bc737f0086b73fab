/* Reads of what is no block's: behind the end, after free, of no bytes at all; and what freed
 * memory tells. */
#include "misuse.h"

#include <stdlib.h>
#include <string.h>

#define PAGE ((size_t)4096)
#define SECRET 0x53

static const size_t exact[] = {16, 64, 256, 1024, 4096, 5008, 200000, 0};
static const size_t any_size[] = {16, 64, 1000, 5000, 0};
/* From 32 KiB to 128 KiB they lie in the heap. */
static const size_t in_runs[] = {40000, 100000, 0};
static const size_t in_mappings[] = {200000, 1000000, 0};

static volatile unsigned char seen;

static void expect_in(const unsigned char *p, size_t size)
{
	expect_address(p - 16, p + size + 2 * PAGE);
}

static unsigned char *secret_of(size_t size)
{
	unsigned char *p = must_malloc(size);

	memset(p, SECRET, size);
	return hidden(p);
}

static void read_behind(size_t size)
{
	unsigned char *p = secret_of(size);

	expect_in(p, size);
	seen = ((volatile unsigned char *)p)[size];
}

/* The first byte that is not in the last 16 that the block begins. */
static void read_behind_alignment(size_t size)
{
	read_behind((size + 15) / 16 * 16);
}

/* As who counts a matrix's rows down. */
static void read_far_before(size_t size)
{
	unsigned char *p = secret_of(size);

	expect_address(p - 1000000, p - 1000000);
	seen = ((volatile unsigned char *)p)[-1000000];
}

static void read_nothing(size_t size)
{
	unsigned char *p = must_malloc(0);

	(void)size;
	expect_in(p, 0);
	seen = *(volatile unsigned char *)p;
}

static void write_nothing(size_t size)
{
	unsigned char *p = must_malloc(0);

	(void)size;
	expect_in(p, 0);
	*(volatile unsigned char *)p = 1;
	free(hidden(p));
}

static void read_freed(size_t size)
{
	unsigned char *p = secret_of(size);

	free(p);
	expect_in(p, size);
	seen = *(volatile unsigned char *)hidden(p);
}

static void read_moved(size_t size)
{
	unsigned char *p = secret_of(size), *q = hidden(realloc(p, size + (8 << 20)));

	if (q == p)
		_Exit(77);
	expect_in(p, size);
	seen = *(volatile unsigned char *)hidden(p);
}

/* A pointer that was there, as a vtable's would be. */
static void first_bytes_tell(size_t size)
{
	unsigned char *p = secret_of(size);
	size_t i;

	free(p);
	expect_in(p, size);
	p = hidden(p);
	for (i = 0; i < 16; i++)
		if (p[i] == SECRET)
			had_its_effect("freed memory tells what it held");
}

static void all_bytes_tell(size_t size)
{
	unsigned char *p = secret_of(size);
	size_t i;

	free(p);
	expect_in(p, size);
	p = hidden(p);
	for (i = 0; i < size; i++)
		if (p[i] == SECRET)
			had_its_effect("freed memory tells what it held");
}

static void new_blocks_tell(size_t size)
{
	static unsigned char *blocks[2000];
	size_t n = size > 2000 ? 500 : 2000, i, j;

	for (i = 0; i < n; i++)
		blocks[i] = secret_of(size);
	for (i = 0; i < n; i++)
		free(blocks[i]);
	for (i = 0; i < n; i++) {
		blocks[i] = must_malloc(size);
		for (j = 0; j < size; j++)
			if (blocks[i][j] == SECRET)
				had_its_effect("a new block tells what was there before");
	}
}

#define IN_GUARDED(kind)                                                                           \
	{                                                                                          \
		NO_PROMISE, NO_PROMISE, FAULT(kind)                                                \
	}
#define OF_MAPPING                                                                                 \
	{                                                                                          \
		{FAULTS_PERHAPS_SILENTLY, "use after free", false, NULL, 0},                       \
			{FAULTS_PERHAPS_SILENTLY, "use after free", false, NULL, 0},               \
			FAULT("use after free")                                                    \
	}

const struct misuse reads[] = {
	{"read-past-end", read_behind, exact, IN_GUARDED("access past the end")},
	{"read-past-end-of-rounded", read_behind_alignment, any_size,
	 IN_GUARDED("access past the end")},
	{"read-far-before", read_far_before, (const size_t[]){40000, 100000, 1000000, 0},
	 IN_GUARDED("underflow")},
	{"read-far-before-mapping",
	 read_far_before,
	 in_mappings,
	 {NO_PROMISE, FAULT("underflow"), FAULT("underflow")}},
	{"read-of-nothing", read_nothing, NULL, IN_GUARDED("access past the end")},
	{"write-of-nothing", write_nothing, NULL, IN_GUARDED("access past the end")},
	{"read-after-free", read_freed, any_size, {SILENT, SILENT, FAULT("use after free")}},
	{"read-after-free", read_freed, in_mappings, OF_MAPPING},
	{"read-after-free",
	 read_freed,
	 in_runs,
	 {NO_PROMISE, FAULT("use after free"), FAULT("use after free")}},
	{"read-after-realloc", read_moved, any_size, {SILENT, SILENT, FAULT("use after free")}},
	{"freed-first-bytes",
	 first_bytes_tell,
	 any_size,
	 {NO_PROMISE, SILENT, FAULT("use after free")}},
	{"freed-bytes", all_bytes_tell, any_size, {NO_PROMISE, SILENT, FAULT("use after free")}},
	{"new-bytes", new_blocks_tell, any_size, {NO_PROMISE, SILENT, SILENT}},
	{NULL, NULL, NULL, {SILENT, SILENT, SILENT}},
};
