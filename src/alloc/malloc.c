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
#include "alloc/guard.h"
#include "alloc/guard_rest.h"
#include "alloc/hard.h"
#include "alloc/heap.h"
#include "alloc/large.h"
#include "alloc/map.h"
#include "alloc/perturb.h"
#include "alloc/process.h"
#include "alloc/ranges.h"
#include "alloc/sample.h"
#include "alloc/slab.h"
#include "alloc/system.h"
#include "alloc/trap.h"
#include "base/compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* Of a free block, these are zeros, and looked at before it is handed out. */
#define FRONT_BYTES sizeof(uint64_t)

/* Blocks that grow get a slot with some room where that is more than a step, and still a slot. */
#define ROOMY_MIN 64
#define ROOMY_MAX (WIDE_MAX * 8 / 9)

static void *malloc_long(size_t bytes) __attribute__((noinline));
static NOINLINE void *malloc_without_heap(size_t bytes);
static NOINLINE void free_long(void *p, struct slab *slab, uint64_t slot);

EXPORT void *malloc(size_t bytes) __attribute__((alias("plat__malloc")));
EXPORT void free(void *p) __attribute__((alias("plat__free")));

/*
 * There is no slot in the bin, or it seems so. Mostly the thread's heap finds more of them, and
 * nothing else is to be done.
 */
static __attribute__((noinline)) void *malloc_unserved(struct heap *seen, struct bin *bin,
						       size_t bytes)
{
	bool is_served = false;

	if (unlikely(seen == &plat__no_heap))
		return malloc_without_heap(bytes);
	if (likely(!heap_is_away(seen) && !load_relaxed(&plat__options.perturb) &&
		   load_relaxed(&plat__trim_wish.asked) == seen->trimmed)) {
		uint32_t class = (uint32_t)(bin - seen->bins);
		unsigned n = likely(bin->current) ? plat__heap_next_window(bin) : 0;
		if (unlikely(n == 0))
			n = plat__heap_refill(seen, class);
		if (likely(n > 0)) {
			plat__watch_refill(seen, bin, class, n);
			is_served = !seen->events;
		}
	}
	heap_put_back_unused(seen);
	return likely(is_served) ? plat__malloc(bytes) : malloc_long(bytes);
}

/* The next slot of the window, for a block of so many bytes; false: it has no more. */
static ALWAYS_INLINE bool take(struct bin *bin, bool is_wide, size_t bytes, char **ret)
{
	uint64_t mask = bin->mask, i;

	if (unlikely(!take_lowest_bit(&mask, &i)))
		return false;
	store_relaxed(&bin->mask, mask);
	/* The tag first: who is cancelled here leaves a block, and no canary in a free slot. */
	if (is_wide)
		store_relaxed((uint16_t *)bin->tags + i,
			      (uint16_t)(bin->stride + TAG_BIAS - bytes));
	else
		store_relaxed(bin->tags + i, (uint8_t)(bin->stride + TAG_BIAS - bytes));
	*ret = (char *)bin->base + (size_t)i * (size_t)bin->stride;
	return true;
}

static __attribute__((noinline)) void *hand_out_spoiled(struct heap *seen, char *p, size_t bytes);

/* The slot is taken, and nobody shall have written to it while it was free. */
static ALWAYS_INLINE void *hand_out(struct heap *seen, char *p, size_t bytes)
{
	if (CHECKS && unlikely(*(uint64_t *)p != 0))
		return hand_out_spoiled(seen, p, bytes);
	if (CHECKS)
		memcpy(p + bytes, &plat__key, CANARY_BYTES);
	heap_put_back(seen);
	return p;
}

static void *hand_out_spoiled(struct heap *seen, char *p, size_t bytes)
{
	plat__fault(FAULT_WRITE_AFTER_FREE, p, SIZE_MAX, p);
	memset(p, 0, sizeof(uint64_t));
	return hand_out(seen, p, bytes);
}

static __attribute__((noinline)) void *malloc_wide(size_t bytes)
{
	struct heap *seen = heap_take_away();
	struct bin *bin = heap_wide_bin(seen, bytes);
	char *p;

	if (unlikely(!take(bin, true, bytes, &p)))
		return malloc_unserved(seen, bin, bytes);
	return hand_out(seen, p, bytes);
}

