/*
 * malloc and free: the short way, and where it leads when it does not serve.
 *
 * The short way of malloc takes the next slot of the window; it touches the heap, the slot's tag
 * and the block. The short way of free finds the slab, proves that the pointer is a slot's begin,
 * and clears the tag; it writes nothing that another thread's free of another slot writes too.
 */
#include "alloc/malloc.h"

#include "alloc/atomic.h"
#include "alloc/fault.h"
#include "alloc/granules.h"
#include "alloc/heap.h"
#include "alloc/large.h"
#include "alloc/map.h"
#include "alloc/perturb.h"
#include "alloc/process.h"
#include "alloc/slab.h"
#include "alloc/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Of a free block, these are zeros; the first eight are looked at before it is handed out. */
#define FRONT_BYTES SLOT_GRAIN

static void *malloc_long(size_t bytes) __attribute__((noinline));
static void free_long(void *p) __attribute__((noinline));

static struct bin *small_bin(struct heap *heap, size_t stride)
{
	return (struct bin *)((char *)heap->bins + stride * (sizeof(struct bin) / SLOT_GRAIN));
}

/*
 * Between the load of the mask and the store of the tag the heap is busy: a signal handler takes
 * slots of the same window, but opens none, and gives no slab back. The mask is stored before the
 * tag is looked at, so that what the handler has taken meanwhile is seen by its tag.
 */
static inline uint32_t begin_taking(struct heap *heap)
{
	uint32_t before = load_relaxed(&heap->is_busy);

	store_relaxed(&heap->is_busy, 1);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return before;
}

static inline void end_taking(struct heap *heap, uint32_t before)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store_relaxed(&heap->is_busy, before);
}

static inline void *take_small(struct bin *bin, size_t stride, size_t bytes)
{
	uint64_t mask = bin->mask;
	size_t i = (size_t)__builtin_ctzll(mask);
	char *p = (char *)bin->base + i * stride;
	uint8_t *tag = bin->tags + i;

	bin->mask = mask & (mask - 1);
	if (CHECKS && unlikely((*(uint64_t *)p | *tag) != 0))
		return NULL;
	/* The tag first: who is cancelled here leaves a block, and no canary in a free slot. */
	store_relaxed(tag, (uint8_t)(stride + TAG_BIAS - bytes));
	if (CHECKS)
		memcpy(p + bytes, &plat__key, CANARY_BYTES);
	return p;
}

static inline size_t small_stride(size_t bytes)
{
	if (CHECKS)
		return (bytes + CANARY_BYTES + SLOT_GRAIN - 1) & ~(size_t)(SLOT_GRAIN - 1);
	return (bytes + SLOT_GRAIN - 1 + (bytes == 0)) & ~(size_t)(SLOT_GRAIN - 1);
}

EXPORT void *malloc(size_t bytes) __attribute__((alias("plat__malloc")));
EXPORT void free(void *p) __attribute__((alias("plat__free")));

/* Wide slots, the same way; their tags have two bytes. */
static void *take_wide(struct bin *bin, size_t stride, size_t bytes)
{
	uint64_t mask = bin->mask;
	size_t i = (size_t)__builtin_ctzll(mask);
	char *p = (char *)bin->base + i * stride;
	uint16_t *tag = (uint16_t *)bin->tags + i;

	bin->mask = mask & (mask - 1);
	if (CHECKS && unlikely((*(uint64_t *)p | *tag) != 0))
		return NULL;
	/* The tag first: who is cancelled here leaves a block, and no canary in a free slot. */
	store_relaxed(tag, (uint16_t)(stride + TAG_BIAS - bytes));
	if (CHECKS)
		memcpy(p + bytes, &plat__key, CANARY_BYTES);
	return p;
}

static __attribute__((noinline)) void *malloc_wide(size_t bytes)
{
	struct fit fit = plat__fit(bytes);
	struct heap *heap = plat__my_heap;
	struct bin *bin = &heap->bins[fit.class];
	uint32_t before = begin_taking(heap);
	void *p = NULL;

	if (likely(bin->mask && bytes < plat__options.mmap_threshold))
		p = take_wide(bin, fit.stride, bytes);
	end_taking(heap, before);
	return likely(p) ? p : malloc_long(bytes);
}

