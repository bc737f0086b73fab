/*
 * All that plat leaks does, in a hostile memory of SIZE bytes from BASE on:
 *
 *     flags | thread: sp, stack, TLS, descriptor | registers | place (2 bytes) | length (1) | bytes
 * ...
 *
 * It begins with a module's data, where an allocator's state is looked for; behind that are a heap
 * by brk, a mapping and a stack. Whatever it holds, the search ends, and what is lost is live,
 * belongs to one tree, and no root leads to it.
 */
#include "image.h"

#include "base/assert.h"
#include "heap/lost.h"
#include "heap/ptmalloc.h"
#include "heap/reach.h"
#include "heap/roots.h"
#include "space/mangle.h"
#include "space/stacks.h"

#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000)
#define PAGE UINT64_C(0x1000)
#define SIZE (16 * PAGE)
#define HEAP (BASE + 2 * PAGE)
#define MAPPED (BASE + 10 * PAGE)
#define STACK (BASE + 13 * PAGE)
#define THREADS 2
#define REGISTERS 64 /* bytes */

enum flag { FLAG_32 = 1, FLAG_FIND_STACKS = 2, FLAG_WORKERS = 4 };

struct world {
	struct space space;
	unsigned char *memory;
	struct array array;
	unsigned flags;
	struct root_registers registers[THREADS];
	unsigned char bytes[THREADS][REGISTERS];
	struct ranges claimed;
	struct blocks blocks;
};

/* Near the memory that there is, or unknown. */
static plat_addr draw_address(struct input *input)
{
	uint64_t number = input_number(input, 2);

	return number == 0xffff ? UNKNOWN : BASE + number;
}

/* Pages in order, as whoever finds stacks makes them. */
static void draw_range(struct input *input, plat_addr *start, plat_addr *end)
{
	*start = BASE + input_number(input, 1) % 16 * PAGE;
	*end = min_u64(BASE + SIZE, *start + input_number(input, 1) % 16 * PAGE);
}

static void add_thread(struct world *world, struct input *input, unsigned i)
{
	struct thread *thread = &world->space.threads[world->space.nthreads++];

	*thread = (struct thread){.tid = (int)i + 1, .inner_tid = (int)i + 1, .is_main = i == 0};
	thread->state = "tZ"[input_number(input, 1) & 1];
	thread->sp = draw_address(input);
	thread->deepest = thread->descriptor = UNKNOWN;
	if (!(world->flags & FLAG_FIND_STACKS)) {
		draw_range(input, &thread->stack_start, &thread->stack_end);
		draw_range(input, &thread->tls_start, &thread->tls_end);
		thread->descriptor = draw_address(input);
	}
	world->registers[i] = (struct root_registers){
		.tid = (int)i + 1,
		.sp = thread->sp,
		.bytes = world->bytes[i],
		.general = REGISTERS / 2,
		.size = REGISTERS,
	};
}

static void draw_registers(struct world *world, struct input *input)
{
	unsigned i, j;

	for (i = 0; i < THREADS; i++)
		for (j = 0; j < REGISTERS / 8; j++) {
			uint64_t word = BASE + input_number(input, 2);

			memcpy(world->bytes[i] + 8 * (size_t)j, &word, 8);
		}
}

static void begin(struct world *world, struct input *input)
{
	struct space *space = &world->space;
	unsigned i;

	*world = (struct world){.flags = (unsigned)input_number(input, 1)};
	space_init(space);
	space->machine.page_size = PAGE;
	space->process.bits = world->flags & FLAG_32 ? 32 : 64;
	image_add_module(space, BASE, HEAP, !(world->flags & FLAG_32));
	image_add_region(space, BASE, HEAP, KIND_DATA);
	image_add_region(space, HEAP, MAPPED, KIND_HEAP);
	image_add_region(space, MAPPED, STACK, KIND_ANON);
	image_add_region(space, STACK, BASE + SIZE, KIND_STACK);
	space->start_brk = HEAP;
	space->brk = MAPPED;
	space->threads = calloc(THREADS, sizeof(*space->threads));
	must(space->threads);
	space->threads_room = THREADS;
	for (i = 0; i < THREADS; i++)
		add_thread(world, input, i);
	draw_registers(world, input);
	world->memory = calloc(SIZE, 1);
	must(world->memory);
	image_store(input, world->memory, SIZE);
	world->array = array_at(BASE, world->memory, SIZE);
	if (world->flags & FLAG_FIND_STACKS)
		must(stacks_find(space, &world->array.reader) == 0);
}

