/*
 * Ways to look at a process: a child of ours that counts in memory that both of us see, one word a
 * thread, is stopped, looked at and let go.
 */
#include "source/freeze.h"

#include "child.h"
#include "source/clock.h"
#include "source/proc.h"
#include "source/track.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define MANY 1000	/* threads */
#define PATIENTLY 20000 /* looks, of a millisecond each at least */

static struct shared {
	volatile uint64_t counts[THREADS];
	volatile uint64_t made, signals, wrong;
} * shared;

static struct procdir dir;
static struct error err;

static void rest(void)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};

	nanosleep(&millisecond, NULL);
}

/* --- children --- */

static void *count(void *context)
{
	volatile uint64_t *word = context;

	for (;;)
		++*word;
	return NULL;
}

static void be_counters(void)
{
	pthread_t thread;
	unsigned i;

	for (i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, count, (void *)&shared->counts[i]);
	count((void *)&shared->counts[0]);
}

static void *end_soon(void *context)
{
	shared->made++;
	return context;
}

static void *sleep_for_ever(void *context)
{
	for (;;)
		pause();
	return context;
}

/* Threads are made as fast as they can be, and end at once. */
static void be_a_storm(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;)
		pthread_create(&thread, &attr, end_soon, NULL);
}

static void be_asleep(void)
{
	for (;;)
		pause();
}

static void on_signal(int signal)
{
	(void)signal;
	shared->signals++;
}

/* As many signals as it sends itself have to come. */
static void be_signalled(void)
{
	signal(SIGUSR1, on_signal);
	for (;;) {
		uint64_t before = shared->signals;

		kill(getpid(), SIGUSR1);
		if (shared->signals != before + 1)
			shared->wrong++;
		shared->counts[0]++;
	}
}

/* It executes itself anew, from another thread than the first, again and again. */
static void *execute(void *context)
{
	execl("/proc/self/exe", "freeze", "execute", NULL);
	return context;
}

static _Noreturn void be_an_executer(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, execute, NULL);
	for (;;)
		pause();
}

static void be_many(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	unsigned i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < MANY; i++)
		if (pthread_create(&thread, &attr, sleep_for_ever, NULL) == 0)
			shared->made++;
	shared->counts[0] = 1;
	sleep_for_ever(NULL);
}

/* The kernel lets nobody interrupt who waits for its vfork to end. */
static void be_a_parent(void)
{
	int pid = (int)syscall(SYS_vfork);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	_exit(1);
}

static void end_first_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, count, (void *)&shared->counts[0]);
	pthread_exit(NULL);
}

#define PAGES 4096

static unsigned char *pages; /* in the child: private */

