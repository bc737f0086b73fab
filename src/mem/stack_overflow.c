/*
 * A thread that has no stack left cannot run a handler on it: each has a signal stack. Ours looks
 * at the address and at the stack pointer, says a line if they tell of an overflow, and passes the
 * signal on to whom it would have come without us.
 *
 *         guard                 stack
 *     |- - - - - - - -|.........................|
 *           ^ address  ^ sp                        a push, a call
 *       ^ sp     ^ address                         a large frame
 *     ^ sp, nothing mapped                         a frame larger than the guard
 *           ^ address              ^ sp            none: a stray pointer
 */
#include "../include/plat/stack.h"

#include "alloc/trap.h"
#include "mem/complaint.h"
#include "mem/pages.h"
#include "mem/stack.h"
#include "mem/stack_bounds.h"
#include "mem/stack_pointer.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* How far below the stack pointer a function may probe before it moves it. */
#define PROBE ((uintptr_t)64 * 1024)
/* Frames larger than this are not told from stacks that lie elsewhere. */
#define FRAME_MOST ((uintptr_t)64 << 20)

/* libplat-malloc, if it is there, has guard pages of its own. */
extern __typeof__(plat_tell_fault) plat_tell_fault __attribute__((weak));

static struct sigaction before;

enum { NOT_INSTALLED, INSTALLING, INSTALLED };
static int installed;

/* --- is it an overflow? --- */

static bool is_mapped(uintptr_t p)
{
	unsigned char vec;

	return mincore((void *)(p & ~(uintptr_t)(plat__page_size() - 1)), 1, &vec) == 0;
}

/* The stack pointer has left the stack at its lower end, and is on no other one. */
static bool has_left(const struct plat__bounds *bounds, uintptr_t sp)
{
	if (sp >= bounds->base || sp < bounds->base - FRAME_MOST)
		return false;
	return sp >= bounds->guard || !is_mapped(sp);
}

static bool is_overflow(const struct plat__bounds *bounds, uintptr_t address, uintptr_t sp)
{
	if (address >= bounds->base || address < bounds->base - FRAME_MOST)
		return false;
	if (sp == 0)
		return address >= bounds->guard;
	if (sp >= bounds->base && sp <= bounds->end)
		return address >= bounds->guard && address + PROBE >= sp;
	return has_left(bounds, sp) && address + PROBE >= sp;
}

/* The main thread's as far as it has grown: the kernel may have refused more for lack of memory. */
static bool find_grown(const struct plat__bounds *own, struct plat__bounds *ret)
{
	uintptr_t mapped;

	if (plat__bounds_of_main(ret, &mapped) < 0 || ret->end != own->end)
		return false;
	ret->guard = mapped - (ret->base - ret->guard);
	ret->base = mapped;
	return true;
}

static bool find_overflow(uintptr_t address, uintptr_t sp, struct plat__bounds *ret)
{
	struct plat__known_stack known;
	struct plat__bounds own;

	if (plat__stack_table_find(address, &known)) {
		*ret = (struct plat__bounds){known.start, known.base, known.end};
		if (is_overflow(ret, address, sp))
			return true;
	}
	if (!plat__bounds_known(&own))
		return false;
	if (!find_grown(&own, ret))
		*ret = own;
	return is_overflow(ret, address, sp);
}

/* --- the line --- */

static void tell(const struct plat__bounds *bounds, uintptr_t address)
{
	struct plat__complaint line = {.length = 0};
	char name[17] = "";

	prctl(PR_GET_NAME, name, 0, 0, 0);
	plat__complaint_add(&line, "stack overflow in thread ");
	plat__complaint_number(&line, (size_t)syscall(SYS_gettid));
	plat__complaint_add(&line, " \"");
	plat__complaint_add(&line, name);
	plat__complaint_add(&line, "\": ");
	plat__complaint_address(&line, (void *)address);
	plat__complaint_add(&line, " is ");
	plat__complaint_number(&line, bounds->base - address);
	plat__complaint_add(&line, " bytes below its stack, ");
	plat__complaint_address(&line, (void *)bounds->base);
	plat__complaint_add(&line, "-");
	plat__complaint_address(&line, (void *)bounds->end);
	plat__complaint_add(&line, ", ");
	plat__complaint_number(&line, bounds->end - bounds->base);
	plat__complaint_add(&line, " bytes");
	plat__complaint_write(&line);
}

