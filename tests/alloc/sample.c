/*
 * The sampling profile, as the program itself sees it: what it says of blocks that the program
 * knows all about. A test asks for as many samples as make chance small beside what it allows for.
 */
#define _GNU_SOURCE 1
#include "check.h"

#include "../../include/plat/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern __typeof__(plat_malloc_set) plat_malloc_set __attribute__((weak));
extern __typeof__(plat_malloc_get) plat_malloc_get __attribute__((weak));
extern __typeof__(plat_visit_sites) plat_visit_sites __attribute__((weak));

/* What lies in a function is known by its address. */
#define FUNCTION_BYTES 1024
#define NOT_INLINED __attribute__((noinline, noclone, aligned(FUNCTION_BYTES)))
#define GIB (1024 * MIB)
#define SEEDS 20

static void set_rate(const char *rate)
{
	needs_ours("it has no profile");
	check(plat_malloc_set("PLAT_SAMPLE", rate) == 0);
}

struct sums {
	uintptr_t from; /* only sites whose innermost frame is in this function; 0: all */
	double made, made_blocks, live, live_blocks;
	size_t nsamples;
};

static int add_site(const struct plat_site *site, void *data)
{
	struct sums *sums = data;

	if (sums->from &&
	    (site->nframes == 0 || (uintptr_t)site->frames[0] - sums->from >= FUNCTION_BYTES))
		return 0;
	sums->made += (double)site->made_bytes;
	sums->made_blocks += (double)site->made_blocks;
	sums->live += (double)site->live_bytes;
	sums->live_blocks += (double)site->live_blocks;
	sums->nsamples += site->nsamples;
	return 0;
}

static struct sums sums_of(void *function)
{
	struct sums sums = {.from = (uintptr_t)function};

	check(plat_visit_sites(add_site, &sums) == 0);
	return sums;
}

