#include "alloc/heap.h"

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/hard.h"
#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/slab.h"
#include "alloc/system.h"
#include "base/compiler.h"

#include <string.h>

#define NEXT offsetof(struct slab, pool_next)

#define WIDTH_MIN 2
/* A line worth going back to has so many free slots, or a quarter of what a window holds. */
#define GOOD_LINE 8
/* Lines tried before the slab's next unused line is taken. */
#define TRIES 4
/* One in so many of a slab's slots: with fewer that are free it is left until more of them are. */
#define SPENT_PART 64
/* So many of them become free before somebody looks at it again. */
#define FREED_PART 16
/* Fewer pages of a slab are not dropped for their own sake. */
#define WORTH_PAGES 2
#define GRACE_MIN 2
#define SURPLUS 3u /* pages */
#define SOONER 4
#define GRACE_BYTES 65536
#define CREDIT_MAX 127
#define OFTEN 7
#define LITTLE_BYTES 8192
#define PATIENCE 1000
#define RESTING 4
/* Free granules serve any class, idle pages of a slab only their own: so much fewer are left. */
#define IDLE_LESS ((size_t)1 << 20)
#define ALLOWED_MAX 16
/* A class with so many slabs gets large ones: it has few free slots in each, and looks for them. */
#define MANY_SLABS 4

/* As all heaps are, at an address that HEAP_AWAY is not set in. */
struct heap plat__no_heap MOSTLY_UNTOUCHED __attribute__((aligned(2 * HEAP_AWAY)));
struct heap *plat__heaps;

static struct stack idle_heaps;
static struct stack pools[NCLASSES];
static struct slab *resting[RESTING];
static uint32_t nrested;
/* Bytes that are free inside of slabs but may be resident, as of the last looks. */
static size_t idle_bytes;

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* --- lists of a heap's slabs; only its thread touches them --- */

static void list_append(struct bin *bin, struct slab *slab)
{
	struct slab *last = bin->listed ? bin->listed->previous : slab;

	slab->next = NULL;
	slab->previous = last;
	if (bin->listed)
		last->next = slab;
	else
		bin->listed = slab;
	bin->listed->previous = slab;
}

static void list_remove(struct bin *bin, struct slab *slab)
{
	*(slab == bin->listed ? &bin->listed : &slab->previous->next) = slab->next;
	if (slab->next)
		slab->next->previous = slab->previous;
	else if (bin->listed)
		bin->listed->previous = slab->previous;
}

/* --- counts --- */

static void set_interval(struct slab *slab, uint32_t frees)
{
	slab->interval = frees;
	store_relaxed(&slab->left, frees);
}

/* `used`, less what was counted since the last look. */
static uint32_t used_now(const struct slab *slab)
{
	/* More than it was: somebody else has looked, and counts from there. */
	uint32_t left = load_relaxed(&slab->left);
	uint32_t frees = left < slab->interval ? slab->interval - left : 0;

	return slab->used > frees ? slab->used - frees : 0;
}

static void account(struct slab *slab)
{
	slab->used = used_now(slab);
	set_interval(slab, load_relaxed(&slab->left));
}

/* Counts the live slots; the count on the side may have lost some. */
static void recount(struct slab *slab)
{
	if (slab->is_hard)
		plat__hard_end_wait(slab);
	slab->used = plat__slab_live(slab);
}

static void set_idle(struct slab *slab, size_t bytes)
{
	if (bytes != slab->idle)
		fetch_add(&idle_bytes, bytes - slab->idle);
	slab->idle = (uint32_t)bytes;
}

/*
 * The last slabs that have become empty rest for a while before their granules serve somebody
 * else: a block that is freed twice is then found as what it is, and not in another's slab.
 */
static void give_slab(struct slab *slab)
{
	set_idle(slab, 0);
	store_relaxed(&slab->owner, NULL);
	store_release(&slab->state, SLAB_RESTING);
	if (CHECKS)
		slab = exchange(&resting[fetch_add(&nrested, 1) % RESTING], slab);
	if (slab)
		plat__slab_free(slab);
}

