/*
 * Frames of a child's threads: each tells where its variables lie, level by level, and stands
 * still in the innermost.
 */
#include "source/frames.h"

#include "child.h"
#include "source/content.h"
#include "source/freeze.h"
#include "source/proc.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LEVELS 20
#define THREADS 2

static struct shared {
	volatile uintptr_t variables[THREADS][LEVELS];
	volatile unsigned nready;
} * shared;

static struct procdir dir;
static struct space space;
static struct freeze *freeze;
static struct content content;
static struct error err;

/* --- the child --- */

static __attribute__((noinline)) unsigned descend(unsigned thread, unsigned level)
{
	volatile unsigned variable[8] = {level};

	shared->variables[thread][level] = (uintptr_t)variable;
	if (level + 1 < LEVELS)
		return descend(thread, level + 1) + variable[0];
	__atomic_fetch_add(&shared->nready, 1, __ATOMIC_SEQ_CST);
	while (shared->nready)
		pause();
	return variable[0];
}

static void *run(void *context)
{
	descend(1, 0);
	return context;
}

static void be_deep(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	descend(0, 0);
}

/* --- looking --- */

static int begin(void **state)
{
	const struct freeze_wish wish = {.rung = FREEZE_WHOLE};
	const struct timespec millisecond = {.tv_nsec = 1000000};
	int *pid = malloc(sizeof(*pid));

	*state = pid;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	*pid = child_start(be_deep, &dir);
	while (shared->nready < THREADS)
		nanosleep(&millisecond, NULL);
	assert_int_equal(freeze_begin(&dir, &wish, &freeze, &err), 0);
	assert_int_equal(proc_load(&dir, 0, &space, &err), 0);
	assert_int_equal(content_open(&content, &dir, &space), 0);
	return 0;
}

static int end(void **state)
{
	int *pid = *state;

	content_close(&content);
	freeze_free(freeze);
	space_fini(&space);
	child_end(*pid, &dir);
	munmap(shared, sizeof(*shared));
	free(pid);
	return 0;
}

/* The child's first thread and its other one. */
static void take_threads(struct thread_frames threads[THREADS])
{
	size_t i, n;
	const struct stop_thread *stopped = freeze_threads(freeze, &n);

	assert_int_equal(n, THREADS);
	for (i = 0; i < n; i++) {
		bool is_first = stopped[i].tid == dir.pid;

		threads[is_first ? 0 : 1] = (struct thread_frames){
			.tid = stopped[i].tid,
			.general = stopped[i].registers.bytes,
			.size = stopped[i].registers.general,
		};
	}
}

#define FUNCTION_BYTES 4096 /* at most, with all that sanitizers add */

static bool is_in(plat_addr pc, const void *function)
{
	plat_addr start = (uintptr_t)function;

	return pc >= start && pc < start + FUNCTION_BYTES;
}

static void a_variable_is_in_the_frame_of_its_function(void **state)
{
	struct thread_frames threads[THREADS];
	unsigned i, level;

	(void)state;
	take_threads(threads);
	assert_int_equal(frames_find(&dir, &space, &content.reader, threads, THREADS), 0);
	for (i = 0; i < THREADS; i++) {
		size_t last = NO_FRAME;

		assert_string_equal(threads[i].why, "");
		assert_true(threads[i].is_whole);
		assert_true(threads[i].n > LEVELS);
		for (level = 0; level < LEVELS; level++) {
			size_t at = frames_at(&threads[i], shared->variables[i][level]);

			assert_true(at < threads[i].n);
			assert_true(is_in(threads[i].frames[at].pc, (const void *)descend));
			assert_true(level == 0 || at + 1 == last);
			last = at;
		}
	}
	frames_fini(threads, THREADS);
}

static void what_lies_below_the_stack_is_of_the_innermost_frame(void **state)
{
	struct thread_frames threads[THREADS];

	(void)state;
	take_threads(threads);
	assert_int_equal(frames_find(&dir, &space, &content.reader, threads, 1), 0);
	assert_int_equal(frames_at(&threads[0], threads[0].frames[0].sp - 8), 0);
	frames_fini(threads, 1);
}

static void registers_of_nobody_have_no_frames(void **state)
{
	struct thread_frames threads[THREADS] = {{.tid = 1, .general = "", .size = 1}};

	(void)state;
	assert_int_equal(frames_find(&dir, &space, &content.reader, threads, 1), 0);
	assert_int_equal(threads[0].n, 0);
	assert_int_equal(frames_at(&threads[0], 0), NO_FRAME);
	assert_string_equal(threads[0].why, "frames are found on x86-64 only");
	frames_fini(threads, 1);
}

/* A stack that leads in a circle, or out of all code, ends. */
static void a_broken_stack_has_an_end(void **state)
{
	struct thread_frames threads[THREADS];
	unsigned char general[512];
	size_t i;

	(void)state;
	take_threads(threads);
	for (i = 0; i < threads[0].size / 8; i++) {
		memcpy(general, threads[0].general, threads[0].size);
		memset(general + i * 8, 0x41, 8);
		threads[1].general = general;
		threads[1].size = threads[0].size;
		assert_int_equal(frames_find(&dir, &space, &content.reader, &threads[1], 1), 0);
		assert_true(threads[1].is_whole == !threads[1].why[0]);
		frames_fini(&threads[1], 1);
	}
}

static void memory_may_end_anywhere(void **state)
{
	struct thread_frames threads[THREADS];
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		int r;

		take_threads(threads);
		r = frames_find(&dir, &space, &content.reader, threads, THREADS);
		assert_true(r == 0 || (r == -ENOMEM && failing_failed()));
		frames_fini(threads, THREADS);
		assert_int_equal(failing_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_in_the_frame_of_its_function),
		cmocka_unit_test(what_lies_below_the_stack_is_of_the_innermost_frame),
		cmocka_unit_test(registers_of_nobody_have_no_frames),
		cmocka_unit_test(a_broken_stack_has_an_end),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
