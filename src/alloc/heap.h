/*
 * A thread's heap: for each class a window of 64 slots, of which it hands out those that were free
 * when it was opened, and the slabs it may open windows in.
 *
 * Slots become free by their tag alone, whoever frees them. When to look at a slab again (is there
 * something to reuse, is it empty, are there pages to drop) says a count that every free takes one
 * from, not atomically: threads that free at the same moment may lose one. So counts only say when
 * to look; what is found is decided by the tags.
 *
 *     CURRENT --hardly a slot--> FULL --owner's frees--> LISTED --no window left--> CURRENT
 *                                 | \__ others' frees --> POOLED --anybody's need--> CURRENT
 *     all of them, when empty --> given back
 */
#ifndef PLAT_ALLOC_HEAP_H
#define PLAT_ALLOC_HEAP_H

#include "alloc/atomic.h"
#include "alloc/process.h"
#include "alloc/state.h"

#include <stdbool.h>

/* Holds no slot of any class; threads that have no heap yet, or no more, have this one. */
extern struct heap plat__no_heap;
/* All heaps there ever were, from the newest on. */
extern struct heap *plat__heaps;

/* A heap for a new thread. NULL: there is no memory. */
struct heap *plat__heap_take(void);
/* Its thread is gone: what it holds is there for all. */
void plat__heap_leave(struct heap *heap);

/* The one to allocate from when this one is busy. NULL: there is none that is not. */
struct heap *plat__heap_nested(struct heap *heap);

/* Opens a window in the bin's slab, which it has. So many slots are in it; 0: it has left the slab,
 * which is full. */
unsigned plat__heap_next_window(struct bin *bin) __attribute__((noinline));

/* Opens a window in this class. So many slots are in it; 0: there is no memory. */
unsigned plat__heap_refill(struct heap *heap, uint32_t class);

/*
 * While a call takes a slot, or moves slabs, the thread's heap is away: a signal handler finds no
 * slot in any of its bins, and goes the long way to another heap. So nobody else takes slots of the
 * window meanwhile, opens another one, or gives the slab back.
 *
 *     plat__my_heap  -->      | mask | none | base | ...    the first bin
 *     while it is away:  -->         | none | base |        its mask is 0, and those of all others
 */
static inline struct heap *heap_itself(struct heap *seen)
{
	return (struct heap *)((uintptr_t)seen & ~(uintptr_t)HEAP_AWAY);
}

static inline bool heap_is_away(const struct heap *seen)
{
	return (uintptr_t)seen & HEAP_AWAY;
}

/* What the thread saw before: its heap, or one that is away already. */
static inline struct heap *heap_take_away(void)
{
	struct heap *seen = plat__my_heap;

	set_bits((uintptr_t *)&plat__my_heap, HEAP_AWAY);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return seen;
}

static inline void heap_put_back(struct heap *seen)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store_relaxed(&plat__my_heap, seen);
}

/* Nothing was taken. A handler may have made the thread's first heap meanwhile. */
static inline void heap_put_back_unused(struct heap *seen)
{
	if (!heap_is_away(seen))
		heap_put_back(heap_itself(plat__my_heap));
}

/* The same on the long way, where the heap may be one for signal handlers. */
static inline struct heap *begin_taking(struct heap *heap)
{
	store_relaxed(&heap->is_busy, 1);
	return heap_take_away();
}

static inline void end_taking(struct heap *heap, struct heap *seen)
{
	heap_put_back(seen);
	store_relaxed(&heap->is_busy, 0);
}

/* The thread works with it just now, and was interrupted. */
static inline bool heap_is_in_use(const struct heap *heap)
{
	return load_relaxed(&heap->is_busy) ||
	       (heap_is_away(plat__my_heap) && heap_itself(plat__my_heap) == heap);
}

/* The slab's count of frees has come down to 0. */
void plat__heap_look(struct heap *heap, struct slab *slab);

/* Gives back what is free as far as pages can be. */
void plat__heap_flush(struct heap *heap);
/* What somebody outside asks for. Each heap does it once, when its thread next goes a long way. */
extern struct trim plat__trim_wish __attribute__((visibility("hidden")));
/* The same for slabs of no heap. */
size_t plat__pool_purge(void);

/* In a forked child: of all heaps only this one has a thread. */
void plat__heap_after_fork(struct heap *mine);

#endif
