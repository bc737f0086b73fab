#include "heap/ladder.h"

#include <string.h>

static void add_sums(struct survey_sums *to, const struct survey_sums *more)
{
	unsigned use;

	for (use = 0; use < NUSES; use++) {
		to->held[use] += more->held[use];
		to->resident[use] += more->resident[use];
	}
	to->returnable += more->returnable;
	to->returnable_resident += more->returnable_resident;
	to->pinned += more->pinned;
	to->pinned_live += more->pinned_live;
	to->pinned_blocks += more->pinned_blocks;
}

/* "[anon:jemalloc_pg]", "[anon:scudo:primary]": some allocators give their mappings names. */
static bool has_its_name(const struct space *space, const struct region *region,
			 enum allocator_kind kind)
{
	const struct file *file = region_file(space, region);

	return file && strncmp(file->name, "[anon:", strlen("[anon:")) == 0 &&
	       strstr(file->name, allocator_name(kind));
}

/* Private memory that can be written, that is no part of a program, stack or other known thing. */
static bool is_left_over(const struct region *region, const struct survey_share *share)
{
	return (region->kind == KIND_ANON || region->kind == KIND_HEAP) &&
	       (region->rights & RIGHT_WRITE) && !(region->rights & RIGHT_SHARED) &&
	       share->held == 0;
}

bool heap_opaque_has(const struct heap_opaque *opaque, const struct space *space, size_t region,
		     const struct survey_share *share)
{
	if (opaque->kind == ALLOCATOR_UNKNOWN)
		return false;
	return opaque->is_named ? has_its_name(space, &space->regions[region], opaque->kind)
				: is_left_over(&space->regions[region], share);
}

static void find_opaque(const struct space *space, const struct heap_runs *runs,
			const struct heaps *heaps, const struct survey_share *shares,
			struct heap_opaque *ret)
{
	size_t i, at = 0;

	if (heaps->has_used || heaps->allocator.how == ALLOCATOR_NOT_FOUND)
		return;
	ret->kind = heaps->allocator.kind;
	if (ret->kind == ALLOCATOR_UNKNOWN)
		return;
	for (i = 0; i < space->nregions && !ret->is_named; i++)
		ret->is_named = has_its_name(space, &space->regions[i], ret->kind);
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (!heap_opaque_has(ret, space, i, &shares[i]))
			continue;
		ret->regions++;
		ret->size += region->end - region->start;
		ret->resident += heap_runs_bytes(runs, &at, region->start, region->end);
	}
}

/* Bytes of pages that belong to no file, by what their regions are. */
static void sum_kinds(const struct space *space, const struct heap_runs *runs,
		      const struct survey_share *shares, struct heap_ladder *ladder)
{
	size_t i, at = 0;

	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		uint64_t here = heap_runs_bytes(runs, &at, region->start, region->end);

		ladder->anonymous += here;
		ladder->kinds[region->kind] += sub_floored(here, shares[i].resident);
	}
}

void heap_ladder_of(const struct space *space, const struct heap_runs *runs, bool has_pages,
		    const struct heaps *heaps, const struct survey *surveys,
		    const struct survey_share *shares, struct heap_ladder *ret)
{
	size_t i;

	*ret = (struct heap_ladder){
		.rss = space->figures[VM_RSS],
		.rss_anon = space->figures[RSS_ANON],
	};
	for (i = 0; i < heaps->n; i++)
		add_sums(&ret->heap, &surveys[i].all);
	sum_kinds(space, runs, shares, ret);
	if (!has_pages)
		ret->anonymous = UNKNOWN;
	find_opaque(space, runs, heaps, shares, &ret->opaque);
}
