/*
 * Where a process's pages are, region by region and page by page: in memory, in swap, nowhere.
 *
 *     resident_select()    which regions, or which parts of them
 *     resident_begin()     how finely
 *     resident_add()       the walk over the pages, run by run
 *     resident_finish()    sums are complete, cells have their looks
 *
 * What the page cache holds of mapped files is no page of the process. It comes from elsewhere, and
 * stays apart.
 */
#ifndef VIEW_RESIDENT_H
#define VIEW_RESIDENT_H

#include "space/figures.h"
#include "view/paint.h"

enum residence {
	RESIDENCE_RSS,	     /* as VmRSS counts */
	RESIDENCE_ANON,	     /* of RSS: anonymous */
	RESIDENCE_FILE,	     /* of RSS: files and shared memory */
	RESIDENCE_EXCLUSIVE, /* of RSS: mapped by this process alone, and once */
	RESIDENCE_SWAP,
	RESIDENCE_HUGE,	  /* mapped by huge entries */
	RESIDENCE_ZERO,	  /* the page of zeros */
	RESIDENCE_GUARD,  /* made inaccessible by MADV_GUARD_INSTALL */
	RESIDENCE_CACHED, /* of the file: in the page cache, mapped here or not */
	NRESIDENCES
};

/* What a cell of a strip shows. */
enum look {
	LOOK_ABSENT,
	LOOK_QUARTER, /* up to a quarter is resident; and so on */
	LOOK_HALF,
	LOOK_MOST,
	LOOK_FULL,
	LOOK_SWAPPED,
	LOOK_HUGE,
	LOOK_ZERO,
	LOOK_GUARD,
	LOOK_CACHED, /* absent here, but the page cache has something of it */
	LOOK_UNKNOWN,
	NLOOKS
};

/* A region, or the part of it that was asked for. */
struct resident_row {
	size_t region;
	plat_addr start, end;
	uint64_t bytes[NRESIDENCES]; /* or UNKNOWN */
	const char *why;	     /* why its pages are not known, or NULL */
	const char *cached_why;	     /* why RESIDENCE_CACHED is not; NULL where it has no file */
	uint8_t *looks;		     /* of enum look, one a cell */
};

struct cell {
	uint64_t resident, huge, swapped, zero, guard;
};

struct resident {
	const struct space *space;
	struct resident_row *rows; /* by address until they are sorted */
	size_t nrows, rows_room;
	bool whole;		      /* every region, all of it: sums can be held against VmRSS */
	size_t cells;		      /* of each strip */
	uint64_t cell_size;	      /* of each cell; 0: a strip is cut into equal parts */
	const char *why[NRESIDENCES]; /* why no row knows a figure, or NULL */
	/* The walk. */
	size_t at;	 /* the row that the next run may begin in */
	plat_addr seen;	 /* end of the last run */
	size_t cells_of; /* the row that `scratch` is about */
	struct cell *scratch;
	uint8_t *looks; /* of all rows */
};

#define RESIDENT_EMPTY ((struct resident){0})

/* The regions of some kinds (0: all) that touch [start, end) (0 and 0: all). 0 or -ENOMEM. */
int resident_select(const struct space *space, uint32_t kinds, plat_addr start, plat_addr end,
		    struct resident *ret) MUST_CHECK;
void resident_fini(struct resident *resident);

/*
 * Before the walk: strips of `cells` equal parts; or, with cell_size, of as many cells of this size
 * as the first row needs. `told` are the states that the walk tells, of enum page_state. 0 or
 * -ENOMEM.
 */
int resident_begin(struct resident *resident, size_t cells, uint64_t cell_size,
		   unsigned told) MUST_CHECK;

/* The smallest cell of whole pages, a power of two of them, of which `most` hold `size` bytes. */
uint64_t resident_cell_size(uint64_t size, uint64_t page, size_t most);

/* Takes a run. What lies below the end of an earlier run is ignored. */
void resident_add(struct resident *resident, const struct page_run *run);
void resident_finish(struct resident *resident);

/* No page figure is known, for this reason: a text that outlives the resident. */
void resident_forget(struct resident *resident, const char *why);

/* The range of a cell of a row. */
void resident_cell(const struct resident *resident, const struct resident_row *row, size_t cell,
		   plat_addr *start, plat_addr *end);

/* Sums over rows; what one row does not know is left out, unless none does. */
void resident_totals(const struct resident *resident, uint64_t ret[NRESIDENCES]);

/* Sorts by "size" or the name of a figure, largest first; "-NAME" smallest first; unknown ones come
 * last. 0 or -EINVAL. */
int resident_sort(struct resident *resident, const char *name) MUST_CHECK;

/* The name of a figure as --sort takes it: "exclusive". */
const char *residence_name(enum residence figure);

/* How to show it. */
struct resident_style {
	struct paint paint;
	bool unlimited; /* not a terminal: nothing is cut */
	bool no_headings;
	bool exclusive, cached; /* asked for: their columns are always there */
};

/* A table with a strip in each row. 0 or a negative errno. */
int resident_draw(const struct resident *resident, const struct resident_style *style,
		  struct text *text) MUST_CHECK;

/* How many cells the map of the first row has in a line. */
size_t resident_map_columns(const struct resident *resident, const struct paint *paint);

/* The only row, as a map of cells with a size of their own. */
void resident_draw_map(const struct resident *resident, const struct resident_style *style,
		       struct text *text);

/* One document. 0 or a negative errno. */
int resident_json(const struct resident *resident, struct text *text) MUST_CHECK;

/*
 * Page runs as they come, as lines or as one document.
 */
struct resident_pages {
	const struct resident *resident;
	struct text *text;
	bool json, bytes;
	bool exclusive; /* runs tell of it */
	/* The run under way: neighbours in the same state become one. */
	struct page_run run;
	const struct region *region;
	size_t at, n;
	plat_addr seen;
};

void resident_pages_begin(struct resident_pages *pages, bool no_headings);
void resident_pages_add(struct resident_pages *pages, const struct page_run *run);
void resident_pages_finish(struct resident_pages *pages);

#endif
