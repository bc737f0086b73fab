#include "alloc/slab.h"

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/hard.h"
#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/source.h"
#include "alloc/system.h"

#include <string.h>

#define LINES(bytes) (((bytes) + META_LINE - 1) / META_LINE)
#define NSIZES 136

/* Descriptors stay descriptors: who holds an old pointer to one may still count in it. */
static struct stack unused[NSIZES];

/* From 8 KiB on pages at a slot's end are mostly not touched, and strides are farther apart. */
#define COARSE_DOUBLING 3
#define COARSE_CLASS (SMALL_CLASSES + COARSE_DOUBLING * 8)

uint32_t plat__class_stride(uint32_t class)
{
	uint32_t wide = class - SMALL_CLASSES, coarse = class - COARSE_CLASS;

	if (class <= 16)
		return class * 16;
	if (class <= 24)
		return 256 + (class - 16) * 32;
	if (!class_is_wide(class))
		return 512 + (class - 24) * 64;
	if (class < COARSE_CLASS)
		return (wide % 8 + 9) * (SMALL_STRIDE_MAX / 8) << wide / 8;
	return (coarse % 4 + 5) * (SMALL_STRIDE_MAX / 4) << (COARSE_DOUBLING + coarse / 4);
}

/* Of a stride that is a multiple of 16. */
static uint32_t small_class(uint32_t stride)
{
	if (stride <= 256)
		return stride / 16;
	return stride <= 512 ? 16 + (stride - 256 + 31) / 32 : 24 + (stride - 512 + 63) / 64;
}

struct fit plat__fit(size_t bytes)
{
	uint32_t stride = (uint32_t)bytes + CANARY, doubling, per, step, class;

	if (stride <= SMALL_STRIDE_MAX) {
		class = small_class((stride + (stride == 0) + SLOT_GRAIN - 1) & -SLOT_GRAIN);
		return (struct fit){class, plat__class_stride(class)};
	}
	doubling = 31 - (unsigned)__builtin_clz((stride - 1) / SMALL_STRIDE_MAX);
	per = doubling < COARSE_DOUBLING ? 8 : 4;
	step = (SMALL_STRIDE_MAX / per) << doubling;
	stride = (stride + step - 1) / step;
	class = doubling < COARSE_DOUBLING ? SMALL_CLASSES + doubling * 8
					   : COARSE_CLASS + (doubling - COARSE_DOUBLING) * 4;
	return (struct fit){class + stride - per - 1, stride * step};
}

#define GRANULES_MAX 4u
/* A slab with more of them is hardly ever empty, and no other class gets what is free in it. */
#define LARGE_SLOTS 24

static uint32_t granules_for(uint32_t stride, bool is_large)
{
	uint32_t n = stride <= 8192 ? 1 : stride <= 16384 ? 2 : 4;

	while (is_large && n < GRANULES_MAX && 2 * n * GRANULE / stride <= LARGE_SLOTS)
		n *= 2;
	return n;
}

static size_t descriptor_bytes(uint32_t kind, uint32_t nslots, bool is_hard)
{
	size_t tags = kind == SLAB_SMALL ? nslots : kind == SLAB_WIDE ? nslots * 2 : 0;

	/* The scan reads whole lines of tags. */
	return sizeof(struct slab) + LINES(tags) * META_LINE + (is_hard ? nslots : 0);
}

static_assert(LINES(sizeof(struct slab)) + 2 * (GRANULE / SLOT_GRAIN / META_LINE) < NSIZES,
	      "the slab of the smallest slots has the most tags, and in hard mode as many kinds");

static struct slab *descriptor_take(size_t bytes)
{
	struct slab *slab = stack_pop(&unused[LINES(bytes)], offsetof(struct slab, pool_next));

	return slab ? slab : plat__meta_take(bytes);
}

static void descriptor_give(struct slab *slab)
{
	size_t bytes = descriptor_bytes(slab->kind, slab->nslots, slab->is_hard);

	stack_push(&unused[LINES(bytes)], slab, offsetof(struct slab, pool_next));
}

