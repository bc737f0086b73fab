#include "alloc/hard.h"

#include "alloc/atomic.h"
#include "alloc/hard_slot.h"
#include "alloc/heap.h"
#include "alloc/map.h"
#include "alloc/malloc.h"
#include "alloc/meta.h"
#include "alloc/process.h"
#include "alloc/sample.h"
#include "alloc/system.h"

#include <string.h>

/* A page with no live block in it may be dropped, and with it the zone before one on the next. */
static bool is_zone_before(const char *p)
{
	return zone_at(p) == zone_key() ||
	       ((uintptr_t)p % plat__page_bytes == 0 && zone_at(p) == 0);
}

/* The slots of a line, as long as it is. */
static uint32_t line_end(const struct slab *slab, uint32_t line)
{
	uint32_t end = (line + 1) * WINDOW;

	return end < slab->nslots ? end : slab->nslots;
}

/* Pages that are not resident are zero. */
void plat__hard_prepare(struct slab *slab, uint32_t line)
{
	size_t at = (size_t)line * WINDOW * slab->stride, end;

	for (end = (size_t)line_end(slab, line) * slab->stride; at < end;) {
		size_t page = at / plat__page_bytes, next = (page + 1) * plat__page_bytes;

		if (next > end)
			next = end;
		if (slab->pages >> page & 1)
			memset((char *)slab->base + at, 0, next - at);
		at = next;
	}
}

void plat__hard_look(const struct slab *slab)
{
	const char *p = (const char *)slab->base;
	uint32_t i, end = slab->prepared ? line_end(slab, slab->prepared - 1) : 0;

	for (i = 0; i < end; i++, p += slab->stride) {
		size_t page = (size_t)i * slab->stride / plat__page_bytes;

		if (!(slab->pages >> page & 1) || tag_is_live(slab_tag(slab, i)))
			continue;
		if (body_damage(p, slab->stride) != 0)
			plat__fault(FAULT_WRITE_AFTER_FREE, p, SIZE_MAX, p);
	}
}

/* --- kinds --- */

/* NULL: the slab knows of none. */
static uint8_t *kind_of(struct slab *slab, uint32_t slot)
{
	if (slab->kind != SLAB_SMALL && slab->kind != SLAB_WIDE)
		return &slab->class;
	return slab->is_hard ? slot_kind(slab, slot) : NULL;
}

void plat__kind_set(void *p, enum kind kind)
{
	struct found found;
	uint8_t *byte = NULL;

	if (find_hard(p, &found.slab, &found.slot))
		byte = slot_kind(found.slab, found.slot);
	else if (p && plat__find(p, &found))
		byte = kind_of(found.slab, found.slot);
	if (byte)
		*byte = (uint8_t)kind;
}

/* Whatever it was, it is plat__free's now. */
void plat__kind_check_found(const struct found *found, enum kind kind)
{
	uint8_t *byte = kind_of(found->slab, found->slot);
	const void *p = (const void *)found->start;

	if (byte && *byte != kind)
		plat__fault(FAULT_MISMATCHED_FREE, p, found->size, p);
	if (byte)
		*byte = KIND_MALLOC;
}

void plat__kind_check(void *p, enum kind kind)
{
	struct found found;

	if (find_hard(p, &found.slab, &found.slot) && *slot_kind(found.slab, found.slot) == kind) {
		*slot_kind(found.slab, found.slot) = KIND_MALLOC;
		return;
	}
	if (p && plat__find(p, &found) && found.is_start && found.is_live)
		plat__kind_check_found(&found, kind);
}

/* --- a block is made --- */

/* What was written here while nobody owned it; NFAULTS: nothing. */
static enum fault free_damage(const struct slab *slab, const char *p)
{
	if (body_damage(p, slab->stride) != 0)
		return FAULT_WRITE_AFTER_FREE;
	return is_zone_or_zero(p) || is_zone_begun(p) ? NFAULTS : FAULT_UNDERFLOW;
}

/* First the tag: whoever frees a neighbour takes what has none for zeros. */
static inline void *hand_out(struct slab *slab, uint32_t slot, char *p, size_t bytes)
{
	slab_set_tag(slab, slot, (uint32_t)(slab->stride + TAG_BIAS - bytes));
	memcpy(p + bytes, &plat__key, CANARY_BYTES);
	return p;
}

