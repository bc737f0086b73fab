/*
 * From any address to the slab whose granules hold it.
 *
 * The map is exact: a root of one entry for each GiB, and leaves of one entry for each granule.
 * Beside it stands a table that is only a guess, by the low 32 bits of the address, for the short
 * ways: what it finds proves itself by the slab's base and slots. Where two slabs meet in one entry
 * the loser's blocks go the long way; blocks that stand alone give way to slots. But an entry of 0
 * is no guess: there was never a slab at such an address, nor a granule further on.
 */
#ifndef PLAT_ALLOC_MAP_H
#define PLAT_ALLOC_MAP_H

#include "alloc/atomic.h"
#include "alloc/state.h"
#include "base/compiler.h"

#include <assert.h>

#define NEAR_ENTRIES 65536
#define ROOT_SHIFT 30
#define ROOT_ENTRIES ((size_t)1 << 17)
#define LEAF_ENTRIES ((size_t)1 << (ROOT_SHIFT - GRANULE_SHIFT))

/*
 * An entry says how far its slab is from here, where a slab without slots stands: so an entry of 0
 * leads somewhere, too, and the short way of free has one question less. Entries that were in use
 * lead to another one, and so do those in front of slabs.
 */
struct near {
	_Alignas(struct slab) unsigned char none[sizeof(struct slab)];
	_Alignas(struct slab) unsigned char gone[sizeof(struct slab)];
	uintptr_t distances[NEAR_ENTRIES];
};

static_assert(_Alignof(struct near) == _Alignof(struct slab), "the first slab begins it");

#define NEAR_GONE offsetof(struct near, gone)

extern struct near plat__near __attribute__((visibility("hidden")));
#define LEAF_CHUNKS ((size_t)LEAF_ENTRIES / CHUNK_GRANULES)

/* Chunks come first: on the page that says whose memory a leaf is, and so is touched anyway. */
struct leaf {
	struct chunk *chunks[LEAF_CHUNKS];
	struct slab *slabs[LEAF_ENTRIES];
};

extern struct leaf *plat__root[ROOT_ENTRIES] __attribute__((visibility("hidden")));

static inline uintptr_t near_distance(const void *p)
{
	return guess(&plat__near.distances[(uint32_t)(uintptr_t)p >> GRANULE_SHIFT]);
}

static inline struct slab *near_at(uintptr_t distance)
{
	return (struct slab *)((uintptr_t)&plat__near + distance);
}

/* Never NULL; a slab that may be another one, or of no slots. */
static inline struct slab *near_slab(const void *p)
{
	return near_at(near_distance(p));
}

static ALWAYS_INLINE struct leaf *map_leaf(uintptr_t address)
{
	uint64_t i = (uint64_t)address >> ROOT_SHIFT;

	return i < ROOT_ENTRIES ? load_acquire(&plat__root[i]) : NULL;
}

static ALWAYS_INLINE struct slab **map_entry(struct leaf *leaf, uintptr_t address)
{
	return &leaf->slabs[(address >> GRANULE_SHIFT) % LEAF_ENTRIES];
}

/* The slab that holds the address, or NULL. */
static ALWAYS_INLINE struct slab *map_find(uintptr_t address)
{
	struct leaf *leaf = map_leaf(address);

	return leaf ? load_acquire(map_entry(leaf, address)) : NULL;
}

/* The same, for who has time. */
struct slab *plat__map_find(uintptr_t address);

/* All granules of the slab lead to it. -ENOMEM: none does. */
int plat__map_add(struct slab *slab);
void plat__map_remove(struct slab *slab);
/* n granules of the slab from here on lead nowhere. */
void plat__map_clear(const struct slab *slab, uintptr_t base, size_t n);

/* The window of 4 MiB that holds the address, or NULL. */
struct chunk *plat__map_chunk(uintptr_t address);
/* The same; makes one where there is none, with no granule in it. NULL: there is no memory. */
struct chunk *plat__map_make_chunk(uintptr_t address);

/* Calls visit for every slab, in the order of addresses, until it returns something else than 0. */
int plat__map_walk(int (*visit)(struct slab *slab, void *data), void *data);

#endif