void *plat__malloc(size_t bytes)
{
	struct heap *heap;
	struct bin *bin;
	size_t stride;
	uint32_t before;
	void *p = NULL;

	if (unlikely(bytes > SMALL_MAX))
		return bytes <= WIDE_MAX ? malloc_wide(bytes) : malloc_long(bytes);
	heap = plat__my_heap;
	stride = small_stride(bytes);
	bin = small_bin(heap, stride);
	before = begin_taking(heap);
	if (likely(bin->mask))
		p = take_small(bin, stride, bytes);
	end_taking(heap, before);
	return likely(p) ? p : malloc_long(bytes);
}

/* --- the long way to a block --- */

static uint32_t window_tag(const struct bin *bin, uint32_t class, unsigned i)
{
	return class_is_wide(class) ? ((const uint16_t *)bin->tags)[i] : bin->tags[i];
}

static void set_window_tag(struct bin *bin, uint32_t class, unsigned i, uint32_t tag)
{
	if (class_is_wide(class))
		store_release((uint16_t *)bin->tags + i, (uint16_t)tag);
	else
		store_release(bin->tags + i, (uint8_t)tag);
}

static void *take_slot(struct heap *heap, struct fit fit, size_t bytes)
{
	struct bin *bin = &heap->bins[fit.class];

	while (bin->mask || plat__heap_refill(heap, fit.class)) {
		uint64_t mask = bin->mask;
		unsigned i = (unsigned)__builtin_ctzll(mask);
		char *p = (char *)bin->base + (size_t)i * fit.stride;

		store_relaxed(&bin->mask, mask & (mask - 1));
		if (window_tag(bin, fit.class, i) != 0)
			continue; /* a signal handler took it */
		if (CHECKS && *(uint64_t *)p != 0) {
			plat__fault(FAULT_WRITE_AFTER_FREE, p, SIZE_MAX, p);
			memset(p, 0, sizeof(uint64_t));
			continue;
		}
		set_window_tag(bin, fit.class, i, (uint32_t)(fit.stride + TAG_BIAS - bytes));
		if (CHECKS)
			memcpy(p + bytes, &plat__key, CANARY_BYTES);
		if (unlikely(load_relaxed(&plat__options.perturb)))
			plat__perturb_block(bin, p, bytes);
		return p;
	}
	return NULL;
}

/*
 * The heap for the long way, or NULL. A signal handler that interrupted the long way must not come
 * into the same heap; should it never return there, the thread goes on with the second one.
 */
static struct heap *usable_heap(void)
{
	struct heap *heap = plat__enter();

	if (heap == &plat__no_heap)
		return NULL;
	return heap->is_busy ? plat__heap_nested(heap) : heap;
}

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static void *malloc_alone(size_t bytes, size_t alignment, bool *is_zero)
{
	void *p = NULL;

	/* No address is aligned to half of all addresses, and sums with more would overflow. */
	if (bytes <= PTRDIFF_MAX && alignment <= PTRDIFF_MAX / 2)
		p = plat__large_malloc(bytes, alignment, is_zero);
	if (p && unlikely(load_relaxed(&plat__options.perturb))) {
		plat__perturb_block(NULL, p, bytes);
		*is_zero = false;
	}
	return p ? p : no_memory();
}

static void *take_busy(struct heap *heap, struct fit fit, size_t bytes)
{
	uint32_t before = begin_taking(heap);
	void *p = take_slot(heap, fit, bytes);

	end_taking(heap, before);
	return p;
}

static void *malloc_fit(struct heap *heap, struct fit fit, size_t bytes)
{
	void *p = take_busy(heap, fit, bytes);

	if (!p && plat__trim(0))
		p = take_busy(heap, fit, bytes);
	return p ? p : no_memory();
}

static void *malloc_long(size_t bytes)
{
	struct heap *heap = usable_heap();
	bool is_zero;

	if (bytes <= WIDE_MAX && heap &&
	    (bytes <= SMALL_MAX || bytes < load_relaxed(&plat__options.mmap_threshold)))
		return malloc_fit(heap, plat__fit(bytes), bytes);
	return malloc_alone(bytes, SLOT_GRAIN, &is_zero);
}

void *plat__calloc(size_t bytes)
{
	bool is_zero = false;
	void *p;

	if (bytes <= WIDE_MAX) {
		p = plat__malloc(bytes);
	} else {
		plat__enter();
		p = malloc_alone(bytes, SLOT_GRAIN, &is_zero);
	}
	if (p && !is_zero)
		memset(p, 0, bytes);
	return p;
}

