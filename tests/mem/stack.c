/* Stacks: made, measured and overflown. */
#include "access.h"
#include "check.h"
#include "ended.h"

#include <plat/stack.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct plat_stack stack_of(size_t size, size_t guard_size)
{
	struct plat_stack stack;

	check(plat_stack_new(size, guard_size, &stack) == 0);
	return stack;
}

static struct plat_stack my_stack(void)
{
	struct plat_stack stack;

	check(plat_stack_bounds(&stack) == 0);
	return stack;
}

static char *end_of(const struct plat_stack *stack)
{
	return (char *)stack->base + stack->size;
}

static bool lies_in(const void *p, const struct plat_stack *stack)
{
	return (const char *)p >= (char *)stack->base && (const char *)p < end_of(stack);
}

static size_t high_water(const struct plat_stack *stack)
{
	size_t used;

	check(plat_stack_high_water(stack, &used) == 0);
	return used;
}

/* Calls itself until the stack pointer is there. Returns where it was. */
static NOINLINE char *go_down_to(const char *p)
{
	char frame[200], *end;

	*(volatile char *)frame = 1;
	if ((char *)opaque(frame) <= p)
		return opaque(frame);
	end = go_down_to(p);
	return opaque(frame) == NULL ? NULL : end;
}

static NOINLINE void go_down_by(size_t size)
{
	char here;

	go_down_to((char *)opaque(&here) - size);
}

static NOINLINE void overflow(void)
{
	go_down_to(NULL);
}

/* --- made and freed --- */

static void a_stack_has_a_guard_and_is_as_large_as_asked_for(void)
{
	struct plat_stack stack = stack_of(100000, 5000);
	size_t page = page_size();
	char *base = stack.base;

	check(stack.size >= 100000 && stack.size < 100000 + page);
	check(stack.guard_size >= 5000 && stack.guard_size < 5000 + page);
	check(is_aligned(base, page));
	check(rights_at(base) == (PLAT_RIGHT_READ | PLAT_RIGHT_WRITE));
	check(rights_at(base + stack.size - 1) == (PLAT_RIGHT_READ | PLAT_RIGHT_WRITE));
	check(rights_at(base - 1) == 0);
	check(rights_at(base - stack.guard_size) == 0);
	check(plat_stack_free(&stack) == 0);
}

static void without_sizes_it_has_those_of_any_thread_and_a_guard_of_64_kib(void)
{
	struct plat_stack stack = stack_of(0, 0);
	pthread_attr_t attr;
	size_t size;

	pthread_attr_init(&attr);
	check(pthread_attr_getstacksize(&attr, &size) == 0);
	check(stack.size >= size && stack.size < size + page_size());
	check(stack.guard_size == 64 * KIB);
	check(plat_stack_free(&stack) == 0);
	stack = stack_of(1, 1);
	check(stack.size >= 16384 && stack.guard_size == page_size());
	check(plat_stack_free(&stack) == 0);
}

static void what_is_freed_twice_is_told(void)
{
	struct plat_stack stack = stack_of(0, 0), copy = stack, foreign = {0};
	char *p = stack.base;

	check(plat_stack_free(&stack) == 0);
	check(read_faults(p));
	check(stack.base == NULL && stack.size == 0);
	check(plat_stack_free(&stack) == 0);
	check(plat_stack_free(&copy) == -EINVAL);
	foreign.base = &foreign;
	foreign.size = sizeof(foreign);
	check(plat_stack_free(&foreign) == -EINVAL);
	copy = stack = stack_of(0, 0);
	copy.size -= page_size();
	check(plat_stack_free(&copy) == -EINVAL);
	check(plat_stack_free(&stack) == 0);
}

