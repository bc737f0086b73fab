/* Writes beside a block, before it, behind it and after it was freed. */
#include "misuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define JUNK 0x5c

/* A block of 8 bytes or a multiple of 16 ends where its guard begins, when each has one. */
static const size_t exact[] = {8, 16, 64, 128, 256, 1024, 0};
static const size_t inexact[] = {1,   7,   15,	24,   31,   33,	  63,	 65,	 100, 120,
				 255, 257, 500, 1000, 1023, 5000, 20001, 200001, 0};
/* At least 8 bytes are left to where it would end; and less. */
static const size_t with_room[] = {24, 33, 65, 100, 500, 1000, 5000, 20001, 200001, 0};
static const size_t without_room[] = {1, 5, 0};
static const size_t some[] = {24, 1000, 5000, 200001, 0};
static const size_t some_exact[] = {64, 1024, 0};
static const size_t in_slabs[] = {16, 64, 1000, 5000, 0};
static const size_t in_mappings[] = {200000, 1000000, 0};

static unsigned char *block_of(size_t size)
{
	unsigned char *p = must_malloc(size);

	memset(p, 1, size);
	return hidden(p);
}

static void expect_in(const unsigned char *p, size_t size)
{
	expect_address(p - 16, p + size + 2 * PAGE);
}

/*
 * Behind.
 */

static void write_behind(unsigned char *p, size_t size, size_t n)
{
	expect_in(p, size);
	memset(hidden(p + size), JUNK, n);
}

static void one_byte_behind(size_t size)
{
	unsigned char *p = block_of(size);

	write_behind(p, size, 1);
	free(hidden(p));
}

static void eight_bytes_behind(size_t size)
{
	unsigned char *p = block_of(size);

	write_behind(p, size, 8);
	free(hidden(p));
}

static void one_byte_behind_then_realloc(size_t size)
{
	unsigned char *p = block_of(size);

	write_behind(p, size, 1);
	hidden(realloc(hidden(p), size * 2 + 100));
}

static void one_byte_behind_then_smaller(size_t size)
{
	unsigned char *p = block_of(size);

	write_behind(p, size, 1);
	hidden(realloc(hidden(p), size - 1));
}

static void one_byte_behind_calloc(size_t size)
{
	unsigned char *p = hidden(calloc(1, size));

	write_behind(p, size, 1);
	free(hidden(p));
}

static void one_byte_behind_realloc(size_t size)
{
	unsigned char *p = hidden(realloc(block_of(size * 2), size));

	write_behind(p, size, 1);
	free(hidden(p));
}

static void one_byte_behind_memalign(size_t size)
{
	unsigned char *p = hidden(aligned_alloc(256, size));

	write_behind(p, size, 1);
	free(hidden(p));
}

static void one_byte_behind_freed_in_a_thread(size_t size)
{
	unsigned char *p = block_of(size);

	write_behind(p, size, 1);
	free_in_a_thread(hidden(p));
	allocate_until_reused(p, size, 0);
}

static void one_byte_behind_sized(size_t size)
{
	void (*free_sized)(void *, size_t) = function("free_sized");
	unsigned char *p = block_of(size);

	write_behind(p, size, 1);
	free_sized(hidden(p), size);
}

/* A string one too long: what is written behind the block is a zero. */
static void a_string_too_long(size_t size)
{
	char *p = must_malloc(size), *text = must_malloc(size + 1);

	memset(text, 'x', size);
	text[size] = 0;
	expect_in((unsigned char *)p, size);
	strcpy(hidden(p), hidden(text));
	free(hidden(p));
}

/* Each size in a child of its own; stderr is not for them. */
static void sweep(void (*act)(size_t size))
{
	size_t size, nmissed = 0;

	for (size = 1; size <= 1024; size++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			if (!freopen("/dev/null", "w", stderr))
				_exit(99);
			dup2(STDERR_FILENO, STDOUT_FILENO);
			act(size);
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
			_exit(99);
		if (!WIFSIGNALED(status) && nmissed++ < 20)
			printf("missed: size %zu\n", size);
	}
	if (nmissed == 0)
		return;
	fflush(stdout);
	had_its_effect("not all sizes were noticed");
}

static void sweep_one_byte(size_t size)
{
	(void)size;
	sweep(one_byte_behind);
}

static void sweep_eight_bytes(size_t size)
{
	(void)size;
	sweep(eight_bytes_behind);
}

static void sweep_strings(size_t size)
{
	(void)size;
	sweep(a_string_too_long);
}

/*
 * Before. With neighbours, so that there is something of somebody else's.
 */

static void write_before(size_t size, size_t n)
{
	unsigned char *blocks[32], *p;
	unsigned i;

	for (i = 0; i < 32; i++)
		blocks[i] = block_of(size);
	p = blocks[16];
	expect_address(p - 2 * PAGE, p + size);
	memset(hidden(p - n), JUNK, n);
	free(hidden(p));
}

static void one_byte_before(size_t size)
{
	write_before(size, 1);
}

static void eight_bytes_before(size_t size)
{
	write_before(size, 8);
}

/*
 * After free.
 */

static void write_freed(size_t size, size_t offset)
{
	unsigned char *p = block_of(size);

	free(p);
	expect_in(p, size);
	memset(hidden(p + offset), JUNK, 8);
	allocate_until_reused(p, size, 0);
}

static void first_bytes_after_free(size_t size)
{
	write_freed(size, 0);
}

static void middle_after_free(size_t size)
{
	write_freed(size, size / 2);
}

