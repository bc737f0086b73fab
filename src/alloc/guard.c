/*
 * Places are made, used, and wait when they are freed; only words change hands, by one exchange
 * each. The kernel's own guards (Linux 6.13) need no mapping of their own, so that there can be
 * millions; before, each place splits its mapping, and there can be as many as the kernel allows.
 */
#include "alloc/guard.h"

#include "alloc/atomic.h"
#include "alloc/guard_rest.h"
#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/sites.h"
#include "alloc/slab.h"
#include "alloc/source.h"
#include "alloc/system.h"
#include "alloc/trap.h"

/* By default so many are all. In hard mode so many are mapped at a time, as often as need be. */
#define FEW_PLACES 64
#define WAIT_IN_HARD 4096
/* Where every block has one they are mapped by so many at a time, and so many wait when freed. */
#define MANY_PLACES 1024
#define MANY_WAIT 65536
/* In both so many are closed by one call, for most are needed. */
#define CLOSED_AT_ONCE 8

/* Fresh places: the cursor moves by single additions. */
struct field {
	uintptr_t cursor;
	uintptr_t end;
};

/* Freed places, the oldest where the next one goes. */
struct queue {
	uint32_t at;
	uint32_t most;
	struct slab *slabs[];
};

static struct field *field;
static struct queue *queue;
static struct stack unused; /* that have waited */
static bool has_no_guards;

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) & ~(unit - 1);
}

static size_t place_bytes(void)
{
	return round_up(WIDE_STRIDE_MAX + 2 * plat__page_bytes, GRANULE);
}

/* --- pages --- */

static int hide(uintptr_t start, size_t bytes)
{
	if (bytes == 0)
		return 0;
	if (!load_relaxed(&has_no_guards)) {
		if (plat__system_guard(start, bytes) == 0)
			return 0;
		store_relaxed(&has_no_guards, true);
	}
	return plat__source->fence(start, bytes);
}

/* The pages are new ones, and all zeros. */
static int show(uintptr_t start, size_t bytes)
{
	if (bytes == 0)
		return 0;
	/* A guard of the kernel's may still be there from when it had some. */
	if (plat__system_unguard(start, bytes) == 0 && !load_relaxed(&has_no_guards))
		return 0;
	return plat__system_protect(start, bytes, false);
}

/* The pages of a block. */
static uintptr_t first_page(uintptr_t p)
{
	return p & ~(plat__page_bytes - 1);
}

static size_t page_bytes(uintptr_t p, size_t bytes)
{
	return bytes ? round_up(p + bytes, plat__page_bytes) - first_page(p) : 0;
}

/* --- places --- */

static struct slab *slab_at(uintptr_t region, size_t whole)
{
	struct slab *slab = plat__slab_alone(SLAB_GUARDED);

	if (!slab)
		return NULL;
	slab->region = region;
	store_relaxed(&slab->mapped, whole);
	slab->is_guarded = true;
	slab->stride = 0;
	slab->freed_size = 0;
	slab->ngranules = 0; /* not in the map yet */
	return slab;
}

static uintptr_t take_from(struct field *from, size_t bytes)
{
	uintptr_t at = load_relaxed(&from->cursor);

	if (at >= from->end)
		return 0;
	at = fetch_add(&from->cursor, bytes);
	return at < from->end ? at : 0;
}

static size_t closed_at_once(void)
{
	return plat__options.is_long ? CLOSED_AT_ONCE : 1;
}

/* So many, one after the other. */
static uintptr_t fresh_places(size_t nwanted)
{
	size_t bytes = place_bytes();

	for (;;) {
		struct field *seen = load_acquire(&field), *next;
		uintptr_t at = seen ? take_from(seen, nwanted * bytes) : 0;
		size_t n = plat__options.is_guard_all ? MANY_PLACES : FEW_PLACES;

		if (at || (seen && !plat__options.is_long))
			return at;
		next = plat__meta_take(sizeof(*next));
		if (!next || plat__source->map(n * bytes, GRANULE, &next->cursor) < 0)
			return 0;
		next->end = next->cursor + n * bytes;
		/* Until it is needed nobody can touch it, and no page says so. */
		plat__source->fence(next->cursor, n * bytes);
		if (!compare_exchange(&field, &seen, next))
			plat__source->unmap(next->cursor, n * bytes);
	}
}