static void give_own(struct heap *heap, struct slab *slab)
{
	if (heap->nslabs[slab->class] > 0)
		heap->nslabs[slab->class]--;
	give_slab(slab);
}

/* Takes a resting slab of this class back, with what it has of pages. NULL: there is none. */
static struct slab *wake(uint32_t class)
{
	unsigned i;

	for (i = 0; i < RESTING; i++) {
		struct slab *slab = load_acquire(&resting[i]);

		if (!slab || load_relaxed(&slab->class) != class ||
		    !compare_exchange(&resting[i], &slab, NULL))
			continue;
		/* Its descriptor may have served another class meanwhile, and rest again. */
		if (load_relaxed(&slab->class) != class) {
			give_slab(slab);
			continue;
		}
		store_relaxed(&slab->state, SLAB_HELD);
		slab->used = 0;
		slab->high = 0;
		set_interval(slab, slab->nslots);
		return slab;
	}
	return NULL;
}

static bool wake_all(void)
{
	bool has_gone = false;
	unsigned i;

	for (i = 0; i < RESTING; i++) {
		struct slab *slab = exchange(&resting[i], NULL);

		if (!slab)
			continue;
		plat__slab_free(slab);
		has_gone = true;
	}
	return has_gone;
}

/* Where there are three live blocks for each page, one in twenty pages holds none. */
static bool has_free_pages(const struct slab *slab)
{
	return slab->used < 3 * count_bits(slab->pages);
}

/* Slabs hold more idle pages than they may. */
static bool is_too_much_idle(void)
{
	return load_relaxed(&idle_bytes) + IDLE_LESS > plat__granules_budget();
}

/*
 * Drops pages if slabs hold more idle ones than they may, and only of slabs that are mostly free
 * and where it is worth a call: where blocks come and go, what is free now is live in a moment.
 */
static void purge_if_due(struct slab *slab)
{
	set_idle(slab, plat__slab_idle(slab, slab->used));
	if (slab->used > slab->nslots / 4 || !has_free_pages(slab) ||
	    slab->idle < WORTH_PAGES * plat__page_bytes || !is_too_much_idle())
		return;
	if (plat__slab_purge(slab, WORTH_PAGES) > 0)
		set_idle(slab, plat__slab_idle(slab, slab->used));
}

/*
 * First when a quarter is left. Then the emptier it is, the sooner its next pages are free; while
 * no pages are to be dropped, it is asked only whether it has become empty.
 */
static uint32_t frees_until_next_look(const struct slab *slab)
{
	uint32_t quarter = slab->nslots / 4;

	if (slab->used > quarter)
		return slab->used - quarter;
	return max_u32(1, is_too_much_idle() ? slab->used / 8 : slab->used / 2);
}

/* --- slabs without an owner --- */

static void pool_put(struct slab *slab)
{
	store_relaxed(&slab->owner, NULL);
	set_interval(slab, frees_until_next_look(slab));
	store_release(&slab->state, SLAB_POOLED);
}

/* From a state that anybody may take it from, into hands; from the pool it goes only by a pop. */
static bool hold(struct slab *slab, uint32_t state)
{
	return compare_exchange(&slab->state, &state,
				state == SLAB_POOLED ? SLAB_PURGING : SLAB_HELD);
}

static struct slab *pool_take(uint32_t class)
{
	struct slab *slab = stack_pop(&pools[class], NEXT);
	unsigned patience = PATIENCE;

	/*
	 * Somebody may be dropping its pages: that ends soon, unless a fork without handlers has
	 * left him behind.
	 */
	while (slab && !hold(slab, SLAB_POOLED)) {
		if (patience-- == 0) {
			stack_push(&pools[class], slab, NEXT);
			return NULL;
		}
		plat__system_yield();
	}
	if (slab)
		store_relaxed(&slab->state, SLAB_HELD);
	return slab;
}

