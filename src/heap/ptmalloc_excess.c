/*
 * Others' data can look like a chunk with a mapping of its own, as a Java virtual machine's:
 *
 *     | chunk | chunk | others' data ... | 0, size, flags ... | others' data | chunk |
 *     '- where the mapping begins         '- at a page                 its end ------'
 *
 * A true one has a beginning or an end of a mapping, or lies beside another one; or the kernel has
 * joined it with memory on both sides. How many there are, and how much, glibc has counted.
 */
#include "heap/ptmalloc_parts.h"

#include <string.h>

#define RUNS_MOST 12

/* Chunks that touch. */
struct run {
	size_t first, n; /* segments */
	uint64_t bytes;
};

/* The longest one from this segment on; of no bytes, where it is no chunk. */
static struct run run_from(const struct ptmalloc *heap, size_t first)
{
	const struct ptmalloc_segment *segments = heap->segments;
	struct run run = {.first = first};
	size_t i;

	for (i = first; i < heap->nsegments && segments[i].kind == SEGMENT_MAPPED &&
			segments[i].start == segments[first].start + run.bytes;
	     i++) {
		run.bytes += segments[i].end - segments[i].start;
		run.n++;
	}
	return run;
}

/* Whether memory of others lies on both sides. */
static bool is_amid(const struct ptmalloc *heap, const struct run *run)
{
	const struct space *space = heap->reading.space;
	plat_addr at = heap->segments[run->first].start, start, end;
	size_t i = space_at_or_above(space, at);

	if (i == space->nregions)
		return false;
	space_mapping_range(space, i, &start, &end);
	return start < at && end > at + run->bytes;
}

/* What there is from a segment on, and the runs of it that lie amid memory of others. */
struct excess {
	uint64_t found, bytes;
	struct run amid[RUNS_MOST];
	size_t namid;
	bool is_too_much; /* more runs are amid */
};

static void look(const struct ptmalloc *heap, size_t first, struct excess *ret)
{
	struct run run;
	size_t i;

	*ret = (struct excess){0};
	for (i = first; i < heap->nsegments; i += run.n ? run.n : 1) {
		run = run_from(heap, i);
		ret->found += run.n;
		ret->bytes += run.bytes;
		if (!run.n || !is_amid(heap, &run))
			continue;
		if (ret->namid < RUNS_MOST)
			ret->amid[ret->namid++] = run;
		else
			ret->is_too_much = true;
	}
}

/* Whether without these there is as much as glibc has counted. */
static bool fits_without(const struct ptmalloc *heap, const struct excess *excess, unsigned set)
{
	uint64_t found = excess->found, bytes = excess->bytes;

	for (; set; set &= set - 1) {
		const struct run *run = &excess->amid[__builtin_ctz(set)];

		found -= run->n;
		bytes -= run->bytes;
	}
	return found == heap->n_mmaps && ptmalloc_is_mapped_sum(heap, bytes);
}

/* Which to leave out, so that all adds up; 0 where there is not just one way. */
static unsigned find_way(const struct ptmalloc *heap, const struct excess *excess)
{
	unsigned set, way = 0;

	for (set = 1; set < 1u << excess->namid; set++) {
		if (!fits_without(heap, excess, set))
			continue;
		if (way)
			return 0;
		way = set;
	}
	return way;
}

/*
 * Nothing goes where a call is under way: it has made a mapping before it is counted, or counts it
 * no more before it is gone.
 */
void ptmalloc_drop_excess(struct ptmalloc *heap, size_t first)
{
	struct excess excess;
	unsigned way;
	size_t i;

	if (ptmalloc_is_called(heap))
		return;
	look(heap, first, &excess);
	if (excess.is_too_much)
		return;
	way = find_way(heap, &excess);
	for (i = excess.namid; i-- > 0;) {
		const struct run *run = &excess.amid[i];

		if (!(way >> i & 1))
			continue;
		heap->nsegments -= run->n;
		memmove(&heap->segments[run->first], &heap->segments[run->first + run->n],
			(heap->nsegments - run->first) * sizeof(*heap->segments));
	}
}