/*
 * The search.
 */

static int take_block(void *context, const struct block *block)
{
	return blocks_take(&((struct world *)context)->blocks, block);
}

static int take_claimed(void *context, plat_addr start, plat_addr end)
{
	must(start <= end);
	ranges_add(&((struct world *)context)->claimed, start, end);
	return 0;
}

static int take_foreign(void *context, plat_addr start, plat_addr end)
{
	const struct ranges *claimed = &((struct world *)context)->claimed;

	must(start < end && claimed->n > 0);
	must(claimed->items[claimed->n - 1].start <= start &&
	     end <= claimed->items[claimed->n - 1].end);
	return 0;
}

static void walk(struct world *world, struct heap_reading *heap, struct block_index *ret)
{
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_claimed,
		.foreign = take_foreign,
		.state = take_claimed,
		.context = world,
		.states = 1u << BLOCK_LIVE | 1u << BLOCK_UNKNOWN,
	};

	must(blocks_init(&world->blocks, world->flags & FLAG_32 ? 4 : 8) == 0);
	must(heap_walk(heap, &visitor) == 0);
	must(blocks_finish(&world->blocks, ret) == 0);
	blocks_fini(&world->blocks);
	must(block_index_valid(ret));
	must(ranges_sort(&world->claimed) == 0);
}

static void check_lost(const struct graph *graph, struct crew *crew)
{
	const struct block_index *index = graph->index;
	struct reach reach;
	struct lost lost;
	uint64_t blocks = 0;
	uint32_t i;

	must(reach_make(graph, ROOTS_ALL, crew, &reach) == 0);
	must(lost_find(&reach, &lost) == 0);
	for (i = 0; i < index->n; i++) {
		must(reach_is_lost(&reach, i) == (owners_first(&lost.owners, i) < lost.n));
		must(!reach_is_lost(&reach, i) || block_state_of(index, i) == BLOCK_LIVE);
		blocks += reach_is_lost(&reach, i);
	}
	must(blocks == lost.blocks);
	lost_fini(&lost);
	reach_fini(&reach);
}

static void look_for_leaks(struct world *world, const struct block_index *index)
{
	struct crew crew = {.nworkers = world->flags & FLAG_WORKERS ? 3 : 1,
			    .run = crew_run_in_turn};
	struct reader *readers[CREW_MOST];
	struct heap_run present = {BASE, BASE + SIZE};
	const struct roots_input input = {
		.space = &world->space,
		.reader = &world->array.reader,
		.claimed = &world->claimed,
		.index = index,
		.registers = world->registers,
		.nregisters = THREADS,
		.mangle = mangle_find(&world->space, &world->array.reader),
	};
	struct roots roots;
	struct graph graph;
	unsigned i;

	for (i = 0; i < CREW_MOST; i++)
		readers[i] = &world->array.reader;
	must(roots_make(&input, &roots) == 0);
	must(graph_make(&(struct graph_input){.index = index,
					      .roots = roots.list,
					      .nroots = roots.n,
					      .crew = &crew,
					      .readers = readers,
					      .form = {.width = world->flags & FLAG_32 ? 4 : 8,
						       .mangle = input.mangle},
					      .present = &present,
					      .npresent = 1},
			&graph) == 0);
	for (i = 0; i < roots.n; i++)
		must(roots.list[i].owner < roots.norigins);
	check_lost(&graph, &crew);
	graph_fini(&graph);
	roots_fini(&roots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct heap_reading *heap;
	struct block_index index;
	struct world world;
	struct error err;

	begin(&world, &input);
	if (ptmalloc_type.open(&world.space, &world.array.reader, &heap, &err) == 0) {
		walk(&world, heap, &index);
		look_for_leaks(&world, &index);
		block_index_fini(&index);
		heap_close(heap);
	}
	ranges_fini(&world.claimed);
	free(world.memory);
	space_fini(&world.space);
	return 0;
}