/* Of an odd number, modulo 2^64: each step doubles the digits that are right, three at first. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd;
	unsigned digits;

	for (digits = 3; digits < 64; digits *= 2)
		inverse *= 2 - odd * inverse;
	return inverse;
}

void plat__slab_hide(struct slab *slab)
{
	store_relaxed(&slab->nshort, 0);
	store_relaxed(&slab->nwide, 0);
}

static struct slab *slab_new(uint32_t class, struct liking like, uint32_t ngranules)
{
	uint32_t stride = plat__class_stride(class);
	uint32_t nslots = (uint32_t)(ngranules * GRANULE / stride);
	uint32_t kind = class_is_wide(class) ? SLAB_WIDE : SLAB_SMALL;
	bool is_hard = plat__options.is_hard;
	struct slab *slab = descriptor_take(descriptor_bytes(kind, nslots, is_hard));
	uint64_t pages;
	uintptr_t base;

	if (!slab)
		return NULL;
	/* Whoever walks the map may still look at what this was. */
	store_relaxed(&slab->kind, (uint8_t)kind);
	store_relaxed(&slab->nslots, nslots);
	store_relaxed(&slab->is_hard, (uint8_t)(is_hard << (stride == SLOT_GRAIN)));
	if (plat__granules_take_like(ngranules, like, &base, &pages) < 0) {
		descriptor_give(slab);
		return NULL;
	}
	/* On a page of its own that is new; one that is read first is faulted in twice. */
	fetch_add(&slab->generation, 1);
	store_relaxed(&slab->class, (uint8_t) class);
	store_relaxed(&slab->stride, stride);
	store_relaxed(&slab->size, 0);
	store_relaxed(&slab->ngranules, ngranules);
	slab->reciprocal = ((UINT64_C(1) << SLOT_SHIFT) - 1) / stride + 1;
	slab->nspan = (uint8_t)(WINDOW_BYTES / stride < WINDOW ? WINDOW_BYTES / stride : WINDOW);
	slab->shift = (uint8_t)__builtin_ctz(stride);
	slab->inverse = inverse_of(stride >> slab->shift);
	slab->pages = pages;
	slab->dropped = 0;
	slab->prepared = 0;
	slab->used = 0;
	slab->idle = 0;
	slab->high = 0;
	slab->interval = nslots;
	store_relaxed(&slab->left, nslots);
	slab->line = 0;
	store_relaxed(&slab->owner, NULL);
	store_relaxed(&slab->state, SLAB_HELD);
	store_relaxed(&slab->nshort, kind == SLAB_SMALL && !plat__options.is_long ? nslots : 0);
	store_relaxed(&slab->nwide, kind == SLAB_WIDE && !plat__options.is_long ? nslots : 0);
	store_release(&slab->base, base);
	store_release(&slab->generation, slab->generation + 1);
	if (plat__map_add(slab) < 0) {
		plat__granules_give(base, ngranules, pages);
		descriptor_give(slab);
		return NULL;
	}
	return slab;
}

struct slab *plat__slab_new(uint32_t class, struct liking like, bool is_large)
{
	uint32_t stride = plat__class_stride(class), least = granules_for(stride, false);
	uint32_t n = granules_for(stride, is_large);
	struct slab *slab = slab_new(class, like, n);

	return slab || n == least ? slab : slab_new(class, like, least);
}

void plat__slab_free(struct slab *slab)
{
	if (slab->is_hard)
		plat__hard_look(slab);
	plat__map_remove(slab);
	store_relaxed(&slab->state, SLAB_UNUSED);
	store_relaxed(&slab->owner, NULL);
	plat__slab_hide(slab);
	plat__granules_give(slab->base, slab->ngranules, slab->pages);
	descriptor_give(slab);
}

struct slab *plat__slab_alone(enum slab_kind kind)
{
	struct slab *slab = descriptor_take(sizeof(*slab));

	if (!slab)
		return NULL;
	store_relaxed(&slab->kind, (uint8_t)kind);
	store_relaxed(&slab->nslots, 1);
	plat__slab_hide(slab);
	store_relaxed(&slab->owner, NULL);
	slab->class = 0;
	slab->is_hard = slab->is_guarded = slab->is_huge = false;
	slab->front = 0;
	slab->is_sampled = 0;
	slab->teller = 0;
	return slab;
}

void plat__slab_forget(struct slab *slab)
{
	descriptor_give(slab);
}

uint64_t plat__slab_free_wide(const struct slab *slab)
{
	const uint16_t *tags = (const uint16_t *)slab->tags;
	uint64_t mask = 0;
	uint32_t i;

	for (i = 0; i < slab->nslots; i += 16)
		mask |= (uint64_t)tags_zero_wide(tags + i) << i;
	return mask & slab_line_slots(slab, 0);
}

/* No slot of a line that has not been prepared is live. */
uint32_t plat__slab_live(const struct slab *slab)
{
	uint32_t end = load_relaxed(&slab->prepared);

	if (end == 0)
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (slab->kind == SLAB_SMALL)
		return tags_count(slab->tags, (size_t)end * WINDOW);
	return count_bits(~plat__slab_free_wide(slab) & slab_line_slots(slab, 0));
}

