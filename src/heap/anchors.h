/*
 * Where exactly the words stand that point to blocks.
 *
 * A graph knows that a root or a block points to another, and no more: four bytes an edge leave no
 * room for it. So memory is looked at again, for few questions, or where there is little of it;
 * while the process still stands as it did.
 */
#ifndef HEAP_ANCHORS_H
#define HEAP_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/graph.h"

/* A word of a root, or of a block. */
struct anchor {
	plat_addr at;  /* UNKNOWN: it has no address, for it stands in a register */
	uint32_t root; /* NO_ROOT: of a block */
	uint32_t edge; /* what it points to */
};

struct anchors {
	struct anchor *list; /* by root, then by address */
	size_t n, room;
	bool is_cut; /* there were more than were asked for */
};

struct anchors_ask {
	const struct graph_input *input; /* that the graph was made of; its first reader is used */
	unsigned kinds;			 /* of roots: a bit for each enum root_kind */
	const bool *roots;		 /* as well, whether each is meant; NULL: all are */
	uint32_t block;			 /* words that point to this one; NO_BLOCK: to any */
	size_t most;
};

/* Of roots. 0, and *ret is the caller's to anchors_fini(); or -ENOMEM. */
int anchors_of_roots(const struct anchors_ask *ask, struct anchors *ret) MUST_CHECK;

/* Within any memory, as that of a block; which roots does not matter. As above. */
int anchors_within(const struct anchors_ask *ask, plat_addr start, plat_addr end,
		   struct anchors *ret) MUST_CHECK;

void anchors_fini(struct anchors *anchors);

#endif