/* Enough of a slab has been freed by others than its owner. */
static void look_from_outside(struct slab *slab)
{
	uint32_t state = load_acquire(&slab->state);

	if ((state != SLAB_FULL && state != SLAB_POOLED) || !hold(slab, state)) {
		/* Its owner will see. */
		store_relaxed(&slab->left, max_u32(1, load_relaxed(&slab->nslots) / 4));
		return;
	}
	recount(slab);
	if (state == SLAB_FULL && slab->used == 0) {
		give_slab(slab);
		return;
	}
	purge_if_due(slab);
	pool_put(slab);
	if (state == SLAB_FULL)
		stack_push(&pools[slab->class], slab, NEXT);
}

/* --- after a fork --- */

/* In a child, until it is seen to: the heap of the thread that forked. */
static struct heap *survivor;

static int adopt(struct slab *slab, void *data)
{
	struct heap *mine = data;
	uint32_t state = load_relaxed(&slab->state);

	if (state == SLAB_PURGING)
		store_relaxed(&slab->state, SLAB_POOLED);
	if ((slab->kind != SLAB_SMALL && slab->kind != SLAB_WIDE) || slab->owner == mine ||
	    (mine->nested && slab->owner == mine->nested) ||
	    (state != SLAB_CURRENT && state != SLAB_LISTED && state != SLAB_HELD))
		return 0;
	recount(slab);
	set_interval(slab, frees_until_next_look(slab));
	pool_put(slab);
	stack_push(&pools[slab->class], slab, NEXT);
	return 0;
}

static uint8_t pages_for(const struct bin *bin, uint32_t nslots)
{
	return (uint8_t)((nslots * bin->stride >> plat__page_shift) + 1);
}

static void init_bin(struct bin *bin, uint32_t class)
{
	*bin = (struct bin){
		.grace = GRACE_MIN, .width = WIDTH_MIN, .stride = plat__class_stride(class)};
	bin->wanted = pages_for(bin, WIDTH_MIN);
}

static void begin_anew(struct heap *heap)
{
	uint32_t class;

	for (class = 0; class < NCLASSES; class ++)
		init_bin(&heap->bins[class], class);
	heap->nested = NULL;
	heap->is_alive = 0;
	stack_push(&idle_heaps, heap, offsetof(struct heap, next_free));
}

/*
 * The other threads stopped anywhere. Their lists are not believed: every slab that was theirs is
 * found by the map and goes to its pool, and their heaps begin anew. This is done when the child
 * first needs a slab; many children execute another program before.
 */
static void adopt_all(void)
{
	struct heap *mine = exchange(&survivor, NULL), *heap;

	if (!mine)
		return;
	for (heap = plat__heaps; heap; heap = heap->next_heap)
		if (heap != mine && heap != mine->nested && heap->is_alive)
			begin_anew(heap);
	plat__map_walk(adopt, mine);
}

/* --- windows --- */

/* How many slots the next window may have. */
static uint32_t next_width(const struct bin *bin, const struct slab *slab)
{
	uint32_t most = max_u32(slab->nspan, used_now(slab) / 2);

	return max_u32(WIDTH_MIN, min_u32(bin->width * 2u, min_u32(WINDOW, most)));
}

/* A line of a slab, and its free slots. */
struct chance {
	uint32_t line;
	uint64_t slots;
	uint64_t sums; /* of their bits */
};

static inline unsigned chance_slots(const struct chance *chance)
{
	return sum_of_all(chance->sums);
}

