/*
 * The short ways of hard mode, for slots that are whole: of small ones no branch depends on what is
 * in the slot or beside it. What was read is joined into one word, and if that is not 0 nothing has
 * been done yet, and the long way finds out what it was.
 *
 * Neighbours are read whether they are live or not: to ask first would cost a branch that goes
 * either way. What is read of live ones is dropped.
 */
#include "alloc/hard_slot.h"

#include "alloc/atomic.h"
#include "alloc/hard.h"
#include "alloc/heap.h"
#include "alloc/malloc.h"
#include "alloc/map.h"
#include "alloc/process.h"
#include "base/compiler.h"

/* --- a block is made --- */

/* Slots of a window are mostly handed out in a row, and what waited has left the cache. */
#define AHEAD 3

static inline void fetch(const char *p)
{
	__builtin_prefetch(p, 1);
	__builtin_prefetch(p + META_LINE, 1);
}

/* The next free slot of the window, from where its turn began. */
static inline uint64_t next_slot(const struct bin *bin, uint64_t mask)
{
	uint64_t behind = mask >> bin->turn << bin->turn;

	return lowest_bit(behind ? behind : mask);
}

static inline uint32_t window_tag(const struct bin *bin, bool is_wide, uint64_t i)
{
	return is_wide ? ((const uint16_t *)bin->tags)[i] : bin->tags[i];
}

static inline void set_window_tag(struct bin *bin, bool is_wide, uint64_t i, uint32_t tag)
{
	if (is_wide)
		store_release((uint16_t *)bin->tags + i, (uint16_t)tag);
	else
		store_release(bin->tags + i, (uint8_t)tag);
}

/* The mask is not 0. NULL: nothing has changed. */
static ALWAYS_INLINE void *take(struct bin *bin, bool is_wide, uint64_t mask, size_t bytes)
{
	uint64_t i = next_slot(bin, mask), zone;
	uint32_t stride = (uint32_t)bin->stride;
	char *p = (char *)bin->base + i * stride;

	if (unlikely((body_damage(p, stride) | window_tag(bin, is_wide, i)) != 0 ||
		     !bin->current->is_hard))
		return NULL;
	zone = zone_at(p);
	if (zone != zone_key()) {
		if (zone != 0)
			return NULL;
		set_zone(p);
	}
	store_relaxed(&bin->mask, mask & ~(UINT64_C(1) << i));
	if (!is_wide)
		fetch(p + AHEAD * stride);
	/* First the tag: whoever frees a neighbour takes what has none for zeros. */
	set_window_tag(bin, is_wide, i, (uint32_t)(stride + TAG_BIAS - bytes));
	memcpy(p + bytes, &plat__key, CANARY_BYTES);
	return p;
}

/*
 * From here on a handler that interrupts this takes from another heap. That the one which the short
 * ways of the default look at is away need not be said: it holds nothing.
 */
static ALWAYS_INLINE void *take_busy(struct heap *heap, struct bin *bin, bool is_wide, size_t bytes)
{
	uint64_t mask;
	void *p = NULL;

	store_relaxed(&heap->is_busy, 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mask = load_relaxed(&bin->mask);
	if (likely(mask))
		p = take(bin, is_wide, mask, bytes);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store_relaxed(&heap->is_busy, 0);
	return p;
}

static NOINLINE void *take_wide(struct heap *heap, size_t bytes)
{
	if (bytes - 1 >= WIDE_MAX - ZONE_BYTES)
		return NULL;
	return take_busy(heap, heap_wide_bin(heap, bytes + ZONE_BYTES), true, bytes);
}

void *plat__hard_malloc_quick(size_t bytes)
{
	struct heap *heap = plat__my_long_heap;

	/* A block of no bytes lies elsewhere. */
	if (unlikely(!heap || load_relaxed(&heap->is_busy) || load_relaxed(&plat__options.perturb)))
		return NULL;
	if (unlikely(bytes - 1 >= SMALL_MAX - ZONE_BYTES))
		return take_wide(heap, bytes);
	return take_busy(heap, heap_small_bin(heap, bytes + ZONE_BYTES), false, bytes);
}

/* --- a block is freed --- */

static inline uint64_t if_free(uint8_t tag, uint64_t damage)
{
	return damage & -(uint64_t)!tag_is_live(tag);
}

/*
 * Of a live block in a slot that is neither the first of its slab nor the last: 0, if nothing is to
 * be seen, whoever's fault it would be.
 */
static inline uint64_t damage_around(const char *p, const uint8_t *tag, uint32_t stride)
{
	const char *end = p + stride;
	uint64_t key = zone_key(), behind = zone_at(end), sum;

	sum = tail_damage(end - *tag, end - ZONE_BYTES, plat__key) | (zone_at(p) ^ key);
	if (behind != key) /* mostly it is */
		sum |= behind;
	return sum | if_free(tag[-1], end_of(p)) | if_free(tag[1], begin_of(end));
}

/* Now and then. */
static NOINLINE void look(struct slab *slab)
{
	plat__heap_look(plat__thread_heap(), slab);
}

static ALWAYS_INLINE void finish(struct slab *slab)
{
	if (unlikely(count_down(&slab->left) == 0))
		look(slab);
}

static NOINLINE void free_any(void *p, struct slab *slab, uint64_t at)
{
	uint32_t slot = (uint32_t)at, tag;
	size_t size;

	if (!slab->is_hard || at >= slab->nslots)
		return plat__free_checked(p);
	tag = slab_tag(slab, slot);
	size = slab_size_of(slab, tag);
	if (!tag_is_live(tag) || *slot_kind(slab, slot) != KIND_MALLOC ||
	    !plat__hard_is_sound(slab, slot, p, size))
		return plat__free_checked(p);
	clear_body(p, size + CANARY_BYTES, slab->stride);
	slab_set_tag(slab, slot, TAG_WAITS);
	finish(slab);
}

void plat__hard_free_quick(void *p, struct slab *slab, uint64_t slot)
{
	uint32_t stride = slab->stride;
	uint8_t *tag;

	/* What lies behind a slab's last slot is nobody's to be read. */
	if (slab->kind != SLAB_SMALL || slab->is_hard != 1 || slot >= slab->nslots - 1)
		return free_any(p, slab, slot);
	tag = slab->tags + slot;
	if (!tag_is_live(*tag) || *small_kind(slab, tag) != KIND_MALLOC ||
	    damage_around(p, tag, stride) != 0)
		return plat__free_checked(p);
	clear_small_body(p, stride - *tag + CANARY_BYTES, stride);
	store_release(tag, TAG_WAITS);
	finish(slab);
}
