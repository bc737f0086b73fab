/*
 * A heap of glibc's malloc in a hostile memory of SIZE bytes from BASE on:
 *
 *     flags | place (2 bytes) | length (1 byte) | bytes ... | place | length | bytes | ...
 *
 * All else in it is zero. It begins with libc's data, where main_arena is looked for; behind that
 * is a heap by brk, and at the end a mapping. Whatever it holds, the walk ends, and what is shown
 * adds up. The corpus is what unit/ptmalloc.c makes.
 */
#include "fuzz.h"

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

static void add_module(struct space *space, bool is_64)
{
	struct module *module = calloc(1, sizeof(*module));

	must(module);
	*module = (struct module){
		.file = NO_FILE,
		.role = MODULE_PROGRAM,
		.header = BASE,
		.nsegments = 1,
		.segments[0] = {.start = BASE,
				.file_end = HEAP,
				.end = HEAP,
				.rights = RIGHT_READ | RIGHT_WRITE},
		.is_64 = is_64,
	};
	space->modules = module;
	space->nmodules = space->modules_room = 1;
}

static void add_region(struct space *space, plat_addr start, plat_addr end, enum kind kind)
{
	must(space_add_mapping(space, start, end, RIGHT_READ | RIGHT_WRITE, 0, NO_FILE) == 0);
	space->regions[space->nregions - 1].kind = (uint8_t)kind;
}

static void add_regions(struct space *space)
{
	add_region(space, BASE, HEAP, KIND_DATA);
	add_region(space, HEAP, MAPPED, KIND_HEAP);
	add_region(space, MAPPED, BASE + SIZE, KIND_ANON);
	space->start_brk = HEAP;
	space->brk = MAPPED;
}

static void store(struct input *input, unsigned char *memory)
{
	while (input->size) {
		size_t place = (size_t)input_number(input, 2);
		size_t length = (size_t)input_number(input, 1);

		length = (size_t)min_u64(min_u64(length, input->size), SIZE - place);
		if (length)
			memcpy(memory + place, input->data, length);
		input->data += length;
		input->size -= length;
	}
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
	store(&input, memory);
	array = array_at(BASE, memory, SIZE);
	space_init(&space);
	space.machine.page_size = PAGE;
	add_module(&space, !(flags & FLAG_32));
	add_regions(&space);
	check(&space, &array.reader);
	space_fini(&space);
	free(memory);
	return 0;
}
