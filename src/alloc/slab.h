/* Slabs: made, counted, purged, given back. Nothing here knows of heaps' lists. */
#ifndef PLAT_ALLOC_SLAB_H
#define PLAT_ALLOC_SLAB_H

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/state.h"
#include "alloc/tags.h"
#include "base/assert.h"

#include <stdbool.h>

/* With checks every block has a canary behind it; without, tags still tell 0 from a full slot. */
#define CANARY (CHECKS ? CANARY_BYTES : 0)
#define TAG_BIAS (CHECKS ? 0u : 1u)
#define SMALL_MAX (SMALL_STRIDE_MAX - CANARY)
#define WIDE_MAX (WIDE_STRIDE_MAX - CANARY)
#define SMALL_SHIFT 32
#define WIDE_SHIFT 40

struct fit {
	uint32_t class;
	uint32_t stride;
};

/* The class of blocks of so many bytes, at most WIDE_MAX. */
struct fit plat__fit(size_t bytes);
uint32_t plat__class_stride(uint32_t class);

static inline bool class_is_wide(uint32_t class)
{
	return class >= SMALL_CLASSES;
}

/* What a block has in front of it, in the slot before. */
static inline size_t slab_zone(const struct slab *slab)
{
	return slab->is_hard ? ZONE_BYTES : 0;
}

static inline uint32_t slab_lines(const struct slab *slab)
{
	return (slab->nslots + WINDOW - 1) / WINDOW;
}

/* The bin of small blocks of so many bytes, their canary included. */
static inline struct bin *heap_small_bin(struct heap *heap, size_t bytes)
{
	size_t at = heap->small_bins[(bytes + SLOT_GRAIN - 1) / SLOT_GRAIN];

	return (struct bin *)((char *)heap + at * sizeof(uint32_t));
}

/*
 * A slab of free slots, held, without an owner; in the map. NULL: there is no memory. wanted: so
 * many pages of it are likely to be used; 0: nobody knows.
 */
struct slab *plat__slab_new(uint32_t class, unsigned wanted);
/* No slot is live, and nobody can hand one out. */
void plat__slab_free(struct slab *slab);

/* A descriptor for one block; not in the map, of no granules. */
struct slab *plat__slab_alone(enum slab_kind kind);
/* Its granules are gone. */
void plat__slab_forget(struct slab *slab);

/* Which slots of a slab of wide ones are free: a bit each. */
uint64_t plat__slab_free_wide(const struct slab *slab);
uint32_t plat__slab_live(const struct slab *slab);
bool plat__slab_is_empty(const struct slab *slab);

/* The slots of this line are about to be handed out. */
void plat__slab_prepare(struct slab *slab, uint32_t line, uint64_t slots);

/*
 * Drops the pages that hold no live block, if there are so many at least; nobody hands out slots
 * meanwhile. Bytes that went.
 */
size_t plat__slab_purge(struct slab *slab, unsigned least);

/* Bytes of its pages that may be resident beyond what its live blocks need. */
size_t plat__slab_idle(const struct slab *slab, uint32_t live);

/* The slots that a line has: a bit each. */
static inline uint64_t slab_line_slots(const struct slab *slab, uint32_t line)
{
	uint32_t rest = slab->nslots - line * WINDOW;
	uint64_t slots = rest >= WINDOW ? UINT64_MAX : (UINT64_C(1) << rest) - 1;

	return line == 0 ? slots >> slab->is_hard << slab->is_hard : slots;
}

/* Which slots of a line are free: a bit each. */
static inline uint64_t slab_free_slots(const struct slab *slab, uint32_t line)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (slab->kind != SLAB_SMALL)
		return plat__slab_free_wide(slab);
	return tags_zero(slab->tags + line * WINDOW) & slab_line_slots(slab, line);
}

static inline uint32_t slab_tag(const struct slab *slab, uint32_t i)
{
	if (slab->kind == SLAB_WIDE)
		return guess((const uint16_t *)slab->tags + i);
	return guess(slab->tags + i);
}

static inline void slab_set_tag(struct slab *slab, uint32_t i, uint32_t tag)
{
	if (slab->kind == SLAB_WIDE)
		__atomic_store_n((uint16_t *)slab->tags + i, (uint16_t)tag, __ATOMIC_RELEASE);
	else
		__atomic_store_n(slab->tags + i, (uint8_t)tag, __ATOMIC_RELEASE);
}

static_assert(CANARY_BYTES > TAG_WAITS, "no live block has this tag");

static inline bool tag_is_live(uint32_t tag)
{
	return tag > (CHECKS ? TAG_WAITS : TAG_FREE);
}

static inline size_t slab_size_of(const struct slab *slab, uint32_t tag)
{
	return slab->stride + TAG_BIAS - tag;
}

#endif