/* The first class whose slots all begin at a multiple of the alignment. */
static bool fit_aligned(size_t alignment, size_t bytes, struct fit *ret)
{
	size_t stride = (bytes + CANARY + (bytes + CANARY == 0) + alignment - 1) & ~(alignment - 1);

	if (bytes > WIDE_MAX || alignment > WIDE_STRIDE_MAX)
		return false;
	if (stride <= SMALL_STRIDE_MAX) {
		*ret = (struct fit){(uint32_t)stride / SLOT_GRAIN, (uint32_t)stride};
		return true;
	}
	for (*ret = plat__fit(stride - CANARY); ret->class < NCLASSES; ret->class ++) {
		ret->stride = plat__class_stride(ret->class);
		if (ret->stride % alignment == 0)
			return true;
	}
	return false;
}

/* How much shorter than its slot a block can be. */
static size_t slack_max(struct fit fit)
{
	return (class_is_wide(fit.class) ? UINT16_MAX : UINT8_MAX) - TAG_BIAS;
}

void *plat__aligned(size_t alignment, size_t bytes)
{
	struct heap *heap;
	struct fit fit;
	bool is_zero;

	if (alignment <= SLOT_GRAIN)
		return plat__malloc(bytes);
	heap = usable_heap();
	if (!heap || !fit_aligned(alignment, bytes, &fit))
		return malloc_alone(bytes, alignment, &is_zero);
	if (fit.stride - bytes > slack_max(fit))
		bytes = fit.stride - slack_max(fit);
	return malloc_fit(heap, fit, bytes);
}

/* --- the long way back --- */

static bool find_slot(struct slab *slab, uintptr_t at, struct found *ret)
{
	uint64_t offset = at - slab->base;

	ret->slot = (uint32_t)(offset * slab->reciprocal >>
			       (slab->kind == SLAB_WIDE ? WIDE_SHIFT : SMALL_SHIFT));
	if (ret->slot >= slab->nslots)
		return false;
	ret->start = slab->base + (uintptr_t)ret->slot * slab->stride;
	ret->is_start = at == ret->start;
	ret->size = slab_tag(slab, ret->slot);
	ret->is_live = ret->size != 0;
	if (ret->is_live)
		ret->size = slab_size_of(slab, (uint32_t)ret->size);
	return true;
}

bool plat__find(const void *p, struct found *ret)
{
	struct slab *slab = plat__map_find((uintptr_t)p);
	uint64_t size;

	*ret = (struct found){.slab = slab};
	if (!slab)
		return false;
	if (slab->kind == SLAB_SMALL || slab->kind == SLAB_WIDE)
		return find_slot(slab, (uintptr_t)p, ret);
	size = load_acquire(&slab->size);
	ret->start = slab->base;
	ret->is_start = (uintptr_t)p == slab->base;
	ret->is_live = size != 0;
	ret->size = size ? (size_t)(size - 1) : SIZE_MAX;
	return true;
}

static bool has_canary(const struct found *found)
{
	const char *at = (const char *)found->start + found->size;

	return !CHECKS || memcmp(at, &plat__key, CANARY_BYTES) == 0;
}

/* The pointer is the begin of a live block, and nobody wrote past its end. */
static bool check(void *p, struct found *found)
{
	const void *start;

	if (!plat__find(p, found)) {
		plat__fault(FAULT_INVALID_FREE, p, SIZE_MAX, NULL);
		return false;
	}
	start = (const void *)found->start;
	if (!found->is_start) {
		plat__fault(FAULT_INVALID_FREE, p, found->is_live ? found->size : SIZE_MAX, start);
		return false;
	}
	if (!found->is_live) {
		plat__fault(FAULT_DOUBLE_FREE, p, SIZE_MAX, start);
		return false;
	}
	if (!has_canary(found)) {
		plat__fault(FAULT_OVERFLOW, p, found->size, start);
		return false;
	}
	return true;
}

static void free_slot(const struct found *found)
{
	struct slab *slab = found->slab;

	if (CHECKS)
		memset((void *)found->start, 0, FRONT_BYTES);
	slab_set_tag(slab, found->slot, 0);
	if (--slab->left == 0)
		plat__heap_look(plat__my_heap, slab);
}

static void free_long(void *p)
{
	struct found found;

	if (!p || !check(p, &found))
		return;
	if (unlikely(load_relaxed(&plat__options.perturb)) && found.slab->kind != SLAB_MAPPING)
		plat__perturb_free(p, found.size);
	if (found.slab->kind == SLAB_SMALL || found.slab->kind == SLAB_WIDE)
		free_slot(&found);
	else if (!plat__large_free(found.slab))
		plat__fault(FAULT_DOUBLE_FREE, p, SIZE_MAX, p);
}

