/*
 * plat's own interface beside the family, <plat/alloc.h>: figures, options, blocks.
 */
#include "../../include/plat/alloc.h"
#include "../../src/alloc/state.h"

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (3 * MIB)
#define RUN ((size_t)100000)

static __typeof__(plat_malloc_stats) *stats;
static __typeof__(plat_malloc_purge) *purge;
static __typeof__(plat_malloc_set) *set;
static __typeof__(plat_malloc_get) *get;
static __typeof__(plat_malloc_visit) *visit_all;
static __typeof__(plat_block_of) *block_of;

static void *list[20000];

static void find_all(void)
{
	if (!is_ours())
		skip("it is plat's own");
	*(void **)&stats = entry_point("plat_malloc_stats");
	*(void **)&purge = entry_point("plat_malloc_purge");
	*(void **)&set = entry_point("plat_malloc_set");
	*(void **)&get = entry_point("plat_malloc_get");
	*(void **)&visit_all = entry_point("plat_malloc_visit");
	*(void **)&block_of = entry_point("plat_block_of");
}

static struct plat_malloc_stats stats_now(void)
{
	struct plat_malloc_stats now;

	stats(&now, sizeof(now));
	return now;
}

/*
 * Figures.
 */

static void live_blocks_are_counted_exactly(void)
{
	struct plat_malloc_stats before, during, after;
	size_t i, bytes = 0;

	find_all();
	before = stats_now();
	for (i = 0; i < 5000; i++) {
		list[i] = malloc(i * 7);
		bytes += i * 7;
	}
	list[i] = malloc(LARGE);
	during = stats_now();
	check(during.live_blocks == before.live_blocks + 5001);
	check(during.live_bytes == before.live_bytes + bytes + LARGE);
	check(during.mapped_blocks == before.mapped_blocks + 1);
	check(during.mapped_bytes >= before.mapped_bytes + LARGE);
	check(during.mapped_bytes <= before.mapped_bytes + LARGE + 64 * KIB);
	check(during.heap_bytes - during.free_bytes >= bytes);
	check(during.free_bytes <= during.heap_bytes);
	check(during.resident_bytes <= during.free_bytes);
	for (i = 0; i < 5001; i++)
		free(list[i]);
	after = stats_now();
	check(after.live_blocks == before.live_blocks && after.live_bytes == before.live_bytes);
	check(after.mapped_blocks == before.mapped_blocks);
	check(after.state_bytes > 0 && after.faults == 0);
}

static void shorter_and_longer_structs_are_filled(void)
{
	struct {
		struct plat_malloc_stats known;
		size_t unknown[4];
	} longer;
	struct plat_malloc_stats shorter;
	size_t i;

	find_all();
	memset(&longer, 0xff, sizeof(longer));
	stats(&longer.known, sizeof(longer));
	check(longer.known.live_blocks < 10000);
	for (i = 0; i < 4; i++)
		check(longer.unknown[i] == 0);
	memset(&shorter, 0xff, sizeof(shorter));
	stats(&shorter, offsetof(struct plat_malloc_stats, live_bytes));
	check(shorter.live_blocks == longer.known.live_blocks);
	check(shorter.live_bytes == SIZE_MAX);
	stats(NULL, 0);
}

static void figures_cost_no_block_and_keep_errno(void)
{
	struct plat_malloc_stats before, after;

	find_all();
	before = stats_now();
	errno = 1234;
	stats_now();
	mallinfo2();
	purge();
	check(errno == 1234);
	after = stats_now();
	check(after.live_blocks == before.live_blocks);
}

static void a_purge_gives_all_that_is_free_back(void)
{
	size_t i, times = 0;

	find_all();
	for (i = 0; i < 20000; i++) {
		list[i] = malloc(2000);
		fill(list[i], 2000, i);
	}
	for (i = 0; i < 20000; i++)
		if (i % 100)
			free(list[i]);
	check(purge() == 1);
	while (purge())
		check(times++ < 3);
	check_with(stats_now().resident_bytes < 200 * 4 * KIB, "%zu", stats_now().resident_bytes);
	for (i = 0; i < 20000; i += 100)
		check(filled(list[i], 2000, i));
}

/* The word by which a tool asks for that from outside, found as a tool would. */
static uint64_t *find_wish(void)
{
	const char *state = entry_point("plat_malloc_state");
	const struct state *head = (const void *)state;
	const struct state_field *fields = (const void *)(state + head->fields_at);
	char *trim = NULL;
	unsigned i;

	for (i = 0; i < head->nfields; i++) {
		if (strcmp(fields[i].name, "state.trim") == 0)
			memcpy(&trim, state + fields[i].offset, sizeof(trim));
		if (strcmp(fields[i].name, "trim.asked") == 0 && trim)
			return (uint64_t *)(trim + fields[i].offset);
	}
	check(!"there is such a word");
	return NULL;
}

