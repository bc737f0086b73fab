/*
 * A thread's heap: for each class a window of 64 slots, of which it hands out those that were free
 * when it was opened, and the slabs it may open windows in.
 *
 * Slots become free by their tag alone, whoever frees them. When to look at a slab again (is there
 * something to reuse, is it empty, are there pages to drop) says a count that every free takes one
 * from, not atomically: threads that free at the same moment may lose one. So counts only say when
 * to look; what is found is decided by the tags.
 *
 *     CURRENT --no free slot--> FULL --owner's frees--> LISTED --no window left--> CURRENT
 *                                | \__ others' frees --> POOLED --anybody's need--> CURRENT
 *     all of them, when empty --> given back
 */
#ifndef PLAT_ALLOC_HEAP_H
#define PLAT_ALLOC_HEAP_H

#include "alloc/atomic.h"
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

/* Opens a window in this class; its mask is not 0 then. false: there is no memory. */
bool plat__heap_refill(struct heap *heap, uint32_t class);

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
