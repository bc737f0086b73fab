#include "alloc/large.h"

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/slab.h"
#include "alloc/source.h"
#include "alloc/system.h"

#include <string.h>

/* Freed mappings whose addresses stay taken for a while, so that an old pointer finds nothing. */
#define QUARANTINE 16
#define QUARANTINE_BYTES ((size_t)64 << 20)
/* A freed run of granules waits until the next one is freed. */
#define HELD_RUN_MAX ((size_t)1 << 20)

static size_t mappings, mapped_bytes;
static struct slab *held_run;
static struct slab *quarantine[QUARANTINE];
static uint32_t quarantine_at;

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

static void write_canary(const struct slab *slab, size_t bytes)
{
	if (CHECKS)
		memcpy((char *)slab->base + bytes, &plat__key, CANARY_BYTES);
}

/* --- in granules --- */

static void *run_malloc(size_t bytes, size_t alignment, bool *is_zero)
{
	/* Without checks, nothing at all takes a granule, too. */
	size_t n = round_up(bytes + CANARY + (bytes + CANARY == 0), GRANULE) / GRANULE, extra;
	struct slab *slab = plat__slab_alone(SLAB_RUN);
	uintptr_t base;
	uint64_t pages;

	if (!slab)
		return NULL;
	/* Granules in front that only the alignment needs go back at once. */
	extra = alignment > GRANULE ? alignment / GRANULE - 1 : 0;
	if (plat__granules_take(n + extra, &base, &pages) < 0) {
		plat__slab_forget(slab);
		return NULL;
	}
	if (extra > 0) {
		size_t front = round_up(base, alignment) - base;

		if (front > 0)
			plat__granules_give(base, front / GRANULE, pages ? UINT64_MAX : 0);
		base += front;
		pages = pages ? UINT64_MAX : 0;
		if (extra * GRANULE > front)
			plat__granules_give(base + n * GRANULE, extra - front / GRANULE,
					    pages ? UINT64_MAX : 0);
	}
	slab->base = base;
	slab->ngranules = (uint32_t)n;
	slab->stride = 0;
	slab->pages = pages;
	slab->mapped = n * GRANULE;
	if (plat__map_add(slab) < 0) {
		plat__granules_give(base, n, pages);
		plat__slab_forget(slab);
		return NULL;
	}
	*is_zero = pages == 0;
	write_canary(slab, bytes);
	store_release(&slab->size, bytes + 1);
	return (void *)base;
}

/* Pages up to the end of what the block may have written. */
static uint64_t run_pages(const struct slab *slab, size_t bytes)
{
	size_t n = (bytes + CANARY + plat__page_bytes - 1) / plat__page_bytes;

	return slab->pages | (n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1);
}

static void run_release(struct slab *slab)
{
	plat__map_remove(slab);
	plat__granules_give(slab->base, slab->ngranules, slab->pages);
	plat__slab_forget(slab);
}

static void run_free(struct slab *slab, size_t bytes)
{
	slab->pages = run_pages(slab, bytes);
	if (slab->mapped > HELD_RUN_MAX || !CHECKS) {
		run_release(slab);
		return;
	}
	slab = exchange(&held_run, slab);
	if (slab)
		run_release(slab);
}

static void *run_realloc(struct slab *slab, size_t bytes)
{
	size_t have = slab->ngranules, n = round_up(bytes + CANARY, GRANULE) / GRANULE, i;
	size_t before = large_size(slab);

	if (n > have) {
		uint32_t old = slab->ngranules;

		if (!plat__granules_extend(slab->base + have * GRANULE, n - have))
			return NULL;
		slab->ngranules = (uint32_t)n;
		if (plat__map_add(slab) < 0) {
			slab->ngranules = old;
			plat__granules_give(slab->base + have * GRANULE, n - have, UINT64_MAX);
			return NULL;
		}
		/* Their pages may be resident, whatever the block will touch. */
		i = have * (GRANULE / plat__page_bytes);
		slab->pages |= i < 64 ? UINT64_MAX << i : 0;
	} else if (n < have) {
		plat__map_clear(slab->base + n * GRANULE, have - n);
		slab->pages = run_pages(slab, before);
		i = n * (GRANULE / plat__page_bytes);
		slab->ngranules = (uint32_t)n;
		/* Of pages from the 64th on nothing is known. */
		plat__granules_give(slab->base + n * GRANULE, have - n,
				    i < 64 ? slab->pages >> i | UINT64_MAX << (64 - i)
					   : UINT64_MAX);
		slab->pages &= i < 64 ? (UINT64_C(1) << i) - 1 : UINT64_MAX;
	}
	if (bytes < before)
		slab->pages = run_pages(slab, before);
	slab->mapped = n * GRANULE;
	write_canary(slab, bytes);
	store_release(&slab->size, bytes + 1);
	return (void *)slab->base;
}