/* `share`: how far it may be off. */
static void check_near(double found, double wanted, double share)
{
	check_with(found >= wanted * (1 - share) && found <= wanted * (1 + share),
		   "%.0f, and not %.0f within %.1f %%", found, wanted, share * 100);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* --- totals --- */

/* 16 bytes to 64 KiB, as many of each doubling. */
static size_t mixed_size(uint64_t *state)
{
	unsigned doublings = (unsigned)(next_random(state) % 12);
	size_t least = (size_t)16 << doublings;

	return least + next_random(state) % (least + 1);
}

static NOT_INLINED size_t churn(size_t total, uint64_t state)
{
	void *blocks[256] = {NULL};
	size_t made = 0, i;

	while (made < total) {
		size_t size = mixed_size(&state);

		i = next_random(&state) % ARRAY_SIZE(blocks);
		free(blocks[i]);
		blocks[i] = opaque(malloc(size));
		made += size;
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		free(blocks[i]);
	return made;
}

static void totals_of_one_seed_are_within_5_percent(void)
{
	const char *seed = getenv("PLAT_SEED");
	size_t made;

	set_rate("512K");
	made = churn(4 * GIB, 0x9e3779b97f4a7c15 + (seed ? strtoul(seed, NULL, 10) : 0));
	check_near(sums_of((void *)churn).made, (double)made, 0.05);
}

static void totals_of_19_of_20_seeds_are_within_5_percent(void)
{
	char name[] = "totals_of_one_seed_are_within_5_percent", seed[20];
	unsigned i, nwrong = 0;

	needs_ours("it has no profile");
	for (i = 0; i < SEEDS; i++) {
		pid_t child = fork();

		if (child == 0) {
			snprintf(seed, sizeof(seed), "%u", i);
			setenv("PLAT_SEED", seed, 1);
			execl("/proc/self/exe", "alloc-sample", "--here", name, NULL);
			_exit(99);
		}
		nwrong += child_failed(child) != NULL;
	}
	check_with(nwrong <= SEEDS / 20, "%u of %u are not", nwrong, SEEDS);
}

/* Of one size, so that numbers of blocks are as sure. */
static NOT_INLINED void churn_small(size_t size, size_t n)
{
	while (n-- > 0)
		free(opaque(malloc(size)));
}

static void blocks_of_each_size_are_counted(void)
{
	static const size_t sizes[] = {0, 1, 14, 64, 500, 1000, 4000, 9000, 30000, 70000, 140000};
	size_t i;

	set_rate("16K");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sums before = sums_of((void *)churn_small), now;
		size_t n = 64 * MIB / (sizes[i] + 16);

		churn_small(sizes[i], n);
		now = sums_of((void *)churn_small);
		/* Some 2000 hits at least, so that a tenth is more than four times the error. */
		check_near(now.made_blocks - before.made_blocks, (double)n, 0.1);
		check_near(now.made - before.made, (double)n * (double)sizes[i], 0.1);
	}
	check(sums_of((void *)churn_small).live_blocks == 0);
}

/* --- leaks --- */

static void *kept[40000];
static size_t nkept;

static NOT_INLINED void leak_little(size_t n)
{
	while (n-- > 0)
		kept[nkept++] = opaque(malloc(100));
}

static NOT_INLINED void leak_more(size_t n)
{
	while (n-- > 0)
		kept[nkept++] = opaque(malloc(1000));
}

static NOT_INLINED void leak_large(size_t n)
{
	while (n-- > 0)
		kept[nkept++] = opaque(malloc(200000));
}

static void leaks_are_told_by_site(void)
{
	struct sums little, more, large;

	set_rate("8K");
	churn(256 * MIB, 1);
	leak_little(30000);
	churn(256 * MIB, 2);
	leak_more(9000);
	leak_large(40);
	churn(256 * MIB, 3);
	little = sums_of((void *)leak_little);
	more = sums_of((void *)leak_more);
	large = sums_of((void *)leak_large);
	/* 366, 1098 and 40 samples: four times the error each. */
	check_near(little.live, 3e6, 0.21);
	check_near(little.live_blocks, 30000, 0.21);
	check_near(more.live, 9e6, 0.13);
	check_near(large.live, 8e6, 0.01);
	check_near(large.live_blocks, 40, 0.03);
	check(little.live == little.made && large.live == large.made);
	check(sums_of((void *)churn).live == 0);
	while (nkept > 0)
		free(kept[--nkept]);
	check(sums_of((void *)leak_large).live == 0);
	check(sums_of((void *)leak_little).live == 0);
}

/* --- the whole family --- */

static void *(*cpp_new)(size_t);
static void (*cpp_delete)(void *);

static NOT_INLINED void *by_malloc(size_t size)
{
	return opaque(malloc(size));
}

static NOT_INLINED void *by_calloc(size_t size)
{
	return opaque(calloc(1, size));
}

static NOT_INLINED void *by_realloc(size_t size)
{
	return opaque(realloc(opaque(NULL), size));
}

static NOT_INLINED void *by_growing(size_t size)
{
	return opaque(realloc(malloc(size / 4), size));
}

static NOT_INLINED void *by_aligned_alloc(size_t size)
{
	return opaque(aligned_alloc(256, size));
}

static NOT_INLINED void *by_new(size_t size)
{
	return opaque(cpp_new(size));
}

/* The call may come through a function of the library. */
static int add_calls(const struct plat_site *site, void *data)
{
	struct sums *sums = data;
	size_t i;

	for (i = 0; i < site->nframes && i < 3; i++)
		if ((uintptr_t)site->frames[i] - sums->from < FUNCTION_BYTES) {
			sums->made += (double)site->made_bytes;
			sums->live += (double)site->live_bytes;
			break;
		}
	return 0;
}

static void check_function(void *(*function)(size_t), size_t size, double times)
{
	struct sums before = {.from = (uintptr_t)function}, now = before, after = before;
	size_t n = 16 * MIB / size, i;
	void **blocks = calloc(n, sizeof(*blocks));

	check(plat_visit_sites(add_calls, &before) == 0);
	for (i = 0; i < n; i++)
		blocks[i] = function(size);
	check(plat_visit_sites(add_calls, &now) == 0);
	for (i = 0; i < n; i++)
		function == by_new ? cpp_delete(blocks[i]) : free(blocks[i]);
	check(plat_visit_sites(add_calls, &after) == 0);
	free(blocks);
	/* 2048 hits at least. */
	check_near(now.made - before.made, (double)(n * size) * times, 0.12);
	check_near(now.live - before.live, (double)(n * size), 0.12);
	check(after.live == before.live);
}

static void every_function_of_the_family_is_counted(void)
{
	static const size_t sizes[] = {200, 5000, 50000, 300000};
	size_t i;

	set_rate("8K");
	cpp_new = (void *(*)(size_t))entry_point(sizeof(size_t) == 8 ? "_Znwm" : "_Znwj");
	cpp_delete = (void (*)(void *))entry_point("_ZdlPv");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_function(by_malloc, sizes[i], 1);
		check_function(by_calloc, sizes[i], 1);
		check_function(by_realloc, sizes[i], 1);
		check_function(by_growing, sizes[i], 1.25);
		check_function(by_aligned_alloc, sizes[i], 1);
		check_function(by_new, sizes[i], 1);
	}
}

