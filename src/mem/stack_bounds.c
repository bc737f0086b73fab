/*
 * Where a stack is, is asked of whoever knows: our own table, the kernel about signal stacks and
 * about the main thread's, the C library about other threads'. Two answers are remembered: the
 * thread's own stack, which stays the same, and the last other one that was made here. Which of
 * them the caller stands on, its stack pointer says each time.
 */
#include "mem/stack_bounds.h"

#include "../include/plat/protect.h"
#include "../include/plat/stack.h"
#include "mem/mappings.h"
#include "mem/own_tls.h"
#include "mem/pages.h"
#include "mem/stack_table.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Linux mm/mmap.c stack_guard_gap; another number of pages can be given when the kernel starts. */
#define GUARD_GAP_PAGES 256

#define HERE() ((uintptr_t)__builtin_frame_address(0))

static PLAT__OWN_TLS struct plat__bounds own, other;
static PLAT__OWN_TLS unsigned other_age;
static unsigned age;

void plat__bounds_forget(void)
{
	__atomic_fetch_add(&age, 1, __ATOMIC_RELEASE);
}

void plat__bounds_set_own(const struct plat__bounds *bounds)
{
	own = *bounds;
}

/* --- the main thread's --- */

struct run {
	uintptr_t below; /* where what is mapped below ends, or its gap */
	uintptr_t start, end;
};

static bool is_open(const struct plat__mapping *mapping)
{
	int both = PLAT_RIGHT_READ | PLAT_RIGHT_WRITE;

	return (mapping->rights & both) == both;
}

/*
 * The mapping that holds the address, with those right below it: mprotect cuts the stack into
 * several, of which the lowest grows.
 */
static int find_run(struct plat__mappings *mappings, uintptr_t inside, struct run *ret)
{
	struct plat__mapping last = {0}, mapping;
	struct run run = {0};
	uintptr_t gap = GUARD_GAP_PAGES * plat__page_size();
	int r;

	do {
		r = plat__mappings_next(mappings, last.end, &mapping);
		if (r < 0)
			return r;
		if (mapping.start != last.end || !is_open(&last)) {
			run.below = last.rights ? last.end + gap : last.end;
			run.start = mapping.start;
		}
		last = mapping;
	} while (mapping.end <= inside);
	if (mapping.start > inside)
		return -ENOENT;
	run.end = mapping.end;
	*ret = run;
	return 0;
}

/* Linux mm/mmap.c acct_stack_growth: the whole of it is compared with the limit. */
static uintptr_t lowest_by_limit(uintptr_t end)
{
	uintptr_t page = plat__page_size();
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= end - page)
		return page;
	return end - ((uintptr_t)limit.rlim_cur & ~(page - 1));
}

int plat__bounds_of_main(struct plat__bounds *ret, uintptr_t *mapped)
{
	/* The kernel has put these bytes on the stack when the program began. */
	uintptr_t inside = (uintptr_t)getauxval(AT_RANDOM), lowest;
	struct plat__mappings mappings;
	struct run run;
	int r = inside ? plat__mappings_open(&mappings) : -ENOENT;

	if (r < 0)
		return r;
	r = find_run(&mappings, inside, &run);
	plat__mappings_close(&mappings);
	if (r < 0)
		return r;
	lowest = lowest_by_limit(run.end);
	if (lowest < run.below)
		lowest = run.below;
	ret->base = lowest < run.start ? lowest : run.start;
	ret->end = run.end;
	ret->guard = ret->base - GUARD_GAP_PAGES * plat__page_size();
	*mapped = run.start;
	return 0;
}

/* --- all others --- */

static int ask_libc(struct plat__bounds *ret)
{
	pthread_attr_t attr;
	size_t size = 0, guard = 0;
	void *base = NULL;
	int r = pthread_getattr_np(pthread_self(), &attr);

	if (r != 0)
		return -r;
	r = pthread_attr_getstack(&attr, &base, &size);
	if (r == 0)
		r = pthread_attr_getguardsize(&attr, &guard);
	pthread_attr_destroy(&attr);
	if (r != 0)
		return -r;
	ret->base = (uintptr_t)base;
	ret->end = ret->base + size;
	ret->guard = ret->base - guard;
	return 0;
}

static bool is_main_thread(void)
{
	return syscall(SYS_gettid) == getpid();
}

static int find_own(uintptr_t here, struct plat__bounds *ret)
{
	uintptr_t mapped;
	int r = is_main_thread() ? plat__bounds_of_main(ret, &mapped) : -ENOENT;

	/* In the child of a fork the thread that forked is the main one, and its stack is not. */
	if (r == 0 && plat__bounds_hold(ret, here))
		return 0;
	return ask_libc(ret);
}

int plat__bounds_own(struct plat__bounds *ret)
{
	struct plat__bounds bounds;
	int before = errno, r;

	if (own.end == 0) {
		r = find_own(HERE(), &bounds);
		errno = before;
		if (r < 0)
			return r;
		own = bounds;
	}
	*ret = own;
	return 0;
}

bool plat__bounds_known(struct plat__bounds *ret)
{
	*ret = own;
	return own.end != 0;
}

static bool find_known(uintptr_t here, struct plat__bounds *ret)
{
	unsigned now = __atomic_load_n(&age, __ATOMIC_ACQUIRE);
	struct plat__known_stack known;

	if (!plat__stack_table_find(here, &known) || here < known.base || here >= known.end)
		return false;
	*ret = (struct plat__bounds){known.start, known.base, known.end};
	other = *ret;
	other_age = now;
	return true;
}

static bool find_signal_stack(struct plat__bounds *ret)
{
	stack_t now;

	if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_ONSTACK))
		return false;
	ret->guard = ret->base = (uintptr_t)now.ss_sp;
	ret->end = ret->base + now.ss_size;
	return true;
}

static int find_bounds(uintptr_t here, struct plat__bounds *ret)
{
	int before = errno, r = 0;

	if (!find_known(here, ret) && !find_signal_stack(ret)) {
		r = find_own(here, ret);
		if (r == 0 && !plat__bounds_hold(ret, here))
			r = -ENOENT;
		if (r == 0)
			own = *ret;
	}
	errno = before;
	return r;
}

int plat_stack_bounds(struct plat_stack *ret)
{
	struct plat__bounds bounds;
	int r = find_bounds(HERE(), &bounds);

	if (r < 0)
		return r;
	*ret = (struct plat_stack){
		.base = (void *)bounds.base,
		.size = bounds.end - bounds.base,
		.guard_size = bounds.base - bounds.guard,
	};
	return 0;
}

ssize_t plat_stack_left(void)
{
	uintptr_t here = HERE();
	struct plat__bounds bounds;
	int r;

	if (plat__bounds_hold(&own, here))
		return (ssize_t)(here - own.base);
	if (other_age == __atomic_load_n(&age, __ATOMIC_ACQUIRE) && plat__bounds_hold(&other, here))
		return (ssize_t)(here - other.base);
	r = find_bounds(here, &bounds);
	return r < 0 ? r : (ssize_t)(here - bounds.base);
}
