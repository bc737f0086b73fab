/*
 * Scratch, beside a list of what was taken: first what the arena is made of, then operations, one
 * byte each, and their numbers.
 *
 *     mode, buffer's size, limit | take, mark, release, move, make it anew, ...
 *
 * What was taken has its place to itself, in the alignment that was asked for, and keeps its bytes
 * until a mark that was made before it is released. What no memory can have is refused; where there
 * is no limit, nothing else is. errno stays as it is.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "mem/scratch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NBLOCKS 256
#define NMARKS 64
#define SIZE_BITS 20
#define EDGE 1024 /* so much of either end of a block is written and looked at */
#define MOST_BUFFER 65536
#define ERRNO 99 /* nobody's */

/* Of AddressSanitizer's, where the target has it. */
int __asan_address_is_poisoned(const volatile void *p) __attribute__((weak));

struct block {
	unsigned char *p;
	size_t size;
	unsigned char fill;
};

struct list {
	struct input *input;
	struct plat_scratch *arena;
	unsigned char *buffer; /* NULL: the arena is over pages of its own */
	size_t buffer_size, limit;
	struct block blocks[NBLOCKS];
	struct {
		struct plat_scratch_mark mark;
		size_t nblocks;
	} marks[NMARKS];
	size_t nblocks, nmarks;
	unsigned char fills;
};

static size_t number(struct list *list, unsigned bytes)
{
	return (size_t)input_number(list->input, bytes);
}

/* Of every magnitude the same chance. */
static size_t take_size(struct list *list)
{
	size_t bits = number(list, 1) % (SIZE_BITS + 1);

	return number(list, 3) & (((size_t)1 << bits) - 1);
}

/* --- the arena --- */

/*
 * Where the target is built with AddressSanitizer, arenas are for it. One that is plain all the
 * same is made here, as programs without it have it.
 */
static void make_plain(struct plat_scratch *arena)
{
	if (arena->mode != PLAT__SCRATCH_POISONED)
		return;
	plat__scratch_open(arena->mode, arena->piece_start, arena->piece_end);
	arena->mode = PLAT__SCRATCH_PLAIN;
	plat__scratch_return_to_piece(arena, &(struct plat__scratch_place){arena->piece_start,
									   arena->at, arena->fresh,
									   arena->piece_end});
}

static void make_arena(struct list *list)
{
	static const size_t limits[] = {0, 5000, 100000, SIZE_MAX};
	size_t way = number(list, 1), offset;

	plat_scratch_checked(way % 4 == 1);
	list->limit = limits[way / 16 % 4];
	list->buffer_size = number(list, 2) % (MOST_BUFFER + 1);
	offset = number(list, 1) % 64;
	list->buffer = NULL;
	if (way / 4 % 2) {
		list->buffer = malloc(offset + list->buffer_size + 1);
		must(list->buffer);
	}
	list->arena = malloc(sizeof(*list->arena));
	must(list->arena);
	must(plat_scratch_init(list->arena, list->buffer ? list->buffer + offset : NULL,
			       list->buffer_size, list->limit) == 0);
	if (way % 4 == 2)
		make_plain(list->arena);
}

static void end_arena(struct list *list)
{
	plat_scratch_fini(list->arena);
	plat_scratch_fini(list->arena);
	free(list->arena);
	/* The arena has told the sanitizer that all of it may be written again. */
	if (list->buffer)
		memset(list->buffer, 0, list->buffer_size + 1);
	free(list->buffer);
}

/* It is the same at another address. */
static void move_arena(struct list *list)
{
	struct plat_scratch *other = malloc(sizeof(*other));

	must(other);
	*other = *list->arena;
	memset(list->arena, 0x5a, sizeof(*list->arena));
	free(list->arena);
	list->arena = other;
}

/* --- what is taken --- */

static bool is_apart(const struct list *list, const unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < list->nblocks; i++) {
		const struct block *other = &list->blocks[i];

		if (size > 0 && other->size > 0 && p < other->p + other->size &&
		    other->p < p + size)
			return false;
	}
	return true;
}

static size_t edge_of(size_t size)
{
	return size < EDGE ? size : EDGE;
}

static bool has_its_bytes(const struct block *block)
{
	size_t edge = edge_of(block->size), i;

	for (i = 0; i < edge; i++) {
		if (block->p[i] != block->fill || block->p[block->size - 1 - i] != block->fill)
			return false;
	}
	return true;
}