/* The last step of the short way, now and then. */
static __attribute__((noinline)) void look(struct slab *slab)
{
	plat__heap_look(plat__my_heap, slab);
}

/* The short way for wide slots. */
static __attribute__((noinline)) void free_wide(struct slab *slab, void *p)
{
	uint64_t product = ((uintptr_t)p - slab->base) * slab->reciprocal;
	uint64_t rest = product & ((UINT64_C(1) << WIDE_SHIFT) - 1);
	uint16_t *tag = (uint16_t *)slab->tags + (product >> WIDE_SHIFT);

	if (unlikely(rest >= slab->reciprocal || *tag == 0))
		return free_long(p);
	if (CHECKS) {
		const char *end = (const char *)p + slab->stride - *tag;

		if (unlikely(memcmp(end, &plat__key, CANARY_BYTES) != 0))
			return free_long(p);
		memset(p, 0, FRONT_BYTES);
	}
	store_release(tag, 0);
	if (unlikely(--slab->left == 0))
		look(slab);
}

void plat__free(void *p)
{
	struct slab *slab = near_slab(p);
	uint64_t offset, product;
	uint16_t behind;
	uint8_t *tag;

	if (unlikely(!slab))
		return free_long(p);
	offset = (uintptr_t)p - slab->base;
	if (unlikely(offset >= slab->reach)) {
		if (slab->is_short && offset < slab->ngranules * GRANULE)
			return free_wide(slab, p);
		return free_long(p);
	}
	product = offset * slab->reciprocal;
	if (unlikely((uint32_t)product >= (uint32_t)slab->reciprocal))
		return free_long(p);
	tag = slab->tags + (product >> SMALL_SHIFT);
	if (unlikely(*tag == 0))
		return free_long(p);
	if (CHECKS) {
		memcpy(&behind, (char *)p + slab->stride - *tag, CANARY_BYTES);
		if (unlikely(behind != plat__key))
			return free_long(p);
		memset(p, 0, FRONT_BYTES);
	}
	store_release(tag, 0);
	if (unlikely(--slab->left == 0))
		look(slab);
}

size_t plat__usable(void *p)
{
	struct slab *slab = near_slab(p);
	struct found found;

	if (likely(slab && (uintptr_t)p - slab->base < slab->reach)) {
		uint64_t product = ((uintptr_t)p - slab->base) * slab->reciprocal;
		uint8_t tag = slab->tags[product >> SMALL_SHIFT];

		if (likely((uint32_t)product < (uint32_t)slab->reciprocal && tag != 0))
			return slab_size_of(slab, tag);
	}
	return check(p, &found) ? found.size : 0;
}

/* --- realloc --- */

static bool resize_slot(const struct found *found, size_t bytes)
{
	struct slab *slab = found->slab;
	struct fit fit = {slab->class, slab->stride};

	if (bytes + CANARY > slab->stride || slab->stride - bytes > slack_max(fit) ||
	    (bytes < slab->stride / 2 && slab->stride > 64))
		return false;
	if (CHECKS)
		memcpy((char *)found->start + bytes, &plat__key, CANARY_BYTES);
	slab_set_tag(slab, found->slot, (uint32_t)(slab->stride + TAG_BIAS - bytes));
	return true;
}

static void *move(void *p, size_t before, size_t bytes)
{
	void *moved = plat__malloc(bytes);

	if (!moved)
		return NULL;
	memcpy(moved, p, before < bytes ? before : bytes);
	plat__free(p);
	return moved;
}

void *plat__realloc(void *p, size_t bytes)
{
	struct found found;
	void *resized;

	if (!check(p, &found))
		return NULL;
	if (found.slab->kind == SLAB_SMALL || found.slab->kind == SLAB_WIDE) {
		if (resize_slot(&found, bytes))
			return p;
	} else if (bytes > WIDE_MAX) {
		resized = plat__large_realloc(found.slab, bytes);
		if (resized)
			return resized;
	}
	return move(p, found.size, bytes);
}

/* --- giving back --- */

bool plat__trim(size_t pad)
{
	struct heap *heap = usable_heap();
	bool has_gone;

	if (heap)
		plat__heap_flush(heap);
	has_gone = plat__pool_purge() > 0;
	if (pad == 0)
		return plat__large_return() || has_gone;
	if (pad > PTRDIFF_MAX)
		pad = PTRDIFF_MAX;
	has_gone |= plat__large_let_go();
	has_gone |= plat__granules_trim(pad);
	return plat__granules_purge(pad) || has_gone;
}
