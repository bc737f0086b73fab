/* Slabs: made, counted, purged, given back. Nothing here knows of heaps' lists. */
#ifndef PLAT_ALLOC_SLAB_H
#define PLAT_ALLOC_SLAB_H

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/options.h"
#include "alloc/state.h"
#include "alloc/system.h"
#include "alloc/tags.h"
#include "base/assert.h"

#include <stdbool.h>

/* With checks every block has a canary behind it; without, tags still tell 0 from a full slot. */
#define CANARY (CHECKS ? CANARY_BYTES : 0)
#define TAG_BIAS (CHECKS ? 0u : 1u)
#define SMALL_MAX (SMALL_STRIDE_MAX - CANARY)
#define WIDE_MAX (WIDE_STRIDE_MAX - CANARY)
/* What reciprocals are multiplied by: of all strides and offsets the quotient is exact. */
#define SLOT_SHIFT 40

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

/* Else one block stands alone in it. */
static inline bool slab_has_slots(const struct slab *slab)
{
	return slab->kind == SLAB_SMALL || slab->kind == SLAB_WIDE;
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

/* The bin of blocks of so many bytes, which are small ones. */
static inline struct bin *heap_small_bin(struct heap *heap, size_t bytes)
{
	size_t at = heap->bins_of_small[bytes];

	return (struct bin *)((char *)&heap->bins[1] + at * sizeof(uint64_t));
}

static inline size_t wide_grains(size_t bytes)
{
	return (bytes + CANARY - 1) / WIDE_GRAIN;
}

/* The same for wide ones. */
static inline struct bin *heap_wide_bin(struct heap *heap, size_t bytes)
{
	size_t at = heap->bins_of_wide[wide_grains(bytes)];

	return (struct bin *)((char *)&heap->bins[SMALL_CLASSES] + at * sizeof(uint64_t));
}

/*
 * The slot that begins at this address; a number that is too high for a slot, if none does. The
 * stride is an odd number times a power of two, and to multiply by the odd number's inverse is to
 * divide by it where that leaves no rest. As both this and the rotation lead from different numbers
 * to different ones, no other address comes to a slot's number.
 */
static inline uint64_t slab_slot_at(const struct slab *slab, uintptr_t at)
{
	uint64_t turned = (uint64_t)(at - guess(&slab->base)) * guess(&slab->inverse);
	unsigned shift = guess(&slab->shift);

	return turned >> shift | turned << (-shift & 63);
}

/*
 * A slab of free slots, held, without an owner; in the map. A large one has more of them, if they
 * are wide ones and there is room. NULL: there is no memory.
 */
struct slab *plat__slab_new(uint32_t class, struct liking like, bool is_large);
/* No slot is live, and nobody can hand one out. */
void plat__slab_free(struct slab *slab);

/* From now on the short way of free leaves its slots to the long one. */
void plat__slab_hide(struct slab *slab);

/* A descriptor for one block; not in the map, of no granules. */
struct slab *plat__slab_alone(enum slab_kind kind);
/* Its granules are gone. */
void plat__slab_forget(struct slab *slab);

/* Which slots of a slab of wide ones are free: a bit each. */
uint64_t plat__slab_free_wide(const struct slab *slab);
uint32_t plat__slab_live(const struct slab *slab);
bool plat__slab_is_empty(const struct slab *slab);

/* The pages between two offsets: a bit each. */
static inline uint64_t slab_page_bits(size_t start, size_t end)
{
	size_t first = start >> plat__page_shift, last = (end - 1) >> plat__page_shift;

	return UINT64_MAX << (first & 63) & UINT64_MAX >> (63 - (last & 63));
}

void plat__slab_prepare(struct slab *slab, uint32_t line, uint64_t slots, uint64_t pages);

/* The slots of this line are about to be handed out. The last of them ends before slot `high`. */
static inline void slab_prepare(struct slab *slab, uint32_t line, uint64_t slots, size_t high)
{
	size_t low = line * WINDOW + lowest_bit(slots);
	uint64_t pages = slab_page_bits(low * slab->stride - slab_zone(slab), high * slab->stride);

	if (line >= slab->prepared || pages & ~slab->pages)
		plat__slab_prepare(slab, line, slots, pages);
}

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