static void add_block(struct list *list, unsigned char *p, size_t size)
{
	struct block *block = &list->blocks[list->nblocks++];
	size_t edge = edge_of(size);

	*block = (struct block){p, size, list->fills++};
	memset(p, block->fill, edge);
	memset(p + size - edge, block->fill, edge);
}

/* Of what there is no limit for, there is always enough. */
static void add_or_refused(struct list *list, unsigned char *p, size_t size)
{
	if (p) {
		must(is_apart(list, p, size));
		add_block(list, p, size);
	} else {
		must(list->limit != SIZE_MAX && list->arena->mode != PLAT__SCRATCH_CLOSED);
	}
}

static void take(struct list *list)
{
	size_t size = take_size(list);
	unsigned char *p = plat_scratch_take(list->arena, size);

	must(!p || (uintptr_t)p % PLAT__SCRATCH_ALIGNMENT == 0);
	add_or_refused(list, p, size);
}

static void take_aligned(struct list *list)
{
	size_t alignment = (size_t)1 << number(list, 1) % 15, size = take_size(list);
	unsigned char *p = plat_scratch_take_aligned(list->arena, size, alignment);

	must(!p || (uintptr_t)p % alignment == 0);
	add_or_refused(list, p, size);
}

static void take_array(struct list *list)
{
	size_t n = take_size(list) % 1000, size = take_size(list) % 300;

	add_or_refused(list, plat_scratch_array(list->arena, n, size), n * size);
}

/* Sizes and alignments that there are not. */
static void take_too_much(struct list *list)
{
	size_t less = number(list, 3), n = number(list, 1) + 2;

	must(!plat_scratch_take(list->arena, SIZE_MAX - less));
	must(!plat_scratch_take_aligned(list->arena, SIZE_MAX - less, 64));
	must(!plat_scratch_take_aligned(list->arena, 16, less << 1 | 3));
	must(!plat_scratch_take_aligned(list->arena, 16, 0));
	must(!plat_scratch_array(list->arena, SIZE_MAX / n + 1, n));
	must(!plat_scratch_array(list->arena, n, SIZE_MAX / n + 1));
	must(!plat_scratch_array(list->arena, SIZE_MAX / n - less % 256, n));
}

/* --- marks --- */

static void mark(struct list *list)
{
	list->marks[list->nmarks].mark = plat_scratch_mark(list->arena);
	list->marks[list->nmarks++].nblocks = list->nblocks;
}

/* It could be written again, though nobody has taken it. Pages that are gone are the kernel's. */
static bool is_open(const struct plat_scratch *arena, const struct block *block)
{
	return arena->mode == PLAT__SCRATCH_POISONED && block->size > 0 &&
	       (char *)block->p >= arena->at && (char *)block->p < arena->piece_end &&
	       !__asan_address_is_poisoned(block->p);
}

/* This mark, with all that came after it. */
static void release(struct list *list, size_t which)
{
	size_t first = list->marks[which].nblocks, i;

	for (i = first; i < list->nblocks; i++)
		must(has_its_bytes(&list->blocks[i]));
	plat_scratch_release(list->arena, list->marks[which].mark);
	for (i = first; i < list->nblocks; i++)
		must(!is_open(list->arena, &list->blocks[i]));
	list->nblocks = first;
	list->nmarks = which;
}

static void begin(struct list *list)
{
	make_arena(list);
	list->nblocks = list->nmarks = 0;
	mark(list);
}

static void end(struct list *list)
{
	release(list, 0);
	end_arena(list);
}

/* --- all of it --- */

static void step(struct list *list)
{
	size_t operation = number(list, 1) % 16;

	switch (operation) {
	case 0:
		take_too_much(list);
		break;
	case 1:
		end(list);
		begin(list);
		break;
	case 2:
		move_arena(list);
		break;
	case 3:
	case 4:
		release(list, list->nmarks - 1);
		break;
	case 5:
		release(list, number(list, 1) % list->nmarks);
		break;
	case 6:
	case 7:
	case 8:
		if (list->nmarks < NMARKS)
			mark(list);
		break;
	case 9:
	case 10:
		if (list->nblocks < NBLOCKS)
			take_aligned(list);
		break;
	case 11:
		if (list->nblocks < NBLOCKS)
			take_array(list);
		break;
	default:
		if (list->nblocks < NBLOCKS)
			take(list);
		break;
	}
	/* The first mark is always there. */
	if (list->nmarks == 0)
		mark(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct list list;
	struct input input = {data, size};

	list.input = &input;
	begin(&list);
	while (input.size > 0) {
		errno = ERRNO;
		step(&list);
		must(errno == ERRNO);
	}
	end(&list);
	plat_scratch_checked(0);
	return 0;
}