static void sizes_that_no_memory_has_are_refused(void)
{
	struct plat_stack stack = {.size = 7};
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	check(plat_stack_new(SIZE_MAX, 0, &stack) == -EINVAL);
	check(plat_stack_new(0, SIZE_MAX - 5000, &stack) == -EINVAL);
	errno = 99;
	if (sizeof(void *) > 4)
		check(plat_stack_new(SIZE_MAX / 4, SIZE_MAX / 4, &stack) == -ENOMEM);
	if (!has_sanitizer()) {
		limit.rlim_cur = address_space() + MIB;
		check(setrlimit(RLIMIT_AS, &limit) == 0);
		check(plat_stack_new(2 * MIB, 0, &stack) == -ENOMEM);
	}
	check(errno == 99 && stack.size == 7);
}

static void hundreds_of_stacks_are_told_apart(void)
{
	static struct plat_stack stacks[700];
	size_t i, before;

	for (i = 0; i < ARRAY_SIZE(stacks); i++)
		stacks[i] = stack_of(16384, 4096);
	before = address_space();
	for (i = 0; i < ARRAY_SIZE(stacks); i += 3)
		check(plat_stack_free(&stacks[i]) == 0);
	for (i = 0; i < ARRAY_SIZE(stacks); i += 3)
		stacks[i] = stack_of(16384, 4096);
	check(address_space() == before);
	for (i = 0; i < ARRAY_SIZE(stacks); i++)
		check(plat_stack_free(&stacks[i]) == 0);
}

/* --- threads --- */

static struct plat_stack given;

static void *look_at_own(void *data)
{
	struct plat_stack mine = my_stack(), copy = given;
	char here;

	check(lies_in(opaque(&here), &given));
	check(mine.base == given.base && mine.size == given.size);
	check(mine.guard_size == given.guard_size);
	check(plat_stack_free(&copy) == -EBUSY);
	return data;
}

static void a_thread_stands_on_the_stack_it_was_given(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	struct plat_stack other = {0};
	int i;

	given = stack_of(256 * KIB, 0);
	pthread_attr_init(&attr);
	check(plat_stack_attach(&given, &attr) == 0);
	for (i = 0; i < 3; i++) {
		check(pthread_create(&thread, &attr, look_at_own, NULL) == 0);
		check(pthread_join(thread, NULL) == 0);
	}
	check(plat_stack_free(&given) == 0);
	check(plat_stack_attach(&given, &attr) == -EINVAL);
	check(plat_stack_attach(&other, &attr) == -EINVAL);
	pthread_attr_destroy(&attr);
}

static void *return_left(void *data)
{
	*(ssize_t *)data = plat_stack_left();
	return data;
}

static void *exit_with(void *data)
{
	pthread_exit(data);
}

static void a_thread_is_joined_once(void)
{
	struct plat_thread *thread;
	ssize_t left;
	void *value;

	check(plat_thread_new(128 * KIB, 0, return_left, &left, &thread) == 0);
	check(thread->stack.size == 128 * KIB && thread->stack.guard_size == PLAT_STACK_GUARD);
	check(plat_stack_free(&thread->stack) == -EBUSY);
	check(plat_thread_join(thread, &value) == 0);
	check(value == &left);
	check_with(left > 64 * 1024 && left < 128 * 1024, "%zd", left);
	check(plat_thread_join(thread, &value) == -ESRCH);
	check(plat_thread_new(0, 0, exit_with, &value, &thread) == 0);
	check(plat_thread_join(thread, &value) == 0 && value == &value);
	check(plat_thread_join(NULL, NULL) == -ESRCH);
}

static void *wait_for_byte(void *data)
{
	char byte;

	return read(*(int *)data, &byte, 1) == 1 ? data : NULL;
}

static void *join_other(void *data)
{
	plat_thread_join(data, NULL);
	return NULL;
}

static void who_is_cancelled_while_he_joins_leaves_it_to_others(void)
{
	struct plat_thread *thread, *other;
	void *value;
	int ends[2];

	check(pipe(ends) == 0);
	check(plat_thread_new(0, 0, wait_for_byte, &ends[0], &thread) == 0);
	check(plat_thread_new(0, 0, join_other, thread, &other) == 0);
	/* Wherever it comes, before the wait or in it. */
	check(pthread_cancel(other->id) == 0);
	check(plat_thread_join(other, &value) == 0 && value == PTHREAD_CANCELED);
	check(write(ends[1], "", 1) == 1);
	check(plat_thread_join(thread, &value) == 0 && value == &ends[0]);
}