static NOT_INLINED void *resize(void *p, size_t size)
{
	return opaque(realloc(p, size));
}

static void a_mapping_that_grows_is_told_as_it_is(void)
{
	void *p = NULL;
	size_t size;

	set_rate("64K");
	for (size = MIB; size <= 256 * MIB; size *= 2)
		p = resize(p, size);
	check_near(sums_of((void *)resize).live, (double)(256 * MIB), 0.01);
	p = resize(p, 3 * MIB);
	check_near(sums_of((void *)resize).live, (double)(3 * MIB), 0.01);
	p = resize(p, 100);
	free(p);
	check(sums_of((void *)resize).live == 0);
}

/* --- rates --- */

static void a_rate_is_from_1_to_4_GiB(void)
{
	static const char *const wrong[] = {"1K1", "5G", "", "-1", "of", "0x1"};
	char value[20];
	size_t i;

	set_rate("off");
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		check_with(plat_malloc_set("PLAT_SAMPLE", wrong[i]) == -EINVAL, "%s", wrong[i]);
	set_rate("4G");
	set_rate("1");
	set_rate("512K");
	check(plat_malloc_get("PLAT_SAMPLE", value, sizeof(value)) == 6);
	check(strcmp(value, "524288") == 0);
	check(plat_malloc_set("PLAT_SEED", "1") == -EPERM);
}

static void numbers_stay_when_sampling_ends(void)
{
	struct sums during, after;

	check(sums_of(NULL).nsamples == 0);
	churn(64 * MIB, 1);
	check(sums_of(NULL).nsamples == 0);
	set_rate("64K");
	churn(64 * MIB, 2);
	during = sums_of((void *)churn);
	check(during.nsamples > 500);
	set_rate("off");
	churn(64 * MIB, 3);
	after = sums_of((void *)churn);
	check(after.nsamples == during.nsamples && after.made == during.made && after.live == 0);
	set_rate("4K");
	churn(64 * MIB, 4);
	check_near(sums_of((void *)churn).made, (double)(128 * MIB), 0.12);
}

/* --- threads, processes, signals --- */

static void *churn_in_thread(void *data)
{
	churn(64 * MIB, (uint64_t)(uintptr_t)data);
	return NULL;
}

static void threads_count_together(void)
{
	pthread_t threads[8];
	size_t i;

	set_rate("32K");
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		check(pthread_create(&threads[i], NULL, churn_in_thread, (void *)(i + 1)) == 0);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	/* 16384 hits. */
	check_near(sums_of((void *)churn).made, (double)(512 * MIB), 0.05);
	check(sums_of((void *)churn).live == 0);
}

static void *allocate_little(void *data)
{
	void *blocks[20];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = opaque(malloc(64));
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		free(blocks[i]);
	return data;
}