static uint32_t most_waiting(void)
{
	if (plat__options.is_guard_all)
		return MANY_WAIT;
	return plat__options.is_hard ? WAIT_IN_HARD : FEW_PLACES;
}

static struct queue *the_queue(void)
{
	struct queue *seen = load_acquire(&queue), *made;
	uint32_t n = most_waiting();

	if (seen)
		return seen;
	made = plat__meta_take(sizeof(*made) + n * sizeof(made->slabs[0]));
	if (!made)
		return NULL;
	made->most = n;
	return compare_exchange(&queue, &seen, made) ? made : seen;
}

/* The one that has waited longest. */
static struct slab *oldest(void)
{
	struct queue *from = load_acquire(&queue);
	uint32_t i, at = from ? load_relaxed(&from->at) : 0;

	for (i = 0; from && i < from->most; i++) {
		struct slab **place = &from->slabs[(at + i) % from->most];
		struct slab *slab = load_relaxed(place) ? exchange(place, NULL) : NULL;

		if (slab)
			return slab;
	}
	return NULL;
}

static void let_go(struct slab *slab)
{
	if (slab->mapped == place_bytes()) {
		stack_push(&unused, slab, offsetof(struct slab, pool_next));
		return;
	}
	if (slab->ngranules > 0)
		plat__map_remove(slab);
	plat__source->unmap(slab->region, slab->mapped);
	plat__slab_forget(slab);
}

/* Only places of their own are given back; the others stay, and serve again. */
bool plat__guard_let_go(void)
{
	struct queue *from = load_acquire(&queue);
	bool has_gone = false;
	uint32_t i;

	for (i = 0; from && i < from->most; i++) {
		struct slab *slab = load_acquire(&from->slabs[i]);

		/* Another one may stand there by now, which is as good. */
		if (!slab || load_relaxed(&slab->mapped) == place_bytes())
			continue;
		slab = exchange(&from->slabs[i], NULL);
		if (!slab)
			continue;
		let_go(slab);
		has_gone = true;
	}
	return has_gone;
}

/* false: it cannot be used again. */
static bool close_place(struct slab *slab)
{
	if (!slab->is_guarded && hide(slab->region, slab->mapped) == 0)
		slab->is_guarded = true;
	return slab->is_guarded;
}

/* Out of fresh ones: the first; the others are there for who comes next. */
static struct slab *open_up(uintptr_t at, size_t n)
{
	size_t bytes = place_bytes(), i;
	struct slab *first, *slab;

	if (plat__system_protect(at, n * bytes, false) < 0 || hide(at, n * bytes) < 0)
		return NULL;
	first = slab_at(at, bytes);
	for (i = 1; i < n; i++) {
		slab = slab_at(at + i * bytes, bytes);
		if (slab)
			stack_push(&unused, slab, offsetof(struct slab, pool_next));
	}
	return first;
}

static struct slab *take_place(void)
{
	struct slab *slab = stack_pop(&unused, offsetof(struct slab, pool_next));
	uintptr_t at;

	if (slab)
		return close_place(slab) ? slab : NULL;
	at = fresh_places(closed_at_once());
	if (at)
		return open_up(at, closed_at_once());
	slab = oldest();
	while (slab && slab->mapped != place_bytes()) {
		let_go(slab);
		slab = oldest();
	}
	return slab && close_place(slab) ? slab : NULL;
}

/* What lies in front ends where the alignment is met, however far it leads. */
static int map_behind(size_t front, size_t whole, size_t alignment, uintptr_t *ret)
{
	size_t lead = round_up(front, alignment);
	int r = plat__source->map(lead + whole, alignment, ret);

	if (r < 0)
		return r;
	if (lead > front)
		plat__source->unmap(*ret, lead - front);
	*ret += lead;
	r = plat__source->fence(*ret - front, front);
	if (r < 0)
		plat__source->unmap(*ret - front, front + whole);
	return r;
}

int plat__guard_map(size_t bytes, size_t alignment, size_t *front, uintptr_t *ret)
{
	*front = GUARD_FRONT;
	if (map_behind(*front, bytes, alignment, ret) == 0)
		return 0;
	*front = 0;
	return plat__source->map(bytes, alignment, ret);
}