/* NULL: two threads freed it at the same moment, or it is damaged. */
static void *take(struct bin *bin, unsigned i, size_t bytes)
{
	struct slab *slab = bin->current;
	uint32_t slot = slab->line * WINDOW + i;
	char *p = (char *)bin->base + (size_t)i * slab->stride;
	enum fault fault;

	if (slab_tag(slab, slot) != TAG_FREE)
		return NULL;
	if (!slab->is_hard)
		return memset(hand_out(slab, slot, p, bytes), 0, bytes);
	fault = free_damage(slab, p);
	if (fault != NFAULTS) {
		plat__fault(fault, p, SIZE_MAX, p);
		clear_body(p, slab->stride, slab->stride);
		set_zone(p);
		return NULL;
	}
	set_zone(p);
	return hand_out(slab, slot, p, bytes);
}

/*
 * The next free one from where the window's turn began, which is anywhere. To choose each time
 * would cost programs that follow their blocks in the order in which they made them half their
 * speed: the processor fetches ahead only where addresses rise.
 */
static unsigned take_bit(struct bin *bin)
{
	uint64_t mask = bin->mask, behind = mask >> bin->turn << bin->turn;
	unsigned i = (unsigned)__builtin_ctzll(behind ? behind : mask);

	store_relaxed(&bin->mask, mask & ~(UINT64_C(1) << i));
	return i;
}

static void *take_any(struct heap *heap, struct fit fit, size_t bytes)
{
	struct bin *bin = &heap->bins[fit.class];

	for (;;) {
		void *p;

		if (!bin->mask) {
			unsigned n = plat__heap_refill(heap, fit.class);

			if (n == 0)
				return NULL;
			bin->turn = heap_random(heap) % WINDOW;
			plat__watch_refill(heap, bin, fit.class, n);
			plat__watch_hard(heap, fit.class);
			continue;
		}
		p = take(bin, take_bit(bin), bytes);
		if (p)
			return p;
	}
}

void *plat__hard_malloc(struct heap *heap, struct fit fit, size_t bytes)
{
	struct heap *seen = begin_taking(heap);
	void *p = take_any(heap, fit, bytes);

	end_taking(heap, seen);
	return p;
}

bool plat__hard_resize(const struct found *found, size_t bytes)
{
	struct slab *slab = found->slab;
	char *p = (char *)found->start;
	uint16_t canary;

	if (bytes + CANARY_BYTES + ZONE_BYTES > slab->stride ||
	    (slab->kind == SLAB_SMALL && slab->stride - bytes > UINT8_MAX) ||
	    (bytes < slab->stride / 2 && slab->stride > 64))
		return false;
	memcpy(&canary, p + found->size, CANARY_BYTES);
	if (bytes < found->size)
		memset(p + bytes, 0, found->size + CANARY_BYTES - bytes);
	slab_set_tag(slab, found->slot, (uint32_t)(slab->stride + TAG_BIAS - bytes));
	memcpy(p + bytes, &canary, CANARY_BYTES);
	return true;
}

/* --- what was written beside it --- */

static bool is_live(const struct slab *slab, uint32_t slot)
{
	return tag_is_live(slab_tag(slab, slot));
}

/* Beyond the last line that has been prepared lies what others have left. */
static bool is_there(const struct slab *slab, uint32_t slot)
{
	return slot < slab->nslots && slot / WINDOW < load_acquire(&slab->prepared);
}

/* Slots of 16 bytes have no more than this. */
static uint64_t end_damage(const char *end, size_t stride)
{
	const word *at = (const word *)end;

	return stride == SLOT_GRAIN ? at[-2] | (half)at[-1] : end_of(end);
}

static uint64_t begin_damage(const char *p, size_t stride)
{
	const word *at = (const word *)p;

	return stride == SLOT_GRAIN ? at[0] | (half)at[1] : begin_of(p);
}

/*
 * Slots beside a block that are not live and yet not zero: the number of one, or NONE. Those of 16
 * bytes two further on are as near.
 */
#define NONE UINT32_MAX

static inline uint32_t dirty_before(const struct slab *slab, uint32_t slot, const char *p)
{
	size_t stride = slab->stride;

	if (!is_live(slab, slot - 1) && end_damage(p, stride))
		return slot - 1;
	if (stride > SLOT_GRAIN || is_live(slab, slot - 2) || !end_damage(p - SLOT_GRAIN, stride))
		return NONE;
	return slot - 2;
}

static inline uint32_t dirty_behind(const struct slab *slab, uint32_t slot, const char *end)
{
	size_t stride = slab->stride;

	if (is_there(slab, slot + 1) && !is_live(slab, slot + 1) && begin_damage(end, stride))
		return slot + 1;
	if (stride > SLOT_GRAIN || !is_there(slab, slot + 2) || is_live(slab, slot + 2) ||
	    !begin_damage(end + SLOT_GRAIN, stride))
		return NONE;
	return slot + 2;
}