bool plat__slab_is_empty(const struct slab *slab)
{
	size_t slots = (size_t)load_relaxed(&slab->prepared) * WINDOW;

	if (slots > slab->nslots)
		slots = slab->nslots;
	/* Tags behind the last slot's are 0. */
	return tags_none(slab->tags, slab->kind == SLAB_WIDE ? slots * 2 : slots);
}

/*
 * A free block begins with zeros: that is what a write after free is known by. Pages that are not
 * resident are zero and stay so.
 */
static void zero_fronts(struct slab *slab, uint32_t line)
{
	uint32_t i = line * WINDOW, end = i + WINDOW < slab->nslots ? i + WINDOW : slab->nslots;
	size_t stride = slab->stride, at = i * stride, stop = end * stride;
	uint64_t pages = slab->pages;
	char *base = (char *)slab->base;

	if ((slab_page_bits(at, stop) & ~pages) == 0) {
		for (; at < stop; at += stride)
			*(uint64_t *)(base + at) = 0;
		return;
	}
	for (; at < stop; at += stride)
		if (pages >> (at >> plat__page_shift) & 1)
			*(uint64_t *)(base + at) = 0;
}

/*
 * The check of a block's first bytes is a read, and a page that is read first is faulted in twice:
 * once as the page of zeros, once to be written.
 */
static void touch_fronts(const struct slab *slab, uint32_t line, uint64_t slots, uint64_t fresh)
{
	/* Each page has a front on it. */
	if (slab->stride <= plat__page_bytes) {
		for (; fresh; fresh &= fresh - 1)
			*(volatile uint64_t *)(slab->base + ((uintptr_t)lowest_bit(fresh)
							     << plat__page_shift)) = 0;
		return;
	}
	for (; slots; slots &= slots - 1) {
		size_t at = (line * WINDOW + lowest_bit(slots)) * slab->stride;

		if (fresh >> (at >> plat__page_shift) & 1)
			*(volatile uint64_t *)(slab->base + at) = 0;
	}
}

void plat__slab_prepare(struct slab *slab, uint32_t line, uint64_t slots, uint64_t pages)
{
	if (line >= slab->prepared) {
		if (CHECKS && slab->pages && slab->is_hard)
			plat__hard_prepare(slab, line);
		else if (CHECKS && slab->pages)
			zero_fronts(slab, line);
		store_release(&slab->prepared, line + 1);
	}
	if (pages & slab->dropped) {
		plat__granules_regret(count_bits(pages & slab->dropped) * plat__page_bytes);
		slab->dropped &= ~pages;
	}
	if (CHECKS && pages & ~slab->pages)
		touch_fronts(slab, line, slots, pages & ~slab->pages);
	slab->pages |= pages;
}

/* The pages that a live block touches. */
static uint64_t live_pages(const struct slab *slab)
{
	uint64_t pages = 0;
	uint32_t line;

	for (line = 0; line < slab->prepared; line++) {
		uint64_t live = ~slab_free_slots(slab, line) & slab_line_slots(slab, line);

		for (; live; live &= live - 1) {
			size_t i = line * WINDOW + (unsigned)__builtin_ctzll(live);

			pages |= slab_page_bits(i * slab->stride - slab_zone(slab),
						(i + 1) * slab->stride);
		}
	}
	return pages;
}

size_t plat__slab_purge(struct slab *slab, unsigned least)
{
	uint64_t gone = slab->pages & ~live_pages(slab);
	size_t sum = 0;

	if (count_bits(gone) < least)
		return 0;
	if (slab->is_hard)
		plat__hard_look(slab);
	while (gone) {
		unsigned first = (unsigned)__builtin_ctzll(gone);
		uint64_t rest = ~(gone >> first);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64;
		uint64_t mask = n >= 64 ? UINT64_MAX : ((UINT64_C(1) << n) - 1) << first;

		gone &= ~mask;
		if (plat__source->drop(slab->base + first * plat__page_bytes,
				       n * plat__page_bytes) < 0)
			continue;
		slab->pages &= ~mask;
		slab->dropped |= mask;
		sum += n * plat__page_bytes;
	}
	return sum;
}

size_t plat__slab_idle(const struct slab *slab, uint32_t live)
{
	size_t resident = count_bits(slab->pages) * plat__page_bytes;
	size_t needed = (size_t)live * slab->stride;

	return resident > needed ? resident - needed : 0;
}
