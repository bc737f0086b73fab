/*
 * Blocks come in the order of their addresses, so that one page at a time is being counted; whole
 * pages in a row of one use are counted at once.
 */
#include "heap/survey_parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MOST ((uint32_t)1 << 20)

/*
 * Runs.
 */

int heap_runs_add(struct heap_runs *runs, plat_addr start, plat_addr end)
{
	struct heap_run *last = runs->n ? &runs->items[runs->n - 1] : NULL;
	int r;

	if (last && last->end == start) {
		last->end = end;
		return 0;
	}
	if (last && start < last->end)
		return 0;
	r = list_reserve(&runs->items, &runs->room, runs->n, 1);
	if (r == 0)
		runs->items[runs->n++] = (struct heap_run){start, end};
	return r;
}

void heap_runs_fini(struct heap_runs *runs)
{
	free(runs->items);
	*runs = (struct heap_runs){0};
}

/* The first run that ends above `start`: from the hint on, or anew where that is too far. */
static size_t run_at(const struct heap_runs *runs, size_t hint, plat_addr start)
{
	size_t low = 0, high = runs->n, step;

	if (hint < runs->n && (hint == 0 || runs->items[hint - 1].end <= start)) {
		for (step = 0; step < 8 && hint < runs->n; step++, hint++)
			if (runs->items[hint].end > start)
				return hint;
		low = hint;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (runs->items[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t heap_runs_bytes(const struct heap_runs *runs, size_t *at, plat_addr start, plat_addr end)
{
	uint64_t sum = 0;
	size_t i;

	*at = run_at(runs, *at, start);
	for (i = *at; i < runs->n && runs->items[i].start < end; i++)
		sum += overlap(runs->items[i].start, runs->items[i].end, start, end);
	return sum;
}

/*
 * Sums.
 */

static uint64_t sum_of(const uint64_t uses[NUSES])
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < NUSES; i++)
		sum = add_capped(sum, uses[i]);
	return sum;
}

uint64_t survey_held(const struct survey_sums *sums)
{
	return sum_of(sums->held);
}

uint64_t survey_resident(const struct survey_sums *sums)
{
	return sum_of(sums->resident);
}

struct survey_sums *survey_arena(struct survey *survey, uint32_t arena)
{
	size_t more;

	if (arena >= ARENAS_MOST)
		return NULL;
	if (arena >= survey->narenas) {
		more = arena + 1 - survey->narenas;
		if (list_reserve(&survey->arenas, &survey->arenas_room, survey->narenas, more) < 0)
			return NULL;
		memset(survey->arenas + survey->narenas, 0, more * sizeof(*survey->arenas));
		survey->narenas = arena + 1;
	}
	return &survey->arenas[arena];
}

static int add_use(struct survey *survey, uint32_t arena, enum use use, uint64_t held,
		   uint64_t resident)
{
	struct survey_sums *sums;

	survey->all.held[use] += held;
	survey->all.resident[use] += resident;
	if (arena == NO_ARENA)
		return 0;
	sums = survey_arena(survey, arena);
	if (!sums)
		return -ENOMEM;
	sums->held[use] += held;
	sums->resident[use] += resident;
	return 0;
}

static void add_pages(struct survey *survey, uint64_t held, uint64_t resident, bool is_occupied)
{
	if (is_occupied) {
		survey->occupied += held;
		survey->occupied_resident += resident;
	} else {
		survey->idle += held;
		survey->idle_resident += resident;
	}
	survey_put_cells(survey, held, resident, is_occupied);
}

/*
 * What a region has of it.
 */

static void share_one(struct survey *survey, struct survey_share *share, enum use use,
		      uint64_t held, uint64_t resident, uint32_t arena)
{
	if (share->held == 0)
		share->reading = survey->number;
	else if (share->reading != survey->number)
		share->is_of_several = true;
	share->held += held;
	share->resident += resident;
	if (use == USE_LIVE)
		share->live += held;
	if (use == USE_FREE || use == USE_CACHED)
		share->free += held;
	if (arena != NO_ARENA)
		share->arenas |= UINT64_C(1) << (arena < 63 ? arena : 63);
}

static size_t region_at(struct survey *survey, plat_addr addr)
{
	const struct space *space = survey->space;
	size_t i = survey->at_region;

	if (i >= space->nregions || space->regions[i].start > addr || space->regions[i].end <= addr)
		survey->at_region = i = space_at_or_above(space, addr);
	return i;
}

static void share_bytes(struct survey *survey, plat_addr start, plat_addr end, enum use use,
			uint32_t arena)
{
	const struct space *space = survey->space;
	size_t i;

	if (!survey->shares)
		return;
	for (i = region_at(survey, start); i < space->nregions && space->regions[i].start < end;
	     i++) {
		plat_addr low = max_u64(start, space->regions[i].start);
		plat_addr high = min_u64(end, space->regions[i].end);

		share_one(survey, &survey->shares[i], use, high - low,
			  heap_runs_bytes(survey->runs, &survey->at_run, low, high), arena);
	}
}

/*
 * Pages.
 */

/* Hands the bytes over to their arena. */
static int settle_page(struct survey *survey, bool is_resident)
{
	struct survey_page *page = &survey->page;
	unsigned use;
	int r = 0;

	for (use = 0; r == 0 && use < NUSES; use++) {
		if (!page->bytes[use])
			continue;
		r = add_use(survey, page->arena, (enum use)use, page->bytes[use],
			    is_resident ? page->bytes[use] : 0);
		page->bytes[use] = 0;
	}
	return r;
}

static bool is_resident(struct survey *survey, plat_addr page)
{
	return heap_runs_bytes(survey->runs, &survey->at_run, page, page + 1) != 0;
}

static int end_page(struct survey *survey)
{
	struct survey_page *page = &survey->page;
	bool resident;
	int r;

	if (!page->is_begun)
		return 0;
	resident = is_resident(survey, page->start);
	r = settle_page(survey, resident);
	add_pages(survey, page->held, resident ? page->held : 0, page->is_occupied);
	if (r == 0)
		r = resident && page->is_occupied ? survey_pin_page(survey, page)
						  : survey_end_pin(survey);
	page->is_begun = false;
	return r;
}

static int begin_page(struct survey *survey, plat_addr start, uint32_t arena)
{
	struct survey_page *page = &survey->page;
	int r;

	if (page->is_begun && page->start == start) {
		if (page->arena == arena)
			return 0;
		r = settle_page(survey, is_resident(survey, start));
		page->arena = arena;
		return r;
	}
	r = end_page(survey);
	*page = (struct survey_page){.start = start, .is_begun = true, .arena = arena};
	return r;
}

static bool occupies(enum use use)
{
	return use == USE_LIVE || use == USE_SLACK;
}

static int put_in_page(struct survey *survey, plat_addr start, uint64_t size, enum use use,
		       const struct block *block)
{
	struct survey_page *page = &survey->page;
	int r = begin_page(survey, align_down(start, survey->page_size), survey->arena);

	page->bytes[use] += size;
	page->held += size;
	page->is_occupied |= occupies(use);
	if (use != USE_LIVE)
		return r;
	page->live += size;
	page->has_large |= block->size > survey->page_size;
	if (page->blocks++ == 0) {
		page->first = block->address;
		page->first_size = block->size;
	}
	return r;
}

static int put_whole_pages(struct survey *survey, plat_addr start, plat_addr end, enum use use)
{
	uint64_t resident;
	int r = end_page(survey);

	if (r == 0)
		r = survey_end_pin(survey);
	if (r < 0)
		return r;
	resident = heap_runs_bytes(survey->runs, &survey->at_run, start, end);
	add_pages(survey, end - start, resident, occupies(use));
	return add_use(survey, survey->arena, use, end - start, resident);
}

/* Counts from where we are to `end`: the page that is begun, whole pages, and what is left. */
static int put_bytes(struct survey *survey, plat_addr end, enum use use, const struct block *block)
{
	uint64_t size = survey->page_size;
	int r = 0;

	end = min_u64(end, survey->end);
	if (survey->at >= end)
		return 0;
	share_bytes(survey, survey->at, end, use, survey->arena);
	while (r == 0 && survey->at < end) {
		plat_addr stop = min_u64(end, add_capped(align_down(survey->at, size), size));

		if (is_aligned(survey->at, size) && end - survey->at >= size) {
			stop = align_down(end, size);
			r = put_whole_pages(survey, survey->at, stop, use);
		} else {
			r = put_in_page(survey, survey->at, stop - survey->at, use, block);
		}
		survey->at = stop;
	}
	return r;
}

/*
 * What the walk shows.
 */

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct survey *survey = context;
	const struct heap_visitor *also = survey->also;
	int r = put_bytes(survey, survey->end, USE_REST, NULL);

	survey->at = start;
	survey->end = end;
	return r == 0 && also && also->range ? also->range(also->context, start, end) : r;
}

/* Where the block's own begins, what of it is used, and what it keeps from others. */
static int put_block(struct survey *survey, const struct block *block)
{
	static const enum use uses[NBLOCK_STATES] = {
		[BLOCK_LIVE] = USE_LIVE,
		[BLOCK_FREE] = USE_FREE,
		[BLOCK_CACHED] = USE_CACHED,
		[BLOCK_UNKNOWN] = USE_REST,
	};
	plat_addr start = sub_floored(block->address, block->before);
	plat_addr end = add_capped(start, block->extent);
	int r = put_bytes(survey, start, USE_REST, NULL);

	survey->arena = block->arena;
	if (r == 0 && block->state != BLOCK_LIVE)
		return put_bytes(survey, end, uses[block->state], block);
	if (r == 0)
		r = put_bytes(survey, block->address, USE_SLACK, NULL);
	if (r == 0)
		r = put_bytes(survey, add_capped(block->address, block->size), USE_LIVE, block);
	return r == 0 ? put_bytes(survey, end, USE_SLACK, NULL) : r;
}

static int take_block(void *context, const struct block *block)
{
	struct survey *survey = context;
	const struct heap_visitor *also = survey->also;
	const struct space *space = survey->space;
	int r = put_block(survey, block);

	if (r == 0 && block->state == BLOCK_LIVE) {
		if (space->start_brk != UNKNOWN && block->address >= space->start_brk &&
		    block->address < space->brk)
			survey->top_block = *block;
		r = survey_count_size(survey, block->size);
	}
	if (r == 0 && also && also->block && (also->states >> block->state & 1))
		r = also->block(also->context, block);
	return r;
}

static int take_returnable(void *context, uint32_t arena, plat_addr start, plat_addr end)
{
	struct survey *survey = context;
	const struct heap_visitor *also = survey->also;
	struct survey_sums *sums = survey_arena(survey, arena);
	size_t at = survey->at_run;
	uint64_t resident = heap_runs_bytes(survey->runs, &at, start, end);

	survey->all.returnable += end - start;
	survey->all.returnable_resident += resident;
	if (arena != NO_ARENA && !sums)
		return -ENOMEM;
	if (sums) {
		sums->returnable += end - start;
		sums->returnable_resident += resident;
	}
	return also && also->returnable ? also->returnable(also->context, arena, start, end) : 0;
}

void survey_init(struct survey *ret, const struct space *space, const struct heap_runs *runs,
		 size_t npins)
{
	*ret = (struct survey){
		.space = space,
		.runs = runs,
		.page_size = space->machine.page_size,
		.npins_most = npins,
		.arena = NO_ARENA,
	};
}

void survey_fini(struct survey *survey)
{
	free(survey->arenas);
	free(survey->pins);
	free(survey->sizes);
	*survey = (struct survey){0};
}

int survey_walk(struct survey *survey, struct heap_reading *heap, const struct heap_visitor *also)
{
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.returnable = take_returnable,
		.context = survey,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	int r;

	survey->also = also;
	survey->cell_bytes = survey->page_size;
	r = heap_walk(heap, &visitor);
	if (r == 0)
		r = put_bytes(survey, survey->end, USE_REST, NULL);
	if (r == 0)
		r = end_page(survey);
	if (r == 0)
		r = survey_end_pin(survey);
	survey_sort_sizes(survey);
	return r;
}
