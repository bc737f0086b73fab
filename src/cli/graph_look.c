/*
 *     heaps   --walk-->   blocks --> index     what is live, or may be
 *                         held, state          what is no root
 *     threads, regions    ---------> roots
 *     index, roots        ---------> graph     by as many workers as there are processors
 */
#include "cli/graph_look.h"

#include "base/list.h"
#include "cli/report.h"
#include "source/core.h"
#include "source/crew.h"
#include "source/pages.h"
#include "source/snapshot.h"
#include "source/thread_registers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error *add_why(struct graph_look *look)
{
	/* The last one is written over: that there are so many is said by the others. */
	if (look->nwhys < GRAPH_LOOK_WHYS)
		look->nwhys++;
	return &look->whys[look->nwhys - 1];
}

struct reader *graph_look_reader(struct graph_look *look)
{
	return freeze_reader(look->target->freeze, &look->look.content.reader);
}

/*
 * Which memory there is.
 */

/* In memory or in swap, and not the page of zeros. */
static bool is_of_interest(const struct page_run *run)
{
	return (run->state & (PAGE_PRESENT | PAGE_SWAPPED)) &&
	       !(run->state & (PAGE_ZERO | PAGE_GUARD));
}

static int take_run(void *context, const struct page_run *run)
{
	struct graph_look *look = context;

	return is_of_interest(run) ? heap_runs_add(&look->runs, run->start, run->end) : 0;
}

static int load_core_runs(struct graph_look *look, const struct core *core)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < core->nsegments; i++)
		if (core->segments[i].there)
			r = heap_runs_add(&look->runs, core->segments[i].start,
					  core->segments[i].start + core->segments[i].there);
	look->has_runs = r == 0;
	return r;
}

/*
 * Of a snapshot what is kept is looked at; a page's state alone, of which a file can have any
 * number, leads nowhere.
 */

static int take_had(void *context, const struct page_run *run)
{
	return is_of_interest(run) ? heap_runs_add(context, run->start, run->end) : 0;
}

static int take_kept(void *context, const struct page_run *run)
{
	struct graph_look *look = context;
	int r = heap_runs_add(&look->kept, run->start, run->end);

	if (r == 0 && (run->state & PAGE_PRESENT))
		r = heap_runs_add(&look->runs, run->start, run->end);
	return r;
}

static int load_snapshot_runs(struct graph_look *look)
{
	struct space *space = &look->target->space;
	const struct procdir *dir = &look->target->dir;
	struct error err;
	int r = snapshot_kept(dir->snapshot, take_kept, look);

	look->has_runs = true;
	if (r == 0)
		r = pages_walk(dir, space, 0, space->user_end, PAGES_ANY, take_had, &look->had,
			       &err);
	return r == -ENODATA ? 0 : r;
}

/* Without them all memory is looked at, and what is not there reads as zeros. */
static int load_runs(struct graph_look *look)
{
	struct space *space = &look->target->space;
	const struct procdir *dir = &look->target->dir;
	struct error err;
	int r;

	if (dir->core)
		return load_core_runs(look, dir->core);
	if (dir->snapshot)
		return load_snapshot_runs(look);
	r = pages_walk(dir, space, 0, space->user_end, PAGES_ANY, take_run, look, &err);
	if (r == 0)
		look->has_runs = true;
	else
		heap_runs_fini(&look->runs);
	return r == -ENOMEM ? r : 0;
}

/*
 * Blocks, and what is no root.
 */

struct walking {
	struct graph_look *look;
	struct blocks blocks;
	struct ranges *claimed;
	uint32_t reading;     /* that is walked */
	plat_addr start, end; /* what is left of the last range */
};

/* Arenas alternate seldom: most blocks add nothing. */
static int note_arena(struct walking *walking, const struct block *block)
{
	struct graph_look *look = walking->look;
	const struct graph_arena *last = look->narenas ? &look->arenas[look->narenas - 1] : NULL;
	int r;

	if (last && last->reading == walking->reading && last->arena == block->arena &&
	    block->address > last->start)
		return 0;
	r = list_reserve(&look->arenas, &look->arenas_room, look->narenas, 1);
	if (r == 0)
		look->arenas[look->narenas++] =
			(struct graph_arena){block->address, walking->reading, block->arena};
	return r;
}

static int take_block(void *context, const struct block *block)
{
	struct walking *walking = context;
	int r = note_arena(walking, block);

	return r == 0 ? blocks_take(&walking->blocks, block) : r;
}

static int by_start(const void *a, const void *b)
{
	const struct graph_arena *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

const char *graph_look_arena(const struct graph_look *look, plat_addr block,
			     char to[ARENA_NAME_SIZE])
{
	size_t low = 0, high = look->narenas;
	const struct heap_reading *heap;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (look->arenas[middle].start <= block)
			low = middle + 1;
		else
			high = middle;
	}
	snprintf(to, ARENA_NAME_SIZE, "-");
	if (low == 0)
		return to;
	heap = look->look.heaps.readings[look->arenas[low - 1].reading];
	if (look->arenas[low - 1].arena < heap->narenas)
		arena_name(&heap->arenas[look->arenas[low - 1].arena], to);
	return to;
}