static struct plat_thread *myself;
static int ready[2], go_on[2];

static void *join_itself(void *data)
{
	char byte;

	check(read(go_on[0], &byte, 1) == 1);
	check(plat_thread_join(myself, NULL) == -EDEADLK);
	check(write(ready[1], "", 1) == 1);
	return data;
}

static void a_thread_cannot_join_itself(void)
{
	char byte;

	check(pipe(ready) == 0 && pipe(go_on) == 0);
	check(plat_thread_new(0, 0, join_itself, NULL, &myself) == 0);
	check(write(go_on[1], "", 1) == 1);
	check(read(ready[0], &byte, 1) == 1);
	check(plat_thread_join(myself, NULL) == 0);
}

static void threads_that_end_leave_nothing_behind(void)
{
	struct plat_thread *threads[20];
	size_t before = 0, i, round;
	ssize_t left;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			check(plat_thread_new(0, 0, return_left, &left, &threads[i]) == 0);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			check(plat_thread_join(threads[i], NULL) == 0);
		if (round == 0)
			before = address_space();
	}
	check(address_space() <= before + (has_sanitizer() ? 64 * MIB : 0));
}

/* --- what is left --- */

/* Two calls of one function push as much, but for how they align their stack. */
static bool is_near(ssize_t a, ssize_t b)
{
	return a > 0 && a - b < 256 && b - a < 256;
}

static NOINLINE void use_what_is_left(void)
{
	struct plat_stack mine = my_stack();
	ssize_t before = plat_stack_left(), after;
	char *lowest;

	check(before > 4096 && (size_t)before < mine.size);
	/* A caller's frame and the red zone also need some. */
	lowest = go_down_to((char *)mine.base + 1500);
	check(lowest < (char *)mine.base + 1500);
	after = plat_stack_left();
	check(is_near(after, before));
	*(volatile char *)mine.base = 1;
}

static void *use_own(void *data)
{
	use_what_is_left();
	return data;
}

static void what_is_left_of_a_threads_stack_can_be_used(void)
{
	pthread_t thread;
	struct plat_thread *ours;

	check(pthread_create(&thread, NULL, use_own, NULL) == 0);
	check(pthread_join(thread, NULL) == 0);
	check(plat_thread_new(64 * KIB, 0, use_own, NULL, &ours) == 0);
	check(plat_thread_join(ours, NULL) == 0);
}

static void limit_stack(size_t size)
{
	struct rlimit limit;

	check(getrlimit(RLIMIT_STACK, &limit) == 0);
	limit.rlim_cur = size;
	check(setrlimit(RLIMIT_STACK, &limit) == 0);
}

static void use_main_to_its_limit(void)
{
	limit_stack(3 * MIB);
	use_what_is_left();
	_exit(my_stack().size == 3 * MIB ? 0 : 1);
}

/* A byte below what the stack can grow to; the stack pointer is with it, as the kernel once asked.
 */
static void use_main_past_its_limit(void)
{
	limit_stack(3 * MIB);
	go_down_to((char *)my_stack().base - 300);
}