static ALWAYS_INLINE unsigned open_window(struct bin *bin, struct slab *slab, struct chance chance)
{
	uint64_t slots = chance.slots;
	uint32_t line = chance.line, high;
	unsigned n = chance_slots(&chance);

	if (n > bin->width) {
		n = bin->width;
		slots = lowest_bits(slots, chance.sums, n);
	}
	bin->width = (uint8_t)next_width(bin, slab);
	bin->has_opened = true;
	high = line * WINDOW + 64 - (unsigned)__builtin_clzll(slots);
	slab_prepare(slab, line, slots, high);
	slab->line = line;
	slab->high = max_u32(slab->high, high);
	slab->used += n;
	bin->base = slab->base + (uintptr_t)line * WINDOW * slab->stride;
	bin->tags = slab->tags + (size_t)line * WINDOW;
	if (slab->is_hard)
		plat__hard_end_wait_in(slab, line);
	store_relaxed(&bin->mask, slots);
	return n;
}

/* All its slots have been handed out. */
static void end_window(struct bin *bin)
{
	store_relaxed(&bin->mask, 0);
	bin->current = NULL;
}

/* Before a slab leaves its owner's use no window may be open in it. */
static void close_window(struct bin *bin)
{
	/* Slots that are not handed out come to no sample, nor does the one behind them. */
	bin->is_due = 0;
	end_window(bin);
}

/*
 * How many free slots make a line worth taking: as many as a window holds; where there are no
 * unused lines to turn to, what a line has on average.
 */
static unsigned good_line(const struct bin *bin, const struct slab *slab)
{
	uint32_t good = min_u32(GOOD_LINE, bin->width), nfree;

	if (slab->prepared < slab_lines(slab))
		return good;
	nfree = slab->nslots > slab->used ? slab->nslots - slab->used : 0;
	return max_u32(1, min_u32(good, nfree / slab_lines(slab)));
}

static ALWAYS_INLINE struct chance look_at_line(const struct slab *slab, uint32_t line)
{
	uint64_t slots = slab_free_slots(slab, line);

	return (struct chance){.line = line, .slots = slots, .sums = sums_of_bits(slots)};
}

/*
 * The first line that no window was opened in yet. All is free, and its tags need not be read: on a
 * new page that would be a fault more than to write them.
 */
static struct chance first_unused_line(const struct slab *slab)
{
	uint32_t line = slab->prepared;
	uint64_t slots = slab->is_hard ? slab_free_slots(slab, line) : slab_line_slots(slab, line);

	return (struct chance){.line = line, .slots = slots, .sums = sums_of_bits(slots)};
}

static inline uint32_t line_after(uint32_t line, uint32_t nlines)
{
	return line + 1 < nlines ? line + 1 : 0;
}

/* The first used line behind *best that is good; false: the best one seen, if any has a slot. */
static bool find_used_line(const struct slab *slab, unsigned good, struct chance *best)
{
	uint32_t tries = min_u32(slab->prepared, TRIES), line = best->line;

	for (; tries > 1; tries--) {
		struct chance chance;

		line = line_after(line, slab->prepared);
		chance = look_at_line(slab, line);
		if (chance_slots(&chance) > chance_slots(best))
			*best = chance;
		if (chance_slots(&chance) >= good)
			return true;
	}
	return false;
}

static bool find_any_line(struct slab *slab, struct chance *ret)
{
	uint32_t i, nlines = slab_lines(slab), line = slab->line;

	/* In hard mode a slot may have to be passed once. */
	for (i = 0; i < nlines << (slab->is_hard > 0); i++) {
		line = line_after(line, nlines);
		*ret = look_at_line(slab, line);
		if (ret->slots)
			return true;
		if (slab->is_hard)
			plat__hard_end_wait_in(slab, line);
	}
	return false;
}

/*
 * All of its slots that were free when it came into use have been handed out, and hardly any has
 * become free since: windows would be opened for one or two slots each, and many lines looked at
 * for them. The count on the side is asked first.
 */
static bool is_spent(struct slab *slab)
{
	uint32_t enough = slab->nslots - slab->nslots / SPENT_PART;

	if (slab->used <= enough || slab->prepared < slab_lines(slab) || slab->is_hard)
		return false;
	account(slab);
	if (slab->used <= enough)
		return false;
	recount(slab);
	return slab->used > enough;
}

