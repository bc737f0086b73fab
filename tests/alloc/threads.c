/*
 * Threads that come and go: blocks outlive them, are freed by others, in destructors of
 * thread-specific data and while the process ends; and what a thread leaves behind is not lost.
 *
 *	threads [--threads N] [--rounds N] [--idle N]
 *
 * --threads: how many there are at a time; --rounds: how often they are replaced; --idle: how many
 * there are that do nothing, 10000 on demand.
 */
#include "check.h"

#include "prop/kernel/random.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 256
#define PER_THREAD 100

#define WAITS "what was freed waits long to be used again"

static unsigned long nthreads = 16, rounds = 50, idle = 1000;

struct block {
	unsigned char *p;
	size_t size;
	uint64_t pattern;
};

static size_t draw_size(struct random *random)
{
	unsigned bits = random_percent(random, 95) ? 13 : 18;

	return (size_t)1 + (random_next(random) & ((1U << random_below(random, bits + 1)) - 1));
}

static struct block make(struct random *random)
{
	struct block block = {.size = draw_size(random), .pattern = random_next(random)};

	block.p = malloc(block.size);
	check(block.p);
	fill(block.p, block.size, block.pattern);
	return block;
}

static void change(struct block *block, struct random *random)
{
	size_t size = draw_size(random), kept = size < block->size ? size : block->size;

	block->p = realloc(block->p, size);
	check(block->p && filled(block->p, kept, block->pattern));
	block->size = size;
	fill(block->p, size, block->pattern);
}

static void destroy(struct block *block)
{
	check_with(filled(block->p, block->size, block->pattern), "%p of %zu", (void *)block->p,
		   block->size);
	free(block->p);
	block->p = NULL;
}

static pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, argument);

	check_with(error == 0, "pthread_create: %d", error);
	return thread;
}

static void *ended(pthread_t thread)
{
	void *result;

	check(pthread_join(thread, &result) == 0);
	return result;
}

static void all_at_once(void *(*body)(void *), char *arguments, size_t size)
{
	pthread_t threads[MAX_THREADS];
	unsigned long i;

	check(nthreads <= MAX_THREADS);
	for (i = 0; i < nthreads; i++)
		threads[i] = start(body, arguments + i * size);
	for (i = 0; i < nthreads; i++)
		ended(threads[i]);
}

/*
 * Survivors.
 */

/* What a thread leaves to the one that comes after it in the same place. */
struct place {
	struct random random;
	struct block blocks[PER_THREAD];
};

static struct place places[MAX_THREADS];

static void *inherit_and_leave(void *argument)
{
	struct place *place = argument;
	unsigned i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < PER_THREAD; i++) {
			struct block *block = &place->blocks[i];

			if (!block->p)
				*block = make(&place->random);
			else if (random_percent(&place->random, 20))
				change(block, &place->random);
			else if (random_percent(&place->random, 60))
				destroy(block);
		}
	}
	return NULL;
}

/* The next round's thread inherits from another one each time. */
static void blocks_outlive_their_threads(void)
{
	unsigned long round, i;
	unsigned j;

	for (i = 0; i < nthreads; i++)
		places[i].random.state = i;
	for (round = 0; round < rounds; round++) {
		static struct place first;

		all_at_once(inherit_and_leave, (char *)places, sizeof(places[0]));
		first = places[0];
		memmove(&places[0], &places[1], (nthreads - 1) * sizeof(places[0]));
		places[nthreads - 1] = first;
	}
	for (i = 0; i < nthreads; i++)
		for (j = 0; j < PER_THREAD; j++)
			if (places[i].blocks[j].p)
				destroy(&places[i].blocks[j]);
}

static void *make_and_destroy(void *argument)
{
	struct random random = {(uintptr_t)argument};
	struct block blocks[PER_THREAD];
	unsigned i;

	for (i = 0; i < PER_THREAD; i++)
		blocks[i] = make(&random);
	for (i = 0; i < PER_THREAD; i++)
		destroy(&blocks[i]);
	return NULL;
}

