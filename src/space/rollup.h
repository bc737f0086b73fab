/*
 * What /proc/PID/smaps_rollup tells of a whole process: how much of its memory is its own, and how
 * much it shares.
 */
#ifndef SPACE_ROLLUP_H
#define SPACE_ROLLUP_H

#include "space/space.h"

enum rollup_figure {
	ROLLUP_RSS, /* counted page by page, where VmRSS is a counter */
	ROLLUP_PSS, /* each page divided by the number of processes that map it */
	ROLLUP_SHARED_CLEAN,
	ROLLUP_SHARED_DIRTY,
	ROLLUP_PRIVATE_CLEAN,
	ROLLUP_PRIVATE_DIRTY,
	ROLLUP_SWAP_PSS,
	ROLLUP_LOCKED,
	NROLLUP_FIGURES
};

/* In bytes, or UNKNOWN. */
struct rollup {
	uint64_t figures[NROLLUP_FIGURES];
};

/* All unknown. */
void rollup_init(struct rollup *rollup);

/* Takes the file's text; what it does not say stays unknown. */
void rollup_parse(struct rollup *rollup, const char *text);

/* Bytes that this process maps alone: what its end would free. UNKNOWN if a part of the sum is. */
uint64_t rollup_uss(const struct rollup *rollup);

/* Bytes that others map, too. As above. */
uint64_t rollup_shared(const struct rollup *rollup);

/* The sum of two figures, UNKNOWN if one of them is; it cannot wrap. */
uint64_t figure_sum(uint64_t a, uint64_t b);

/* A figure's key in JSON: "private_dirty". */
const char *rollup_key(enum rollup_figure figure);

#endif