/* There is none: every line has been looked at, or is now. */
static bool has_no_line(struct slab *slab, struct chance *ret)
{
	/* In hard mode the look itself may free slots. */
	if (slab_lines(slab) <= TRIES && !slab->is_hard)
		return true;
	return !find_any_line(slab, ret);
}

/* It has no free slot, or hardly any, or had none a moment ago. */
static void retire(struct bin *bin)
{
	struct slab *slab = bin->current;

	end_window(bin);
	bin->wanted = pages_for(bin, slab->nslots);
	set_interval(slab, max_u32(1, slab->nslots / FREED_PART));
	store_release(&slab->state, SLAB_FULL);
}

/*
 * Of a slab of one line all is opened that is free, and nothing has to be chosen. The tags are
 * asked and not the count: while others free, a look of theirs sets it anew, and a slab that is
 * left by a wrong count, with no live slot in it, would never be looked at again.
 */
static unsigned next_of_one_line(struct bin *bin, struct slab *slab)
{
	struct chance chance = look_at_line(slab, 0);

	if (likely(chance.slots))
		return open_window(bin, slab, chance);
	slab->used = slab->nslots;
	retire(bin);
	return 0;
}

/* The next line was not good; or there was none, of a slab that is new. */
static NOINLINE unsigned next_of_other_lines(struct bin *bin, struct slab *slab, unsigned good,
					     struct chance best)
{
	if (!find_used_line(slab, good, &best)) {
		if (slab->prepared < slab_lines(slab)) {
			best = first_unused_line(slab);
		} else if (!best.slots && has_no_line(slab, &best)) {
			slab->used = slab->nslots;
			retire(bin);
			return 0;
		}
	}
	return open_window(bin, slab, best);
}

unsigned plat__heap_next_window(struct bin *bin)
{
	struct slab *slab = bin->current;
	struct chance chance = {.slots = 0};
	unsigned good;

	if (slab->nslots <= WINDOW && !slab->is_hard)
		return next_of_one_line(bin, slab);
	if (is_spent(slab)) {
		retire(bin);
		return 0;
	}
	good = good_line(bin, slab);
	if (likely(slab->prepared > 0)) {
		chance = look_at_line(slab, line_after(slab->line, slab->prepared));
		if (likely(chance_slots(&chance) >= good))
			return open_window(bin, slab, chance);
	}
	return next_of_other_lines(bin, slab, good, chance);
}

/* --- the owner's slabs --- */

static void list_slab(struct heap *heap, struct slab *slab)
{
	list_append(&heap->bins[slab->class], slab);
	set_interval(slab, frees_until_next_look(slab));
	store_release(&slab->state, SLAB_LISTED);
}

static void make_current(struct heap *heap, struct bin *bin, struct slab *slab)
{
	account(slab);
	bin->current = slab;
	slab->line = slab_lines(slab) - 1;
	store_relaxed(&slab->owner, heap);
	set_interval(slab, max_u32(slab->used / 2, bin->grace));
	store_release(&slab->state, SLAB_CURRENT);
}

static void give_current(struct heap *heap, struct bin *bin)
{
	struct slab *slab = bin->current;

	close_window(bin);
	bin->width = WIDTH_MIN;
	bin->wanted = pages_for(bin, slab->high);
	heap->homes[slab->class] = (uint32_t)(slab->base >> GRANULE_SHIFT);
	give_own(heap, slab);
}

/*
 * Gives back the slabs in use that hold no block at the moment. Before memory grows for one class,
 * what others have left idle is used; but each time that one of them is needed again, it may grow
 * once without.
 */
