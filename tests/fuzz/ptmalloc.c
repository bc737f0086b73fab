/*
 * A heap of glibc's malloc in a hostile memory of SIZE bytes from BASE on:
 *
 *     flags | place (2 bytes) | length (1 byte) | bytes ... | place | length | bytes | ...
 *
 * All else in it is zero. It begins with libc's data, where main_arena is looked for; behind that
 * is a heap by brk, and at the end a mapping. Whatever it holds, the walk ends, and what is shown
 * adds up. The corpus is what unit/ptmalloc.c makes.
 */
#include "image.h"
#include "shelves.h"

#include "base/assert.h"
#include "heap/ptmalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000)
#define PAGE UINT64_C(0x1000)
#define SIZE (16 * PAGE)
#define HEAP (BASE + 2 * PAGE)
#define MAPPED (BASE + 12 * PAGE)

enum flag { FLAG_32 = 1 };

struct sums {
	plat_addr last;
	uint64_t held, live, live_blocks;
	struct shelved shelved;
};

static int take_block(void *context, const struct block *block)
{
	struct sums *sums = context;

	must(block->state < NBLOCK_STATES);
	must(block->address > sums->last);
	must(block->size <= block->extent);
	if (block->state == BLOCK_LIVE) {
		sums->live += block->size;
		sums->live_blocks++;
	}
	shelved_take(&sums->shelved, block);
	sums->last = block->address;
	return 0;
}

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct sums *sums = context;

	must(start < end);
	sums->held += end - start;
	return 0;
}

static int take_returnable(void *context, uint32_t arena, plat_addr start, plat_addr end)
{
	(void)context;
	(void)arena;
	must(start < end && is_aligned(start | end, PAGE));
	return 0;
}

static void add_regions(struct space *space)
{
	image_add_region(space, BASE, HEAP, KIND_DATA);
	image_add_region(space, HEAP, MAPPED, KIND_HEAP);
	image_add_region(space, MAPPED, BASE + SIZE, KIND_ANON);
	space->start_brk = HEAP;
	space->brk = MAPPED;
}

static void check(const struct space *space, struct reader *reader)
{
	struct sums sums = {0};
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.returnable = take_returnable,
		.context = &sums,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	struct heap_reading *heap;
	struct error err;

	if (ptmalloc_type.open(space, reader, &heap, &err) < 0)
		return;
	must(heap_walk(heap, &visitor) == 0);
	must(heap->sums.held == sums.held);
	must(heap->sums.live_bytes == sums.live && heap->sums.live_blocks == sums.live_blocks);
	must(heap->sums.held == heap->sums.live_bytes + heap->sums.slack + heap->sums.free_bytes +
					heap->sums.unknown_bytes);
	shelved_check(&sums.shelved, heap);
	heap_close(heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned flags = (unsigned)input_number(&input, 1);
	unsigned char *memory = calloc(SIZE, 1);
	struct space space;
	struct array array;

	must(memory);
	image_store(&input, memory, SIZE);
	array = array_at(BASE, memory, SIZE);
	space_init(&space);
	space.machine.page_size = PAGE;
	image_add_module(&space, BASE, HEAP, !(flags & FLAG_32));
	add_regions(&space);
	check(&space, &array.reader);
	space_fini(&space);
	free(memory);
	return 0;
}
