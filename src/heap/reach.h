/*
 * Which blocks the program can get at, from where, and how.
 */
#ifndef HEAP_REACH_H
#define HEAP_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/crew.h"
#include "heap/graph.h"

#define ROOTS_ALL ((1u << NROOT_KINDS) - 1)

/* Beside a bit for each root_kind: all along the way to it pointers are to the first byte. */
#define REACH_FIRM 0x80u

#define LEVEL_MOST 254 /* or more */
#define LEVEL_NONE 255 /* it is not reached */

static_assert(NROOT_KINDS <= 7, "kinds fit beside the bit of what is firm");

struct reach {
	const struct graph *graph;
	uint16_t *marks; /* of each block: see below, from which the level is the upper half */
};

/*
 * Marks all that is reached from roots of these kinds, a bit for each enum root_kind. The crew may
 * be NULL. 0, and *ret is the caller's to reach_fini(); or -ENOMEM.
 */
int reach_make(const struct graph *graph, unsigned kinds, struct crew *crew,
	       struct reach *ret) MUST_CHECK;
void reach_fini(struct reach *reach);

/* A bit for each kind of root that it is reached from, and REACH_FIRM. */
static inline unsigned reach_kinds(const struct reach *reach, uint32_t block)
{
	return reach->marks[block] & 0xff;
}

/* How many blocks lie between it and the nearest root. */
static inline unsigned reach_level(const struct reach *reach, uint32_t block)
{
	return reach->marks[block] >> 8;
}

static inline bool reach_has(const struct reach *reach, uint32_t block)
{
	return reach_kinds(reach, block) != 0;
}

/* A live block that no root leads to. */
static inline bool reach_is_lost(const struct reach *reach, uint32_t block)
{
	return !reach_has(reach, block) && block_state_of(reach->graph->index, block) == BLOCK_LIVE;
}

/* A shortest way from a root to a block. */
struct path {
	uint32_t root;	 /* whose word it begins with; NO_ROOT: a block of unknown state */
	uint32_t *edges; /* what that word points to, and so on; the last leads to the block */
	size_t n;
};

/*
 * From roots of these kinds; with REACH_FIRM only by pointers to first bytes. 0, and *ret is the
 * caller's to path_fini(); -ENOENT: there is none; -ENOMEM.
 */
int path_find(const struct graph *graph, unsigned kinds, uint32_t block,
	      struct path *ret) MUST_CHECK;
void path_fini(struct path *path);

#endif
