/*
 * Sequences of calls of the allocator's logic (see alloc/logic.h), beside a list of what should be
 * there: each block keeps its contents, its alignment and its size, and nothing is found wrong but
 * what is misused on purpose, which must be found at once. Any call of the kernel may fail. At the
 * end of an input everything is freed.
 *
 * One byte is the operation, the next ones its numbers. The allocator lives on from one input to
 * the next, as in a program; what crashes may need the inputs before it.
 */
#include "fuzz.h"

#include "alloc/logic.h"
#include "alloc/malloc.h"
#include "alloc/options.h"
#include "alloc/state.h"
#include "base/assert.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NBLOCKS 64
#define SIZE_MAX_BITS 21
#define EDGE 256

struct block {
	unsigned char *p;
	size_t size;
	unsigned char fill;
	bool is_exact; /* its usable size is what was asked for */
};

static struct block blocks[NBLOCKS];
static struct input *rest;
static unsigned nexpected;
static bool is_threaded;

/* Of every magnitude the same chance. */
static size_t take_size(void)
{
	unsigned bits = (unsigned)input_number(rest, 1) % (SIZE_MAX_BITS + 1);

	return (size_t)input_number(rest, 3) & (((size_t)1 << bits) - 1);
}

static struct block *take_block(void)
{
	return &blocks[input_number(rest, 1) % NBLOCKS];
}

/* All of small blocks, of large ones both ends and a byte of each page. */
static bool is_touched(size_t at, size_t size)
{
	return at < EDGE || size - at <= EDGE || at % 4096 == 0;
}

static size_t next_touched(size_t at, size_t size)
{
	at++;
	while (at < size && !is_touched(at, size))
		at = (at | 4095) + 1 < size - EDGE ? (at | 4095) + 1 : size - EDGE;
	return at;
}

static void fill(struct block *block, unsigned char *p, size_t size)
{
	static unsigned char last;
	size_t at;

	block->p = p;
	block->size = size;
	block->fill = last = (unsigned char)(last % 251 + 1);
	for (at = 0; at < size; at = next_touched(at, size))
		p[at] = block->fill;
}

static void check_fill(const struct block *block, const unsigned char *p, size_t size)
{
	size_t at;

	/* What was touched in the block as it was. */
	for (at = 0; at < size; at = next_touched(at, block->size))
		must(p[at] == block->fill);
}

static void check_size(const struct block *block)
{
	size_t usable = plat__usable(block->p);

	must(block->is_exact ? usable == block->size
			     : usable >= block->size && usable <= block->size + 1024);
}

static void make(struct block *block, unsigned kind)
{
	size_t alignment = (size_t)16 << input_number(rest, 1) % 13, size = take_size(), at;
	unsigned char *p;

	if (block->p)
		return;
	errno = 0;
	p = kind == 0	? plat__malloc(size)
	    : kind == 1 ? plat__calloc(size)
			: plat__aligned(alignment, size);
	if (!p) {
		must(errno == ENOMEM);
		return;
	}
	must(errno == 0);
	must((uintptr_t)p % 16 == 0 && (kind != 2 || (uintptr_t)p % alignment == 0));
	for (at = 0; kind == 1 && at < size; at++)
		must(p[at] == 0);
	block->is_exact = kind != 2;
	fill(block, p, size);
	check_size(block);
}

static void drop(struct block *block)
{
	if (!block->p)
		return;
	check_fill(block, block->p, block->size);
	check_size(block);
	errno = 7;
	plat__free(block->p);
	must(errno == 7);
	block->p = NULL;
}

static void resize(struct block *block)
{
	size_t size = take_size() + 1;
	unsigned char *p;

	if (!block->p)
		return;
	p = plat__realloc(block->p, size);
	if (!p) {
		check_fill(block, block->p, block->size);
		return;
	}
	check_fill(block, p, size < block->size ? size : block->size);
	block->is_exact = block->is_exact || p != block->p;
	fill(block, p, size);
	check_size(block);
}

static void must_be_found(void)
{
	nexpected++;
	must(logic_faults() == nexpected);
}

static void free_twice(struct block *block)
{
	unsigned char *p = block->p;

	if (!p)
		return;
	drop(block);
	plat__free(p);
	must_be_found();
}

static void free_inside(struct block *block)
{
	size_t at = input_number(rest, 2);

	if (!block->p || at == 0 || at >= block->size)
		return;
	plat__free(block->p + at);
	must_be_found();
	check_size(block);
}

/* The canary is made whole again, so that the block can be freed in the end. */
static void write_over(struct block *block)
{
	unsigned char was;

	if (!block->p || !block->is_exact)
		return;
	was = block->p[block->size];
	block->p[block->size] = (unsigned char)input_number(rest, 1);
	if (block->p[block->size] != was) {
		plat__free(block->p);
		must_be_found();
	}
	block->p[block->size] = was;
	check_size(block);
}

static void set_option(void)
{
	static const char *const names[] = {"PLAT_MMAP_THRESHOLD", "PLAT_MMAP_MAX",
					    "PLAT_TRIM_THRESHOLD"};
	static const char *const values[] = {"0", "1", "4096", "131072", "1M", "65536"};

	must(plat__options_set(names[input_number(rest, 1) % 3],
			       values[input_number(rest, 1) % 6]) == 0);
}

static void step(void);

static void *go_on(void *argument)
{
	unsigned n = *(unsigned *)argument;

	while (n-- && rest->size)
		step();
	return NULL;
}

/* The next operations are another thread's, which ends then. */
static void change_thread(void)
{
	unsigned n = (unsigned)input_number(rest, 1);
	pthread_t thread;

	if (is_threaded)
		return;
	is_threaded = true;
	if (pthread_create(&thread, NULL, go_on, &n) == 0)
		pthread_join(thread, NULL);
	is_threaded = false;
}

static void step(void)
{
	unsigned operation = (unsigned)input_number(rest, 1) % 24;

	switch (operation) {
	case 0:
		plat__trim(input_number(rest, 3));
		break;
	case 1:
		logic_fail_at((unsigned)input_number(rest, 1) % 16);
		break;
	case 2:
		set_option();
		break;
	case 3:
		free_twice(take_block());
		break;
	case 4:
		free_inside(take_block());
		break;
	case 5:
		write_over(take_block());
		break;
	case 6:
		change_thread();
		break;
	case 7:
	case 8:
	case 9:
		resize(take_block());
		break;
	case 10:
	case 11:
		make(take_block(), 1);
		break;
	case 12:
	case 13:
		make(take_block(), 2);
		break;
	default:
		if (operation % 2)
			make(take_block(), 0);
		else
			drop(take_block());
		break;
	}
	must(logic_faults() == nexpected);
}

/* Misuse is to be counted, not to end this; and no block is to be guarded by chance, whose end is a
 * page's, so that writing over it would be a fault of the processor. */
static void begin(void)
{
	static bool has_begun;

	if (has_begun)
		return;
	has_begun = true;
	must(setenv("PLAT_GUARD", "off", 1) == 0);
	plat__options_init(); /* once more: the constructor has read it before */
	plat__free(plat__malloc(1));
	must(plat__options.is_guard_off);
	must(plat__options_set("PLAT_ON_ERROR", "ignore") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned i;

	begin();
	rest = &input;
	while (input.size)
		step();
	logic_fail_at(0);
	for (i = 0; i < NBLOCKS; i++)
		drop(&blocks[i]);
	must(logic_faults() == nexpected);
	return 0;
}