/* Most of a window that such a thread opens is never handed out. */
static void threads_that_end_soon_count_what_they_made(void)
{
	size_t i;

	set_rate("1K");
	for (i = 0; i < 3000; i++) {
		pthread_t thread;

		check(pthread_create(&thread, NULL, allocate_little, NULL) == 0);
		pthread_join(thread, NULL);
	}
	/* 3750 hits. */
	check_near(sums_of((void *)allocate_little).made, 3000. * 20 * 64, 0.08);
}

static void a_child_goes_on_with_the_numbers(void)
{
	struct sums before, now;
	pid_t child;

	set_rate("16K");
	leak_more(9000);
	before = sums_of(NULL);
	child = fork();
	if (child == 0) {
		while (nkept > 0)
			free(kept[--nkept]);
		churn(256 * MIB, 5);
		check(sums_of((void *)leak_more).live == 0);
		check_near(sums_of((void *)churn).made, (double)(256 * MIB), 0.05);
		_exit(0);
	}
	check(child_failed(child) == NULL);
	now = sums_of((void *)leak_more);
	check(now.live > 0 && sums_of(NULL).nsamples == before.nsamples);
}

static volatile sig_atomic_t nsignals;

static void allocate_in_handler(int signal)
{
	(void)signal;
	churn_small(100, 50);
	nsignals++;
}

static void signal_handlers_may_allocate(void)
{
	struct sigaction action = {.sa_handler = allocate_in_handler};
	struct itimerval often = {{0, 200}, {0, 200}};
	unsigned i;

	set_rate("1K");
	check(sigaction(SIGALRM, &action, NULL) == 0);
	check(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (i = 0; i < 200 && nsignals < 300; i++)
		churn(16 * MIB, i + 1);
	memset(&often, 0, sizeof(often));
	setitimer(ITIMER_REAL, &often, NULL);
	check(sums_of((void *)churn).live == 0 && sums_of((void *)churn_small).live == 0);
}

/* --- stacks --- */

static size_t deepest;

static int find_deepest(const struct plat_site *site, void *data)
{
	if ((uintptr_t)site->frames[0] - (uintptr_t)data < FUNCTION_BYTES &&
	    site->nframes > deepest)
		deepest = site->nframes;
	return 0;
}

static NOT_INLINED void go_down(unsigned n)
{
	if (n > 0)
		go_down(n - 1);
	else
		churn_small(1000, 10000);
	__asm__ volatile("" : : : "memory");
}

static void stacks_go_further_than_the_caller(void)
{
	set_rate("64K");
	go_down(5);
	check(plat_visit_sites(find_deepest, (void *)churn_small) == 0);
	if (deepest < 3)
		skip("there are no frame pointers, and no unwinder that takes no lock");
	check(deepest >= 7);
}

static int count_to_three(const struct plat_site *site, void *data)
{
	int *n = data;

	check(site->nsamples > 0);
	free(opaque(malloc(100)));
	return ++*n == 3 ? 42 : 0;
}

static void a_visit_ends_when_it_is_told_to(void)
{
	int n = 0;

	set_rate("1K");
	churn_small(100, 10000);
	leak_little(1000);
	leak_more(1000);
	leak_large(10);
	check(plat_visit_sites(count_to_three, &n) == 42 && n == 3);
}

static const struct test tests[] = {
	{TEST(totals_of_one_seed_are_within_5_percent)},
	{TEST(totals_of_19_of_20_seeds_are_within_5_percent)},
	{TEST(blocks_of_each_size_are_counted)},
	{TEST(leaks_are_told_by_site)},
	{TEST(every_function_of_the_family_is_counted)},
	{TEST(a_mapping_that_grows_is_told_as_it_is)},
	{TEST(a_rate_is_from_1_to_4_GiB)},
	{TEST(numbers_stay_when_sampling_ends)},
	{TEST(threads_count_together)},
	{TEST(threads_that_end_soon_count_what_they_made)},
	{TEST(a_child_goes_on_with_the_numbers)},
	{TEST(signal_handlers_may_allocate)},
	{TEST(stacks_go_further_than_the_caller)},
	{TEST(a_visit_ends_when_it_is_told_to)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
