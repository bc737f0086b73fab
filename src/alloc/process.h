/* What begins and ends: the process, its threads, its children. */
#ifndef PLAT_ALLOC_PROCESS_H
#define PLAT_ALLOC_PROCESS_H

#include "alloc/state.h"

#include <stdbool.h>

/*
 * plat__no_heap until the thread allocates on the long way, and when it is gone. While a call works
 * with the heap, HEAP_AWAY is set in the address: see heap.h.
 */
extern __thread struct heap *plat__my_heap
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Where every call is to take the long way, the thread's heap is here; the one above is empty. */
extern __thread struct heap *plat__my_long_heap
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The thread's heap, even where every call is to take the long way and plat__my_heap is not it. */
struct heap *plat__thread_heap(void);

/* The thread's heap; makes one if need be. plat__no_heap: it can have none. */
struct heap *plat__enter(void);

#endif
