/*
 * From what the kernel counts down to what the program asked for, each step with what is left of
 * the one before:
 *
 *     RSS          all pages in memory
 *     anonymous    less the pages of files and shared memory
 *     held         less stacks, data of programs, ...: what allocators took
 *     live         less what is free, and slack
 */
#ifndef HEAP_LADDER_H
#define HEAP_LADDER_H

#include "heap/find.h"
#include "heap/survey.h"

/* Memory of an allocator that nobody can read. */
struct heap_opaque {
	enum allocator_kind kind; /* ALLOCATOR_UNKNOWN: there is none */
	uint64_t regions, size, resident;
	bool is_named; /* its mappings have its name; else it is what nothing else claims */
};

struct heap_ladder {
	uint64_t rss, rss_anon;	 /* as the kernel counts them, or UNKNOWN */
	uint64_t anonymous;	 /* as the pages add up; UNKNOWN where they were not seen */
	uint64_t kinds[NKINDS];	 /* of these, what no allocator holds, by what it is */
	struct survey_sums heap; /* of all allocators that can be read */
	struct heap_opaque opaque;
};

/*
 * `surveys` have walked all that there is, with `shares`, one a region. `has_pages`: the runs were
 * seen.
 */
void heap_ladder_of(const struct space *space, const struct heap_runs *runs, bool has_pages,
		    const struct heaps *heaps, const struct survey *surveys,
		    const struct survey_share *shares, struct heap_ladder *ret);

/* Whether a region is of the allocator that nobody can read, as far as can be told. */
bool heap_opaque_has(const struct heap_opaque *opaque, const struct space *space, size_t region,
		     const struct survey_share *share);

#endif