static void make_much_and_free_most(void **blocks)
{
	size_t i;

	for (i = 0; i < 10000; i++) {
		blocks[i] = malloc(2000);
		fill(blocks[i], 2000, i);
	}
	for (i = 0; i < 10000; i++)
		if (i % 100)
			free(blocks[i]);
}

static void go_the_long_way_by_malloc(void **blocks)
{
	size_t i;

	for (i = 1; i < 100; i++)
		blocks[i] = malloc(2000);
}

static void go_the_long_way_by_free(void **blocks)
{
	size_t i;

	for (i = 0; i < 10000; i += 100) {
		check(filled(blocks[i], 2000, i));
		free(blocks[i]);
	}
}

static uint32_t steps; /* of two threads that take turns */

static void await_step(uint32_t step)
{
	while (__atomic_load_n(&steps, __ATOMIC_ACQUIRE) != step)
		sched_yield();
}

static void *be_asked_too(void *blocks)
{
	make_much_and_free_most(blocks);
	__atomic_store_n(&steps, 1, __ATOMIC_RELEASE);
	await_step(2);
	go_the_long_way_by_free(blocks);
	__atomic_store_n(&steps, 3, __ATOMIC_RELEASE);
	await_step(4);
	return NULL;
}

static void what_is_asked_for_from_outside_is_given_by_each_thread(void)
{
	uint64_t *wish;
	pthread_t thread;

	find_all();
	wish = find_wish();
	set("PLAT_TRIM_THRESHOLD", "1G"); /* nothing goes by itself */
	check(pthread_create(&thread, NULL, be_asked_too, list + 10000) == 0);
	await_step(1);
	make_much_and_free_most(list);
	check_with(stats_now().resident_bytes > 8 * MIB, "%zu", stats_now().resident_bytes);
	__atomic_store_n(wish, *wish + 1, __ATOMIC_RELAXED);
	go_the_long_way_by_malloc(list);
	__atomic_store_n(&steps, 2, __ATOMIC_RELEASE);
	await_step(3);
	check_with(stats_now().resident_bytes < 2 * MIB, "%zu", stats_now().resident_bytes);
	__atomic_store_n(&steps, 4, __ATOMIC_RELEASE);
	check(pthread_join(thread, NULL) == 0);
}

/*
 * Options.
 */

static const char *value_of(const char *name)
{
	static char value[60];

	check(get(name, value, sizeof(value)) == (int)strlen(value));
	return value;
}

static void options_are_set_and_read_by_name(void)
{
	find_all();
	check(strcmp(value_of("PLAT_MMAP_THRESHOLD"), "131072") == 0);
	check(set("PLAT_MMAP_THRESHOLD", "1M") == 0);
	check(strcmp(value_of("PLAT_MMAP_THRESHOLD"), "1048576") == 0);
	check(strcmp(value_of("PLAT_ON_ERROR"), "abort") == 0);
	check(set("PLAT_ON_ERROR", "report") == 0);
	check(strcmp(value_of("PLAT_ON_ERROR"), "report") == 0);
	check(set("PLAT_TRIM_THRESHOLD", "3g") == 0);
	check(set("PLAT_MMAP_MAX", "0") == 0);
	list[0] = malloc(LARGE);
	check(stats_now().mapped_blocks == 0);
	free(list[0]);
}

/* Its pages are opened one by one. */
static void a_freed_mapping_can_be_read_where_faults_are_ignored(void)
{
	volatile char *p;

	find_all();
	check(set("PLAT_ON_ERROR", "ignore") == 0);
	p = opaque(malloc(LARGE));
	memset((char *)p, 1, LARGE);
	free((char *)p);
	check(p[0] == 0 && p[LARGE / 2] == 0 && p[0] == 0);
	check(stats_now().faults == 2);
}

static bool is_all_zero(const char *p, size_t bytes)
{
	return bytes == 0 || (p[0] == 0 && memcmp(p, p + 1, bytes - 1) == 0);
}