static int claim(struct walking *walking, plat_addr start, plat_addr end)
{
	if (start < end)
		ranges_add(walking->claimed, start, end);
	return walking->claimed->is_short ? -ENOMEM : 0;
}

static int take_state(void *context, plat_addr start, plat_addr end)
{
	return claim(context, start, end);
}

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct walking *walking = context;
	int r = claim(walking, walking->start, walking->end);

	walking->start = start;
	walking->end = end;
	return r;
}

static int take_foreign(void *context, plat_addr start, plat_addr end)
{
	struct walking *walking = context;
	int r = claim(walking, walking->start, start);

	walking->start = end;
	return r;
}

static int walk_heaps(struct graph_look *look)
{
	const struct heaps *heaps = &look->look.heaps;
	struct walking walking = {.look = look, .claimed = &look->claimed};
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.foreign = take_foreign,
		.state = take_state,
		.context = &walking,
		.states = 1u << BLOCK_LIVE | 1u << BLOCK_UNKNOWN,
	};
	size_t i;
	int r = blocks_init(&walking.blocks, look->target->space.process.bits == 32 ? 4 : 8);

	for (i = 0; r == 0 && i < heaps->n; i++) {
		walking.reading = (uint32_t)i;
		r = heap_walk(heaps->readings[i], &visitor);
	}
	if (look->narenas)
		qsort(look->arenas, look->narenas, sizeof(*look->arenas), by_start);
	if (r == 0)
		r = claim(&walking, walking.start, walking.end);
	if (r == 0)
		r = blocks_finish(&walking.blocks, &look->index);
	blocks_fini(&walking.blocks);
	if (r == 0)
		block_index_move(&look->index, &look->crew);
	return r == 0 ? ranges_sort(&look->claimed) : r;
}

/*
 * Roots.
 */

static int make_roots(struct graph_look *look)
{
	struct target *target = look->target;
	struct thread_registers all;
	struct root_registers *registers;
	struct roots_input input = {
		.space = &target->space,
		.reader = graph_look_reader(look),
		.claimed = &look->claimed,
		.index = &look->index,
		.mangle = look->mangle,
	};
	size_t i;
	int r = thread_registers_load(&target->dir, &target->space, target->freeze, &all);

	if (r < 0)
		return r;
	registers = calloc(all.n + 1, sizeof(*registers));
	for (i = 0; registers && i < all.n; i++)
		registers[i] = (struct root_registers){
			.tid = all.list[i].tid,
			.sp = all.list[i].registers.sp,
			.bytes = all.list[i].registers.bytes,
			.general = all.list[i].registers.general,
			.size = all.list[i].registers.size,
		};
	input.registers = registers;
	input.nregisters = all.n;
	r = registers ? roots_make(&input, &look->roots) : -ENOMEM;
	free(registers);
	thread_registers_fini(&all);
	return r;
}

/*
 * The graph.
 */

/* Each worker reads for itself: content remembers where it was. */
struct workers {
	struct content contents[CREW_MOST];
	struct reader *readers[CREW_MOST];
	unsigned n;
};

static void close_workers(struct workers *workers)
{
	while (workers->n > 1)
		content_close(&workers->contents[--workers->n]);
}

/* Snapshots, and plat's own copy of a process, are read by one at a time. */
static int open_workers(struct graph_look *look, struct workers *workers)
{
	const struct target *target = look->target;
	bool is_alone = freeze_reader(target->freeze, &look->look.content.reader) !=
				&look->look.content.reader ||
			(!target->dir.live && !target->dir.core);
	int r = 0;

	workers->readers[0] = graph_look_reader(look);
	workers->n = 1;
	if (is_alone)
		look->crew.nworkers = 1;
	while (r == 0 && workers->n < look->crew.nworkers) {
		struct content *content = &workers->contents[workers->n];

		r = content_open(content, &target->dir, &target->space);
		workers->readers[workers->n++] = &content->reader;
	}
	return r;
}

struct graph_input graph_look_input(struct graph_look *look)
{
	return (struct graph_input){
		.index = &look->index,
		.roots = look->roots.list,
		.nroots = look->roots.n,
		.readers = &look->reader,
		.form = {.width = look->target->space.process.bits == 32 ? 4 : 8,
			 .mangle = look->mangle},
		.present = look->has_runs ? look->runs.items : NULL,
		.npresent = look->runs.n,
	};
}

static int make_graph(struct graph_look *look)
{
	struct workers workers = {.n = 0};
	struct graph_input input = graph_look_input(look);
	int r = open_workers(look, &workers);

	input.crew = &look->crew;
	input.readers = workers.readers;

	if (r == 0)
		r = graph_make(&input, &look->graph);
	close_workers(&workers);
	return r;
}

/*
 * Why the answer is partial.
 */

/* Bytes of roots that a file does not hold: of a core all else, of a snapshot what had been there.
 */
