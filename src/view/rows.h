/*
 * The rows of the picture: what people think of as one thing.
 *
 * A program, a library, a thread's stack with its guard are each several regions and one row. Rows
 * tile the whole of [0, 2^64), gaps included, so that their sizes add up to it.
 */
#ifndef VIEW_ROWS_H
#define VIEW_ROWS_H

#include "base/assert.h"
#include "model/headroom.h"
#include "space/space.h"

enum row_type {
	ROW_GAP,
	ROW_PROGRAM,
	ROW_LOADER,
	ROW_LIBRARY,
	ROW_VDSO,   /* vdso and vvar */
	ROW_HEAP,   /* by brk */
	ROW_STACK,  /* the main stack with args, env and auxv */
	ROW_THREAD, /* a thread's stack, guard and TLS */
	ROW_FILE,
	ROW_SHM,
	ROW_ANON, /* memory without a name: anonymous, reserved, guards */
	ROW_OTHER,
	ROW_FOLD,   /* many rows of one type, and the small gaps between them */
	ROW_REGION, /* one region of a merged row; only from row_of_region() */
};

enum growing { GROWS_NOT, GROWS_UP, GROWS_DOWN };

struct row {
	plat_addr start, end; /* end may be TOP_OF_MEMORY */
	uint64_t size;	      /* mapped bytes; 0 for a gap */
	uint64_t gap;	      /* bytes not mapped: of a gap all, of a fold those between its rows */
	size_t first, n;      /* its regions, or the number of its gap */
	size_t nmappings;
	size_t nfolded;	    /* rows of the folded type, in a fold */
	struct pages pages; /* each UNKNOWN where not known for all of the row */
	struct strip strip;
	bool strip_known;
	uint8_t cell_kind[STRIP_CELLS]; /* enum kind that takes most of the cell */
	uint8_t type;			/* enum row_type */
	uint8_t folded;			/* enum row_type of what a fold holds */
	uint8_t kind;			/* enum kind that takes most of the row */
	uint8_t gap_kind;		/* enum gap_kind */
	uint8_t grows;			/* enum growing */
	uint8_t rights;			/* enum right, of any of its regions */
	bool mixed_rights;		/* not the same for all of them */
	uint32_t kinds;			/* the bit 1 << kind for each kind in it */
	uint32_t module, thread, file;	/* indexes, or NO_MODULE, NO_THREAD, NO_FILE */
};

static_assert(NKINDS <= 32, "a set of kinds fits in struct row");

struct rows {
	struct row *rows; /* in order of addresses, the lowest first */
	size_t nrows, rows_room;
	struct headroom heap, stack, mmap; /* how far each can grow */
};

#define ROWS_EMPTY ((struct rows){0})

/*
 * Merges the regions and gaps of a space. With `fold`, long runs of alike rows become one. 0 or
 * -ENOMEM, then `ret` is unchanged.
 */
int rows_make(const struct space *space, bool fold, struct rows *ret) MUST_CHECK;
void rows_fini(struct rows *rows);

/* The size of a row's range, gaps included. */
static inline uint64_t row_extent(const struct row *row)
{
	return row->end - row->start;
}

/* Region i alone, for opening a merged row. */
void row_of_region(const struct space *space, size_t i, struct row *ret);

#define ROW_TEXT_SIZE 512

/*
 * What a reader would call the row. Names that others chose are escaped; paths are cut to their
 * last part unless `paths`. Returns `to`, which has room for ROW_TEXT_SIZE.
 */
char *row_name(const struct space *space, const struct row *row, bool paths, char *to);

/*
 * What else is to be said of it, in words: how far a stack was used, what lies beside it. Empty
 * where there is nothing. Returns `to`, which has room for ROW_TEXT_SIZE.
 */
char *row_note(const struct space *space, const struct row *row, bool bytes, char *to);

#endif
