#include "alloc/map.h"

#include "alloc/atomic.h"
#include "alloc/meta.h"
#include "alloc/slab.h"
#include "base/compiler.h"

#include <errno.h>

struct near plat__near MOSTLY_UNTOUCHED;
struct leaf *plat__root[ROOT_ENTRIES] MOSTLY_UNTOUCHED;

/*
 * A load that also writes what stood there: a page that is read first is faulted in twice, once as
 * the page of zeros.
 */
#define written_first(p) fetch_add((uintptr_t *)(p), 0)

/* Of the entries in use: a walk of all would touch a MiB. */
static size_t root_low = ROOT_ENTRIES, root_high;

static void widen_root(size_t i)
{
	size_t low = load_relaxed(&root_low), high = load_relaxed(&root_high);

	while (i < low && !compare_exchange(&root_low, &low, i))
		;
	while (i >= high && !compare_exchange(&root_high, &high, i + 1))
		;
}

struct slab *plat__map_find(uintptr_t address)
{
	return map_find(address);
}

static uintptr_t *near_entry(uintptr_t address)
{
	return &plat__near.distances[(uint32_t)address >> GRANULE_SHIFT];
}

static uintptr_t distance_of(const struct slab *slab)
{
	return (uintptr_t)slab - (uintptr_t)&plat__near;
}

/* What the loser of a race made stays unused: once for each GiB or chunk at most. */
static struct leaf *make_leaf(uintptr_t address)
{
	uint64_t i = (uint64_t)address >> ROOT_SHIFT;
	struct leaf *leaf, *none = NULL;

	if (i >= ROOT_ENTRIES)
		return NULL;
	leaf = (struct leaf *)written_first(&plat__root[i]);
	if (leaf)
		return leaf;
	leaf = plat__meta_take(sizeof(*leaf));
	if (!leaf)
		return NULL;
	widen_root((size_t)i);
	return compare_exchange(&plat__root[i], &none, leaf) ? leaf : none;
}

static struct chunk **chunk_entry(struct leaf *leaf, uintptr_t address)
{
	return &leaf->chunks[address / CHUNK_BYTES % LEAF_CHUNKS];
}

struct chunk *plat__map_chunk(uintptr_t address)
{
	struct leaf *leaf = map_leaf(address);

	return leaf ? load_acquire(chunk_entry(leaf, address)) : NULL;
}

struct chunk *plat__map_make_chunk(uintptr_t address)
{
	struct leaf *leaf = make_leaf(address);
	struct chunk *chunk, *none = NULL;

	if (!leaf)
		return NULL;
	chunk = (struct chunk *)written_first(chunk_entry(leaf, address));
	if (chunk)
		return chunk;
	chunk = plat__meta_take(sizeof(*chunk));
	if (!chunk)
		return NULL;
	chunk->base = address & ~(CHUNK_BYTES - 1);
	chunk->used = UINT64_MAX;
	return compare_exchange(chunk_entry(leaf, address), &none, chunk) ? chunk : none;
}

/*
 * Without care for who does the same meanwhile: what one of them loses is an entry, for which it
 * goes the long way.
 */
static void set_near(const struct slab *slab, uintptr_t address)
{
	uintptr_t *entry = near_entry(address), seen;

	if (!slab_has_slots(slab)) {
		seen = written_first(entry);
		if (seen != 0 && seen != NEAR_GONE)
			return;
	}
	store_release(entry, distance_of(slab));
}

static void clear_near(const struct slab *slab, uintptr_t address)
{
	uintptr_t *entry = near_entry(address);

	if (load_relaxed(entry) == distance_of(slab))
		store_release(entry, NEAR_GONE);
}

/* In front of a slab an entry is not 0: whoever copies from there may come to the slab. */
static void mark_near(uintptr_t address)
{
	uintptr_t none = 0;

	compare_exchange(near_entry(address), &none, NEAR_GONE);
}

int plat__map_add(struct slab *slab)
{
	uintptr_t first = slab->base & ~(GRANULE - 1), at;
	size_t i;

	for (i = 0; i < slab->ngranules; i++) {
		at = first + i * GRANULE;
		if (!make_leaf(at))
			return -ENOMEM;
	}
	for (i = 0; i < slab->ngranules; i++) {
		at = first + i * GRANULE;
		store_release(map_entry(map_leaf(at), at), slab);
		set_near(slab, at);
	}
	mark_near(first - GRANULE);
	return 0;
}

void plat__map_clear(const struct slab *slab, uintptr_t base, size_t n)
{
	uintptr_t at;

	for (at = base; n > 0; n--, at += GRANULE) {
		clear_near(slab, at);
		store_release(map_entry(map_leaf(at), at), NULL);
	}
}

void plat__map_remove(struct slab *slab)
{
	plat__map_clear(slab, slab->base & ~(GRANULE - 1), slab->ngranules);
}

int plat__map_walk(int (*visit)(struct slab *slab, void *data), void *data)
{
	struct slab *last = NULL;
	size_t i, k;
	int r;

	for (i = load_acquire(&root_low); i < load_acquire(&root_high); i++) {
		struct leaf *leaf = load_acquire(&plat__root[i]);

		for (k = 0; leaf && k < LEAF_ENTRIES; k++) {
			struct slab *slab = load_acquire(&leaf->slabs[k]);

			if (!slab || slab == last)
				continue;
			last = slab;
			r = visit(slab, data);
			if (r != 0)
				return r;
		}
	}
	return 0;
}
