/*
 * Now and then a block is looked at more closely: it goes between guard pages, or it becomes a
 * sample of the profile. When, is drawn by bytes, so that each byte has the same chance, and at a
 * refill: if the next sample falls into the new window, the window is cut off where it falls, so
 * that the block that it falls into comes by the long way. The short ways know nothing of it.
 *
 * A sample's canary is another one, which brings it back to the long way when it is freed.
 */
#ifndef PLAT_ALLOC_SAMPLE_H
#define PLAT_ALLOC_SAMPLE_H

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/slab.h"

#include <string.h>

#define CANARY_MARK 0x0101

extern struct samples plat__samples __attribute__((visibility("hidden")));

enum { EVENT_GUARD = 1, EVENT_SAMPLE = 2 };

/* The window was opened for a block that is being made: this may leave events in the heap. */
void plat__watch_window(struct heap *heap, uint32_t class);
/* The same in hard mode, of which short programs shall have something in every class. */
void plat__watch_hard(struct heap *heap, uint32_t class);
/* The block has been made, and the heap has events: does what they say; the block may be another
 * one then. */
void *plat__watch_block(struct heap *heap, void *p, size_t bytes, size_t alignment,
			const void *frame);
/* The same for a block that stands alone. */
void plat__watch_alone(struct heap *heap, void *p, size_t bytes, const void *frame);

/* The block is no sample any more. */
void plat__sample_end(const void *p);

/* Of a heap: another one each time, and with PLAT_SEED the same in each run. Never 0. */
uint64_t plat__first_random(void);

/* What is drawn needs no more than to be different each time. */
static inline uint64_t heap_random(struct heap *heap)
{
	uint64_t x = heap->random ? heap->random : plat__first_random();

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	heap->random = x;
	return x;
}

/* A window of n slots has been opened in this class. */
static inline void plat__watch_refill(struct heap *heap, const struct bin *bin, uint32_t class,
				      uint64_t n)
{
	uint64_t mean = load_relaxed(&plat__samples.mean), bytes = n * bin->stride;

	heap->until_guard -= (int64_t)n;
	if (!CHECKS || __builtin_expect(heap->until_guard >= 0 && mean == 0, 1))
		return;
	if (heap->until_guard >= 0 && mean == heap->mean && !bin->is_due &&
	    heap->until_sample > bytes)
		heap->until_sample -= bytes;
	else
		plat__watch_window(heap, class);
}

static inline uint16_t canary_at(const char *at)
{
	uint16_t canary;

	memcpy(&canary, at, sizeof(canary));
	return canary;
}

static inline bool plat__is_canary(const char *at)
{
	uint16_t canary = canary_at(at);

	return canary == plat__key || canary == (plat__key ^ CANARY_MARK);
}

static inline bool plat__is_sample_canary(const char *at)
{
	return canary_at(at) == (plat__key ^ CANARY_MARK);
}

#endif
