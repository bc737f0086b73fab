/* Blocks that a walk has shown and that are not live: each is on a shelf with a name, or on none.
 */
#ifndef FUZZ_SHELVES_H
#define FUZZ_SHELVES_H

#include "base/assert.h"
#include "heap/heap.h"

#define SHELVED_MOST 64

struct shelved {
	struct block list[SHELVED_MOST];
	unsigned n;
};

static inline void shelved_take(struct shelved *shelved, const struct block *block)
{
	if (block->state != BLOCK_LIVE && shelved->n < SHELVED_MOST)
		shelved->list[shelved->n++] = *block;
}

static inline void shelved_check(const struct shelved *shelved, struct heap_reading *heap)
{
	unsigned i;

	for (i = 0; i < shelved->n; i++) {
		struct shelf shelf = heap_shelf_of(heap, &shelved->list[i]);

		must(shelf.name ? *shelf.name : shelf.number == NO_NUMBER && shelf.tid == 0);
	}
}

#endif