void *plat__malloc(size_t bytes)
{
	struct heap *seen;
	struct bin *bin;
	char *p;

	if (unlikely(bytes > SMALL_MAX))
		return bytes <= WIDE_MAX && bytes < guess(&plat__options.mmap_threshold)
			       ? malloc_wide(bytes)
			       : malloc_long(bytes);
	seen = heap_take_away();
	bin = heap_small_bin(seen, bytes);
	if (unlikely(!take(bin, false, bytes, &p)))
		return malloc_unserved(seen, bin, bytes);
	return hand_out(seen, p, bytes);
}

/* --- the long way to a block --- */

static void set_window_tag(struct bin *bin, uint32_t class, unsigned i, uint32_t tag)
{
	if (class_is_wide(class))
		store_release((uint16_t *)bin->tags + i, (uint16_t)tag);
	else
		store_release(bin->tags + i, (uint8_t)tag);
}

static bool refill(struct heap *heap, const struct bin *bin, uint32_t class)
{
	unsigned n = plat__heap_refill(heap, class);

	if (n == 0)
		return false;
	plat__watch_refill(heap, bin, class, n);
	return true;
}

static void *take_slot(struct heap *heap, struct fit fit, size_t bytes)
{
	struct bin *bin = &heap->bins[fit.class];

	for (;;) {
		uint64_t mask = load_relaxed(&bin->mask);
		unsigned i;
		char *p;

		if (!mask) {
			if (refill(heap, bin, fit.class))
				continue;
			return NULL;
		}
		i = (unsigned)lowest_bit(mask);
		p = (char *)bin->base + (size_t)i * fit.stride;
		store_relaxed(&bin->mask, mask & (mask - 1));
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
	return heap_is_in_use(heap) ? plat__heap_nested(heap) : heap;
}

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* Blocks are known by where our callers called us, so functions on the way keep frame pointers. */
#define FRAME() __builtin_frame_address(0)
#define KEEP_FRAME() __asm__ volatile("" : : "r"(FRAME()))

/* What comes before is not the last call of its function, whose frame would be gone by then. */
static inline void *stay(void *p)
{
	__asm__ volatile("" : "+r"(p));
	return p;
}

/* Somebody outside wants back what can be had. Each heap only gives for itself. */
static __attribute__((noinline)) void trim_as_asked(struct heap *heap)
{
	uint64_t asked = load_relaxed(&plat__trim_wish.asked);
	struct heap *nested;

	/* Those of its signal handlers may not be needed again for long. */
	for (nested = heap->nested; nested; nested = nested->nested) {
		plat__heap_flush(nested);
		store_relaxed(&nested->trimmed, asked);
	}
	plat__trim(0);
	store_relaxed(&heap->trimmed, asked);
}

static inline void trim_if_asked(struct heap *heap)
{
	if (unlikely(load_relaxed(&plat__trim_wish.asked) != heap->trimmed))
		trim_as_asked(heap);
}

/* The same at a free, where the heap may be in use, or the thread may have none. */
static void trim_if_idle_and_asked(void)
{
	struct heap *heap = plat__thread_heap();

	if (heap != &plat__no_heap && !heap_is_in_use(heap))
		trim_if_asked(heap);
}

static void *malloc_alone(struct heap *heap, size_t bytes, size_t alignment, bool *is_zero,
			  const void *frame)
{
	void *p = NULL;

	/* No address is aligned to half of all addresses, and sums with more would overflow. */
	if (bytes <= PTRDIFF_MAX && alignment <= PTRDIFF_MAX / 2)
		p = plat__large_malloc(bytes, alignment, is_zero);
	if (p && unlikely(load_relaxed(&plat__options.perturb))) {
		plat__perturb_block(NULL, p, bytes);
		*is_zero = false;
	}
	if (p && heap && unlikely(load_relaxed(&plat__samples.mean) != 0))
		plat__watch_alone(heap, p, bytes, frame);
	if (heap)
		trim_if_asked(heap);
	return p ? p : no_memory();
}

static void *take_busy(struct heap *heap, struct fit fit, size_t bytes)
{
	struct heap *seen = begin_taking(heap);
	void *p = take_slot(heap, fit, bytes);

	end_taking(heap, seen);
	return p;
}

static void *malloc_fit(struct heap *heap, struct fit fit, size_t bytes, size_t alignment,
			const void *frame)
{
	void *p = take_busy(heap, fit, bytes);

	if (!p && plat__trim(0))
		p = take_busy(heap, fit, bytes);
	if (unlikely(heap->events) && p)
		p = plat__watch_block(heap, p, bytes, alignment, frame);
	trim_if_asked(heap);
	return p ? p : no_memory();
}

static bool fit_aligned(size_t alignment, size_t bytes, size_t zone, struct fit *ret);

/* No type that is aligned to 16 fits into less: there the end can be nearer to a page's. */
static size_t any_alignment(size_t bytes)
{
	return bytes < SLOT_GRAIN ? SLOT_GRAIN / 2 : SLOT_GRAIN;
}

/* Where no call takes the short way. */
static __attribute__((noinline)) void *malloc_hard(size_t bytes, size_t alignment,
						   const void *frame, bool *is_zero)
{
	struct heap *heap = usable_heap();
	size_t zone = plat__options.is_hard ? ZONE_BYTES : 0;
	struct fit fit;
	void *p = NULL;

	KEEP_FRAME();
	*is_zero = false;
	if (bytes == 0 || plat__options.is_guard_all)
		p = plat__guard_malloc(bytes, alignment, frame);
	if (p && unlikely(load_relaxed(&plat__options.perturb)))
		plat__perturb_block(NULL, p, bytes);
	else
		*is_zero = p != NULL; /* its pages are new */
	if (p && heap && unlikely(load_relaxed(&plat__samples.mean) != 0))
		plat__watch_alone(heap, p, bytes, frame);
	if (p)
		return p;
	if (alignment < SLOT_GRAIN)
		alignment = SLOT_GRAIN;
	if (!heap || !fit_aligned(alignment, bytes, zone, &fit))
		return malloc_alone(heap, bytes, alignment, is_zero, frame);
	if (!plat__options.is_hard)
		return malloc_fit(heap, fit, bytes, alignment, frame);
	p = plat__hard_malloc(heap, fit, bytes);
	if (!p && plat__trim(0))
		p = plat__hard_malloc(heap, fit, bytes);
	*is_zero = true;
	if (p && unlikely(load_relaxed(&plat__options.perturb))) {
		plat__perturb_block(NULL, p, bytes);
		*is_zero = false;
	}
	if (unlikely(heap->events) && p)
		p = plat__watch_block(heap, p, bytes, alignment, frame);
	trim_if_asked(heap);
	return p ? p : no_memory();
}

/* What follows is not inlined, so that the short ways of hard mode save no registers for it. */
static __attribute__((noinline)) void *malloc_looked_after(size_t bytes)
{
	bool is_zero;

	return stay(malloc_hard(bytes, any_alignment(bytes), FRAME(), &is_zero));
}

static __attribute__((noinline)) void *malloc_by_default(size_t bytes)
{
	struct heap *heap = usable_heap();
	bool is_zero;

	/* The first call of all has read the environment only now. */
	if (unlikely(plat__options.is_long))
		return malloc_looked_after(bytes);
	if (bytes <= WIDE_MAX && heap &&
	    (bytes <= SMALL_MAX || bytes < load_relaxed(&plat__options.mmap_threshold)))
		return stay(malloc_fit(heap, plat__fit(bytes), bytes, SLOT_GRAIN, FRAME()));
	return stay(malloc_alone(heap, bytes, SLOT_GRAIN, &is_zero, FRAME()));
}

static void *malloc_long(size_t bytes)
{
	void *p;

	if (!plat__options.is_long)
		return malloc_by_default(bytes);
	p = plat__hard_malloc_quick(bytes);
	return likely(p) ? p : malloc_looked_after(bytes);
}

/* The thread has none yet, or it is on the long way only, as in hard mode. */
static void *malloc_without_heap(size_t bytes)
{
	heap_put_back_unused(&plat__no_heap);
	return malloc_long(bytes);
}

static NOINLINE void *calloc_long(size_t bytes)
{
	bool is_zero = false;
	void *p = NULL;

	KEEP_FRAME();
	if (!plat__options.is_long) {
		p = malloc_alone(usable_heap(), bytes, SLOT_GRAIN, &is_zero, FRAME());
	} else {
		p = plat__hard_malloc_quick(bytes);
		is_zero = p != NULL;
		if (!p)
			p = malloc_hard(bytes, any_alignment(bytes), FRAME(), &is_zero);
	}
	if (p && !is_zero)
		memset(p, 0, bytes);
	return p;
}

void *plat__calloc(size_t bytes)
{
	void *p;

	if (unlikely(bytes > WIDE_MAX || plat__options.is_long))
		return calloc_long(bytes);
	KEEP_FRAME();
	p = plat__malloc(bytes);
	return likely(p) ? memset(p, 0, bytes) : NULL;
}

/* How much shorter than its slot a block can be. */
static size_t slack_max(struct fit fit)
{
	return (class_is_wide(fit.class) ? UINT16_MAX : UINT8_MAX) - TAG_BIAS;
}

/*
 * The first class whose slots all begin at a multiple of the alignment, with room for a zone, and
 * whose tags can say how much shorter the block is: where those of small slots cannot, it is a wide
 * one.
 */
static bool fit_aligned(size_t alignment, size_t bytes, size_t zone, struct fit *ret)
{
	size_t room = bytes + zone + CANARY, stride;

	if (bytes > WIDE_MAX - zone || alignment > WIDE_STRIDE_MAX)
		return false;
	stride = (room + (room == 0) + alignment - 1) & ~(alignment - 1);
	if (stride > WIDE_STRIDE_MAX)
		return false;
	for (*ret = plat__fit(stride - CANARY); ret->class < NCLASSES; ret->class ++) {
		ret->stride = plat__class_stride(ret->class);
		if (ret->stride % alignment == 0 && ret->stride - bytes <= slack_max(*ret))
			return true;
	}
	return false;
}

/*
 * The short way: mostly the class of the size, rounded up, has slots that are aligned. false: it
 * has none, or the block goes elsewhere.
 */
static ALWAYS_INLINE bool take_aligned(size_t alignment, size_t bytes, char **ret)
{
	size_t most = ((bytes + CANARY + alignment - 1) & -alignment) - CANARY;
	bool is_wide = most > SMALL_MAX, is_taken = false;
	struct heap *seen;
	struct bin *bin;

	if (unlikely(most > WIDE_MAX))
		return false;
	seen = heap_take_away();
	bin = is_wide ? heap_wide_bin(seen, most) : heap_small_bin(seen, most);
	if (likely((bin->stride & (alignment - 1)) == 0) &&
	    likely(is_wide || bin->stride - bytes <= UINT8_MAX - TAG_BIAS))
		is_taken = take(bin, is_wide, bytes, ret);
	if (likely(is_taken))
		*ret = hand_out(seen, *ret, bytes);
	else
		heap_put_back_unused(seen);
	return is_taken;
}

static NOINLINE void *aligned_long(size_t alignment, size_t bytes)
{
	struct heap *heap;
	struct fit fit;
	bool is_zero;

	if (unlikely(plat__options.is_long))
		return stay(malloc_hard(bytes, alignment, FRAME(), &is_zero));
	heap = usable_heap();
	if (!heap || !fit_aligned(alignment, bytes, 0, &fit))
		return stay(malloc_alone(heap, bytes, alignment, &is_zero, FRAME()));
	return stay(malloc_fit(heap, fit, bytes, alignment, FRAME()));
}

void *plat__aligned(size_t alignment, size_t bytes)
{
	char *p;

	if (alignment <= SLOT_GRAIN && !plat__options.is_long)
		return plat__malloc(bytes);
	if (likely(bytes <= WIDE_MAX && alignment <= WIDE_STRIDE_MAX) &&
	    likely(take_aligned(alignment, bytes, &p)))
		return p;
	return aligned_long(alignment, bytes);
}

/* --- the long way back --- */

static bool find_slot(struct slab *slab, uintptr_t at, struct found *ret)
{
	uint64_t offset = at - slab->base;

	ret->slot = (uint32_t)(offset * slab->reciprocal >> SLOT_SHIFT);
	if (ret->slot >= slab->nslots)
		return false;
	ret->start = slab->base + (uintptr_t)ret->slot * slab->stride;
	ret->is_start = at == ret->start;
	ret->size = slab_tag(slab, ret->slot);
	ret->is_live = tag_is_live((uint32_t)ret->size);
	if (ret->is_live)
		ret->size = slab_size_of(slab, (uint32_t)ret->size);
	return true;
}

bool plat__find(const void *p, struct found *ret)
{
	struct slab *slab = near_slab(p);
	uint64_t size;

	ret->slab = slab;
	if (slab_has_slots(slab) && (uintptr_t)p - slab->base < slab->ngranules * GRANULE)
		return find_slot(slab, (uintptr_t)p, ret);
	slab = plat__map_find((uintptr_t)p);
	*ret = (struct found){.slab = slab};
	if (!slab)
		return false;
	if (slab_has_slots(slab))
		return find_slot(slab, (uintptr_t)p, ret);
	size = load_acquire(&slab->size);
	ret->start = slab->base;
	ret->is_start = (uintptr_t)p == slab->base;
	ret->is_live = size != 0;
	ret->size = size ? (size_t)(size - 1) : SIZE_MAX;
	return true;
}

static bool is_slot(const struct found *found)
{
	return slab_has_slots(found->slab);
}

/* What was written beside the block; NFAULTS: nothing, as far as can be seen. *ret: whose fault. */
static enum fault damage(const struct found *found, const void **ret)
{
	if (found->slab->kind == SLAB_GUARDED)
		return plat__guard_damage(found->slab, found->size);
	if (!is_slot(found))
		return plat__large_is_intact(found->slab, found->size) ? NFAULTS : FAULT_OVERFLOW;
	if (found->slab->is_hard)
		return plat__hard_damage(found, ret);
	return !CHECKS || plat__is_canary((const char *)found->start + found->size)
		       ? NFAULTS
		       : FAULT_OVERFLOW;
}

/* What it is called when the pointer is not the begin of a block, or that of a free one. */
struct verdict {
	enum fault no_block, no_live_block;
};

static const struct verdict of_free = {FAULT_INVALID_FREE, FAULT_DOUBLE_FREE};
static const struct verdict of_use = {FAULT_INVALID_POINTER, FAULT_USE_AFTER_FREE};

/* The pointer is the begin of a live block, and nobody wrote past its end. */
static bool check(void *p, const struct verdict *verdict, struct found *found)
{
	const void *start;
	enum fault fault;

	if (!plat__find(p, found)) {
		plat__fault(verdict->no_block, p, SIZE_MAX, NULL);
		return false;
	}
	start = (const void *)found->start;
	if (!found->is_start) {
		plat__fault(verdict->no_block, p, found->is_live ? found->size : SIZE_MAX, start);
		return false;
	}
	if (!found->is_live) {
		plat__fault(verdict->no_live_block, p, SIZE_MAX, start);
		return false;
	}
	fault = damage(found, &start);
	if (fault != NFAULTS) {
		plat__fault(fault, start, start == p ? found->size : SIZE_MAX, start);
		return false;
	}
	return true;
}

static bool is_sample(const struct found *found)
{
	if (!is_slot(found))
		return found->slab->is_sampled;
	return CHECKS && plat__is_sample_canary((const char *)found->start + found->size);
}

/* Nobody will see what is in it. */
static bool is_to_be_hidden(const struct found *found)
{
	return found->slab->kind == SLAB_MAPPING || found->slab->kind == SLAB_GUARDED ||
	       found->slab->is_hard;
}

/* The last step of the short way, now and then. */
static __attribute__((noinline)) void look(struct slab *slab)
{
	plat__heap_look(plat__thread_heap(), slab);
	trim_if_idle_and_asked();
}

static void free_slot(const struct found *found)
{
	struct slab *slab = found->slab;

	if (CHECKS)
		memset((void *)found->start, 0, FRONT_BYTES);
	slab_set_tag(slab, found->slot, 0);
	if (count_down(&slab->left) == 0)
		look(slab);
}

NOINLINE void plat__free_checked(void *p)
{
	struct found found;

	if (!p || !check(p, &of_free, &found))
		return;
	if (unlikely(plat__options.is_long))
		plat__kind_check_found(&found, KIND_MALLOC);
	if (is_sample(&found))
		plat__sample_end(p);
	if (unlikely(load_relaxed(&plat__options.perturb)) && !is_to_be_hidden(&found))
		plat__perturb_free(p, found.size);
	if (found.slab->is_hard)
		plat__hard_free(p, &found);
	else if (is_slot(&found))
		free_slot(&found);
	else if (!plat__large_free(found.slab, FRAME()))
		plat__fault(FAULT_DOUBLE_FREE, p, SIZE_MAX, p);
	else
		trim_if_idle_and_asked();
}

/* What near_slab() says of it. */
static void free_long(void *p, struct slab *slab, uint64_t slot)
{
	if (unlikely(plat__options.is_hard))
		plat__hard_free_quick(p, slab, slot);
	else
		plat__free_checked(p);
}

/* The short way for wide slots. */
static __attribute__((noinline)) void free_wide(void *p, struct slab *slab, uint64_t slot)
{
	uint16_t *tag = (uint16_t *)slab->tags + slot;
	size_t size = slab->stride - *tag;

	if (unlikely(*tag == TAG_FREE))
		return free_long(p, slab, slot);
	if (CHECKS) {
		if (unlikely(memcmp((char *)p + size, &plat__key, CANARY_BYTES) != 0))
			return free_long(p, slab, slot);
		memset(p, 0, FRONT_BYTES);
	}
	store_release(tag, TAG_FREE);
	if (unlikely(count_down(&slab->left) == 0))
		look(slab);
}

void plat__free(void *p)
{
	struct slab *slab = near_slab(p);
	uint64_t slot = slab_slot_at(slab, (uintptr_t)p);
	uint32_t size;

	if (unlikely(slot >= guess(&slab->nshort))) {
		if (slot < guess(&slab->nwide))
			return free_wide(p, slab, slot);
		return free_long(p, slab, slot);
	}
	size = -(uint32_t)slab->tags[slot];
	if (unlikely(size == TAG_FREE))
		return free_long(p, slab, slot);
	if (CHECKS) {
		size += slab->stride;
		if (unlikely(memcmp((char *)p + size, &plat__key, CANARY_BYTES) != 0))
			return free_long(p, slab, slot);
		memset(p, 0, FRONT_BYTES);
	}
	store_release(&slab->tags[slot], TAG_FREE);
	if (unlikely(count_down(&slab->left) == 0))
		look(slab);
}

size_t plat__usable(void *p)
{
	struct slab *slab = near_slab(p);
	uint64_t slot = slab_slot_at(slab, (uintptr_t)p);
	struct found found;

	if (likely(slot < guess(&slab->nshort))) {
		uint8_t tag = slab->tags[slot];

		if (likely(tag != TAG_FREE))
			return slab_size_of(slab, tag);
	}
	return check(p, &of_use, &found) ? found.size : 0;
}

/* --- realloc --- */

static bool resize_slot(const struct found *found, size_t bytes)
{
	struct slab *slab = found->slab;
	struct fit fit = {slab->class, slab->stride};

	if (bytes + CANARY > slab->stride || slab->stride - bytes > slack_max(fit) ||
	    (bytes < slab->stride / 2 && slab->stride > 64))
		return false;
	/* Of a sample it is another one. */
	if (CHECKS)
		memmove((char *)found->start + bytes, (char *)found->start + found->size,
			CANARY_BYTES);
	slab_set_tag(slab, found->slot, (uint32_t)(slab->stride + TAG_BIAS - bytes));
	return true;
}

/* What grows once will grow again: it gets a slot with some room. */
static ALWAYS_INLINE void *roomy_long(size_t bytes)
{
	struct heap *heap = usable_heap();

	if (!heap)
		return plat__malloc(bytes);
	return stay(malloc_fit(heap, plat__fit(bytes + bytes / 8), bytes, SLOT_GRAIN, FRAME()));
}

static ALWAYS_INLINE void *malloc_roomy(size_t bytes)
{
	size_t most = bytes + bytes / 8;
	bool is_wide = most > SMALL_MAX, is_taken;
	struct heap *seen;
	char *p;

	/* Not where small and wide slots meet; nor what goes to a mapping. */
	if (is_wide && (bytes <= SMALL_MAX || bytes >= load_relaxed(&plat__options.mmap_threshold)))
		return plat__malloc(bytes);
	seen = heap_take_away();
	is_taken = take(is_wide ? heap_wide_bin(seen, most) : heap_small_bin(seen, most), is_wide,
			bytes, &p);
	if (likely(is_taken))
		return hand_out(seen, p, bytes);
	heap_put_back_unused(seen);
	return roomy_long(bytes);
}

static void *move(void *p, size_t before, size_t bytes)
{
	bool is_roomy = bytes > before && before >= ROOMY_MIN && bytes <= ROOMY_MAX &&
			!plat__options.is_long;
	void *moved = is_roomy ? malloc_roomy(bytes) : plat__malloc(bytes);

	if (!moved)
		return NULL;
	memcpy(moved, p, before < bytes ? before : bytes);
	plat__free(p);
	return moved;
}

/*
 * The size of a sound block, by the short way of free; SIZE_MAX: the long one has to see. No sample
 * is among them.
 */
static ALWAYS_INLINE size_t size_quick(const struct slab *slab, uint64_t slot, const void *p)
{
	uint32_t tag;

	if (slot < guess(&slab->nshort))
		tag = slab->tags[slot];
	else if (slot < guess(&slab->nwide))
		tag = ((const uint16_t *)slab->tags)[slot];
	else
		return SIZE_MAX;
	if (tag == TAG_FREE || (CHECKS && memcmp((const char *)p + slab_size_of(slab, tag),
						 &plat__key, CANARY_BYTES) != 0))
		return SIZE_MAX;
	return slab_size_of(slab, tag);
}

/* The block stays in its slot: it fits in, and would not leave most of it unused. */
static ALWAYS_INLINE bool resize_quick(struct slab *slab, uint64_t slot, void *p, size_t bytes)
{
	bool is_wide = slab->kind == SLAB_WIDE;
	size_t most = (is_wide ? UINT16_MAX : UINT8_MAX) - TAG_BIAS;

	if (bytes + CANARY > slab->stride || slab->stride - bytes > most ||
	    (bytes < slab->stride / 2 && slab->stride > 64))
		return false;
	if (CHECKS)
		memcpy((char *)p + bytes, &plat__key, CANARY_BYTES);
	slab_set_tag(slab, (uint32_t)slot, (uint32_t)(slab->stride + TAG_BIAS - bytes));
	return true;
}

static void watch_resized(void *p, size_t bytes, const void *frame)
{
	struct heap *heap = usable_heap();

	if (heap)
		plat__watch_alone(heap, p, bytes, frame);
}

void *plat__realloc(void *p, size_t bytes)
{
	struct slab *slab = near_slab(p);
	uint64_t slot = slab_slot_at(slab, (uintptr_t)p);
	struct found found;
	void *resized;
	size_t size;

	KEEP_FRAME();
	size = size_quick(slab, slot, p);
	if (likely(size != SIZE_MAX))
		return resize_quick(slab, slot, p, bytes) ? p : move(p, size, bytes);
	if (!check(p, &of_free, &found))
		return NULL;
	if (unlikely(plat__options.is_long))
		plat__kind_check_found(&found, KIND_MALLOC);
	if (found.slab->is_hard) {
		if (plat__hard_resize(&found, bytes))
			return p;
	} else if (is_slot(&found)) {
		if (resize_slot(&found, bytes))
			return p;
	} else if (bytes > WIDE_MAX) {
		/* For the profile it is another block, however it grows. */
		if (found.slab->is_sampled)
			plat__sample_end(p);
		resized = plat__large_realloc(found.slab, bytes);
		if (resized && unlikely(load_relaxed(&plat__samples.mean) != 0))
			watch_resized(resized, bytes, FRAME());
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

/*
 * Those who ask before they copy, or when a page faults, refer to these weakly, for which no linker
 * takes anything out of an archive: whoever has this malloc has them, too.
 */
#define KEPT(function) (void (*)(void)) function
static void (*const kept[])(void) __attribute__((used)) = {
	KEPT(plat_check_access),  KEPT(plat_check_begin),  KEPT(plat_check_compare),
	KEPT(plat_check_copy),	  KEPT(plat_check_memcmp), KEPT(plat_check_memcpy),
	KEPT(plat_check_memmove), KEPT(plat_check_memset), KEPT(plat_check_move),
	KEPT(plat_check_set),	  KEPT(plat_tell_fault),
};