static void what_is_left_of_the_main_stack_is_what_its_limit_leaves(void)
{
	char said[10000];
	int status = ended(use_main_to_its_limit, said, sizeof(said));

	check_with(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", said);
	status = ended(use_main_past_its_limit, said, sizeof(said));
	check(has_sanitizer() ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void what_is_left_of_the_main_stack_ends_above_the_next_mapping(void)
{
	struct plat_stack before, after;
	char *below;

	limit_stack(64 * MIB);
	before = my_stack();
	below = end_of(&before) - 16 * MIB;
	if (mmap(below, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != below)
		skip("something is mapped near the stack");
	after = my_stack();
	check(after.base == below + page_size() + 256 * page_size());
	go_down_to((char *)after.base + 1500);
	check(munmap(below, page_size()) == 0);
	/* What nobody can touch needs no gap. */
	check(mmap(below, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		   -1, 0) == below);
	after = my_stack();
	check(after.base == below + page_size());
}

static volatile ssize_t left_in_handler;
static char *where_in_handler;

static void on_signal(int number)
{
	char here;

	(void)number;
	where_in_handler = opaque(&here);
	left_in_handler = plat_stack_left();
}

static void on_a_signal_stack_it_is_what_is_left_of_that(void)
{
	static char memory[128 * 1024];
	stack_t signal_stack = {.ss_sp = memory, .ss_size = sizeof(memory)}, old;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	ssize_t before = plat_stack_left();

	check(sigaltstack(&signal_stack, &old) == 0);
	check(sigaction(SIGUSR1, &action, NULL) == 0);
	raise(SIGUSR1);
	check(where_in_handler > memory && where_in_handler < memory + sizeof(memory));
	check(left_in_handler > 0 && left_in_handler < (ssize_t)sizeof(memory));
	check(is_near(plat_stack_left(), before));
	check(sigaltstack(&old, NULL) == 0);
}

static ucontext_t outside, inside;
static ssize_t left_inside;

static void on_coroutine(void)
{
	left_inside = plat_stack_left();
	swapcontext(&inside, &outside);
	go_down_by(20000);
	left_inside = plat_stack_left();
}

static void enter_coroutine(const struct plat_stack *stack, void (*run)(void))
{
	check(getcontext(&inside) == 0);
	inside.uc_stack.ss_sp = stack->base;
	inside.uc_stack.ss_size = stack->size;
	inside.uc_link = &outside;
	makecontext(&inside, run, 0);
	check(swapcontext(&outside, &inside) == 0);
}

static void on_a_coroutines_stack_it_is_what_is_left_of_that(void)
{
	struct plat_stack stack = stack_of(64 * KIB, 0);
	struct plat_stack foreign = {.base = malloc(64 * KIB), .size = 64 * KIB};
	ssize_t before = plat_stack_left(), in_stack;

	if (has_sanitizer())
		skip("the sanitizer wants to be told of each switch");
	enter_coroutine(&stack, on_coroutine);
	in_stack = left_inside;
	check(in_stack > 60000 && in_stack < 65536);
	check(is_near(plat_stack_left(), before));
	check(swapcontext(&outside, &inside) == 0);
	check(is_near(left_inside, in_stack));
	check(high_water(&stack) >= 20000 && high_water(&stack) < 20000 + 3 * page_size());
	enter_coroutine(&foreign, on_coroutine);
	check(left_inside == -ENOENT);
	/* A stack that was freed is not remembered for one in its place. */
	check(plat_stack_free(&stack) == 0);
	stack = stack_of(32 * KIB, 96 * KIB);
	enter_coroutine(&stack, on_coroutine);
	check_with(left_inside > 28000 && left_inside < 32768, "%zd", left_inside);
	check(plat_stack_free(&stack) == 0);
}

/* --- how much was used --- */

static void the_high_water_mark_is_exact_to_the_page(void)
{
	struct plat_stack stack = stack_of(3 * MIB, 0);
	size_t page = page_size(), pages;

	check(high_water(&stack) == 0);
	for (pages = 1; pages <= stack.size / page; pages *= 3) {
		*(volatile char *)(end_of(&stack) - pages * page + 5) = 1;
		check(high_water(&stack) == pages * page);
	}
	*(volatile char *)stack.base = 1;
	check(high_water(&stack) == stack.size);
	check(plat_stack_free(&stack) == 0);
}

static void *go_down_and_wait(void *data)
{
	char byte;

	go_down_by(*(size_t *)data);
	check(write(ready[1], "", 1) == 1);
	check(read(go_on[0], &byte, 1) == 1);
	check(high_water(NULL) >= *(size_t *)data);
	return data;
}

static void the_mark_of_another_thread_is_read_while_it_runs(void)
{
	struct plat_thread *thread;
	size_t depth = 300 * KIB, used;
	char byte;

	check(pipe(ready) == 0 && pipe(go_on) == 0);
	check(plat_thread_new(MIB, 0, go_down_and_wait, &depth, &thread) == 0);
	check(read(ready[0], &byte, 1) == 1);
	used = high_water(&thread->stack);
	check_with(used >= depth && used < depth + 64 * KIB, "%zu", used);
	check(write(go_on[1], "", 1) == 1);
	check(plat_thread_join(thread, NULL) == 0);
}

static void the_main_thread_has_a_mark_too(void)
{
	size_t before = high_water(NULL), after;
	char *end = end_of(&(struct plat_stack){my_stack().base, my_stack().size, 0});
	size_t depth = (size_t)(end - (char *)opaque(&before)) + 700 * KIB;

	check(before < depth);
	go_down_by(700 * KIB);
	after = high_water(NULL);
	check_with(after >= depth && after < depth + 4 * page_size(), "%zu of %zu", after, depth);
	/* An endless limit is no endless search. */
	limit_stack(RLIM_INFINITY);
	check(high_water(NULL) == after);
}

/* --- overflows --- */

static void name_it(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void *overflow_as_worker(void *data)
{
	name_it("worker");
	overflow();
	return data;
}

static void overflow_a_thread(void)
{
	struct plat_thread *thread;

	check(plat_thread_new(128 * KIB, 0, overflow_as_worker, NULL, &thread) == 0);
	plat_thread_join(thread, NULL);
}

static void *report_and_overflow(void *data)
{
	name_it("worker");
	check(plat_stack_report_overflow() == 0);
	check(plat_stack_report_overflow() == 0);
	overflow();
	return data;
}

static void overflow_a_thread_of_libc(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * KIB);
	check(pthread_create(&thread, &attr, report_and_overflow, NULL) == 0);
	pthread_join(thread, NULL);
}

static void overflow_the_main_thread(void)
{
	limit_stack(MIB);
	report_and_overflow(NULL);
}

static void overflow_after_fork(void)
{
	pid_t child;

	limit_stack(MIB);
	check(plat_stack_report_overflow() == 0);
	child = fork();
	if (child == 0) {
		name_it("worker");
		overflow();
	}
	waitpid(child, NULL, 0);
	raise(SIGSEGV);
}

static struct plat_stack coroutine;

static void overflow_a_coroutine(void)
{
	coroutine = stack_of(128 * KIB, 0);
	name_it("worker");
	check(plat_stack_report_overflow() == 0);
	enter_coroutine(&coroutine, overflow);
}

/* A frame that has its first bytes written far below the stack pointer that came. */
static NOINLINE void step_far(size_t size)
{
	char *frame = __builtin_alloca(size);

	*(volatile char *)opaque(frame) = 1;
}

static void *step_over_the_guard(void *data)
{
	name_it("worker");
	step_far(128 * KIB + 8192);
	return data;
}

/* The address space below is kept free, as it may be. */
static void overflow_by_a_large_frame(void)
{
	struct plat_thread *thread;

	check(plat_thread_new(128 * KIB, 64 * KIB, step_over_the_guard, NULL, &thread) == 0);
	plat_thread_join(thread, NULL);
}

static const struct overflow {
	const char *name;
	void (*run)(void);
} overflows[] = {
	{"a thread of ours", overflow_a_thread},
	{"a thread of the C library", overflow_a_thread_of_libc},
	{"the main thread", overflow_the_main_thread},
	{"the child of a fork", overflow_after_fork},
	{"a coroutine", overflow_a_coroutine},
	{"a frame larger than the guard is high", overflow_by_a_large_frame},
};

/* "plat: stack overflow in thread 1 "worker": 0x1 is 2 bytes below its stack, 0x3-0x4, 5 bytes" */
static void check_line(const char *name, const char *said)
{
	unsigned long long address, below, base, end, size;
	int tid, length = 0;

	check_with(sscanf(said,
			  "plat: stack overflow in thread %d \"worker\": 0x%llx is %llu bytes "
			  "below its "
			  "stack, 0x%llx-0x%llx, %llu bytes%n",
			  &tid, &address, &below, &base, &end, &size, &length) == 6,
		   "%s: %s", name, said);
	check_with(said[length] == '\n', "%s: %s", name, said);
	check_with(address + below == base && below < 200 * KIB && end - base == size &&
			   size >= 64 * KIB && size <= 2 * MIB && tid > 0,
		   "%s: %s", name, said);
}

static void an_overflow_is_one_line_and_then_what_it_was(void)
{
	char said[20000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(overflows); i++) {
		int status;

		if (has_sanitizer() && overflows[i].run == overflow_a_coroutine)
			continue;
		status = ended(overflows[i].run, said, sizeof(said));
		check_line(overflows[i].name, said);
		if (has_sanitizer()) {
			check(status != 0);
			continue;
		}
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		check_with(strchr(said, '\n')[1] == '\0', "%s: %s", overflows[i].name, said);
	}
}

/* The signal that the process dies by, as a debugger or a core has it. */
static void it_dies_where_the_overflow_was(void)
{
	siginfo_t first = {0}, last = {0};
	int status, nsignals = 0, fds[2];
	pid_t child;

	if (has_sanitizer())
		skip("the sanitizer exits");
	check(pipe(fds) == 0);
	child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		overflow_the_main_thread();
		_exit(0);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		check(WSTOPSIG(status) == SIGSEGV);
		check(ptrace(PTRACE_GETSIGINFO, child, NULL, &last) == 0);
		if (nsignals++ == 0)
			first = last;
		check(ptrace(PTRACE_CONT, child, NULL, (void *)(uintptr_t)SIGSEGV) == 0);
	}
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	check(nsignals == 2 && last.si_addr == first.si_addr && last.si_code == first.si_code &&
	      last.si_code > 0);
}

/* --- other faults, and handlers of the program --- */

static void touch_nothing(void)
{
	check(plat_stack_report_overflow() == 0);
	*(volatile char *)opaque((void *)16) = 1;
}

static void touch_a_guard_from_far(void)
{
	struct plat_stack stack = stack_of(0, 0);

	check(plat_stack_report_overflow() == 0);
	((volatile char *)stack.base)[-1] = 1;
}

static void *touch_own_guard_from_far(void *data)
{
	((volatile char *)my_stack().base)[-1] = 1;
	return data;
}

static void touch_ones_own_guard_from_far(void)
{
	struct plat_thread *thread;

	check(plat_thread_new(MIB, 0, touch_own_guard_from_far, NULL, &thread) == 0);
	plat_thread_join(thread, NULL);
}

static void be_sent_a_signal(void)
{
	check(plat_stack_report_overflow() == 0);
	kill(getpid(), SIGSEGV);
	pause();
}

static void other_faults_are_left_alone(void)
{
	static void (*const deeds[])(void) = {touch_nothing, touch_a_guard_from_far,
					      touch_ones_own_guard_from_far, be_sent_a_signal};
	char said[20000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(deeds); i++) {
		int status = ended(deeds[i], said, sizeof(said));

		check_with(!strstr(said, "plat:"), "%zu: %s", i, said);
		if (!has_sanitizer())
			check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

static sigjmp_buf back;
static siginfo_t had;

static void jump_back(int number, siginfo_t *info, void *context)
{
	(void)context;
	check(number == SIGSEGV);
	had = *info;
	siglongjmp(back, 1);
}

static void jump_back_simply(int number)
{
	check(number == SIGSEGV);
	siglongjmp(back, 1);
}

static NOINLINE bool comes_back_from(void (*deed)(void))
{
	if (sigsetjmp(back, 1) == 0) {
		deed();
		return false;
	}
	return true;
}

static void touch_null(void)
{
	*(volatile char *)opaque((void *)16) = 1;
}

static void handle_overflows(struct sigaction *action)
{
	limit_stack(MIB);
	check(sigaction(SIGSEGV, action, NULL) == 0);
	check(plat_stack_report_overflow() == 0);
}

static void recover_from_overflows(void)
{
	struct sigaction action = {.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};
	int i;

	handle_overflows(&action);
	name_it("worker");
	for (i = 0; i < 2; i++) {
		check(comes_back_from(overflow));
		check((char *)had.si_addr < (char *)my_stack().base);
		check(comes_back_from(touch_null));
		check(had.si_addr == (void *)16);
	}
}

static void recover_simply(void)
{
	struct sigaction action = {.sa_handler = jump_back_simply};

	handle_overflows(&action);
	name_it("worker");
	check(comes_back_from(overflow));
	check(comes_back_from(touch_null));
}

static void ignore_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	handle_overflows(&action);
	kill(getpid(), SIGSEGV);
	name_it("worker");
	overflow();
}

static void the_programs_own_handler_is_called(void)
{
	char said[20000];
	int status;

	if (has_sanitizer())
		skip("the sanitizer has a handler of its own");
	status = ended(recover_simply, said, sizeof(said));
	check_with(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", said);
	check_line("recover_simply", said);
	status = ended(ignore_signals, said, sizeof(said));
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	check_line("ignore_signals", said);
}

static void who_recovers_is_told_each_time(void)
{
	char said[20000];
	const char *second;

	if (has_sanitizer())
		skip("the sanitizer has a handler of its own");
	(void)ended(recover_from_overflows, said, sizeof(said));
	second = strchr(said, '\n');
	check(second != NULL);
	check_line("the first", said);
	check_line("the second", second + 1);
	check(strchr(second + 1, '\n')[1] == '\0');
}

static void *report_and_end(void *data)
{
	check(plat_stack_report_overflow() == 0);
	return data;
}

static void signal_stacks_go_with_their_threads(void)
{
	pthread_t thread;
	size_t before = 0, i;

	for (i = 0; i < 30; i++) {
		check(pthread_create(&thread, NULL, report_and_end, NULL) == 0);
		check(pthread_join(thread, NULL) == 0);
		if (i == 5)
			before = address_space();
	}
	check(address_space() <= before + (has_sanitizer() ? 64 * MIB : 0));
}

static const struct test tests[] = {
	{TEST(a_stack_has_a_guard_and_is_as_large_as_asked_for)},
	{TEST(without_sizes_it_has_those_of_any_thread_and_a_guard_of_64_kib)},
	{TEST(what_is_freed_twice_is_told)},
	{TEST(sizes_that_no_memory_has_are_refused)},
	{TEST(hundreds_of_stacks_are_told_apart)},
	{TEST(a_thread_stands_on_the_stack_it_was_given)},
	{TEST(a_thread_is_joined_once)},
	{TEST(a_thread_cannot_join_itself)},
	{TEST(who_is_cancelled_while_he_joins_leaves_it_to_others)},
	{TEST(threads_that_end_leave_nothing_behind)},
	{TEST(what_is_left_of_a_threads_stack_can_be_used)},
	{TEST(what_is_left_of_the_main_stack_is_what_its_limit_leaves)},
	{TEST(what_is_left_of_the_main_stack_ends_above_the_next_mapping)},
	{TEST(on_a_signal_stack_it_is_what_is_left_of_that)},
	{TEST(on_a_coroutines_stack_it_is_what_is_left_of_that)},
	{TEST(the_high_water_mark_is_exact_to_the_page)},
	{TEST(the_mark_of_another_thread_is_read_while_it_runs)},
	{TEST(the_main_thread_has_a_mark_too)},
	{TEST(an_overflow_is_one_line_and_then_what_it_was)},
	{TEST(it_dies_where_the_overflow_was)},
	{TEST(other_faults_are_left_alone)},
	{TEST(the_programs_own_handler_is_called)},
	{TEST(who_recovers_is_told_each_time)},
	{TEST(signal_stacks_go_with_their_threads)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