static void last_bytes_after_free(size_t size)
{
	write_freed(size, size - 8);
}

static void first_bytes_after_free_in_a_thread(size_t size)
{
	unsigned char *p = block_of(size);

	free_in_a_thread(p);
	expect_in(p, size);
	memset(hidden(p), JUNK, 8);
	allocate_until_reused(p, size, 0);
}

static void after_realloc(size_t size)
{
	unsigned char *p = block_of(size), *q = hidden(realloc(p, size + (8 << 20)));

	if (q == p)
		_exit(77);
	expect_in(p, size);
	memset(hidden(p), JUNK, 8);
	allocate_until_reused(p, size, 0);
}

/* What is found when the block is freed. */
#define FOUND(kind)                                                                                \
	{                                                                                          \
		ABORT_SIZED(kind), ABORT_SIZED(kind), ABORT_SIZED(kind)                            \
	}
/* The guard stops it at once. */
#define FOUND_OR_STOPPED(kind)                                                                     \
	{                                                                                          \
		ABORT_SIZED(kind), ABORT_SIZED(kind), FAULT("access past the end")                 \
	}
/* In hard mode a neighbour may be freed first: a slot that has waited may be its fault as well. */
#define IN_A_FREE_SLOT ABORT("write after free|overflow|underflow")
#define AFTER_FREE                                                                                 \
	{                                                                                          \
		ABORT("write after free"), IN_A_FREE_SLOT, FAULT("use after free")                 \
	}
#define AFTER_FREE_OF_MAPPING                                                                      \
	{                                                                                          \
		{FAULTS_PERHAPS_SILENTLY, "use after free", false, NULL, 0},                       \
			{FAULTS_PERHAPS_SILENTLY, "use after free", false, NULL, 0},               \
			FAULT("use after free")                                                    \
	}
#define AFTER_FREE_IN_HARD                                                                         \
	{                                                                                          \
		NO_PROMISE, IN_A_FREE_SLOT, FAULT("use after free")                                \
	}
#define BEFORE                                                                                     \
	{                                                                                          \
		NO_PROMISE, {ENDS, "underflow", false, NULL, 0},                                   \
		{                                                                                  \
			ENDS, "underflow", false, NULL, 0                                          \
		}                                                                                  \
	}
#define NOT_ONE_MISSED                                                                             \
	{                                                                                          \
		SILENT, SILENT, SILENT                                                             \
	}

const struct misuse writes[] = {
	{"overflow-by-1", one_byte_behind, inexact, FOUND("overflow")},
	{"overflow-by-1", one_byte_behind, exact, FOUND_OR_STOPPED("overflow")},
	{"overflow-by-8", eight_bytes_behind, with_room, FOUND("overflow")},
	{"overflow-by-8", eight_bytes_behind, exact, FOUND_OR_STOPPED("overflow")},
	{"overflow-by-8", eight_bytes_behind, without_room, FOUND_OR_STOPPED("overflow")},
	{"overflow-by-1",
	 one_byte_behind,
	 (const size_t[]){49 * PAGE, 0},
	 {{ENDS, "overflow|access past the end", false, NULL, 0},
	  {ENDS, "overflow|access past the end", false, NULL, 0},
	  FAULT("access past the end")}},
	{"overflow-then-realloc", one_byte_behind_then_realloc, some, FOUND("overflow")},
	{"overflow-then-realloc", one_byte_behind_then_realloc, some_exact,
	 FOUND_OR_STOPPED("overflow")},
	{"overflow-then-smaller", one_byte_behind_then_smaller, some, FOUND("overflow")},
	{"overflow-calloc", one_byte_behind_calloc, some, FOUND("overflow")},
	{"overflow-after-realloc", one_byte_behind_realloc, some, FOUND("overflow")},
	{"overflow-memalign", one_byte_behind_memalign, some, FOUND("overflow")},
	{"overflow-freed-in-a-thread", one_byte_behind_freed_in_a_thread, some, FOUND("overflow")},
	{"overflow-sized", one_byte_behind_sized, some, FOUND("overflow")},
	{"overflow-string", a_string_too_long, some, FOUND("overflow")},
	{"overflow-string", a_string_too_long, exact, FOUND_OR_STOPPED("overflow")},
	{"overflow-by-1-of-1-to-1024", sweep_one_byte, NULL, NOT_ONE_MISSED},
	{"overflow-by-8-of-1-to-1024", sweep_eight_bytes, NULL, NOT_ONE_MISSED},
	{"overflow-string-of-1-to-1024", sweep_strings, NULL, NOT_ONE_MISSED},

	{"underflow-by-1", one_byte_before, some, BEFORE},
	{"underflow-by-1", one_byte_before, exact, BEFORE},
	{"underflow-by-8", eight_bytes_before, some, BEFORE},

	{"write-after-free", first_bytes_after_free, in_slabs, AFTER_FREE},
	{"write-after-free", first_bytes_after_free, in_mappings, AFTER_FREE_OF_MAPPING},
	{"write-after-free-in-a-thread", first_bytes_after_free_in_a_thread, in_slabs, AFTER_FREE},
	{"write-after-realloc", after_realloc, in_slabs, AFTER_FREE},
	{"write-after-free-middle", middle_after_free, (const size_t[]){1000, 5000, 0},
	 AFTER_FREE_IN_HARD},
	{"write-after-free-last-bytes", last_bytes_after_free, (const size_t[]){64, 1000, 5000, 0},
	 AFTER_FREE_IN_HARD},
	{NULL, NULL, NULL, NOT_ONE_MISSED},
};