/* What was written into it by then is not taken for fresh memory. */
static void a_freed_run_can_be_written_to_where_faults_are_ignored(void)
{
	volatile char *p;
	unsigned i;

	find_all();
	check(set("PLAT_ON_ERROR", "ignore") == 0);
	p = opaque(malloc(RUN));
	check(opaque(malloc(RUN)));
	free((char *)p);
	p[RUN / 2] = 1;
	if (stats_now().faults == 0)
		skip("freed runs can be touched, but for hard mode on a kernel that has guards");
	p[0] = 1;
	check(p[RUN / 2] == 1 && p[0] == 1);
	check(stats_now().faults == 2);
	/* Nothing waits any more, and what lies behind keeps its memory from going back. */
	purge();
	for (i = 0; i < 300; i++) {
		const char *q = calloc(1, RUN);

		check(is_all_zero(q, RUN));
		if (&p[RUN / 2] >= q && &p[RUN / 2] < q + RUN)
			return;
	}
	check(!"it was never handed out again");
}

static void wrong_options_are_refused(void)
{
	static const char *const numbers[] = {
		"", "-1", "x", "1x", "1KB", "1 ", " 1", "0x10", "99999999999999999999999"};
	char value[4] = "";
	size_t i;

	find_all();
	check(set("PLAT_NO_SUCH_THING", "1") == -ENOENT);
	check(set("PLAT_MMAP", "1") == -ENOENT);
	check(set("", "1") == -ENOENT);
	check(get("PLAT_NO_SUCH_THING", value, sizeof(value)) == -ENOENT);
	check(set("PLAT_HARD", "1") == -EPERM);
	check(set("PLAT_GUARD", "all") == -EPERM);
	check(set("PLAT_ON_ERROR", "explode") == -EINVAL);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		check_with(set("PLAT_MMAP_THRESHOLD", numbers[i]) == -EINVAL, "%s", numbers[i]);
	check(strcmp(value_of("PLAT_MMAP_THRESHOLD"), "131072") == 0);

	check(get("PLAT_MMAP_THRESHOLD", value, sizeof(value)) == 6);
	check(strcmp(value, "131") == 0);
	check(get("PLAT_MMAP_THRESHOLD", NULL, 0) == 6);
}

/*
 * Blocks.
 */

static void check_block(const char *p, size_t size)
{
	struct plat_block block;
	size_t usable = malloc_usable_size((void *)p), offset;

	check(usable == size);
	for (offset = 0; offset < size; offset += 1 + size / 37) {
		check_with(block_of(p + offset, &block) == 0, "%zu of %zu", offset, size);
		check(block.start == p && block.size == size && block.is_live);
	}
	check(size == 0 || (block_of(p + size - 1, &block) == 0 && block.start == p));
	check_with(block_of(p + size, &block) == (size ? -ENOENT : 0), "size %zu", size);
}

static void any_address_leads_to_its_block(void)
{
	struct plat_block block;
	const size_t *size;
	size_t i;

	find_all();
	for (size = edges; *size; size++) {
		for (i = 0; i < 20; i++)
			list[i] = malloc(*size);
		for (i = 0; i < 20; i++)
			check_block(list[i], *size);
		for (i = 0; i < 20; i++) {
			free(list[i]);
			check(block_of(list[i], &block) == -ENOENT);
		}
	}
	check_block(list[0] = malloc(0), 0);
	check_block(list[1] = aligned_alloc(MIB, 5), 5);
	check_block(list[2] = realloc(malloc(10), 2 * LARGE), 2 * LARGE);
	for (i = 0; i < 3; i++)
		free(list[i]);
}

static void addresses_of_nobody_lead_nowhere(void)
{
	struct plat_block block = {.start = &block};
	const uintptr_t some[] = {0,
				  1,
				  4096,
				  (uintptr_t)&block,
				  (uintptr_t)list,
				  (uintptr_t)find_all,
				  UINTPTR_MAX,
				  UINTPTR_MAX / 2,
				  UINTPTR_MAX / 2 + 1,
				  UINTPTR_MAX - 65535};
	size_t i;

	find_all();
	free(malloc(100));
	for (i = 0; i < ARRAY_SIZE(some); i++)
		check(block_of((void *)some[i], &block) == -ENOENT);
	check(block.start == &block);
}

/* Which of list the visit came across, and the sum of what it saw. */
struct seen {
	size_t nblocks, nbytes, nmine;
	const void *last;
};

static int count(const struct plat_block *block, void *data)
{
	struct seen *seen = data;

	check((uintptr_t)block->start > (uintptr_t)seen->last || !seen->last);
	seen->last = block->start;
	seen->nblocks++;
	seen->nbytes += block->size;
	seen->nmine += block->size == 777 && block->is_live;
	return 0;
}