/* --- in mappings --- */

/* Behind the block's last page lies one that cannot be touched, where the kernel has guards. */
static void guard(const struct slab *slab, size_t bytes, bool is_on)
{
	uintptr_t end = slab->base + round_up(bytes + CANARY, plat__page_bytes);

	if (!CHECKS || end >= slab->base + slab->mapped)
		return;
	if (is_on)
		plat__system_guard(end, plat__page_bytes);
	else
		plat__system_unguard(end, plat__page_bytes);
}

static size_t mapping_bytes(size_t bytes)
{
	return round_up(bytes + CANARY + (CHECKS ? plat__page_bytes : 0), GRANULE);
}

static void *mapping_malloc(size_t bytes, size_t alignment)
{
	size_t whole = mapping_bytes(bytes);
	struct slab *slab = plat__slab_alone(SLAB_MAPPING);
	uintptr_t base;

	if (!slab)
		return NULL;
	if (alignment < GRANULE)
		alignment = GRANULE;
	if (plat__source->map(whole, alignment, &base) < 0 &&
	    (!plat__large_return() || plat__source->map(whole, alignment, &base) < 0)) {
		plat__slab_forget(slab);
		return NULL;
	}
	slab->base = base;
	slab->ngranules = (uint32_t)(whole / GRANULE);
	slab->stride = 0;
	slab->mapped = whole;
	if (plat__map_add(slab) < 0) {
		plat__source->unmap(base, whole);
		plat__slab_forget(slab);
		return NULL;
	}
	guard(slab, bytes, true);
	write_canary(slab, bytes);
	fetch_add(&mappings, 1);
	fetch_add(&mapped_bytes, whole);
	store_release(&slab->size, bytes + 1);
	return (void *)base;
}

static void let_go(struct slab *slab)
{
	plat__map_remove(slab);
	plat__source->unmap(slab->base, slab->mapped);
	plat__slab_forget(slab);
}

/* Its slab stays in the map, so that a second free is known for what it is. */
static void keep_away(struct slab *slab)
{
	if (!CHECKS || slab->mapped > QUARANTINE_BYTES ||
	    plat__source->fence(slab->base, slab->mapped) < 0) {
		let_go(slab);
		return;
	}
	slab = exchange(&quarantine[fetch_add(&quarantine_at, 1) % QUARANTINE], slab);
	if (slab)
		let_go(slab);
}

/* glibc 2.36 malloc/malloc.c __libc_free: freeing a mapping raises both thresholds. */
static void follow(size_t bytes)
{
	if (!plat__options.is_dynamic || bytes <= plat__options.mmap_threshold ||
	    bytes > MMAP_THRESHOLD_MAX)
		return;
	store_relaxed(&plat__options.mmap_threshold, bytes);
	store_relaxed(&plat__options.trim_threshold, bytes * 2);
}

static void mapping_free(struct slab *slab)
{
	follow(slab->mapped);
	fetch_sub(&mappings, 1);
	fetch_sub(&mapped_bytes, slab->mapped);
	keep_away(slab);
}

/* The kernel moves the pages to a place that is known to the map before they arrive. */
static struct slab *move_mapping(struct slab *slab, size_t whole)
{
	struct slab *moved = plat__slab_alone(SLAB_MAPPING);
	uintptr_t base;

