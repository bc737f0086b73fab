/*
 * What of memory is kept where only pointers are: words that can be addresses of the process, and
 * what readers of allocators need. Nothing else survives; no text of more than three characters.
 */
#ifndef SOURCE_SNAPSHOT_FILTER_H
#define SOURCE_SNAPSHOT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ranges.h"
#include "space/mangle.h"

#define FILTER_SHIFT 30 /* 1 GiB */
#define FILTER_BITS 47	/* of addresses that a process can have */

/*
 * Where slots of musl's mallocng begin and end: what stands there belongs to none of them.
 *
 *     | block ... | how much is left over, 4 bytes | header of the next, 4 bytes | block ...
 *                                                                                ^ mark
 */
struct snapshot_marks {
	plat_addr *items; /* in order */
	size_t n, room;
};

struct snapshot_filter {
	unsigned word;		     /* bytes of an address */
	bool is_plain;		     /* all content is kept, but for what is hidden */
	const struct ranges *mapped; /* where addresses lead to */
	const struct ranges *whole;  /* kept byte by byte */
	const struct ranges *hidden; /* never kept */
	struct snapshot_marks marks;
	struct mangle mangle; /* by which the C library hides other addresses */
	/* A bit for each GiB that something is mapped in: most words are told by it. */
	uint64_t somewhere[(1 << (FILTER_BITS - FILTER_SHIFT)) / 64];
};

/* Makes it ready, once `mapped` is there. */
void snapshot_filter_prepare(struct snapshot_filter *filter);

/*
 * Memory around what is filtered, as it was before: a window of it is at hand, and some words
 * beyond may be asked for.
 */
struct filter_window {
	plat_addr start;
	const unsigned char *bytes; /* unfiltered */
	size_t size;
	/* A word beyond the window; false where there is none to be had. */
	bool (*far)(void *context, plat_addr at, unsigned word, uint64_t *ret);
	void *context;
};

/* Filters a window into `to`, which has its size. */
void snapshot_filter_apply(const struct snapshot_filter *filter, const struct filter_window *window,
			   unsigned char *to);

/* Of words that stand nowhere in memory, as in registers, addresses stay. In place. */
void snapshot_filter_words(const struct snapshot_filter *filter, unsigned char *bytes, size_t size);

#endif