/* A place of its own, for a block that is too large for the others. */
static struct slab *make_place(size_t bytes, size_t alignment)
{
	size_t page = plat__page_bytes, whole = round_up(bytes, page) + 2 * page, front;
	struct slab *slab;
	uintptr_t at;

	whole = round_up(whole + (alignment > page ? alignment : 0), GRANULE);
	/* What waits in the queue is let go by its length. */
	if (whole == place_bytes())
		whole += GRANULE;
	if (plat__guard_map(whole, GRANULE, &front, &at) < 0 &&
	    (!plat__guard_let_go() || plat__guard_map(whole, GRANULE, &front, &at) < 0))
		return NULL;
	at -= front;
	slab = slab_at(at, front + whole);
	if (slab && hide(at + front, whole) == 0) {
		slab->front = front;
		return slab;
	}
	if (slab)
		plat__slab_forget(slab);
	plat__source->unmap(at, front + whole);
	return NULL;
}

/* --- blocks --- */

/* As near to the end of the place as can be. */
static uintptr_t block_start(const struct slab *slab, size_t bytes, size_t alignment)
{
	size_t page = plat__page_bytes;
	uintptr_t start = slab->region + slab->front, p;

	if (alignment > page)
		return round_up(start + page, alignment);
	p = (slab->region + slab->mapped - page - bytes) & ~(alignment - 1);
	/* The guard in front belongs to the granule of the block, so that the map knows it. */
	return first_page(p) - start >= GRANULE ? p - page : p;
}

static int put_block(struct slab *slab, size_t bytes, size_t alignment)
{
	uintptr_t p = block_start(slab, bytes, alignment);
	size_t granules = (slab->region + slab->mapped - (p & ~(GRANULE - 1))) / GRANULE;
	int r = show(first_page(p), page_bytes(p, bytes));

	if (r < 0)
		return r;
	slab->base = p;
	if (slab->ngranules == 0) {
		slab->ngranules = (uint32_t)granules;
		r = plat__map_add(slab);
		if (r < 0) {
			slab->ngranules = 0;
			return r;
		}
	}
	plat__guard_fill(slab, bytes);
	return 0;
}

void *plat__guard_malloc(size_t bytes, size_t alignment, const void *frame)
{
	bool is_small = bytes <= WIDE_STRIDE_MAX && alignment <= plat__page_bytes;
	struct slab *slab;

	if (alignment < sizeof(uint64_t))
		alignment = sizeof(uint64_t);
	if (bytes > PTRDIFF_MAX - 4 * GRANULE - alignment || (!is_small && !plat__options.is_long))
		return NULL;
	plat__trap_set();
	plat__guard_look();
	slab = is_small ? take_place() : make_place(bytes, alignment);
	if (!slab)
		return NULL;
	if (put_block(slab, bytes, alignment) < 0) {
		let_go(slab);
		return NULL;
	}
	slab->site = plat__site_of(frame);
	slab->freed_site = 0;
	slab->class = 0;
	store_release(&slab->size, (uint64_t)bytes + 1);
	plat__guard_remember(slab);
	return (void *)slab->base;
}

void plat__guard_free(struct slab *slab, size_t bytes, const void *frame)
{
	struct queue *to = the_queue();

	slab->freed_size = bytes;
	slab->freed_site = plat__site_of(frame);
	if (plat__guard_is_let_alone(slab))
		hide(first_page(slab->base), page_bytes(slab->base, bytes));
	else
		slab->is_guarded = false; /* it is closed before it gets the next block */
	if (to)
		slab = exchange(&to->slabs[fetch_add(&to->at, 1) % to->most], slab);
	if (slab)
		let_go(slab);
}

/* Its place is closed again before it gets the next block. */
bool plat__guard_open(struct slab *slab, uintptr_t address)
{
	if (slab->kind != SLAB_MAPPING)
		slab->is_guarded = false;
	/* Of a mapping that was freed no page has rights, whatever guards the kernel has. */
	plat__system_unguard(first_page(address), plat__page_bytes);
	return plat__system_protect(first_page(address), plat__page_bytes, false) == 0;
}
