#include "alloc/large.h"

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/guard.h"
#include "alloc/huge.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/slab.h"
#include "alloc/source.h"
#include "alloc/system.h"
#include "alloc/trap.h"

#include <errno.h>
#include <string.h>

/* Freed mappings whose addresses stay taken for a while, so that an old pointer finds nothing. */
#define QUARANTINE 16
#define QUARANTINE_BYTES ((size_t)64 << 20)
/* A freed run of granules waits until the next one is freed. */
#define HELD_RUN_MAX ((size_t)1 << 20)
/*
 * In hard mode one that is not too large waits where nobody can touch it. Its pages stay, all
 * zeros, if they are few or not too many wait already: to drop them and to have new ones would take
 * three times as long.
 */
#define HIDDEN_RUN_MAX ((size_t)320 << 10)
#define KEPT_RUN_MAX ((size_t)128 << 10)
#define KEPT_BYTES ((size_t)3 << 20)

static size_t mappings, mapped_bytes;
/* Of runs that wait with their pages. */
static size_t kept_bytes;
static struct slab *held_run;
static struct slab *quarantine[QUARANTINE];
static uint32_t quarantine_at;

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

static void keep(struct slab *slab);

static void write_canary(const struct slab *slab, size_t bytes)
{
	if (CHECKS)
		memcpy((char *)slab->base + bytes, &plat__key, CANARY_BYTES);
}

/*
 * Where its pages tell what was touched: all of it, a teller, or nothing. A run's do so if none was
 * resident when it was made.
 */
static struct stretch telling(const struct slab *slab, size_t bytes)
{
	const struct stretch none = {slab->base, slab->base},
			     whole = {slab->base, slab->base + bytes};
	struct stretch place;

	if (bytes < HUGE_BLOCK_MIN)
		return none;
	if (slab->teller > 0) {
		place = plat__huge_place(slab->base, slab->teller);
		return place.end <= whole.end ? place : none;
	}
	if (slab->is_huge)
		return none;
	if (slab->kind == SLAB_RUN && (slab->pages || plat__granules_are_huge(slab->base)))
		return none;
	return whole;
}

static void note_made(const struct slab *slab, size_t bytes)
{
	struct stretch here = telling(slab, bytes);

	if (here.start < here.end)
		plat__huge_made(here);
}

/* Is asked also for what is remembered of the answer. */
static bool is_full(const struct slab *slab, size_t bytes)
{
	return plat__huge_look(telling(slab, bytes));
}

/* --- in granules --- */

static void *run_malloc(size_t bytes, size_t alignment, bool *is_zero)
{
	/* Without checks, nothing at all takes a granule, too. */
	size_t n = round_up(bytes + CANARY + (bytes + CANARY == 0), GRANULE) / GRANULE, extra;
	struct slab *slab = plat__slab_alone(SLAB_RUN);
	bool is_due = plat__huge_is_due(bytes);
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
	slab->is_huge = is_due && plat__granules_ask_huge(base, bytes, &slab->teller);
	if (slab->teller > 0 && pages &&
	    plat__source->drop(plat__huge_place(base, slab->teller).start, HUGE_BYTES) < 0)
		slab->teller = 0;
	*is_zero = pages == 0;
	write_canary(slab, bytes);
	store_release(&slab->size, bytes + 1);
	note_made(slab, bytes);
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
	if (slab->is_huge)
		plat__granules_decline_huge(slab->base, slab->ngranules, 0);
	plat__granules_give(slab->base, slab->ngranules, slab->pages);
	plat__slab_forget(slab);
}

static bool hide_run(struct slab *slab, size_t bytes)
{
	if (slab->mapped > HIDDEN_RUN_MAX)
		return false;
	slab->guard = 0;
	if (slab->mapped > KEPT_RUN_MAX && load_relaxed(&kept_bytes) + slab->mapped > KEPT_BYTES)
		return plat__system_guard(slab->base, slab->mapped) == 0;
	memset((void *)slab->base, 0, bytes + CANARY);
	if (plat__system_protect(slab->base, slab->mapped, true) < 0)
		return false;
	slab->guard = slab->mapped;
	fetch_add(&kept_bytes, slab->mapped);
	return true;
}

/* false: it stays as it is, and nobody can use it. */
static bool show_run(struct slab *slab)
{
	if (slab->guard > 0) {
		fetch_sub(&kept_bytes, slab->mapped);
		return plat__system_protect(slab->base, slab->mapped, false) == 0;
	}
	plat__system_unguard(slab->base, slab->mapped);
	/* Unless somebody has opened a page of it. */
	slab->pages = slab->is_guarded ? 0 : UINT64_MAX;
	return true;
}