	if (!moved)
		return NULL;
	if (plat__source->map(whole, GRANULE, &base) < 0)
		goto forget;
	moved->base = base;
	moved->ngranules = (uint32_t)(whole / GRANULE);
	moved->stride = 0;
	moved->mapped = whole;
	store_relaxed(&moved->size, slab->size);
	if (plat__map_add(moved) < 0)
		goto unmap;
	/* Its old place may be somebody else's as soon as the pages have left. */
	plat__map_remove(slab);
	if (plat__source->remap(slab->base, slab->mapped, whole, base) < 0)
		goto remove;
	store_relaxed(&slab->size, 0);
	plat__slab_forget(slab);
	return moved;
remove:
	plat__map_add(slab); /* the map has room for it */
	plat__map_remove(moved);
unmap:
	plat__source->unmap(base, whole);
forget:
	store_relaxed(&moved->size, 0);
	plat__slab_forget(moved);
	return NULL;
}

static bool resize_mapping(struct slab *slab, size_t whole)
{
	size_t old = slab->mapped;

	/* Addresses may be somebody else's as soon as they have been given back. */
	if (whole < old)
		plat__map_clear(slab->base + whole, (old - whole) / GRANULE);
	if (plat__source->remap(slab->base, old, whole, 0) < 0) {
		plat__map_add(slab); /* the map has room for it */
		return false;
	}
	slab->ngranules = (uint32_t)(whole / GRANULE);
	slab->mapped = whole;
	if (plat__map_add(slab) == 0)
		return true;
	slab->ngranules = (uint32_t)(old / GRANULE);
	slab->mapped = old;
	plat__source->remap(slab->base, whole, old, 0);
	return false;
}

static void *mapping_realloc(struct slab *slab, size_t bytes)
{
	size_t before = large_size(slab), old = slab->mapped, whole = mapping_bytes(bytes);

	guard(slab, before, false);
	if (whole != old && !resize_mapping(slab, whole)) {
		struct slab *moved = move_mapping(slab, whole);

		if (!moved) {
			guard(slab, before, true);
			return NULL;
		}
		slab = moved;
	}
	fetch_add(&mapped_bytes, whole - old);
	guard(slab, bytes, true);
	write_canary(slab, bytes);
	store_release(&slab->size, bytes + 1);
	return (void *)slab->base;
}

/* --- either --- */

void *plat__large_malloc(size_t bytes, size_t alignment, bool *is_zero)
{
	void *p;

	*is_zero = false;
	if (bytes > PTRDIFF_MAX - 2 * GRANULE - alignment)
		return NULL;
	if (bytes + CANARY >= load_relaxed(&plat__options.mmap_threshold) &&
	    load_relaxed(&mappings) < load_relaxed(&plat__options.mmap_max)) {
		p = mapping_malloc(bytes, alignment);
		*is_zero = p != NULL;
		if (p)
			return p;
	}
	p = run_malloc(bytes, alignment, is_zero);
	if (!p && plat__large_return())
		p = run_malloc(bytes, alignment, is_zero);
	return p;
}

bool plat__large_free(struct slab *slab)
{
	uint64_t size = exchange(&slab->size, 0);

	if (size == 0)
		return false;
	if (slab->kind == SLAB_MAPPING)
		mapping_free(slab);
	else
		run_free(slab, (size_t)(size - 1));
	return true;
}

void *plat__large_realloc(struct slab *slab, size_t bytes)
{
	if (bytes > PTRDIFF_MAX - 2 * GRANULE)
		return NULL;
	if (slab->kind == SLAB_MAPPING)
		return mapping_realloc(slab, bytes);
	return run_realloc(slab, bytes);
}

bool plat__large_let_go(void)
{
	struct slab *slab = exchange(&held_run, NULL);
	bool has_gone = slab != NULL;
	unsigned i;

	if (slab)
		run_release(slab);
	for (i = 0; i < QUARANTINE; i++) {
		slab = exchange(&quarantine[i], NULL);
		if (!slab)
			continue;
		has_gone = true;
		let_go(slab);
	}
	return has_gone;
}

bool plat__large_return(void)
{
	bool has_gone = plat__large_let_go();

	return plat__granules_return() || has_gone;
}

struct large_sums plat__large_sums(void)
{
	return (struct large_sums){load_relaxed(&mappings), load_relaxed(&mapped_bytes)};
}