static void every_block_is_visited_once(void)
{
	struct plat_malloc_stats now;
	struct seen live = {0}, freed = {0}, both = {0};
	size_t i;

	find_all();
	for (i = 0; i < 3000; i++) {
		list[i] = malloc(777);
		list[3000 + i] = malloc(i * 31);
	}
	for (i = 0; i < 1000; i++)
		free(list[3000 + i]);
	now = stats_now();
	check(visit_all(PLAT_VISIT_LIVE, count, &live) == 0);
	check(live.nmine == 3000 && live.nblocks == now.live_blocks);
	check(live.nbytes == now.live_bytes);
	check(visit_all(PLAT_VISIT_FREE, count, &freed) == 0);
	check(freed.nmine == 0 && freed.nblocks > 0);
	check(visit_all(PLAT_VISIT_LIVE | PLAT_VISIT_FREE, count, &both) == 0);
	check(both.nblocks == live.nblocks + freed.nblocks);
	check(visit_all(0, count, &both) == 0 && both.nblocks == live.nblocks + freed.nblocks);
}

static int stop_at_third(const struct plat_block *block, void *data)
{
	(void)block;
	return ++*(int *)data == 3 ? 42 : 0;
}

static int free_it(const struct plat_block *block, void *data)
{
	void *p = malloc(block->size);

	free(p);
	if (block->size == 777) {
		free(block->start);
		++*(size_t *)data;
	}
	return 0;
}

static void a_visitor_may_stop_allocate_and_free(void)
{
	size_t i, nfreed = 0;
	int n = 0;

	find_all();
	for (i = 0; i < 3000; i++)
		list[i] = malloc(777);
	check(visit_all(PLAT_VISIT_LIVE, stop_at_third, &n) == 42 && n == 3);
	check(visit_all(PLAT_VISIT_LIVE, free_it, &nfreed) == 0);
	check_with(nfreed == 3000, "%zu", nfreed);
}

static volatile sig_atomic_t is_over;

static void *churn(void *data)
{
	unsigned seed = (unsigned)(uintptr_t)data;
	void *mine[500] = {NULL};

	while (!is_over) {
		size_t i = (size_t)rand_r(&seed) % ARRAY_SIZE(mine);
		size_t size = (size_t)rand_r(&seed) % (i % 50 ? 5000 : 500000);

		if (rand_r(&seed) % 3) {
			free(mine[i]);
			mine[i] = malloc(size);
		} else {
			mine[i] = realloc(mine[i], size + 1);
		}
		check(mine[i]);
	}
	return NULL;
}

static int check_mine(const struct plat_block *block, void *data)
{
	if (block->size == 777777 && block->is_live)
		++*(size_t *)data;
	return 0;
}

static void others_may_allocate_meanwhile(void)
{
	pthread_t threads[3];
	size_t round, i, n;

	find_all();
	for (i = 0; i < 100; i++)
		list[i] = malloc(i % 2 ? 777 : 777777);
	for (i = 0; i < 3; i++)
		check(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
	for (round = 0; round < 300; round++) {
		struct plat_block block;

		for (i = 0; i < 100; i++) {
			check(block_of((char *)list[i] + 500, &block) == 0);
			check(block.start == list[i] && block.size == (i % 2 ? 777u : 777777u));
		}
		stats_now();
		n = 0;
		check(visit_all(PLAT_VISIT_LIVE, check_mine, &n) == 0);
		check_with(n == 50, "%zu", n);
		if (round % 50 == 0)
			purge();
	}
	is_over = 1;
	for (i = 0; i < 3; i++)
		check(pthread_join(threads[i], NULL) == 0);
}

static const struct test tests[] = {
	{TEST(live_blocks_are_counted_exactly)},
	{TEST(shorter_and_longer_structs_are_filled)},
	{TEST(figures_cost_no_block_and_keep_errno)},
	{TEST(a_purge_gives_all_that_is_free_back)},
	{TEST(options_are_set_and_read_by_name)},
	{TEST(a_freed_mapping_can_be_read_where_faults_are_ignored)},
	{TEST(a_freed_run_can_be_written_to_where_faults_are_ignored)},
	{TEST(wrong_options_are_refused)},
	{TEST(any_address_leads_to_its_block)},
	{TEST(addresses_of_nobody_lead_nowhere)},
	{TEST(every_block_is_visited_once)},
	{TEST(a_visitor_may_stop_allocate_and_free)},
	{TEST(others_may_allocate_meanwhile)},
	{TEST(what_is_asked_for_from_outside_is_given_by_each_thread)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
