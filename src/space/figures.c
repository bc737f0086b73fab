#include "space/figures.h"

#include "base/assert.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int figures_init(struct figures *walk, struct space *space, bool with_strips)
{
	size_t i;

	*walk = (struct figures){.space = space};
	if (with_strips) {
		struct strip *strips = calloc(space->nregions + 1, sizeof(*strips));

		if (!strips)
			return -ENOMEM;
		free(space->strips);
		space->strips = strips;
	}
	for (i = 0; i < space->nregions; i++)
		space->regions[i].pages = (struct pages){0};
	for (i = 0; i < space->nthreads; i++)
		space->threads[i].deepest = UNKNOWN;
	return 0;
}

void figures_fini(struct figures *walk)
{
	free(walk->guards);
	*walk = (struct figures){0};
}

/*
 * Linux fs/proc/task_mmu.c: pages that no struct page stands for (devices, vvar) are present and
 * counted nowhere. In a shared mapping they are those that are not of a file; huge pages of the
 * pool have a count of their own.
 */
bool figures_resident(const struct region *region, unsigned state)
{
	if (!(state & PAGE_PRESENT) || (state & PAGE_ZERO))
		return false;
	if (region->kind == KIND_VVAR || region->kind == KIND_VSYSCALL ||
	    region->kind == KIND_HUGETLB)
		return false;
	return (state & PAGE_FILE) || !(region->rights & RIGHT_SHARED);
}

/* Where cell i of a region begins; cell STRIP_CELLS begins at its end. */
static plat_addr cell_start(const struct region *region, size_t i)
{
	return region->start +
	       (plat_addr)((unsigned __int128)region_size(region) * i / STRIP_CELLS);
}

/* A share in 1/255 that does not round something down to nothing. */
static uint8_t share(uint64_t bytes, uint64_t of)
{
	uint64_t shares = of ? (uint64_t)((unsigned __int128)bytes * 255 / of) : 0;

	return (uint8_t)min_u64(255, shares ? shares : bytes != 0);
}

/* The walk leaves a region: its cells become shares. */
static void finish_strip(struct figures *walk)
{
	const struct region *region = &walk->space->regions[walk->strip_of];
	struct strip *strip = &walk->space->strips[walk->strip_of];
	size_t i;

	for (i = 0; i < STRIP_CELLS; i++) {
		uint64_t size = cell_start(region, i + 1) - cell_start(region, i);

		strip->resident[i] = share(walk->resident[i], size);
		strip->swapped[i] = share(walk->swapped[i], size);
		strip->huge[i] = share(walk->huge[i], size);
		/* A region of less than STRIP_CELLS bytes has empty cells: they show the whole. */
		if (size == 0) {
			const struct pages *pages = &region->pages;

			strip->resident[i] = share(pages->rss + pages->zero, region_size(region));
			strip->swapped[i] = share(pages->swap, region_size(region));
			strip->huge[i] = share(pages->huge, region_size(region));
		}
	}
}

static void add_to_strip(struct figures *walk, size_t at, plat_addr start, plat_addr end,
			 unsigned state)
{
	const struct region *region = &walk->space->regions[at];
	bool resident = figures_resident(region, state) || (state & PAGE_ZERO);
	size_t i;

	if (walk->strip_of != at) {
		finish_strip(walk);
		walk->strip_of = at;
		memset(walk->resident, 0, sizeof(walk->resident));
		memset(walk->swapped, 0, sizeof(walk->swapped));
		memset(walk->huge, 0, sizeof(walk->huge));
	}
	i = (size_t)((unsigned __int128)(start - region->start) * STRIP_CELLS /
		     region_size(region));
	for (; i < STRIP_CELLS; i++) {
		uint64_t bytes =
			overlap(cell_start(region, i), cell_start(region, i + 1), start, end);

		if (bytes == 0 && cell_start(region, i) >= end)
			break;
		walk->resident[i] += resident ? bytes : 0;
		walk->swapped[i] += state & PAGE_SWAPPED ? bytes : 0;
		walk->huge[i] += state & PAGE_HUGE ? bytes : 0;
	}
}

static void add_to_pages(struct pages *pages, const struct region *region, uint64_t bytes,
			 unsigned state)
{
	if (figures_resident(region, state)) {
		pages->rss += bytes;
		if (state & PAGE_FILE)
			pages->file += bytes;
	}
	if (state & PAGE_SWAPPED)
		pages->swap += bytes;
	if (state & PAGE_HUGE)
		pages->huge += bytes;
	if (state & PAGE_ZERO)
		pages->zero += bytes;
}

static int add_guard(struct figures *walk, size_t i, plat_addr start, plat_addr end)
{
	int r = list_reserve(&walk->guards, &walk->guards_room, walk->nguards, 1);

	if (r < 0)
		return r;
	walk->guards[walk->nguards++] = (struct guard_run){
		.start = start,
		.end = end,
		.region = i,
		.before = walk->space->regions[i].pages,
	};
	return 0;
}

/* Runs come from below: the first one in a stack is the deepest. */
static void note_touched(struct thread *thread, plat_addr at)
{
	if (thread->deepest == UNKNOWN && at >= thread->stack_start && at < thread->stack_end)
		thread->deepest = at;
}

