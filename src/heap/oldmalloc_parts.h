/* What the files of oldmalloc*.c share. */
#ifndef HEAP_OLDMALLOC_PARTS_H
#define HEAP_OLDMALLOC_PARTS_H

#include "heap/musl.h"

#define OLD_BINS 64
#define OLD_IN_USE 1		/* in the sizes at both ends */
#define OLD_GRAINS_LARGE 0x1c00 /* a chunk in the hand of a call has at most so many */

/* Indices of the reading's lists. */
enum { OLD_CLASS_MAPPED = OLD_BINS, OLD_CLASS_REGION, OLD_NCLASSES };
enum { OLD_ARENA_MAIN, OLD_ARENA_MAPPED, OLD_NARENAS };

struct oldmalloc {
	struct heap_reading reading; /* its first member */
	unsigned word;
	plat_addr at; /* of the bins, which begin with their map */
};

/* Where chunks may be. */
enum old_span_kind { OLD_BREAK, OLD_ANONYMOUS, OLD_GAP };

struct old_span {
	plat_addr start, end;
	plat_addr limit; /* so far it can reach by now */
	enum old_span_kind kind;
};

/* The sizes before a chunk's block: of the chunk before it, and its own. */
struct old_chunk {
	uint64_t psize, csize;
};

#define OLD_WINDOW_BYTES (16 * 1024)

struct old_walk {
	struct oldmalloc *old;
	const struct heap_visitor *visitor;
	uint64_t page_size;
	uint64_t ncalls; /* so many chunks were in the middle of one */
	plat_addr last_call;
	bool has_moved;	      /* the process runs */
	uint64_t pages_left;  /* that may still be looked at for a beginning */
	uint64_t inner_left;  /* and so for what large blocks hide */
	uint64_t grains_left; /* that may be looked at behind damage */

	uint64_t nregions, nended; /* regions; and those that have an end mark */
	uint64_t nchunks, nagreed; /* chunks whose end was seen; and those with one size */
	uint64_t nfree;

	unsigned char bins[MUSL_SEARCH_MOST]; /* when the walk began */

	/* What was read last. */
	unsigned char *window;
	plat_addr window_at;
	size_t window_size;
};

/* Chunks and their sizes are multiples of this; so many bytes stand before a block. */
static inline uint64_t old_grain(const struct oldmalloc *old)
{
	return (uint64_t)4 * old->word;
}

static inline uint64_t old_overhead(const struct oldmalloc *old)
{
	return (uint64_t)2 * old->word;
}

static inline uint64_t old_size(uint64_t size)
{
	return size & ~(uint64_t)OLD_IN_USE;
}

size_t old_bins_bytes(unsigned word);

/*
 * Whether bins stand here: none is impossible, and one was used, and is empty, or holds a chunk
 * that leads back to it.
 */
bool old_bins_look_right(struct reader *reader, const unsigned char *bytes, unsigned word,
			 plat_addr at);

/* Keeps the bins as they are; whether they are others now. */
void old_bins_keep(struct old_walk *walk);
bool old_bins_have_changed(const struct old_walk *walk);

/* Which bin a free chunk of this size is in. */
unsigned old_bin_of(const struct oldmalloc *old, uint64_t size);

/* All spans, in order; the caller frees them. 0 or -ENOMEM. */
int old_spans(const struct oldmalloc *old, struct old_span **ret, size_t *n) MUST_CHECK;

/* Takes all that is in a span. 0, what a visitor returned, or -ENOMEM. */
int old_take_span(struct old_walk *walk, const struct old_span *span) MUST_CHECK;

/* Whether a region can begin with this chunk. */
bool old_is_region(struct old_walk *walk, plat_addr at, const struct old_span *span);

/* Takes a region; *end is where it is over. As above. */
int old_take_region(struct old_walk *walk, plat_addr at, const struct old_span *span,
		    plat_addr *end) MUST_CHECK;

/* Whether a chunk of this size can begin there. */
bool old_is_sane(const struct old_walk *walk, plat_addr at, uint64_t csize, plat_addr limit);

/*
 * Whether a chunk begins here: all that follow agree with each other, up to one that a bin holds or
 * to an end mark.
 */
bool old_is_chain(struct old_walk *walk, plat_addr at, plat_addr limit);

/* Reads a chunk's sizes. `fresh`: not what was read before. 0 or as the reader. */
int old_read(struct old_walk *walk, plat_addr at, bool fresh, struct old_chunk *ret) MUST_CHECK;

/* Notes that a call is under way here. */
void old_take_call(struct old_walk *walk, plat_addr at, const char *what);

/* Counts a block in its arena and class, and shows it. */
int old_show(struct old_walk *walk, const struct block *block) MUST_CHECK;

/* Compares what was found with what the bins hold. 0 or -ENOMEM. */
int old_prove(struct old_walk *walk) MUST_CHECK;

#endif
