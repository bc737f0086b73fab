/*
 * What many owners hold, each known by the blocks and spans that it begins with.
 *
 *     exclusive   what it holds and nobody else
 *     held        with that, what it shares with owners that have less for themselves; the sum of
 *                 all owners' is what all of them reach
 *     in all      what it leads to, whoever else does; of a few owners only
 *
 * Shared blocks have to be counted with somebody, and who that is must not depend on where a
 * variable happens to lie: of two that lead to a list, one to its head and one into its middle, it
 * is the former, which alone holds the beginning. So it is gone through twice.
 *
 * And a pointer to a first byte counts before one into a block: numbers, texts and what was left in
 * memory look like the latter more often. What nobody leads to by the former belongs with whoever
 * has the block in which the latter stands.
 */
#ifndef HEAP_HOLDINGS_H
#define HEAP_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/graph.h"
#include "heap/owners.h"

/* Where an owner begins. */
struct holding_start {
	uint32_t owner;
	uint32_t number; /* of a block, or of one of the graph's spans */
	bool is_span;
	bool is_interior; /* of a block: it is pointed into */
};

struct holding {
	/* The caller's: with owners of a lower one shared blocks are counted before all others. */
	unsigned tier;
	struct owned owned; /* bytes and blocks: held; exclusive_...: exclusive */
};

struct holding_all {
	uint64_t bytes, blocks;
};

/*
 * Of owners 0 to n - 1, whose starts come in the order of their owners: fills `owned`. Among owners
 * of a tier that have as much for themselves, shared blocks are counted with the first. 0 or
 * -ENOMEM.
 */
int holdings_count(const struct graph *graph, const struct holding_start *starts, size_t nstarts,
		   struct holding *ret, size_t n) MUST_CHECK;

#define HOLDINGS_AT_ONCE 16

/*
 * What each of up to HOLDINGS_AT_ONCE owners leads to in all; starts of other owners do not matter.
 * It takes as long as going through the graph once, at worst as often as there are owners. 0 or
 * -ENOMEM.
 */
int holdings_in_all(const struct graph *graph, const struct holding_start *starts, size_t nstarts,
		    const uint32_t *owners, size_t n, struct holding_all *ret) MUST_CHECK;

#endif
