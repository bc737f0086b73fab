/*
 * The two allocators of musl, in a memory that begins with libc's writable segment. All that is
 * found must add up. The first byte chooses the size of a word, and the allocator.
 */
#include "fuzz.h"
#include "shelves.h"

#include "base/assert.h"
#include "heap/mallocng.h"
#include "heap/oldmalloc.h"

#define BASE UINT64_C(0x40000000) /* as in unit/musl.c */
#define SEGMENT 4096
#define BREAK (BASE + 0x8000)
#define BREAK_BYTES 0x1000
#define LARGE (BASE + 0xa000)
#define LARGE_BYTES 0x4000

struct seen {
	uint64_t live;
	struct shelved shelved;
};

static int take_block(void *context, const struct block *block)
{
	struct seen *seen = context;

	must(block->state < NBLOCK_STATES);
	must(block->size <= block->extent);
	seen->live += block->state == BLOCK_LIVE;
	shelved_take(&seen->shelved, block);
	return 0;
}

static void walk(const struct heap_type *type, const struct space *space, struct reader *reader)
{
	struct seen seen = {.live = 0};
	const struct heap_visitor visitor = {
		.block = take_block,
		.context = &seen,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	struct heap_reading *heap;
	const struct heap_sums *sums;
	struct error err;

	if (type->open(space, reader, &heap, &err) < 0)
		return;
	must(heap_walk(heap, &visitor) == 0);
	sums = &heap->sums;
	must(sums->live_blocks == seen.live);
	must(sums->held == sums->live_bytes + sums->slack + sums->free_bytes + sums->unknown_bytes);
	shelved_check(&seen.shelved, heap);
	heap_close(heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct module module = {.role = MODULE_PROGRAM, .nsegments = 1};
	struct array array;
	struct space space;

	if (size < 1)
		return 0;
	array = array_at(BASE, data + 1, size - 1);
	module.is_64 = data[0] & 1;
	module.segments[0] = (struct segment){
		.start = BASE, .end = BASE + SEGMENT, .rights = RIGHT_READ | RIGHT_WRITE};
	space_init(&space);
	space.machine.page_size = 4096;
	space.start_brk = BREAK;
	must(space_add_mapping(&space, BREAK, BREAK + BREAK_BYTES, RIGHT_READ | RIGHT_WRITE, 0,
			       NO_FILE) == 0);
	must(space_add_mapping(&space, LARGE, LARGE + LARGE_BYTES, RIGHT_READ | RIGHT_WRITE, 0,
			       NO_FILE) == 0);
	space.regions[0].kind = KIND_HEAP;
	space.regions[1].kind = KIND_ANON;
	space.modules = &module;
	space.nmodules = 1;
	walk(data[0] & 2 ? &mallocng_type : &oldmalloc_type, &space, &array.reader);
	space.modules = NULL;
	space.nmodules = 0;
	space_fini(&space);
	return 0;
}