static void give_empty_slabs(struct heap *heap)
{
	uint32_t class;

	for (class = 0; class < NCLASSES; class ++) {
		struct bin *bin = &heap->bins[class];
		struct slab *slab = bin->current;

		if (!slab)
			continue;
		account(slab);
		if (slab->used > count_bits(bin->mask) || !plat__slab_is_empty(slab))
			continue;
		give_current(heap, bin);
		bin->has_given = 1;
	}
}

/* One that the heap does not have yet. */
static struct slab *find_new_slab(struct heap *heap, struct bin *bin, uint32_t class)
{
	struct liking like;
	struct slab *slab;

	if (load_relaxed(&survivor))
		adopt_all();
	slab = load_relaxed(&pools[class].head) & STACK_ADDRESS ? pool_take(class) : NULL;
	if (slab)
		return slab;
	if (bin->has_given) {
		bin->has_given = 0;
		bin->credit = min_u32(bin->credit * 2u + 1, CREDIT_MAX) & CREDIT_MAX;
		bin->keeps = bin->credit;
		heap->allowed += heap->allowed < ALLOWED_MAX;
	}
	slab = wake(class);
	if (slab)
		return slab;
	if (!plat__granules_have_dirty()) {
		if (heap->allowed > 0)
			heap->allowed--;
		else
			give_empty_slabs(heap);
	}
	like = (struct liking){bin->wanted, (uintptr_t)heap->homes[class] << GRANULE_SHIFT};
	return plat__slab_new(class, like, heap->nslabs[class] >= MANY_SLABS);
}

static struct slab *find_slab(struct heap *heap, struct bin *bin, uint32_t class)
{
	struct slab *slab = bin->listed;

	if (slab) {
		list_remove(bin, slab);
		return slab;
	}
	slab = find_new_slab(heap, bin, class);
	if (slab && heap->nslabs[class] < UINT8_MAX)
		heap->nslabs[class]++;
	return slab;
}

unsigned plat__heap_refill(struct heap *heap, uint32_t class)
{
	struct bin *bin = &heap->bins[class];

	for (;;) {
		unsigned n = bin->current ? plat__heap_next_window(bin) : 0;
		struct slab *slab;

		if (n > 0)
			return n;
		slab = find_slab(heap, bin, class);
		if (!slab)
			return 0;
		make_current(heap, bin, slab);
	}
}

/*
 * Of a class that has often needed its slab again, and never more than a page or two of it: others
 * would leave their pages in it, and in the end all slabs had as many as the fullest.
 */
static bool is_worth_keeping(const struct bin *bin, const struct slab *slab)
{
	return bin->credit >= OFTEN && (size_t)slab->high * slab->stride <= LITTLE_BYTES;
}

/*
 * A class in little use may have got a granule on which others have touched many pages. So that
 * they do not stay for its sake once all its blocks are freed, it is looked at sooner.
 */
static uint32_t grace_for(const struct bin *bin, const struct slab *slab)
{
	if (count_bits(slab->pages) <= pages_for(bin, slab->high) + SURPLUS)
		return bin->grace;
	return max_u32(1, bin->grace / SOONER);
}

/*
 * A slab in use is looked at more and more seldom for as long as its class allocates. Once it only
 * frees, the next look comes when all is free.
 */
static void look_at_current(struct heap *heap, struct bin *bin, struct slab *slab)
{
	uint32_t waiting = count_bits(bin->mask);
	uint32_t live = slab->used > waiting ? slab->used - waiting : 0;
	bool is_empty = live == 0 && !slab->is_hard && plat__slab_is_empty(slab);
	bool is_active = bin->has_opened || waiting != bin->nwaiting || is_empty;

	bin->has_opened = false;
	bin->nwaiting = waiting & 127;
	if (is_active)
		bin->grace = (uint16_t)min_u32(bin->grace * 2u,
					       max_u32(GRACE_MIN, GRACE_BYTES / slab->stride));
	else
		bin->grace = GRACE_MIN;
	if (is_empty) {
		if (bin->keeps == 0 && !is_worth_keeping(bin, slab)) {
			give_current(heap, bin);
			bin->has_given = 1;
			return;
		}
		if (bin->keeps > 0)
			bin->keeps--;
	} else if (live == 0) {
		live = plat__slab_live(slab);
		slab->used = live + waiting;
	}
	set_interval(slab, max_u32(live, is_active ? grace_for(bin, slab) : 1));
}

