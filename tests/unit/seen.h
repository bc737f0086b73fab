/* What a walk of a heap shows: its blocks in the order of addresses, and how much its ranges hold.
 */
#ifndef UNIT_SEEN_H
#define UNIT_SEEN_H

#include "heap/heap.h"

#include "unit.h"

#include <string.h>

#define SEEN_MOST 5000

static struct block seen[SEEN_MOST];
static size_t nseen;
static uint64_t held;

static inline void forget_seen(void)
{
	nseen = 0;
	held = 0;
}

static inline int take_block(void *context, const struct block *block)
{
	(void)context;
	assert_true(nseen < SEEN_MOST);
	if (nseen)
		assert_true(seen[nseen - 1].address < block->address);
	seen[nseen++] = *block;
	return 0;
}

static inline int take_range(void *context, plat_addr start, plat_addr end)
{
	(void)context;
	assert_true(start < end);
	held += end - start;
	return 0;
}

/* The block that was seen at an address, or NULL. */
static inline const struct block *block_at(plat_addr address)
{
	size_t i;

	for (i = 0; i < nseen; i++)
		if (seen[i].address == address)
			return &seen[i];
	return NULL;
}

/* The block that was seen there is on this shelf; NULL: on none. */
static inline void assert_shelf(struct heap_reading *heap, plat_addr address, const char *name,
				uint32_t number)
{
	const struct block *block = block_at(address);
	struct shelf shelf;

	assert_non_null(block);
	shelf = heap_shelf_of(heap, block);
	if (!name || !shelf.name)
		assert_true(!name && !shelf.name);
	else
		assert_string_equal(shelf.name, name);
	assert_int_equal(shelf.number, number);
}

/* What held is made of. */
static inline uint64_t sum_of(const struct heap_sums *sums)
{
	return sums->live_bytes + sums->slack + sums->free_bytes + sums->unknown_bytes;
}

#endif
