/*
 * From some blocks along the edges to all that they reach, nearest first.
 *
 *     level 0    level 1    level 2          a level's blocks are a list while they are few, and a
 *       A -------> B -------> D              bit each when they are many: so that all together they
 *         '------> C --------'               never take more than three bits a block, and a level
 *                                            of few costs little in a heap of many
 *
 * What is done on the way is the caller's: enter() marks where an edge leads to, and says whether
 * to go on from there. A block can be entered again, as long as enter() says so; each entering
 * follows the block's edges once.
 */
#ifndef HEAP_FLOOD_H
#define HEAP_FLOOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/crew.h"
#include "heap/graph.h"

/* The blocks of one level. */
struct flood_front {
	uint32_t *list;
	size_t n;      /* in the list */
	bool is_dense; /* they are in bits, and the list is empty */
	_Atomic uint64_t *bits;
};

struct flood {
	const struct graph *graph;
	/*
	 * An edge from a block that was pushed or entered. True: go on from where it leads to. With
	 * a crew, several workers call it at once.
	 */
	bool (*enter)(void *context, uint32_t from, uint32_t edge);
	void *context;
	struct crew *crew; /* for levels of many blocks; NULL: no crew */
	/* What enter() looks at: so many bytes for each block, fetched before it is called. */
	const void *marks;
	unsigned mark_bytes;

	uint32_t level; /* of the blocks from which edges are followed now; pushed ones are 0 */
	size_t room;	/* of a list */
	struct flood_front now, next;
	size_t nnext[CREW_MOST]; /* in each worker's part of the next list */
	atomic_bool has_bits;	 /* some of the next level did not fit into lists */
	atomic_size_t taken;	 /* of the level, by workers */
};

/* Fills all from `level` on; what is before is the caller's. 0 or -ENOMEM. */
int flood_init(struct flood *flood) MUST_CHECK;
void flood_fini(struct flood *flood);

/* Where it begins; before flood_run(). */
void flood_push(struct flood *flood, uint32_t block);
/* Until nothing is entered any more. Then it can begin anew. */
void flood_run(struct flood *flood);
/*
 * The same in any order, and without a crew, for whom it does not matter who is nearest: a small
 * flood then costs no more than its edges.
 */
void flood_drain(struct flood *flood);

#endif
