/*
 * What is lost: live blocks that no root leads to; and which of them hold the others.
 *
 *     A -> B -> C        a tree: nobody points to A
 *     D -> E -> D        a cycle: D stands for it, the first of it in memory
 *          '--> F        E and F are held by D
 *
 * Who frees A and all that it holds has freed all there is to be freed because of A. So a report
 * has one entry for each tree and for each cycle that no other lost block points to. What several
 * of them hold is counted with the first, in the order of addresses, and is exclusive to none.
 */
#ifndef HEAP_LOST_H
#define HEAP_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/owners.h"
#include "heap/reach.h"

struct lost_tree {
	struct owned owned; /* with the block itself */
	uint32_t block;	    /* at its root */
	bool is_cycle;	    /* what it holds points back to it */
};

struct lost {
	struct lost_tree *trees; /* in the order of addresses */
	size_t n, room;
	uint64_t blocks, bytes; /* all that is lost: the sum of what trees hold */
	struct owners owners;	/* of each lost block: the number of its tree */
};

/* 0, and *ret is the caller's to lost_fini(); -ENOMEM. The graph must outlive it, not the reach. */
int lost_find(const struct reach *reach, struct lost *ret) MUST_CHECK;
void lost_fini(struct lost *lost);

#endif
