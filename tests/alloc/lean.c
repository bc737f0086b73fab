/*
 * What is resident beyond what blocks need. The programs here do the same each time, and what they
 * are measured by leaves room for what else changes in a process.
 */
#include "check.h"
#include "prop/kernel/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MOST 1600
#define THREADS 100

static void *blocks[MOST];
/* Nothing but the test's own blocks is to come after this. */
static size_t base;

static void begin(void)
{
	needs_ours("it is about what ours keeps");
	memset(blocks, 1, sizeof(blocks)); /* its pages are there before anything is counted */
	memset(blocks, 0, sizeof(blocks));
	base = resident();
}

static size_t grown(void)
{
	size_t now = resident();

	return now > base ? now - base : 0;
}

static void *make(size_t bytes)
{
	char *p = malloc(bytes);

	check(p);
	memset(p, 1, bytes);
	return p;
}

static void free_all(size_t n)
{
	while (n > 0) {
		free(blocks[--n]);
		blocks[n] = NULL;
	}
}

/* Half as large is twice as frequent. */
static size_t mostly_small(struct random *random)
{
	size_t most = 32;

	while (most < 8192 && random_below(random, 2) == 0)
		most *= 2;
	return most / 2 + random_below(random, (unsigned)most / 2);
}

/*
 * Some 60 classes come and go, each with pages of its own: 200 KiB of blocks are on 360 KiB of
 * pages. Where each class took what another had left, it came to 1550 KiB.
 */
static void classes_do_not_fill_each_others_slabs(void)
{
	struct random random = {1};
	unsigned turn;
	size_t i, n;

	begin();
	for (turn = 0; turn < 2000; turn++) {
		n = (size_t)25 << turn % 4 * 2;
		for (i = 0; i < n; i++)
			blocks[i] = make(mostly_small(&random));
		free_all(n);
	}
	check_with(grown() <= 1300 * KIB, "%zu KiB", grown() / KIB);
}

/* Each makes and frees blocks of 30 classes, and waits; the next one begins only then. */
static void *be_idle(void *argument)
{
	struct random random = {2};
	void *mine[1000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mine); i++)
		mine[i] = make(16 + random_below(&random, 497));
	for (i = 0; i < ARRAY_SIZE(mine); i++)
		free(mine[i]);
	pthread_barrier_wait(argument);
	pthread_barrier_wait(argument);
	return NULL;
}

/*
 * With the stack each keeps 23 KiB. Where classes in little use kept slabs with pages that others
 * had touched, it was 30.
 */
static void idle_threads_keep_little(void)
{
	static pthread_barrier_t barriers[THREADS];
	pthread_t threads[THREADS];
	unsigned i;

	begin();
	for (i = 0; i < THREADS; i++) {
		if (i == THREADS / 5)
			base = resident();
		pthread_barrier_init(&barriers[i], NULL, 2);
		check(pthread_create(&threads[i], NULL, be_idle, &barriers[i]) == 0);
		pthread_barrier_wait(&barriers[i]);
	}
	check_with(grown() / (THREADS - THREADS / 5) <= 27 * KIB, "%zu KiB",
		   grown() / KIB / (THREADS - THREADS / 5));
	for (i = 0; i < THREADS; i++) {
		pthread_barrier_wait(&barriers[i]);
		check(pthread_join(threads[i], NULL) == 0);
	}
}

static pthread_barrier_t together;

static void *be_busy_with_others(void *argument)
{
	struct random random = {3};
	void *mine[1000];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mine); i++)
		mine[i] = make(16 + random_below(&random, 497));
	pthread_barrier_wait(&together);
	for (i = 0; i < ARRAY_SIZE(mine); i++)
		free(mine[i]);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	return argument;
}

/*
 * What they had taken all at once counts no more when they rest. With their stacks they keep 8 to
 * 10 MiB; it was 18 to 25 while it did.
 */
static void threads_that_were_busy_together_keep_little(void)
{
	pthread_t threads[THREADS];
	unsigned i;

	begin();
	pthread_barrier_init(&together, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		check(pthread_create(&threads[i], NULL, be_busy_with_others, NULL) == 0);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	check_with(grown() <= 14 * KIB * KIB, "%zu KiB", grown() / KIB);
	pthread_barrier_wait(&together);
	for (i = 0; i < THREADS; i++)
		check(pthread_join(threads[i], NULL) == 0);
}

static const struct test tests[] = {
	{TEST(threads_that_were_busy_together_keep_little)},
	{TEST(idle_threads_keep_little)},
	{TEST(classes_do_not_fill_each_others_slabs)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
