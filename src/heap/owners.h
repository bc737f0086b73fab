/*
 * How much each of several owners holds: a global, a thread's stack, a type's blocks, a lost block.
 *
 *     owner 0 -> A -> B        exclusive of 0: A, B    what 0 holds and nobody else
 *                     .        exclusive of 1: C
 *     owner 1 -> C -> D        first of 0: A, B, D     what 0 holds and no owner before it
 *     owner 0 ------> D        first of 1: C
 *
 * All that is held is the sum of `first`. What each holds in all, shared or not, cannot be had for
 * all owners at once in linear time; of one it is the `first` where it is the only one.
 *
 *     owners_init(&owners, graph)
 *     for each owner, from 0 on:
 *             owners_add(&owners, owner, block) ...
 *             owners_spread(&owners)
 *     owners_count(&owners, totals, n, sizeof(*totals))
 *     owners_fini(&owners)
 *
 * Each edge is followed twice at most: when an owner comes to a block first, and when a second
 * comes.
 */
#ifndef HEAP_OWNERS_H
#define HEAP_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/flood.h"
#include "heap/graph.h"

#define OWNERS_MOST (NO_OWNER - 1)
#define NO_OWNER (UINT32_MAX >> 1)

struct owned {
	uint64_t bytes, exclusive_bytes; /* of what it was the first to reach */
	uint32_t blocks, exclusive_blocks;
};

struct owners {
	const struct graph *graph;
	uint32_t *
		marks; /* of each block: who came first, and in the lowest bit whether others did */
	struct flood flood;
	uint32_t owner; /* whose turn it is */
};

/* 0 or -ENOMEM. */
int owners_init(struct owners *owners, const struct graph *graph) MUST_CHECK;
void owners_fini(struct owners *owners);

/* Before all else: nobody holds this block, nor goes on from there. */
void owners_close(struct owners *owners, uint32_t block);

/*
 * A block that the owner, a number below OWNERS_MOST, holds by itself; or all that one of the
 * graph's spans points to. Owners come one after the other.
 */
void owners_add(struct owners *owners, uint32_t owner, uint32_t block);
void owners_add_span(struct owners *owners, uint32_t owner, uint32_t span);
void owners_spread(struct owners *owners);

/* Who came first, or NO_OWNER; whether others did, too. */
static inline uint32_t owners_first(const struct owners *owners, uint32_t block)
{
	uint32_t first = owners->marks[block] >> 1;

	return first < OWNERS_MOST ? first : NO_OWNER;
}

static inline bool owners_are_several(const struct owners *owners, uint32_t block)
{
	return (owners->marks[block] & 1) && owners_first(owners, block) != NO_OWNER;
}

/*
 * Adds up what each of `n` owners holds, in as many structs, one each `stride` bytes, that are
 * all 0.
 */
void owners_count(const struct owners *owners, struct owned *totals, size_t n, size_t stride);

#endif