static uint64_t bytes_left_out(const struct graph_look *look)
{
	bool is_core = look->target->dir.core;
	uint64_t sum = 0, had, kept;
	size_t i, at;

	for (i = 0; i < look->roots.n; i++) {
		const struct root *root = &look->roots.list[i];

		if (root->is_word)
			continue;
		at = 0;
		had = is_core ? root->end - root->start
			      : heap_runs_bytes(&look->had, &at, root->start, root->end);
		at = 0;
		kept = heap_runs_bytes(is_core ? &look->runs : &look->kept, &at, root->start,
				       root->end);
		sum = add_capped(sum, sub_floored(had, kept));
	}
	return sum;
}

static void judge_memory(struct graph_look *look)
{
	uint64_t unread = look->graph.told_roots.unread + look->graph.told_blocks.unread;
	bool is_file = procdir_is_file(&look->target->dir);
	int r = 0;

	if (is_file)
		unread = add_capped(unread, bytes_left_out(look));
	if (is_file && unread)
		r = fail(add_why(look), -ENODATA,
			 "%" PRIu64 " bytes that can hold pointers are not in the file", unread);
	else if (unread)
		r = fail(add_why(look), -ENODATA,
			 "%" PRIu64 " bytes that can hold pointers could not be read: they are in "
			 "swap, or nobody may read them",
			 unread);
	(void)r;
}

static void judge_heap(struct graph_look *look, const struct heap_reading *heap)
{
	const struct heap_proofs *proofs = &heap->proofs;
	int r = 0;

	if (proofs->broken)
		r = fail(add_why(look), -EIO, "the state of %s contradicts itself: %s",
			 heap_words(heap), proofs->first);
	if (proofs->unreadable)
		r = fail(add_why(look), -ENODATA,
			 "%" PRIu64 " pieces of the state of %s could not be read",
			 proofs->unreadable, heap_words(heap));
	if (heap->unproven[0])
		r = fail(add_why(look), -ENOTSUP, "%s", heap->unproven);
	(void)r;
}

static void judge_stop(struct graph_look *look)
{
	const struct freeze_told *told = freeze_told(look->target->freeze);
	int r = 0;

	if (told->why[0])
		r = fail(add_why(look), -EAGAIN, "%s", told->why);
	else if (!target_is_stopped(look->target))
		r = fail(add_why(look), -EAGAIN,
			 "it ran while it was looked at: blocks can seem lost that are not");
	(void)r;
}

void graph_look_judge(struct graph_look *look)
{
	const struct heaps *heaps = &look->look.heaps;
	const struct space *space = &look->target->space;
	const char *const of_space[] = {space->why.maps, space->why.memory, space->why.threads};
	size_t i;
	int r = 0;

	judge_stop(look);
	if (heaps->why.text[0])
		r = fail(add_why(look), -ENOTSUP, "%s", heaps->why.text);
	for (i = 0; i < ARRAY_SIZE(of_space); i++)
		if (of_space[i] && of_space[i][0])
			r = fail(add_why(look), -ENODATA, "%s", of_space[i]);
	for (i = 0; i < heaps->n; i++)
		judge_heap(look, heaps->readings[i]);
	for (i = 0; i < look->roots.nwhys; i++)
		*add_why(look) = look->roots.whys[i];
	judge_memory(look);
	(void)r;
}

/*
 * All of it.
 */

static int make(struct graph_look *look)
{
	int r = load_runs(look);

	if (r == 0)
		r = walk_heaps(look);
	if (r < 0)
		return r;
	look->reader = graph_look_reader(look);
	look->mangle = mangle_find(&look->target->space, graph_look_reader(look));
	r = make_roots(look);
	return r == 0 ? make_graph(look) : r;
}

/* Of a process that has ended meanwhile everything would seem lost. */
static bool is_gone(const struct graph_look *look, struct error *err)
{
	const struct graph *graph = &look->graph;

	return graph->told_roots.unread + graph->told_blocks.unread > 0 &&
	       proc_is_there(&look->target->dir, err) < 0;
}

int graph_look_open(const struct command *command, struct target *target, struct graph_look *ret)
{
	struct error err;
	int r;

	*ret = (struct graph_look){.target = target, .crew = crew_of_threads()};
	if (heap_look_open(&target->dir, &target->space, target->freeze, &ret->look, &err) < 0) {
		freeze_end(target->freeze);
		return look_error(command, "%s: %s", target->name, err.text);
	}
	r = ret->look.heaps.n ? make(ret) : -ENOENT;
	if (r == 0 && !is_gone(ret, &err))
		return 0;
	freeze_end(target->freeze);
	if (!ret->look.heaps.n)
		r = look_error(command, "%s: %s", target->name, ret->look.heaps.why.text);
	else if (proc_is_there(&target->dir, &err) < 0)
		r = look_error(command, "%s", err.text);
	else
		r = look_error(command, "%s: %s", target->name, strerror(-r));
	graph_look_close(ret);
	return r;
}

void graph_look_close(struct graph_look *look)
{
	graph_fini(&look->graph);
	roots_fini(&look->roots);
	block_index_fini(&look->index);
	free(look->arenas);
	ranges_fini(&look->claimed);
	heap_runs_fini(&look->runs);
	heap_runs_fini(&look->had);
	heap_runs_fini(&look->kept);
	heap_look_close(&look->look);
}