static void memory_does_not_grow_with_threads_that_are_gone(void)
{
	size_t before = 0;
	unsigned long i;

	if (is_guard_all())
		skip(WAITS);
	for (i = 0; i < 1500; i++) {
		if (i == 300)
			before = resident();
		ended(start(make_and_destroy, (void *)i));
	}
	check_with(resident() < before + 4 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

static void *make_for_others(void *argument)
{
	struct place *place = argument;
	unsigned i;

	for (i = 0; i < PER_THREAD; i++)
		place->blocks[i] = make(&place->random);
	return NULL;
}

static void *destroy_of_others(void *argument)
{
	struct place *place = argument;
	unsigned i;

	for (i = 0; i < PER_THREAD; i++)
		destroy(&place->blocks[i]);
	return NULL;
}

static void memory_of_ended_threads_is_used_again(void)
{
	size_t before = 0;
	unsigned long i;

	if (is_guard_all())
		skip(WAITS);
	for (i = 0; i < 2000; i++) {
		if (i == 200)
			before = resident();
		ended(start(make_for_others, &places[0]));
		destroy_of_others(&places[0]);
	}
	check_with(resident() < before + 4 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

static void threads_that_only_free_leave_nothing_behind(void)
{
	size_t before = 0;
	unsigned long i;

	if (is_guard_all())
		skip(WAITS);
	for (i = 0; i < 2000; i++) {
		if (i == 200)
			before = resident();
		make_for_others(&places[0]);
		ended(start(destroy_of_others, &places[0]));
	}
	check_with(resident() < before + 4 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

static void *change_of_others(void *argument)
{
	struct place *place = argument;
	unsigned i;

	for (i = 0; i < PER_THREAD; i++)
		change(&place->blocks[i], &place->random);
	return NULL;
}

static void blocks_of_other_threads_can_be_changed(void)
{
	unsigned long i;

	for (i = 0; i < 200; i++) {
		ended(start(make_for_others, &places[0]));
		change_of_others(&places[0]);
		ended(start(change_of_others, &places[0]));
		ended(start(destroy_of_others, &places[0]));
	}
}

static pthread_barrier_t barrier;

static void *first_call(void *argument)
{
	struct place *place = argument;

	pthread_barrier_wait(&barrier);
	place->blocks[0] = make(&place->random);
	place->blocks[1] = make(&place->random);
	return NULL;
}

static void first_calls_at_the_same_instant(void)
{
	unsigned long round, i;

	for (round = 0; round < rounds; round++) {
		pthread_barrier_init(&barrier, NULL, (unsigned)nthreads);
		all_at_once(first_call, (char *)places, sizeof(places[0]));
		for (i = 0; i < nthreads; i++) {
			destroy(&places[i].blocks[0]);
			destroy(&places[i].blocks[1]);
		}
		pthread_barrier_destroy(&barrier);
	}
}

static void *use_little_stack(void *argument)
{
	size_t i;

	(void)argument;
	for (i = 0; edges[i]; i++) {
		void *p = malloc(edges[i]), *q = calloc(1, edges[i]);

		check(p && q);
		p = realloc(p, edges[i] * 2);
		free(p);
		free(q);
		free(memalign(4096, edges[i]));
	}
	return NULL;
}

static void the_smallest_stack_is_enough(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	check(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
	check(pthread_create(&thread, &attributes, use_little_stack, NULL) == 0);
	ended(thread);
}

/*
 * Destructors of thread-specific data. Each sets its value again until the last round there is.
 */

#define NKEYS 20

static pthread_key_t keys[NKEYS];
static atomic_uint ndestroyed;

struct value {
	unsigned key, round;
	struct block block, large;
};

static struct value *new_value(unsigned key, unsigned round)
{
	struct random random = {key * 100 + round + (uintptr_t)pthread_self()};
	struct value *value = malloc(sizeof(*value));

	check(value);
	*value = (struct value){key, round, make(&random), make(&random)};
	value->large.p = realloc(value->large.p, 150000);
	check(value->large.p);
	value->large.size = 150000;
	fill(value->large.p, 150000, value->large.pattern);
	return value;
}

static void destroy_value(void *argument)
{
	struct value *value = argument;
	unsigned key = value->key, round = value->round;

	errno = 1234;
	destroy(&value->block);
	destroy(&value->large);
	free(value);
	check(errno == 1234);
	atomic_fetch_add(&ndestroyed, 1);
	/* The fourth is the last that POSIX promises; what were set then would be lost. */
	if (round + 1 < _POSIX_THREAD_DESTRUCTOR_ITERATIONS)
		check(pthread_setspecific(keys[key], new_value(key, round + 1)) == 0);
	else
		free(malloc(100 + key));
}

static void *set_values(void *argument)
{
	unsigned i, first = (unsigned)(uintptr_t)argument;

	/* Some threads have not allocated before their destructors do. */
	if (first == 0)
		make_and_destroy(NULL);
	for (i = first; i < NKEYS; i++)
		check(pthread_setspecific(keys[i], new_value(i, 0)) == 0);
	return NULL;
}

static void destructors_of_all_four_rounds_allocate_and_free(void)
{
	unsigned i, n = 0;

	for (i = 0; i < NKEYS; i++)
		check(pthread_key_create(&keys[i], destroy_value) == 0);
	for (i = 0; i < NKEYS; i++) {
		ended(start(set_values, (void *)(uintptr_t)i));
		n += (NKEYS - i) * _POSIX_THREAD_DESTRUCTOR_ITERATIONS;
	}
	check_with(ndestroyed == n, "%u of %u", ndestroyed, n);
}

static void destructors_leak_nothing(void)
{
	size_t before = 0;
	unsigned i;

	if (is_guard_all())
		skip(WAITS);
	for (i = 0; i < NKEYS; i++)
		check(pthread_key_create(&keys[i], destroy_value) == 0);
	for (i = 0; i < 200; i++) {
		if (i == 50)
			before = resident();
		ended(start(set_values, (void *)(uintptr_t)(i % NKEYS)));
	}
	check_with(resident() < before + 4 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

/* The only call of the thread is a free, and that after its thread-specific data is gone. */
static void *set_one_block(void *block)
{
	check(pthread_setspecific(keys[0], block) == 0);
	return NULL;
}

static void a_destructor_frees_in_a_thread_that_made_no_call(void)
{
	unsigned i;

	check(pthread_key_create(&keys[0], free) == 0);
	for (i = 0; i < 3000; i++)
		ended(start(set_one_block, malloc(i)));
	check(resident() < 50 * MIB);
}

/*
 * Cancellation.
 */

static void free_it(void *p)
{
	free(p);
}

static void *wait_with_a_block(void *argument)
{
	struct random random = {(uintptr_t)argument};

	for (;;) {
		void *p = malloc(draw_size(&random));

		pthread_cleanup_push(free_it, p);
		usleep(random_below(&random, 50));
		pthread_testcancel();
		pthread_cleanup_pop(1);
	}
	return NULL;
}

static void cancelled_threads_leave_the_heap_whole(void)
{
	size_t before = 0;
	unsigned i;

	for (i = 0; i < 1000; i++) {
		pthread_t thread = start(wait_with_a_block, (void *)(uintptr_t)i);

		if (i == 100)
			before = resident();
		if (i % 2)
			usleep(i % 100);
		check(pthread_cancel(thread) == 0);
		check(ended(thread) == PTHREAD_CANCELED);
	}
	make_and_destroy(NULL);
	check_with(resident() < before + 4 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

static void *call_while_cancelled(void *past)
{
	size_t i;

	check(pthread_cancel(pthread_self()) == 0);
	for (i = 0; edges[i]; i++) {
		void *p = malloc(edges[i]);

		p = realloc(p, edges[i] * 3);
		free(p);
		free(calloc(1, edges[i]));
		free(memalign(65536, edges[i]));
	}
	malloc_trim(0);
	mallinfo2();
	*(bool *)past = true;
	pthread_testcancel();
	return NULL;
}

static void no_call_is_a_cancellation_point(void)
{
	bool past = false;

	check(ended(start(call_while_cancelled, &past)) == PTHREAD_CANCELED);
	check(past);
}

static void *call_for_ever(void *argument)
{
	struct random random = {(uintptr_t)argument};

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		void *blocks[20];
		unsigned i;

		for (i = 0; i < 20; i++)
			blocks[i] = malloc(draw_size(&random));
		for (i = 0; i < 20; i++)
			free(blocks[i]);
	}
	return NULL;
}

/* No library promises this: whatever malloc was doing never goes on. */
static void a_thread_that_is_torn_out_of_a_call_does_no_harm(void)
{
	struct random random = {1};
	unsigned i, j;

	needs_ours("a lock would stay locked");
	for (i = 0; i < 1000; i++) {
		pthread_t thread = start(call_for_ever, (void *)(uintptr_t)i);
		struct block blocks[PER_THREAD];

		for (j = 0; j < PER_THREAD; j++)
			blocks[j] = make(&random);
		usleep(random_below(&random, 300));
		check(pthread_cancel(thread) == 0);
		ended(thread);
		for (j = 0; j < PER_THREAD; j++)
			destroy(&blocks[j]);
	}
}

/*
 * The end of the process.
 */

static void *work_for_ever(void *argument)
{
	struct random random = {(uintptr_t)argument};
	struct block blocks[PER_THREAD] = {{0}};

	for (;;) {
		struct block *block = &random_of(&random, blocks);

		if (block->p)
			destroy(block);
		else
			*block = make(&random);
	}
	return NULL;
}

static void work_at_exit(void)
{
	struct random random = {7};
	unsigned i;

	for (i = 0; i < 20; i++) {
		struct block block = make(&random);

		destroy(&block);
	}
}

static void *exit_from_a_thread(void *argument)
{
	(void)argument;
	usleep(1000);
	exit(0);
}

static void exit_beside_working_threads(bool from_main)
{
	unsigned long i, j;

	for (i = 0; i < rounds; i++) {
		const char *failure;
		pid_t child = fork();

		if (child == 0) {
			atexit(work_at_exit);
			for (j = 0; j < 8; j++)
				check(pthread_detach(start(work_for_ever, (void *)j)) == 0);
			usleep((unsigned)(i * 50));
			if (from_main)
				exit(0);
			start(exit_from_a_thread, NULL);
			pthread_exit(NULL);
		}
		failure = child_failed(child);
		check_with(!failure, "%s", failure);
	}
}

static void detached_threads_work_while_the_process_exits(void)
{
	exit_beside_working_threads(true);
}

static void the_main_thread_leaves_before_the_others(void)
{
	exit_beside_working_threads(false);
}

/*
 * Memory.
 */

struct queue {
	void *_Atomic cells[4096];
};

static struct queue queue;
#define PASSED 3000000

static void *produce(void *argument)
{
	unsigned i;

	(void)argument;
	for (i = 0; i < PASSED; i++) {
		void *_Atomic *cell = &queue.cells[i % 4096];
		size_t *p = malloc(16 + i % 200);

		check(p);
		*p = i;
		while (atomic_load_explicit(cell, memory_order_relaxed))
			sched_yield();
		atomic_store_explicit(cell, p, memory_order_release);
	}
	return NULL;
}

static void what_one_thread_makes_and_another_frees_is_used_again(void)
{
	size_t before = resident();
	pthread_t thread = start(produce, NULL);
	unsigned i;

	if (is_guard_all())
		skip(WAITS);
	for (i = 0; i < PASSED; i++) {
		void *_Atomic *cell = &queue.cells[i % 4096];
		size_t *p;

		while (!(p = atomic_load_explicit(cell, memory_order_acquire)))
			sched_yield();
		check(*p == i);
		free(p);
		atomic_store_explicit(cell, NULL, memory_order_relaxed);
	}
	check_with(resident() < before + 16 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
	ended(thread);
}

#define BY_TURNS 16
static atomic_uint turn;

static void *take_turns(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument, round, i;
	static void *blocks[32000];

	for (round = 0; round < 2; round++) {
		while (turn != round * BY_TURNS + me)
			usleep(100);
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			blocks[i] = malloc(1000);
			memset(blocks[i], 1, 1000);
		}
		for (i = 0; i < ARRAY_SIZE(blocks); i++)
			free(blocks[i]);
		turn++;
	}
	while (turn < 2 * BY_TURNS)
		usleep(1000);
	return NULL;
}

/* A pool of threads of which one works at a time: each had 32 MB, and none has it now. */
static void memory_does_not_grow_with_threads_that_take_turns(void)
{
	pthread_t threads[BY_TURNS];
	size_t before = resident();
	unsigned i;

	for (i = 0; i < BY_TURNS; i++)
		threads[i] = start(take_turns, (void *)(uintptr_t)i);
	while (turn < 2 * BY_TURNS - 1)
		usleep(1000);
	check_with(resident() < before + 100 * MIB, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
	for (i = 0; i < BY_TURNS; i++)
		ended(threads[i]);
}

static void *be_idle(void *calls)
{
	struct random random = {1};
	struct block blocks[10];
	unsigned i;

	if (calls) {
		for (i = 0; i < 10; i++)
			blocks[i] = make(&random);
		for (i = 0; i < 10; i++)
			destroy(&blocks[i]);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* What the process has more than without them. */
static size_t cost_of_idle_threads(bool calls)
{
	size_t before = resident(), during;
	pthread_attr_t attributes;
	pthread_t *threads = calloc(idle, sizeof(*threads));
	unsigned long i;

	check(threads);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * KIB);
	pthread_barrier_init(&barrier, NULL, (unsigned)idle + 1);
	for (i = 0; i < idle; i++)
		if (pthread_create(&threads[i], &attributes, be_idle, calls ? &calls : NULL) != 0)
			_exit(1);
	pthread_barrier_wait(&barrier);
	during = resident();
	pthread_barrier_wait(&barrier);
	for (i = 0; i < idle; i++)
		ended(threads[i]);
	free(threads);
	return during - before;
}

/* In a process of its own, so that no stack is there from before. */
static size_t cost_in_a_child(bool calls)
{
	int fds[2];
	const char *failure;
	size_t cost = 0;
	pid_t child;

	check(pipe(fds) == 0);
	child = fork();
	if (child == 0) {
		cost = cost_of_idle_threads(calls);
		_exit(write(fds[1], &cost, sizeof(cost)) != sizeof(cost));
	}
	failure = child_failed(child);
	if (failure)
		skip("there cannot be this many threads");
	check(read(fds[0], &cost, sizeof(cost)) == sizeof(cost));
	return cost;
}

static void an_idle_thread_costs_little(void)
{
	size_t without, with;
	long each;

	if (is_hard() || is_guard_all())
		skip("it may cost more");
	without = cost_in_a_child(false);
	with = cost_in_a_child(true);
	each = (long)(with - without) / (long)idle;
	note("%ld bytes for each of %lu threads", each, idle);
	check(!is_ours() || each <= (long)(32 * KIB));
}

static const struct test tests[] = {
	{TEST(blocks_outlive_their_threads)},
	{TEST(memory_does_not_grow_with_threads_that_are_gone)},
	{TEST(memory_of_ended_threads_is_used_again)},
	{TEST(threads_that_only_free_leave_nothing_behind)},
	{TEST(blocks_of_other_threads_can_be_changed)},
	{TEST(first_calls_at_the_same_instant)},
	{TEST(the_smallest_stack_is_enough)},
	{TEST(destructors_of_all_four_rounds_allocate_and_free)},
	{TEST(destructors_leak_nothing)},
	{TEST(a_destructor_frees_in_a_thread_that_made_no_call)},
	{TEST(cancelled_threads_leave_the_heap_whole)},
	{TEST(no_call_is_a_cancellation_point)},
	{TEST(a_thread_that_is_torn_out_of_a_call_does_no_harm)},
	{TEST(detached_threads_work_while_the_process_exits)},
	{TEST(the_main_thread_leaves_before_the_others)},
	{TEST(what_one_thread_makes_and_another_frees_is_used_again)},
	{TEST(memory_does_not_grow_with_threads_that_take_turns)},
	{TEST(an_idle_thread_costs_little)},
};

static const struct number numbers[] = {
	{"threads", &nthreads},
	{"rounds", &rounds},
	{"idle", &idle},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