static void look_at_listed(struct heap *heap, struct bin *bin, struct slab *slab)
{
	if (slab->used <= slab->nslots / 16)
		recount(slab);
	if (slab->used == 0) {
		list_remove(bin, slab);
		give_own(heap, slab);
		return;
	}
	purge_if_due(slab);
	set_interval(slab, frees_until_next_look(slab));
}

static void look(struct heap *heap, struct slab *slab)
{
	struct bin *bin = &heap->bins[slab->class];
	uint32_t state = load_acquire(&slab->state);

	account(slab);
	if (state == SLAB_FULL && hold(slab, SLAB_FULL)) {
		list_slab(heap, slab);
		state = SLAB_LISTED;
	}
	if (state == SLAB_CURRENT && slab == bin->current)
		look_at_current(heap, bin, slab);
	else if (state == SLAB_LISTED)
		look_at_listed(heap, bin, slab);
	else
		store_relaxed(&slab->left, 1);
}

void plat__heap_look(struct heap *heap, struct slab *slab)
{
	struct heap *seen;

	if (heap->nested && load_relaxed(&slab->owner) == heap->nested)
		heap = heap->nested;
	if (load_relaxed(&slab->owner) != heap || heap == &plat__no_heap) {
		look_from_outside(slab);
		return;
	}
	if (heap_is_in_use(heap)) {
		/* By a call that a signal handler interrupted: the next free looks again. */
		store_relaxed(&slab->left, 1);
		return;
	}
	seen = begin_taking(heap);
	look(heap, slab);
	end_taking(heap, seen);
}

/* --- heaps --- */

static_assert((SMALL_CLASSES - 2) * sizeof(struct bin) / sizeof(uint64_t) <= UINT8_MAX,
	      "the last bin of small blocks is so few units behind the first one");
static_assert((WIDE_CLASSES - 1) * sizeof(struct bin) / sizeof(uint64_t) <= UINT8_MAX,
	      "and of wide blocks, too");

static uint8_t units(uint32_t nbins)
{
	return (uint8_t)(nbins * (sizeof(struct bin) / sizeof(uint64_t)));
}

/* Once a process, and once a thread: so class by class, and no size is asked for its class. */
static void init_bins(struct heap *heap)
{
	uint32_t class;
	size_t bytes = 0, grains = wide_grains(SMALL_MAX + 1);

	for (class = 0; class < NCLASSES; class ++)
		init_bin(&heap->bins[class], class);
	for (class = 1; class < SMALL_CLASSES; class ++)
		for (; bytes + CANARY <= heap->bins[class].stride; bytes++)
			heap->bins_of_small[bytes] = units(class - 1);
	for (; class < NCLASSES; class ++)
		for (; (grains + 1) * WIDE_GRAIN <= heap->bins[class].stride; grains++)
			heap->bins_of_wide[grains] = units(class - SMALL_CLASSES);
}

struct heap *plat__heap_take(void)
{
	struct heap *heap, *seen;

	/* Before a new thread has a heap that could be taken for one of those left behind. */
	if (load_relaxed(&survivor))
		adopt_all();
	heap = stack_pop(&idle_heaps, offsetof(struct heap, next_free));
	if (!heap) {
		heap = plat__meta_take(sizeof(*heap));
		if (!heap)
			return NULL;
		init_bins(heap);
		seen = load_relaxed(&plat__heaps);
		do
			heap->next_heap = seen;
		while (!compare_exchange(&plat__heaps, &seen, heap));
	}
	heap->is_busy = 0;
	memset(heap->nslabs, 0, sizeof(heap->nslabs));
	heap->trimmed = load_relaxed(&plat__trim_wish.asked); /* it holds nothing yet */
	store_release(&heap->is_alive, 1);
	return heap;
}

