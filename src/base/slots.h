/*
 * Finds things again by their hashes. The things stand in a list of the caller's, from number 0 on
 * without holes; here are their numbers alone.
 *
 *	for (place = slots_first(&slots, hash); *place != NO_SLOT;
 *	     place = slots_next(&slots, place))
 *		if (it is number *place)
 *			...
 *	*place = the next number;
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define NO_SLOT UINT32_MAX

struct slots {
	uint32_t *items;
	unsigned shift; /* there are 1 << shift; 0: none yet */
};

/*
 * Makes room for one more than the `n` that there are; `hash_at` is asked for theirs. 0; or -ENOMEM
 * with nothing changed.
 */
int slots_reserve(struct slots *slots, size_t n,
		  uint64_t (*hash_at)(const void *context, uint32_t number),
		  const void *context) MUST_CHECK;
void slots_fini(struct slots *slots);

/*
 * Fibonacci hashing: the upper bits of the product have something of all bits. Where the slots lie
 * goes in, for nobody can know that who wants it to be slow.
 */
static inline uint32_t *slots_first(const struct slots *slots, uint64_t hash)
{
	uint64_t mixed = (hash ^ (uintptr_t)slots->items) * UINT64_C(0x9e3779b97f4a7c15);

	return &slots->items[mixed >> (64 - slots->shift)];
}

static inline uint32_t *slots_next(const struct slots *slots, uint32_t *place)
{
	size_t i = (size_t)(place - slots->items) + 1;

	return &slots->items[i & (((size_t)1 << slots->shift) - 1)];
}

#endif