/* --- whom it is passed on to --- */

/* What happens without a handler happens when we return: the instruction is tried again. */
static void pass_to_kernel(int number, siginfo_t *info)
{
	signal(number, SIG_DFL);
	/* By kill and the like: there is no instruction. The kernel lets a process say so to
	 * itself. */
	if (info->si_code <= 0)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_RESETHAND)
		signal(number, SIG_DFL);
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(number, info, context);
	else if (before.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)
		pass_to_kernel(number, info);
	else
		before.sa_handler(number);
}

/* What can be said of a fault; true: it is none any more. */
static bool explain(uintptr_t address, uintptr_t sp)
{
	struct plat__bounds bounds;

	if (find_overflow(address, sp, &bounds)) {
		tell(&bounds, address);
		return false;
	}
	return plat_tell_fault && plat_tell_fault((void *)address);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	int error = errno;
	bool goes_on = info->si_code > 0 &&
		       explain((uintptr_t)info->si_addr, plat__stack_pointer(context));

	errno = error;
	if (!goes_on)
		pass_on(number, info, context);
}

/* Once for the process: a second time, it could be called by the one that it calls. */
int plat__overflow_handle(void)
{
	struct sigaction mine = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	int expected = NOT_INSTALLED, error = errno, r = 0;

	if (!__atomic_compare_exchange_n(&installed, &expected, INSTALLING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return 0;
	if (sigaction(SIGSEGV, NULL, &before) == 0) {
		mine.sa_mask = before.sa_mask;
		mine.sa_flags |= before.sa_flags & (SA_NODEFER | SA_RESTART);
	}
	if (sigaction(SIGSEGV, &mine, NULL) < 0)
		r = -errno;
	__atomic_store_n(&installed, r < 0 ? NOT_INSTALLED : INSTALLED, __ATOMIC_RELEASE);
	errno = error;
	return r;
}

/* --- signal stacks --- */

int plat__signal_stack_use(void *base, size_t size)
{
	stack_t now, mine = {.ss_sp = base, .ss_size = size};

	if (sigaltstack(NULL, &now) < 0)
		return -errno;
	if (!(now.ss_flags & SS_DISABLE))
		return 0;
	return sigaltstack(&mine, NULL) < 0 ? -errno : 1;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error = ENOMEM;

static size_t mapping_size(void)
{
	size_t page = plat__page_size();

	return (plat__signal_stack_size() + 2 * page - 1) & ~(page - 1);
}

/* The thread may have another one by now. */
static void free_signal_stack(void *mapping)
{
	stack_t now, none = {.ss_flags = SS_DISABLE};

	if (sigaltstack(NULL, &now) == 0 &&
	    (uintptr_t)now.ss_sp == (uintptr_t)mapping + plat__page_size())
		sigaltstack(&none, NULL);
	munmap(mapping, mapping_size());
}

static void make_key(void)
{
	key_error = pthread_key_create(&key, free_signal_stack);
}

/* One page of guard, and the stack. */
static int make_signal_stack(void)
{
	size_t page = plat__page_size(), size = mapping_size();
	char *mapping;
	int r;

	pthread_once(&once, make_key);
	if (key_error != 0)
		return -key_error;
	mapping = mmap(NULL, size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (mapping == MAP_FAILED)
		return -errno;
	if (mprotect(mapping + page, size - page, PROT_READ | PROT_WRITE) < 0)
		r = -errno;
	else
		r = plat__signal_stack_use(mapping + page, size - page);
	if (r == 1) {
		r = -pthread_setspecific(key, mapping);
		if (r == 0)
			return 0;
	}
	free_signal_stack(mapping);
	return r;
}

static bool has_signal_stack(void)
{
	stack_t now;

	return sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE);
}

int plat_stack_report_overflow(void)
{
	struct plat__bounds own;
	int error = errno;
	int r = plat__bounds_own(&own);

	if (r == 0 && !has_signal_stack())
		r = make_signal_stack();
	if (r == 0)
		r = plat__overflow_handle();
	errno = error;
	return r;
}
