/*
 * Calls that a process did not ask for. The child checks itself all the while: registers of all
 * kinds, its mask of signals, its descriptors, and that what it waits for comes as it should.
 */
#include "source/inject.h"

#include "child.h"
#include "source/clock.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENTLY 20000

static struct shared {
	volatile uint64_t rounds, called;
	volatile uint64_t wrong; /* the line that has noticed something */
} * shared;

static struct procdir dir;
static struct error err;

static void rest(void)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};

	nanosleep(&millisecond, NULL);
}

/* --- children --- */

/* The function that is called in them: it uses what a function may use. */
static long be_called(long argument)
{
	volatile double sum = 0;
	int i;

	for (i = 0; i < 1000; i++)
		sum += i * 0.5;
	/* System calls of its own; none that waits for a time, see inject_function(). */
	for (i = 0; argument == 2 && i < 20; i++)
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	shared->called++;
	return argument + (sum > 0);
}

static int first_free_descriptor(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void check_self(const sigset_t *mask, int descriptor)
{
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	if (memcmp(&now, mask, NSIG / 8) != 0 || first_free_descriptor() != descriptor)
		shared->wrong = __LINE__;
	shared->rounds++;
}

/* In system calls nearly all the time: sleeps are whole, polls end by their time, reads too. */
static void be_a_waiter(void)
{
	const struct timespec time = {.tv_nsec = 2000000};
	struct pollfd nothing;
	int ends[2], descriptor;
	struct timespec left;
	sigset_t mask;

	if (pipe(ends) < 0)
		_exit(2);
	nothing = (struct pollfd){.fd = ends[0], .events = POLLIN};
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	descriptor = first_free_descriptor();
	for (;;) {
		uint64_t begin = clock_now();

		if (nanosleep(&time, &left) != 0 || clock_now() - begin < 2000000)
			shared->wrong = __LINE__;
		begin = clock_now();
		if (poll(&nothing, 1, 2) != 0 || clock_now() - begin < 1900000)
			shared->wrong = __LINE__;
		if (ppoll(&nothing, 1, &time, &mask) != 0)
			shared->wrong = __LINE__;
		check_self(&mask, descriptor);
	}
}

/* No system call at all; all in registers. */
static void be_a_counter(void)
{
	uint64_t integer = 0;
	double real = 0;

	for (;;) {
		integer++;
		real += 1;
		if (integer % 1024 == 0) {
			if ((double)integer != real)
				shared->wrong = __LINE__;
			shared->rounds++;
		}
	}
}

static void be_confined(void)
{
	prctl(PR_SET_SECCOMP, 1 /* SECCOMP_MODE_STRICT */);
	for (;;)
		shared->rounds++;
}

static int start_child(void (*body)(void))
{
	memset(shared, 0, sizeof(*shared));
	return child_start(body, &dir);
}

static void end_child(int pid)
{
	child_end(pid, &dir);
}

static void assert_rounds(unsigned n)
{
	uint64_t before = shared->rounds;
	unsigned looks;

	for (looks = 0; shared->rounds < before + n && looks < PATIENTLY; looks++)
		rest();
	assert_true(shared->rounds >= before + n);
	assert_int_equal(shared->wrong, 0);
}

/* -1: this machine has none to make. */
static int make(struct inject_told *told)
{
	int fd = inject_userfaultfd(&dir, told, &err);

	if (fd == -ENOSYS || fd == -ENOTSUP)
		return -1;
	if (fd < 0)
		fail_msg("%s", err.text);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return fd;
}

static void assert_made_in(void (*body)(void), unsigned times)
{
	int pid = start_child(body);
	struct inject_told told;

	assert_rounds(1);
	while (times-- > 0) {
		int fd = make(&told);

		if (fd < 0) {
			end_child(pid);
			skip();
		}
		assert_int_equal(told.tid, pid);
		assert_true(told.pause > 0);
		close(fd);
	}
	assert_rounds(10);
	end_child(pid);
}

/* --- tests --- */

static void a_userfaultfd_is_made_in_a_waiter(void **state)
{
	(void)state;
	assert_made_in(be_a_waiter, 100);
}

static void a_userfaultfd_is_made_in_a_counter(void **state)
{
	(void)state;
	assert_made_in(be_a_counter, 100);
}

static struct inject_call call_of(long argument)
{
	return (struct inject_call){.function = (plat_addr)(uintptr_t)be_called,
				    .argument = (uint64_t)argument,
				    .most = 20 * NS_PER_S};
}

/* It is not always where it can be borrowed. */
static int call_patiently(const struct inject_call *call, struct inject_told *told)
{
	unsigned looks;
	int r = -EAGAIN;

	for (looks = 0; r == -EAGAIN && looks < PATIENTLY; looks++)
		r = inject_function(&dir, call, told, &err);
	return r;
}

static void a_function_is_called_and_its_thread_waits_on(void **state)
{
	int pid = start_child(be_a_waiter), i, r;
	struct inject_call call = call_of(1);
	struct inject_told told;

	(void)state;
	assert_rounds(1);
	for (i = 1; i <= 50; i++) {
		call.argument = 1 + (uint64_t)i % 2;
		r = call_patiently(&call, &told);
		if (r == -ENOTSUP) {
			end_child(pid);
			skip();
		}
		if (r < 0)
			fail_msg("%s", err.text);
		assert_int_equal(told.value, call.argument + 1);
		assert_int_equal(shared->called, i);
	}
	assert_rounds(10);
	end_child(pid);
}

static void no_thread_is_borrowed_outside_of_a_call(void **state)
{
	int pid = start_child(be_a_counter), r;
	struct inject_call call = call_of(1);
	struct inject_told told;

	(void)state;
	assert_rounds(1);
	r = inject_function(&dir, &call, &told, &err);
	assert_true(r == -EAGAIN || r == -ENOTSUP);
	assert_rounds(10);
	assert_int_equal(shared->called, 0);
	end_child(pid);
}

static void nor_one_with_an_address_on_its_stack_that_is_to_be_avoided(void **state)
{
	int pid = start_child(be_a_waiter), r;
	struct inject_call call = call_of(1);
	struct inject_told told;

	(void)state;
	assert_rounds(1);
	/* It has come from there. */
	call.avoid_start = (plat_addr)(uintptr_t)be_a_waiter;
	call.avoid_end = call.avoid_start + 4096;
	r = inject_function(&dir, &call, &told, &err);
	assert_true(r == -EAGAIN || r == -ENOTSUP);
	assert_int_equal(shared->called, 0);
	end_child(pid);
}

static void who_is_confined_is_left_alone(void **state)
{
	int pid = start_child(be_confined);
	struct inject_told told;

	(void)state;
	assert_rounds(1);
	assert_int_equal(inject_userfaultfd(&dir, &told, &err), -EPERM);
	assert_non_null(strstr(err.text, "seccomp"));
	assert_rounds(10);
	end_child(pid);
}

static int set_up(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_userfaultfd_is_made_in_a_waiter),
		cmocka_unit_test(a_userfaultfd_is_made_in_a_counter),
		cmocka_unit_test(a_function_is_called_and_its_thread_waits_on),
		cmocka_unit_test(no_thread_is_borrowed_outside_of_a_call),
		cmocka_unit_test(nor_one_with_an_address_on_its_stack_that_is_to_be_avoided),
		cmocka_unit_test(who_is_confined_is_left_alone),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
