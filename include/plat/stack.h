/*
 * Stacks: with a guard for a thread of one's own, how much is left of the one that a thread stands
 * on, how much of one was ever used, and one line that names the thread whose stack overflows.
 *
 *      guard_size               size
 *     |- - - - - -|                      used  |
 *                 ^ base              ^ now
 *
 * A stack is used from its end downwards. Whatever touches the guard faults; a frame that is larger
 * than the guard can step over it, if the compiler does not probe (-fstack-clash-protection).
 */
#ifndef PLAT_STACK_H
#define PLAT_STACK_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plat_stack {
	void *base; /* the lowest byte that can be used */
	size_t size;
	size_t guard_size; /* below base; of the main thread's, what the kernel keeps free there */
};

#define PLAT_STACK_GUARD ((size_t)64 * 1024)

/*
 * A stack for a thread or a coroutine, of at least `size` bytes, 0: as many as pthread_create gives
 * by default, with a guard of at least `guard_size`, 0: PLAT_STACK_GUARD. Both are rounded up to
 * pages, and size to what the C library needs. Nothing of it is in memory until it is touched, nor
 * reserved, and it never gets huge pages; after mlockall(MCL_FUTURE) all of it is in memory.
 *
 * 0; -ENOMEM: there is no address space for it; -EAGAIN: all future memory is locked, and it is
 * more than RLIMIT_MEMLOCK leaves; -EINVAL: the sum is more than a size can be.
 */
int plat_stack_new(size_t size, size_t guard_size, struct plat_stack *ret);

/*
 * Frees it, and leaves it all zeros, which can be freed again. The thread that stood on it must
 * have been joined. -EINVAL: there is no such stack, or it was freed by way of a copy; -EBUSY: the
 * caller stands on it, or it is a plat_thread's.
 */
int plat_stack_free(struct plat_stack *stack);

/*
 * A thread that is created with these attributes stands on the stack, one at a time; the C library
 * puts the thread's own data, its thread-local memory too, at the stack's end. -EINVAL: it is not
 * of plat_stack_new.
 */
int plat_stack_attach(const struct plat_stack *stack, pthread_attr_t *attr);

/*
 * The stack that the caller stands on: the thread's own, one of plat_stack_new, to which a
 * coroutine may have switched, or the alternate signal stack. What is found is remembered for
 * plat_stack_left. -ENOENT: nobody knows it: a coroutine's, from elsewhere.
 *
 * The main thread's reaches as far down as the kernel lets it grow: by RLIMIT_STACK, and to within
 * 256 pages of what is mapped below. Whether there will be memory, and RLIMIT_AS, is left out. It
 * is looked up in /proc/self/maps; -ENOENT and the like also if there is none.
 */
int plat_stack_bounds(struct plat_stack *ret);

/*
 * How many bytes the caller can still go down on the stack that it stands on; a negative errno as
 * plat_stack_bounds. The first call in a thread looks up the bounds, and may allocate; each later
 * one takes a few nanoseconds, and may be made in a signal handler, as may each on an alternate
 * signal stack. Who changes RLIMIT_STACK, or maps memory below the main thread's stack, calls
 * plat_stack_bounds for the new bounds to be known.
 */
ssize_t plat_stack_left(void);

/*
 * How much of a stack was ever touched, from its end down to the deepest page that was: what the C
 * library keeps at its end counts, and so it does for who chooses the size of a stack. stack NULL:
 * that of the caller; else any, also another thread's while that runs. Exact to the page, where no
 * huge pages are used and nothing was locked or given back. A page that was only read counts.
 *
 * -ENOENT: there is no /proc/self/pagemap, or nothing is mapped there; -EACCES: the kernel does not
 * let this process read it.
 */
int plat_stack_high_water(const struct plat_stack *stack, size_t *ret);

/*
 * From now on, if the calling thread's stack overflows, one line on stderr says so:
 *
 *	plat: stack overflow in thread 4711 "worker": 0x7f24a1ffdff8 is 8 bytes below its stack,
 *	0x7f24a1ffe000-0x7f24a200e000, 65536 bytes
 *
 * (as one line). So it does for a stack of plat_stack_new that the thread has switched to. Then the
 * program goes on as if nobody had looked: its own handler is called, or it dies by SIGSEGV, with
 * the address and the registers of the overflow in its core.
 *
 * Each thread calls it once, for its alternate signal stack; one that it has already is used, else
 * it gets one, until it ends. The first call of all installs a handler of SIGSEGV for the process,
 * which calls the one that was there before, also of faults that are no overflows. Who installs
 * another one later takes its place. libplat-malloc, which has a handler only where there is none,
 * is asked about its guard pages.
 *
 * 0; -ENOMEM: there is no memory for a signal stack; what plat_stack_bounds fails with.
 */
int plat_stack_report_overflow(void);

/* A thread on a guarded stack, whose overflow is reported. */
struct plat_thread {
	pthread_t id;
	struct plat_stack stack;
};

/*
 * Creates a thread that calls run(data), with a stack as of plat_stack_new. It has to be joined, by
 * plat_thread_join. 0, or a negative errno of plat_stack_new, pthread_create(3) or sigaction(2).
 */
int plat_thread_new(size_t stack_size, size_t guard_size, void *(*run)(void *data), void *data,
		    struct plat_thread **ret);

/*
 * Waits for it to end, and frees it and its stack. value, if not NULL, is set to what it returned.
 * -ESRCH: there is no such thread, or it was joined, or is by somebody else right now; -EDEADLK: it
 * is the caller's own. Who is cancelled while he waits, as in pthread_join, has joined nobody.
 */
int plat_thread_join(struct plat_thread *thread, void **value);

#ifdef __cplusplus
}
#endif

#endif