int figures_add(struct figures *walk, const struct page_run *run)
{
	struct space *space = walk->space;
	plat_addr first = max_u64(run->start, walk->seen);
	size_t i = walk->at;

	while (i < space->nregions && space->regions[i].end <= first)
		i++;
	walk->at = i;
	walk->seen = max_u64(walk->seen, run->end);
	for (; i < space->nregions && space->regions[i].start < run->end; i++) {
		struct region *region = &space->regions[i];
		plat_addr start = max_u64(region->start, first);
		plat_addr end = min_u64(region->end, run->end);
		unsigned state = run->state;

		if (start >= end)
			continue;
		if (state & PAGE_GUARD) {
			int r = add_guard(walk, i, start, end);

			if (r < 0)
				return r;
			continue;
		}
		add_to_pages(&region->pages, region, end - start, state);
		if (space->strips)
			add_to_strip(walk, i, start, end, state);
		if (region->thread != NO_THREAD)
			note_touched(&space->threads[region->thread], start);
	}
	return 0;
}

static struct pages pages_between(const struct pages *later, const struct pages *earlier)
{
	return (struct pages){
		.rss = later->rss - earlier->rss,
		.swap = later->swap - earlier->swap,
		.file = later->file - earlier->file,
		.huge = later->huge - earlier->huge,
		.zero = later->zero - earlier->zero,
	};
}

/* The strip of a part, from the strip of the whole: each cell takes what lies at its middle. */
static struct strip part_of_strip(const struct strip *whole, const struct region *of,
				  const struct region *part)
{
	struct strip strip = {0};
	size_t i;

	for (i = 0; i < STRIP_CELLS; i++) {
		plat_addr middle = part->start + (plat_addr)((unsigned __int128)region_size(part) *
							     (2 * i + 1) / (2 * STRIP_CELLS));
		size_t from = (size_t)((unsigned __int128)(middle - of->start) * STRIP_CELLS /
				       region_size(of));

		strip.resident[i] = whole->resident[from];
		strip.swapped[i] = whole->swapped[from];
		strip.huge[i] = whole->huge[from];
	}
	return strip;
}

/* The output of a cut: regions and, beside them, strips. */
struct cut {
	struct region *regions;
	struct strip *strips;
	size_t n;
};

static void put_part(struct cut *cut, const struct space *space, size_t i, struct region part)
{
	const struct region *whole = &space->regions[i];

	if (part.start >= part.end)
		return;
	part.offset = whole->offset + (part.start - whole->start);
	if (cut->strips && part.kind != KIND_GUARD) {
		if (region_size(&part) == region_size(whole))
			cut->strips[cut->n] = space->strips[i];
		else
			cut->strips[cut->n] = part_of_strip(&space->strips[i], whole, &part);
	}
	cut->regions[cut->n++] = part;
}

/* Cuts region i at its guards, from guard `g` on. Returns the first guard of a later region. */
static size_t cut_region(struct cut *cut, const struct figures *walk, size_t i, size_t g)
{
	const struct space *space = walk->space;
	const struct region *whole = &space->regions[i];
	struct region part = *whole;
	struct pages done = {0};

	for (; g < walk->nguards && walk->guards[g].region == i; g++) {
		const struct guard_run *guard = &walk->guards[g];
		struct region hole = *whole;

		part.end = guard->start;
		part.pages = pages_between(&guard->before, &done);
		put_part(cut, space, i, part);
		done = guard->before;

		hole.start = guard->start;
		hole.end = guard->end;
		hole.kind = KIND_GUARD;
		hole.pages = (struct pages){0};
		put_part(cut, space, i, hole);
		part.start = guard->end;
	}
	part.end = whole->end;
	part.pages = pages_between(&whole->pages, &done);
	put_part(cut, space, i, part);
	return g;
}

/* The lowest guard inside a thread's stack is what its guard_start and stack_start should say. */
static void note_thread_guards(struct space *space)
{
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		struct thread *thread;

		if (region->kind != KIND_GUARD || region->thread == NO_THREAD)
			continue;
		thread = &space->threads[region->thread];
		if (thread->guard_start == thread->stack_start &&
		    region->start == thread->stack_start) {
			thread->guard_start = region->start;
			thread->stack_start = region->end;
		}
	}
}

int figures_finish(struct figures *walk)
{
	struct space *space = walk->space;
	struct cut cut = {0};
	size_t most = space->nregions + 2 * walk->nguards + 1, g = 0, i;

	if (space->strips && space->nregions)
		finish_strip(walk);
	if (walk->nguards == 0)
		return 0;
	cut.regions = malloc(most * sizeof(*cut.regions));
	if (space->strips)
		cut.strips = calloc(most, sizeof(*cut.strips));
	if (!cut.regions || (space->strips && !cut.strips)) {
		free(cut.regions);
		free(cut.strips);
		return -ENOMEM;
	}

	for (i = 0; i < space->nregions; i++)
		g = cut_region(&cut, walk, i, g);
	free(space->regions);
	free(space->strips);
	space->regions = cut.regions;
	space->strips = cut.strips;
	space->nregions = cut.n;
	space->regions_room = most;
	note_thread_guards(space);
	assert(space_valid(space));
	return 0;
}

static void add_pages(struct pages *sum, const struct pages *pages)
{
	sum->rss += pages->rss;
	sum->swap += pages->swap;
	sum->file += pages->file;
	sum->huge += pages->huge;
	sum->zero += pages->zero;
}

void totals_of(const struct space *space, struct totals *ret)
{
	size_t i;

	*ret = (struct totals){0};
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		ret->kinds[region->kind].regions++;
		ret->kinds[region->kind].size += region_size(region);
		add_pages(&ret->kinds[region->kind].pages, &region->pages);
		if (region->kind == KIND_VSYSCALL)
			continue; /* the kernel's own page: neither a mapping nor in VmSize */
		ret->all.regions++;
		ret->all.size += region_size(region);
		add_pages(&ret->all.pages, &region->pages);
	}
}