static void run_free(struct slab *slab, size_t bytes)
{
	slab->pages = run_pages(slab, bytes);
	if (plat__options.is_hard && hide_run(slab, bytes)) {
		slab->freed_size = bytes;
		slab->is_guarded = true;
		plat__trap_set();
		keep(slab);
		return;
	}
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
		plat__map_clear(slab, slab->base + n * GRANULE, have - n);
		slab->pages = run_pages(slab, before);
		if (slab->is_huge)
			plat__granules_decline_huge(slab->base, have, n);
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

/*
 * What lies behind the block's last page cannot be touched, where the kernel has guards; so what
 * lies in front of the mapping above, which the kernel mostly puts right behind, cannot either. A
 * block that ends with its page needs no canary then. One that grows gets some room, so that the
 * guard is not moved each time.
 */
static void guard(struct slab *slab, size_t bytes, size_t room)
{
	size_t at = round_up(bytes + room, plat__page_bytes);

	if (at >= slab->mapped)
		at = round_up(bytes, plat__page_bytes);
	slab->guard = at;
	slab->is_guarded = CHECKS && at < slab->mapped &&
			   plat__system_guard(slab->base + at, slab->mapped - at) == 0;
	if (slab->is_guarded || slab->front > 0)
		plat__trap_set();
}

static void unguard(struct slab *slab)
{
	if (slab->is_guarded)
		plat__system_unguard(slab->base + slab->guard, slab->mapped - slab->guard);
	slab->is_guarded = false;
}

static bool is_guarded_at(const struct slab *slab, size_t bytes)
{
	return slab->is_guarded && slab->guard == round_up(bytes, plat__page_bytes);
}

/* What is left of the last page: nothing, the canary, or the canary and zeros. */
static size_t slack(const struct slab *slab, size_t bytes)
{
	size_t rest = -bytes & (plat__page_bytes - 1);

	return is_guarded_at(slab, bytes) || rest + 1 > CANARY ? rest : CANARY;
}

/* As much of the canary as there is room for. */
static size_t canary_part(size_t rest)
{
	return rest > CANARY ? CANARY : rest;
}

static void write_slack(const struct slab *slab, size_t bytes, size_t before)
{
	char *end = (char *)slab->base + bytes;
	size_t rest = slack(slab, bytes);

	if (!CHECKS)
		return;
	/* Fresh pages are zero, but not where a longer block has been. */
	if (before > bytes)
		memset(end, 0, rest);
	memcpy(end, &plat__key, canary_part(rest));
}

bool plat__large_is_intact(const struct slab *slab, size_t bytes)
{
	const char *end = (const char *)slab->base + bytes;
	size_t rest = slack(slab, bytes), i;

	if (!CHECKS)
		return true;
	if (slab->kind == SLAB_RUN)
		return memcmp(end, &plat__key, CANARY) == 0;
	if (memcmp(end, &plat__key, canary_part(rest)) != 0)
		return false;
	for (i = CANARY; i < rest; i++)
		if (end[i])
			return false;
	return true;
}

static uintptr_t region_start(const struct slab *slab)
{
	return slab->base - slab->front;
}

static size_t region_bytes(const struct slab *slab)
{
	return slab->front + slab->mapped;
}

/* In hard mode nobody can touch what lies in front, either. */
static int map_region(size_t whole, size_t alignment, size_t *front, uintptr_t *ret)
{
	if (plat__options.is_hard)
		return plat__guard_map(whole, alignment, front, ret);
	*front = 0;
	return plat__source->map(whole, alignment, ret);
}

static struct stretch ask_huge(struct slab *slab, size_t bytes, uint32_t *teller)
{
	struct stretch huge = plat__huge_ask(slab->base, bytes, teller);

	slab->is_huge = huge.start < huge.end;
	return huge;
}

/* Of huge pages where that is due and can be: these begin at multiples of their size. */
static int map_block(struct slab *slab, size_t whole, size_t alignment, size_t bytes)
{
	size_t front;
	uintptr_t base;
	bool is_huge = alignment <= HUGE_BYTES && plat__huge_is_due(bytes) &&
		       map_region(whole, HUGE_BYTES, &front, &base) == 0;

	if (!is_huge && map_region(whole, alignment, &front, &base) < 0 &&
	    (!plat__large_return() || map_region(whole, alignment, &front, &base) < 0))
		return -ENOMEM;
	slab->base = base;
	slab->front = front;
	if (is_huge)
		plat__huge_fill_ends(ask_huge(slab, bytes, &slab->teller), base, bytes);
	return 0;
}

static size_t mapping_bytes(size_t bytes)
{
	return round_up(bytes + CANARY + (CHECKS ? plat__page_bytes : 0), GRANULE);
}

static void *mapping_malloc(size_t bytes, size_t alignment)
{
	size_t whole = mapping_bytes(bytes);
	struct slab *slab = plat__slab_alone(SLAB_MAPPING);

	if (!slab)
		return NULL;
	if (alignment < GRANULE)
		alignment = GRANULE;
	if (map_block(slab, whole, alignment, bytes) < 0) {
		plat__slab_forget(slab);
		return NULL;
	}
	slab->ngranules = (uint32_t)(whole / GRANULE);
	slab->stride = 0;
	slab->mapped = whole;
	if (plat__map_add(slab) < 0) {
		plat__source->unmap(region_start(slab), region_bytes(slab));
		plat__slab_forget(slab);
		return NULL;
	}
	guard(slab, bytes, 0);
	write_slack(slab, bytes, 0);
	fetch_add(&mappings, 1);
	fetch_add(&mapped_bytes, whole);
	store_release(&slab->size, bytes + 1);
	note_made(slab, bytes);
	return (void *)slab->base;
}

static void let_go(struct slab *slab)
{
	if (slab->kind == SLAB_RUN) {
		if (show_run(slab))
			run_release(slab);
		return;
	}
	plat__map_remove(slab);
	plat__source->unmap(region_start(slab), region_bytes(slab));
	plat__slab_forget(slab);
}

/* Its slab stays in the map, so that a second free is known for what it is. */
static void keep_away(struct slab *slab)
{
	if (!CHECKS || slab->mapped > QUARANTINE_BYTES ||
	    plat__source->fence(region_start(slab), region_bytes(slab)) < 0) {
		let_go(slab);
		return;
	}
	keep(slab);
}

static void keep(struct slab *slab)
{
	slab = exchange(&quarantine[fetch_add(&quarantine_at, 1) % QUARANTINE], slab);
	if (slab)
		let_go(slab);
}

/* glibc 2.36 malloc/malloc.c __libc_free: freeing a mapping raises both thresholds. */
static void follow(size_t bytes)
{
	if (!plat__options.is_dynamic || bytes <= load_relaxed(&plat__options.mmap_threshold) ||
	    bytes > MMAP_THRESHOLD_MAX)
		return;
	store_relaxed(&plat__options.mmap_threshold, bytes);
	store_relaxed(&plat__options.trim_threshold, bytes * 2);
}

static void mapping_free(struct slab *slab, size_t bytes)
{
	slab->freed_size = bytes;
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
	size_t front;

	if (!moved)
		return NULL;
	if (map_region(whole, GRANULE, &front, &base) < 0)
		goto forget;
	moved->base = base;
	moved->front = front;
	moved->ngranules = (uint32_t)(whole / GRANULE);
	moved->stride = 0;
	moved->mapped = whole;
	moved->class = slab->class;
	moved->is_huge = slab->is_huge;
	moved->is_sampled = slab->is_sampled;
	store_relaxed(&moved->size, slab->size);
	if (plat__map_add(moved) < 0)
		goto unmap;
	/* Its old place may be somebody else's as soon as the pages have left. */
	plat__map_remove(slab);
	if (plat__source->remap(slab->base, slab->mapped, whole, base) < 0)
		goto remove;
	if (slab->front > 0)
		plat__source->unmap(region_start(slab), slab->front);
	store_relaxed(&slab->size, 0);
	plat__slab_forget(slab);
	return moved;
remove:
	plat__map_add(slab); /* the map has room for it */
	plat__map_remove(moved);
unmap:
	plat__source->unmap(region_start(moved), region_bytes(moved));
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
		plat__map_clear(slab, slab->base + whole, (old - whole) / GRANULE);
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
	bool wants_huge;

	/* Between the block and its guard are pages that are still zero. */
	if (slab->is_guarded && bytes >= before && bytes <= slab->guard - CANARY) {
		write_slack(slab, bytes, before);
		store_release(&slab->size, bytes + 1);
		return (void *)slab->base;
	}
	wants_huge = bytes > before && is_full(slab, before);
	unguard(slab);
	if (whole != old && !resize_mapping(slab, whole)) {
		struct slab *moved = move_mapping(slab, whole);

		if (!moved) {
			guard(slab, before, 0);
			write_slack(slab, before, 0);
			return NULL;
		}
		slab = moved;
	}
	if (wants_huge) {
		slab->teller = 0;
		ask_huge(slab, bytes, NULL);
	}
	fetch_add(&mapped_bytes, whole - old);
	guard(slab, bytes, bytes > before ? bytes / 16 : 0);
	write_slack(slab, bytes, before);
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

bool plat__large_free(struct slab *slab, const void *frame)
{
	uint64_t size = exchange(&slab->size, 0);

	if (size == 0)
		return false;
	if (slab->kind == SLAB_GUARDED) {
		plat__guard_free(slab, (size_t)(size - 1), frame);
		return true;
	}
	is_full(slab, (size_t)(size - 1));
	if (slab->kind == SLAB_MAPPING)
		mapping_free(slab, (size_t)(size - 1));
	else
		run_free(slab, (size_t)(size - 1));
	return true;
}

void *plat__large_realloc(struct slab *slab, size_t bytes)
{
	if (bytes > PTRDIFF_MAX - 2 * GRANULE)
		return NULL;
	if (slab->kind == SLAB_GUARDED)
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

	has_gone |= plat__guard_let_go();
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
