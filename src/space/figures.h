/*
 * Page figures: one walk over the pages of a space, given to the regions.
 *
 * The walk comes from `source` as runs of pages in the same state, in order of addresses. Pages
 * that MADV_GUARD_INSTALL made inaccessible are seen only here, so that a walk also cuts regions.
 */
#ifndef SPACE_FIGURES_H
#define SPACE_FIGURES_H

#include "space/space.h"

enum page_state {
	PAGE_PRESENT = 1,
	PAGE_SWAPPED = 2,
	PAGE_FILE = 4,	/* of a file or shared memory */
	PAGE_ZERO = 8,	/* the shared page of zeros */
	PAGE_HUGE = 16, /* mapped by a huge entry */
	PAGE_GUARD = 32,
	PAGE_EXCLUSIVE = 64, /* mapped by this process alone; only where pagemap was read */
};

struct page_run {
	plat_addr start, end; /* whole pages */
	unsigned state;	      /* of enum page_state */
};

struct guard_run {
	plat_addr start, end;
	size_t region;
	struct pages before; /* what the region had counted when the guard was met */
};

/* A walk under way. Storage of the caller. */
struct figures {
	struct space *space;
	size_t at;	/* the region that the next run may begin in */
	plat_addr seen; /* end of the last run */
	/* Bytes in the cells of one region's strip, until the walk leaves it. */
	size_t strip_of;
	uint64_t resident[STRIP_CELLS], swapped[STRIP_CELLS], huge[STRIP_CELLS];
	struct guard_run *guards;
	size_t nguards, guards_room;
};

/* Starts a walk: all figures 0, strips made if `with_strips`. 0 or -ENOMEM. */
int figures_init(struct figures *walk, struct space *space, bool with_strips) MUST_CHECK;
void figures_fini(struct figures *walk);

/* Adds a run. What lies below the end of an earlier run is ignored. 0 or -ENOMEM. */
int figures_add(struct figures *walk, const struct page_run *run) MUST_CHECK;

/* Ends the walk: cuts regions at the guards. 0 or -ENOMEM, then guards stay unmarked. */
int figures_finish(struct figures *walk) MUST_CHECK;

/* Whether VmRSS counts a page of this region in this state. */
bool figures_resident(const struct region *region, unsigned state);

/* Sums over kinds. */
struct totals {
	struct {
		size_t regions;
		uint64_t size;
		struct pages pages;
	} kinds[NKINDS], all;
};

void totals_of(const struct space *space, struct totals *ret);

#endif
