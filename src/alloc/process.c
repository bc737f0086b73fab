#include "alloc/process.h"

#include "alloc/atomic.h"
#include "alloc/heap.h"
#include "alloc/malloc.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/outside.h"
#include "alloc/sites.h"
#include "alloc/source.h"
#include "alloc/system.h"
#include "base/compiler.h"

#include <limits.h>
#include <pthread.h>

__thread struct heap *plat__my_heap __attribute__((tls_model("initial-exec"))) = &plat__no_heap;
__thread struct heap *plat__my_long_heap __attribute__((tls_model("initial-exec")));
/* How often this thread's heap was taken from it: destructors may bring it back. */
static __thread unsigned nleft __attribute__((tls_model("initial-exec")));

#ifdef __GLIBC__
const struct source *plat__source = &plat__source_brk;
#else
/* musl's own allocator stays alive behind ours and moves the break by what it remembers. */
const struct source *plat__source = &plat__source_mmap;
#endif

static uint32_t has_begun;
static uint32_t has_key;
static pthread_key_t key;

/* The thread ends. Destructors that run later may allocate again: then this runs once more. */
static void leave(void *data)
{
	plat__my_heap = &plat__no_heap;
	plat__my_long_heap = NULL;
	nleft++;
	plat__heap_leave(data);
}

/*
 * Nobody waits for anybody here: the loader may come back into malloc while it resolves what is
 * called below. Done twice, each step does the same again.
 */
static void begin(void)
{
	if (load_acquire(&has_begun))
		return;
	plat__system_init();
	/* Read once: what the program has set since then is newer than its environment. */
	if (!plat__options.is_ready)
		plat__options_init();
	plat__meta_init();
	plat__state_init();
	plat__report_begin();
	store_release(&has_begun, 1);
}

/* Not in begin(): it may be called before libc is ready for it. */
static bool make_key(void)
{
	uint32_t seen = 0;

	if (load_acquire(&has_key) == 2)
		return true;
	if (!compare_exchange(&has_key, &seen, 1))
		return false;
	if (pthread_key_create(&key, leave) != 0) {
		store_release(&has_key, 0);
		return false;
	}
	store_release(&has_key, 2);
	return true;
}

struct heap *plat__thread_heap(void)
{
	return plat__my_long_heap ? plat__my_long_heap : heap_itself(plat__my_heap);
}

/* Nothing is away that the heap is set in the middle of: there was none, or nobody works yet. */
static void set_thread_heap(struct heap *heap)
{
	plat__my_long_heap = plat__options.is_long ? heap : NULL;
	plat__my_heap = plat__options.is_long ? &plat__no_heap : heap;
}

struct heap *plat__enter(void)
{
	struct heap *heap = plat__thread_heap();

	if (heap != &plat__no_heap)
		return heap;
	begin();
	/* After its last round of destructors nobody would take the heap back. */
	if (nleft >= PTHREAD_DESTRUCTOR_ITERATIONS - 1)
		return heap;
	heap = plat__heap_take();
	if (!heap)
		return &plat__no_heap;
	set_thread_heap(heap);
	if (make_key())
		pthread_setspecific(key, heap);
	return heap;
}

static void after_fork(void)
{
	plat__source_after_fork();
	plat__heap_after_fork(plat__thread_heap());
}

/*
 * glibc's pthread_atfork() is a part of whoever calls it, and goes by a table at the other end of
 * the code. What it does is this (nptl/pthread_atfork.c); musl, and a program that is linked
 * statically, have the other one.
 */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *object) __attribute__((weak));
extern void *__dso_handle __attribute__((weak, visibility("hidden")));

static WHEN_IT_BEGINS void start(void)
{
	/* The first calls may have come before there was an environment. */
	if (!plat__options.is_ready) {
		plat__options_init();
		if (plat__options.is_long && plat__thread_heap() != &plat__no_heap) {
			struct heap *heap = plat__thread_heap();

			plat__heap_flush(heap);
			set_thread_heap(heap);
		}
	}
	plat__sites_begin();
	/* A handler in the parent would hold something over the fork; there is nothing to hold. */
	if (__register_atfork)
		__register_atfork(NULL, NULL, after_fork, &__dso_handle ? __dso_handle : NULL);
	else
		pthread_atfork(NULL, NULL, after_fork);
}

CALL_WHEN_IT_BEGINS(start);

/*
 * Of an archive a linker takes only the files that somebody needs by then. libc may need more of
 * the family later, and would get it from its own allocator: so whoever gets this file gets them
 * all.
 */
void malloc_stats(void);
__attribute__((used)) static void (*const whole_family[])(void) = {
	(void (*)(void))plat__malloc,
	(void (*)(void))plat__free_sized,
	malloc_stats,
};
