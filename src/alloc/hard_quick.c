/*
 * The short ways of hard mode, for small slots that are whole: no branch depends on what is in the
 * slot or beside it. What was read is joined into one word, and if that is not 0 nothing has been
 * done yet, and the long way finds out what it was.
 *
 * Neighbours are read whether they are live or not: to ask first would cost a branch that goes
 * either way. What is read of live ones is dropped.
 */
#include "alloc/hard_slot.h"

#include "alloc/atomic.h"
#include "alloc/hard.h"
#include "alloc/heap.h"
#include "alloc/map.h"
#include "alloc/process.h"

/* --- a block is made --- */

/* Slots of a window are mostly handed out in a row, and what waited has left the cache. */
#define AHEAD 3

static inline void fetch(const char *p)
{
	__builtin_prefetch(p, 1);
	__builtin_prefetch(p + META_LINE, 1);
}

/* The mask is not 0. NULL: nothing has changed. */
static inline void *take(struct bin *bin, uint64_t mask, size_t bytes)
{
	uint64_t behind = mask >> bin->turn << bin->turn;
	uint64_t i = lowest_bit(behind ? behind : mask), key = zone_key(), zone;
	uint8_t *tag = bin->tags + i;
	uint32_t stride = (uint32_t)bin->stride;
	char *p = (char *)bin->base + i * stride;

	if (!bin->current->is_hard || (body_damage(p, stride) | *tag) != 0)
		return NULL;
	zone = zone_at(p);
	if (zone != key) {
		if (zone != 0)
			return NULL;
		set_zone(p);
	}
	store_relaxed(&bin->mask, mask & ~(UINT64_C(1) << i));
	fetch(p + AHEAD * stride);
	/* First the tag: whoever frees a neighbour takes what has none for zeros. */
	store_release(tag, (uint8_t)(stride + TAG_BIAS - bytes));
	*(half *)(p + bytes) = plat__key;
	return p;
}

void *plat__hard_malloc_quick(size_t bytes)
{
	struct heap *heap = plat__my_long_heap, *seen;
	struct bin *bin;
	uint64_t mask;
	void *p = NULL;

	/* A block of no bytes lies elsewhere; what interrupted a call takes from another heap. */
	if (!heap || load_relaxed(&heap->is_busy) || bytes - 1 >= SMALL_MAX - ZONE_BYTES ||
	    load_relaxed(&plat__options.perturb))
		return NULL;
	bin = heap_small_bin(heap, bytes + ZONE_BYTES);
	seen = begin_taking(heap);
	mask = load_relaxed(&bin->mask);
	if (mask)
		p = take(bin, mask, bytes);
	end_taking(heap, seen);
	return p;
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

/* Now and then; not inlined, so that nobody else saves registers for the call. Always true. */
static __attribute__((noinline)) bool look(struct slab *slab)
{
	plat__heap_look(plat__thread_heap(), slab);
	return true;
}

/* Always true. */
static inline bool finish(struct slab *slab)
{
	return __builtin_expect(count_down(&slab->left) != 0, 1) || look(slab);
}

static __attribute__((noinline)) bool free_any(void *p)
{
	struct slab *slab;
	uint32_t slot, tag;

	if (!find_hard(p, &slab, &slot))
		return false;
	tag = slab_tag(slab, slot);
	if (!tag_is_live(tag) || *slot_kind(slab, slot) != KIND_MALLOC ||
	    !plat__hard_is_sound(slab, slot, p, slab_size_of(slab, tag)))
		return false;
	clear_body(p, slab_size_of(slab, tag) + CANARY_BYTES, slab->stride);
	slab_set_tag(slab, slot, TAG_WAITS);
	return finish(slab);
}

bool plat__hard_free_quick(void *p)
{
	struct slab *slab = near_slab(p);
	uint64_t slot = slab_slot_at(slab, (uintptr_t)p);
	uint32_t stride;
	uint8_t *tag;

	/* What lies behind a slab's last slot is nobody's to be read. */
	if (slab->kind != SLAB_SMALL || slab->is_hard != 1 || slot >= slab->nslots - 1)
		return free_any(p);
	tag = slab->tags + slot;
	stride = slab->stride;
	if (!tag_is_live(*tag) || *slot_kind(slab, (uint32_t)slot) != KIND_MALLOC ||
	    damage_around(p, tag, stride) != 0)
		return false;
	clear_small_body(p, stride - *tag + CANARY_BYTES, stride);
	store_release(tag, TAG_WAITS);
	return finish(slab);
}