bool plat__hard_is_sound(const struct slab *slab, uint32_t slot, const char *p, size_t size)
{
	const char *end = p + slab->stride;

	return !(tail_damage(p + size, end - ZONE_BYTES, plat__key) | (zone_at(p) ^ zone_key())) &&
	       is_zone_or_zero(end) && dirty_before(slab, slot, p) == NONE &&
	       dirty_behind(slab, slot, end) == NONE;
}

/* The zone between two live blocks: what is broken is the fault of the one it is nearer to. */
static bool is_overrun(const struct slab *slab, const struct found *found)
{
	const char *p = (const char *)found->start, *end = p + slab->stride;
	uint16_t canary = canary_at(p + found->size);

	if (!plat__is_canary(p + found->size) ||
	    tail_damage(p + found->size, end - ZONE_BYTES, canary))
		return true;
	if (is_zone_or_zero(end))
		return false;
	/* While nobody has the slot behind, its first block may be on the way. */
	if (!is_there(slab, found->slot + 1) || !is_live(slab, found->slot + 1))
		return !is_zone_begun(end);
	return (half)zone_at(end) != (half)zone_key();
}

static bool is_underrun(const struct slab *slab, const struct found *found)
{
	const char *p = (const char *)found->start;

	return !is_zone_before(p) &&
	       (!is_live(slab, found->slot - 1) || zone_at(p) >> 32 != zone_key() >> 32);
}

/* One that was freed a moment ago is written to by who had it, and not from beside. */
static enum fault blame(const struct slab *slab, uint32_t dirty, enum fault fault,
			const struct found *found, const void **ret)
{
	if (dirty == NONE)
		return NFAULTS;
	if (slab_tag(slab, dirty) != TAG_WAITS)
		return fault;
	*ret = (const char *)found->start +
	       ((ptrdiff_t)dirty - (ptrdiff_t)found->slot) * (ptrdiff_t)slab->stride;
	return FAULT_WRITE_AFTER_FREE;
}

static enum fault damage_now(const struct found *found, const void **ret)
{
	const struct slab *slab = found->slab;
	const char *p = (const char *)found->start;
	enum fault fault;

	if (is_overrun(slab, found))
		return FAULT_OVERFLOW;
	if (is_underrun(slab, found))
		return FAULT_UNDERFLOW;
	fault = blame(slab, dirty_behind(slab, found->slot, p + slab->stride), FAULT_OVERFLOW,
		      found, ret);
	return fault != NFAULTS ? fault
				: blame(slab, dirty_before(slab, found->slot, p), FAULT_UNDERFLOW,
					found, ret);
}

/*
 * Others make and free neighbours meanwhile, so that a free one may be seen with what is in a live
 * one. What is no fault is not seen for long.
 */
enum fault plat__hard_damage(const struct found *found, const void **ret)
{
	enum fault fault = NFAULTS;
	unsigned tries;

	for (tries = 0; tries < 3; tries++) {
		fault = damage_now(found, ret);
		if (fault == NFAULTS)
			break;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return fault;
}

/* --- a block is freed, and waits --- */

static inline void count_free(struct slab *slab)
{
	if (__builtin_expect(count_down(&slab->left) == 0, 0))
		plat__heap_look(plat__thread_heap(), slab);
}

void plat__hard_free(void *p, const struct found *found)
{
	clear_body(p, found->size + CANARY_BYTES, found->slab->stride);
	slab_set_tag(found->slab, found->slot, TAG_WAITS);
	count_free(found->slab);
}

static void end_wait_wide(struct slab *slab)
{
	uint32_t i;

	for (i = 0; i < slab->nslots; i++)
		if (slab_tag(slab, i) == TAG_WAITS)
			slab_set_tag(slab, i, TAG_FREE);
}

/* Others may free meanwhile, so each tag is written alone. */
void plat__hard_end_wait_in(struct slab *slab, uint32_t line)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint32_t i = line * WINDOW, end = line_end(slab, line);

	if (slab->kind == SLAB_WIDE) {
		end_wait_wide(slab);
		return;
	}
	for (; i < end; i += 8) {
		uint64_t waits = *(const word *)(slab->tags + i) ^ ones * TAG_WAITS;

		/* The highest bit of each byte that is 0. */
		waits = ~(((waits & low) + low) | waits | low);
		for (; waits; waits &= waits - 1)
			store_relaxed(slab->tags + i + __builtin_ctzll(waits) / 8, TAG_FREE);
	}
}

void plat__hard_end_wait(struct slab *slab)
{
	uint32_t line;

	for (line = 0; line < slab->prepared; line++)
		plat__hard_end_wait_in(slab, line);
}