struct heap *plat__heap_nested(struct heap *heap)
{
	if (!heap->nested)
		heap->nested = plat__heap_take();
	return heap->nested && !heap->nested->is_busy ? heap->nested : NULL;
}

static void leave_slab(struct slab *slab)
{
	account(slab);
	if (plat__slab_is_empty(slab)) {
		give_slab(slab);
		return;
	}
	recount(slab);
	purge_if_due(slab);
	pool_put(slab);
	stack_push(&pools[slab->class], slab, NEXT);
}

static void leave_bin(struct bin *bin)
{
	struct slab *slab;

	if (bin->current) {
		slab = bin->current;
		close_window(bin);
		leave_slab(slab);
	}
	while ((slab = bin->listed) != NULL) {
		list_remove(bin, slab);
		leave_slab(slab);
	}
	bin->grace = GRACE_MIN;
	bin->width = WIDTH_MIN;
}

/* Its full slabs still name it as their owner: they wait for others' frees, or its next thread. */
void plat__heap_leave(struct heap *heap)
{
	uint32_t class;

	heap->is_busy = 1;
	for (class = 0; class < NCLASSES; class ++)
		leave_bin(&heap->bins[class]);
	store_release(&heap->is_alive, 0);
	stack_push(&idle_heaps, heap, offsetof(struct heap, next_free));
}

static void flush_bin(struct bin *bin)
{
	struct slab *slab = bin->current, *next;

	if (slab) {
		close_window(bin);
		account(slab);
		recount(slab);
		list_append(bin, slab);
		store_release(&slab->state, SLAB_LISTED);
	}
	for (slab = bin->listed; slab; slab = next) {
		next = slab->next;
		account(slab);
		recount(slab);
		if (slab->used == 0) {
			list_remove(bin, slab);
			give_slab(slab);
			continue;
		}
		plat__slab_purge(slab, 1);
		set_idle(slab, plat__slab_idle(slab, slab->used));
		set_interval(slab, frees_until_next_look(slab));
	}
	bin->width = WIDTH_MIN;
}

struct trim plat__trim_wish;

void plat__heap_flush(struct heap *heap)
{
	struct heap *seen;
	uint32_t class;

	if (heap_is_in_use(heap))
		return;
	seen = begin_taking(heap);
	for (class = 0; class < NCLASSES; class ++)
		flush_bin(&heap->bins[class]);
	end_taking(heap, seen);
}

static int purge_unowned(struct slab *slab, void *data)
{
	uint32_t state = load_acquire(&slab->state), kind = load_relaxed(&slab->kind);

	if ((kind != SLAB_SMALL && kind != SLAB_WIDE) ||
	    (state != SLAB_POOLED && state != SLAB_FULL) || !hold(slab, state))
		return 0;
	account(slab);
	recount(slab);
	if (state == SLAB_FULL && slab->used == 0) {
		*(size_t *)data += slab->ngranules * GRANULE;
		give_slab(slab);
		return 0;
	}
	*(size_t *)data += plat__slab_purge(slab, 1);
	set_idle(slab, plat__slab_idle(slab, slab->used));
	if (state == SLAB_FULL)
		set_interval(slab, max_u32(1, slab->nslots / FREED_PART));
	store_release(&slab->state, state);
	return 0;
}

size_t plat__pool_purge(void)
{
	size_t bytes = wake_all() ? plat__page_bytes : 0;

	plat__map_walk(purge_unowned, &bytes);
	return bytes;
}

/* Whoever was on the long way in another thread did not come along. */
void plat__heap_after_fork(struct heap *mine)
{
	if (plat__heaps != mine || (mine && mine->next_heap))
		store_release(&survivor, mine);
}