/* Two numbers that are always the same, in pages of its own: only a copy of one moment has both. */
static void be_a_writer(void)
{
	uint64_t n;
	size_t i;

	for (i = 0; i < PAGES; i++)
		memset(pages + i * PAGE, (int)(i % 251 + 1), PAGE);
	for (n = 1;; n++) {
		uint64_t *words = (uint64_t *)(void *)pages;

		*(volatile uint64_t *)&words[0] = n;
		*(volatile uint64_t *)&words[PAGES / 2 * PAGE / 8] = n;
		shared->counts[0] = n;
		if (n % 64 == 0) {
			/* Pages that come and go. */
			madvise(pages + PAGE * (PAGES - 1 - n / 64 % 128), PAGE, MADV_DONTNEED);
			pages[PAGE * (PAGES - 1 - (n / 64 + 64) % 128)] = 7;
		}
	}
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

static uint64_t sum(void)
{
	uint64_t all = shared->made + shared->signals;
	unsigned i;

	for (i = 0; i < THREADS; i++)
		all += shared->counts[i];
	return all;
}

/* Each of the first n words moves. */
static void assert_moves(unsigned n)
{
	unsigned i, looks;

	for (i = 0; i < n; i++) {
		uint64_t before = shared->counts[i];

		for (looks = 0; shared->counts[i] == before && looks < PATIENTLY; looks++)
			rest();
		assert_true(shared->counts[i] != before);
	}
}

static void assert_still(void)
{
	uint64_t before = sum();
	unsigned i;

	for (i = 0; i < 20; i++)
		rest();
	assert_int_equal(sum(), before);
}

static bool status_has(int pid, const char *line)
{
	char path[64], text[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return strstr(text, line) != NULL;
}

static void await_status(int pid, const char *line)
{
	unsigned looks;

	for (looks = 0; !status_has(pid, line) && looks < PATIENTLY; looks++)
		rest();
	assert_true(status_has(pid, line));
}

static struct freeze *begin(enum freeze_rung rung, uint64_t most)
{
	const struct freeze_wish wish = {.rung = rung, .most = most};
	struct freeze *freeze = NULL;

	if (freeze_begin(&dir, &wish, &freeze, &err) < 0)
		fail_msg("%s", err.text);
	return freeze;
}

static int refused(void)
{
	const struct freeze_wish wish = {.rung = FREEZE_WHOLE};
	struct freeze *freeze;

	return freeze_begin(&dir, &wish, &freeze, &err);
}

/* --- tests --- */

static void all_threads_stand_still_until_the_end(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze;
	size_t n;

	(void)state;
	assert_moves(THREADS);
	freeze = begin(FREEZE_WHOLE, 0);
	assert_still();
	freeze_threads(freeze, &n);
	assert_int_equal(n, THREADS);
	freeze_end(freeze);
	assert_moves(THREADS);
	assert_true(freeze_told(freeze)->pause > 20000000);
	assert_int_equal(freeze_told(freeze)->rung, FREEZE_WHOLE);
	assert_string_equal(freeze_told(freeze)->why, "");
	assert_false(freeze_told(freeze)->was_cut);
	freeze_free(freeze);
	assert_true(status_has(pid, "\nTracerPid:\t0\n"));
	end_child(pid);
}

static void a_stopped_process_is_loaded_like_any_other(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze = begin(FREEZE_WHOLE, 0);
	struct space space;

	(void)state;
	assert_int_equal(proc_load(&dir, PROC_PAGES, &space, &err), 0);
	assert_true(space.nthreads >= 1);
	space_fini(&space);
	freeze_free(freeze);
	end_child(pid);
}

static void registers_are_taken_in_a_short_stop(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze;
	const struct stop_thread *threads;
	struct space space;
	size_t n, i;

	(void)state;
	assert_moves(THREADS);
	freeze = begin(FREEZE_REGISTERS, 0);
	assert_moves(THREADS);
	freeze_end(freeze);
	assert_true(freeze_told(freeze)->pause > 0);
	threads = freeze_threads(freeze, &n);
	assert_int_equal(n, THREADS);
	assert_int_equal(proc_load(&dir, 0, &space, &err), 0);
	for (i = 0; i < n; i++) {
		const struct registers *registers = &threads[i].registers;

		assert_true(registers->general > 0 && registers->size > registers->general);
		if (registers->sp == UNKNOWN)
			continue;
		assert_non_null(space_find(&space, registers->sp));
		assert_non_null(space_find(&space, registers->tls));
		assert_true(space_find(&space, registers->pc)->rights & RIGHT_EXEC);
	}
	space_fini(&space);
	freeze_free(freeze);
	end_child(pid);
}

static void without_a_stop_nothing_happens(void **state)
{
	int pid = start_child(be_asleep);
	struct freeze *freeze = begin(FREEZE_NEVER, 0);
	struct reader reader;

	(void)state;
	assert_ptr_equal(freeze_reader(freeze, &reader), &reader);
	assert_true(status_has(pid, "\nTracerPid:\t0\n"));
	freeze_end(freeze);
	assert_int_equal(freeze_told(freeze)->pause, 0);
	freeze_free(freeze);
	end_child(pid);
}

static void it_goes_on_when_its_time_is_over(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze;

	(void)state;
	assert_moves(THREADS);
	freeze = begin(FREEZE_WHOLE, 300 * NS_PER_MS);
	assert_moves(THREADS);
	freeze_end(freeze);
	assert_true(freeze_told(freeze)->was_cut);
	assert_true(*freeze_told(freeze)->why);
	freeze_free(freeze);
	end_child(pid);
}

static void assert_is_of_one_moment(struct reader *reader)
{
	static unsigned char page[PAGE];
	uint64_t first, second;
	plat_addr at = (plat_addr)(uintptr_t)pages;
	size_t i;

	assert_int_equal(reader_read(reader, at, &first, 8), 0);
	assert_int_equal(reader_read(reader, at + PAGES / 2 * PAGE, &second, 8), 0);
	assert_true(first == second || first == second + 1);
	for (i = 1; i < PAGES - 128; i++) {
		assert_int_equal(reader_read(reader, at + i * PAGE, page, PAGE), 0);
		if (i != PAGES / 2)
			assert_int_equal(page[17], i % 251 + 1);
	}
	for (; i < PAGES; i++) {
		assert_int_equal(reader_read(reader, at + i * PAGE, page, PAGE), 0);
		assert_true(page[17] == 0 || page[17] == i % 251 + 1);
	}
}

static int no_live_read(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader, (void)from, (void)to, (void)size;
	return -EIO;
}

static void copy_many_times(bool inject)
{
	const struct freeze_wish wish = {.rung = FREEZE_COPY, .inject = inject};
	struct reader nowhere = {.read = no_live_read};
	struct freeze *freeze;
	int pid, i, r;

	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	pid = start_child(be_a_writer);
	assert_moves(1);
	for (i = 0; i < 20; i++) {
		r = freeze_begin(&dir, &wish, &freeze, &err);
		if (inject && (r == -ENOTSUP || r == -ENOSYS || r == -EINVAL || r == -ENOTTY)) {
			end_child(pid);
			munmap(pages, PAGES * PAGE);
			skip();
		}
		if (r < 0)
			fail_msg("%s", err.text);
		assert_moves(1);
		freeze_end(freeze);
		assert_true(freeze_told(freeze)->copied >= (PAGES - 200) * PAGE);
		if (inject || track_has_soft_dirty())
			assert_true(freeze_told(freeze)->changed < PAGES / 4 * PAGE);
		assert_is_of_one_moment(freeze_reader(freeze, &nowhere));
		freeze_free(freeze);
	}
	end_child(pid);
	munmap(pages, PAGES * PAGE);
}

static void a_copy_is_of_one_moment(void **state)
{
	(void)state;
	copy_many_times(false);
}

static void what_has_changed_is_copied_again_and_no_more(void **state)
{
	(void)state;
	copy_many_times(true);
}

static void the_best_rung_that_fits_is_taken(void **state)
{
	struct freeze_wish wish = {.rung = FREEZE_WHOLE, .most = 1, .may_be_less = true};
	int pid = start_child(be_counters);
	struct freeze *freeze;

	(void)state;
	assert_moves(THREADS);
	assert_int_equal(freeze_begin(&dir, &wish, &freeze, &err), 0);
	freeze_end(freeze);
	assert_int_equal(freeze_told(freeze)->rung, FREEZE_NEVER);
	freeze_free(freeze);
	wish.most = 100 * NS_PER_S;
	assert_int_equal(freeze_begin(&dir, &wish, &freeze, &err), 0);
	freeze_end(freeze);
	assert_int_equal(freeze_told(freeze)->rung, FREEZE_WHOLE);
	freeze_free(freeze);
	end_child(pid);
}

static void a_storm_of_threads_is_stopped(void **state)
{
	int pid = start_child(be_a_storm), i;

	(void)state;
	for (i = 0; i < 20; i++) {
		struct freeze *freeze = begin(FREEZE_WHOLE, 0);
		uint64_t before = shared->made;

		rest();
		assert_int_equal(shared->made, before);
		freeze_free(freeze);
	}
	end_child(pid);
}

static void who_executes_meanwhile_goes_on(void **state)
{
	int pid = start_child(be_an_executer), i, stopped = 0;

	(void)state;
	for (i = 0; i < 200; i++) {
		const struct freeze_wish wish = {.rung = FREEZE_WHOLE};
		struct freeze *freeze;
		struct space space;

		if (freeze_begin(&dir, &wish, &freeze, &err) < 0)
			continue;
		stopped++;
		if (proc_load(&dir, 0, &space, &err) == 0)
			space_fini(&space);
		freeze_free(freeze);
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	}
	assert_true(stopped > 0);
	end_child(pid);
}

static void who_ends_meanwhile_has_ended(void **state)
{
	int i, status;

	(void)state;
	for (i = 0; i < 100; i++) {
		const struct freeze_wish wish = {.rung = FREEZE_WHOLE};
		struct freeze *freeze;
		int pid = fork(), r;

		if (pid == 0)
			_exit(7);
		if (procdir_open(NULL, pid, &dir, &err) == 0) {
			r = freeze_begin(&dir, &wish, &freeze, &err);
			assert_true(r == 0 || r == -ESRCH);
			if (r == 0)
				freeze_free(freeze);
			procdir_close(&dir);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}

static void many_threads_are_stopped(void **state)
{
	int pid = start_child(be_many);
	const struct stop_thread *threads;
	struct freeze *freeze;
	size_t n, i;

	(void)state;
	assert_moves(1);
	freeze = begin(FREEZE_WHOLE, 0);
	threads = freeze_threads(freeze, &n);
	assert_int_equal(n, shared->made + 1);
	for (i = 0; i < n; i++)
		assert_int_equal(threads[i].state, STOP_STOPPED);
	freeze_end(freeze);
	assert_string_equal(freeze_told(freeze)->why, "");
	freeze_free(freeze);
	assert_true(status_has(pid, "\nTracerPid:\t0\n"));
	end_child(pid);
}

static void who_cannot_be_interrupted_is_told(void **state)
{
	int pid = start_child(be_a_parent);
	struct freeze *freeze;

	(void)state;
	await_status(pid, "\nState:\tD");
	freeze = begin(FREEZE_WHOLE, 100 * NS_PER_MS);
	freeze_end(freeze);
	assert_non_null(strstr(freeze_told(freeze)->why, "cannot be interrupted"));
	freeze_free(freeze);
	await_status(pid, "\nTracerPid:\t0\n");
	end_child(pid);
}

static void no_signal_is_lost(void **state)
{
	int pid = start_child(be_signalled), i;

	(void)state;
	for (i = 0; i < 300; i++)
		freeze_free(begin(i % 2 ? FREEZE_WHOLE : FREEZE_REGISTERS, 0));
	assert_moves(1);
	assert_int_equal(shared->wrong, 0);
	end_child(pid);
}

static void who_was_stopped_by_its_user_stays_so(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze;

	(void)state;
	assert_moves(THREADS);
	kill(pid, SIGSTOP);
	await_status(pid, "\nState:\tT");
	freeze = begin(FREEZE_WHOLE, 0);
	assert_true(status_has(pid, "\nState:\tt"));
	freeze_free(freeze);
	await_status(pid, "\nState:\tT");
	assert_still();
	kill(pid, SIGCONT);
	assert_moves(THREADS);
	end_child(pid);
}

static void stop_and_continue_meanwhile_count_afterwards(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze = begin(FREEZE_WHOLE, 0);

	(void)state;
	kill(pid, SIGSTOP);
	freeze_free(freeze);
	await_status(pid, "\nState:\tT");
	freeze = begin(FREEZE_WHOLE, 0);
	kill(pid, SIGCONT);
	freeze_free(freeze);
	assert_moves(1);
	end_child(pid);
}

static void who_is_killed_meanwhile_is_dead(void **state)
{
	int pid = start_child(be_counters);
	struct freeze *freeze = begin(FREEZE_WHOLE, 0);

	(void)state;
	kill(pid, SIGKILL);
	freeze_free(freeze);
	end_child(pid);
}

static void a_first_thread_that_has_ended_is_no_obstacle(void **state)
{
	int pid = start_child(end_first_thread);
	struct freeze *freeze;
	size_t n;

	(void)state;
	await_status(pid, "\nState:\tZ");
	assert_moves(1);
	freeze = begin(FREEZE_WHOLE, 0);
	assert_still();
	freeze_threads(freeze, &n);
	assert_int_equal(n, 1);
	freeze_free(freeze);
	assert_moves(1);
	end_child(pid);
}

static void a_zombie_is_refused(void **state)
{
	int pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(procdir_open(NULL, pid, &dir, &err), 0);
	await_status(pid, "\nState:\tZ");
	assert_int_equal(refused(), -ESRCH);
	assert_non_null(strstr(err.text, "has ended"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(refused(), -ESRCH);
	procdir_close(&dir);
}

static void who_is_traced_is_refused_and_the_tracer_named(void **state)
{
	int pid = start_child(be_asleep);
	char tracer[64];

	(void)state;
	snprintf(tracer, sizeof(tracer), ": %d (", getpid());
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	assert_int_equal(refused(), -EBUSY);
	assert_non_null(strstr(err.text, tracer));
	end_child(pid);
}

static void a_kernel_thread_is_refused(void **state)
{
	(void)state;
	if (procdir_open(NULL, 2, &dir, &err) < 0)
		skip();
	if (!status_has(2, "Name:\tkthreadd")) {
		procdir_close(&dir);
		skip();
	}
	assert_int_equal(refused(), -EPERM);
	procdir_close(&dir);
}

static void plat_does_not_stop_itself(void **state)
{
	(void)state;
	assert_int_equal(procdir_open(NULL, getpid(), &dir, &err), 0);
	assert_int_equal(refused(), -EDEADLK);
	procdir_close(&dir);
}

static int set_up(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_stand_still_until_the_end),
		cmocka_unit_test(a_stopped_process_is_loaded_like_any_other),
		cmocka_unit_test(registers_are_taken_in_a_short_stop),
		cmocka_unit_test(without_a_stop_nothing_happens),
		cmocka_unit_test(it_goes_on_when_its_time_is_over),
		cmocka_unit_test(a_copy_is_of_one_moment),
		cmocka_unit_test(what_has_changed_is_copied_again_and_no_more),
		cmocka_unit_test(the_best_rung_that_fits_is_taken),
		cmocka_unit_test(a_storm_of_threads_is_stopped),
		cmocka_unit_test(who_executes_meanwhile_goes_on),
		cmocka_unit_test(who_ends_meanwhile_has_ended),
		cmocka_unit_test(many_threads_are_stopped),
		cmocka_unit_test(who_cannot_be_interrupted_is_told),
		cmocka_unit_test(no_signal_is_lost),
		cmocka_unit_test(who_was_stopped_by_its_user_stays_so),
		cmocka_unit_test(stop_and_continue_meanwhile_count_afterwards),
		cmocka_unit_test(who_is_killed_meanwhile_is_dead),
		cmocka_unit_test(a_first_thread_that_has_ended_is_no_obstacle),
		cmocka_unit_test(a_zombie_is_refused),
		cmocka_unit_test(who_is_traced_is_refused_and_the_tracer_named),
		cmocka_unit_test(a_kernel_thread_is_refused),
		cmocka_unit_test(plat_does_not_stop_itself),
	};

	if (argc == 2 && strcmp(argv[1], "execute") == 0)
		be_an_executer();
	return cmocka_run_group_tests(tests, set_up, NULL);
}
