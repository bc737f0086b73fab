/* A set of pages: what goes in, comes out and moves. */
#include "model/pages.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct pages_present pages;

static int set_up(void **state)
{
	(void)state;
	pages = (struct pages_present){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pages_fini(&pages);
	return 0;
}

static void add(uint64_t start, uint64_t end)
{
	assert_int_equal(pages_add(&pages, start, end), 0);
	assert_true(pages_valid(&pages));
}

static void take(uint64_t start, uint64_t end)
{
	assert_int_equal(pages_take(&pages, start, end), 0);
	assert_true(pages_valid(&pages));
}

static void move(uint64_t from, uint64_t to, uint64_t size)
{
	assert_int_equal(pages_move(&pages, from, to, size), 0);
	assert_true(pages_valid(&pages));
}

static void assert_range(size_t i, uint64_t start, uint64_t end)
{
	assert_true(i < pages.nranges);
	assert_int_equal(pages.ranges[i].start, start);
	assert_int_equal(pages.ranges[i].end, end);
}

static void an_empty_set_has_nothing(void **state)
{
	(void)state;
	assert_true(pages_valid(&pages));
	assert_int_equal(pages_in(&pages, 0, UINT64_MAX), 0);
	assert_int_equal(pages_reach(&pages, 0x1000, 0x2000), 0x1000);
	take(0, UINT64_MAX);
	move(0x1000, 0x5000, 0x1000);
	assert_int_equal(pages.nranges, 0);
}

static void ranges_stand_in_order(void **state)
{
	(void)state;
	add(0x5000, 0x6000);
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	assert_int_equal(pages.nranges, 3);
	assert_range(0, 0x1000, 0x2000);
	assert_range(1, 0x3000, 0x4000);
	assert_range(2, 0x5000, 0x6000);
}

static void ranges_that_touch_become_one(void **state)
{
	(void)state;
	add(0x3000, 0x4000);
	add(0x4000, 0x5000);
	add(0x2000, 0x3000);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0x2000, 0x5000);
}

static void a_range_between_two_joins_them(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	add(0x2000, 0x3000);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0x1000, 0x4000);
}

static void a_range_swallows_what_it_covers(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	add(0x5000, 0x6000);
	add(0x9000, 0xa000);
	add(0x1800, 0x7000);
	assert_int_equal(pages.nranges, 2);
	assert_range(0, 0x1000, 0x7000);
	assert_range(1, 0x9000, 0xa000);
}

static void what_is_there_can_be_added_again(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	add(0x2000, 0x3000);
	add(0x1000, 0x4000);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0x1000, 0x4000);
}

static void empty_ranges_change_nothing(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	add(0x8000, 0x8000);
	add(0, 0);
	take(0x2000, 0x2000);
	move(0x2000, 0x9000, 0);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0x1000, 0x4000);
}

static void the_first_and_the_last_address_can_be_in_the_set(void **state)
{
	(void)state;
	add(0, 0x1000);
	add(UINT64_MAX - 0xfff, UINT64_MAX);
	assert_int_equal(pages.nranges, 2);
	add(0x1000, UINT64_MAX - 0xfff);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0, UINT64_MAX);
	take(0, UINT64_MAX);
	assert_int_equal(pages.nranges, 0);
}

static void taking_the_middle_leaves_two_ends(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	take(0x2000, 0x3000);
	assert_int_equal(pages.nranges, 2);
	assert_range(0, 0x1000, 0x2000);
	assert_range(1, 0x3000, 0x4000);
}

static void taking_cuts_the_first_and_the_last(void **state)
{
	(void)state;
	add(0x1000, 0x3000);
	add(0x4000, 0x5000);
	add(0x6000, 0x8000);
	take(0x2000, 0x7000);
	assert_int_equal(pages.nranges, 2);
	assert_range(0, 0x1000, 0x2000);
	assert_range(1, 0x7000, 0x8000);
}

static void taking_what_only_touches_takes_nothing(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	take(0x2000, 0x3000);
	take(0, 0x1000);
	take(0x4000, 0x9000);
	assert_int_equal(pages.nranges, 2);
}

static void moving_keeps_the_distances(void **state)
{
	(void)state;
	add(0x1000, 0x3000);
	add(0x4000, 0x5000);
	add(0x6000, 0x9000);
	move(0x2000, 0x12000, 0x5000);
	assert_int_equal(pages.nranges, 5);
	assert_range(0, 0x1000, 0x2000);
	assert_range(1, 0x7000, 0x9000);
	assert_range(2, 0x12000, 0x13000);
	assert_range(3, 0x14000, 0x15000);
	assert_range(4, 0x16000, 0x17000);
}

static void moving_joins_what_touches_at_the_target(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	add(0x8000, 0x9000);
	move(0x8000, 0x2000, 0x1000);
	assert_int_equal(pages.nranges, 1);
	assert_range(0, 0x1000, 0x4000);
}

static void moving_out_of_the_middle_leaves_both_ends(void **state)
{
	(void)state;
	add(0x2000, 0x8000);
	move(0x4000, 0, 0x2000);
	assert_int_equal(pages.nranges, 2);
	assert_range(0, 0, 0x4000);
	assert_range(1, 0x6000, 0x8000);
}

static void a_move_may_overlap_itself(void **state)
{
	(void)state;
	add(0x2000, 0x3000);
	add(0x4000, 0x5000);
	move(0x2000, 0x3000, 0x3000);
	assert_int_equal(pages.nranges, 2);
	assert_range(0, 0x3000, 0x4000);
	assert_range(1, 0x5000, 0x6000);
}

static void bytes_are_counted_where_they_overlap(void **state)
{
	(void)state;
	add(0x1000, 0x3000);
	add(0x4000, 0x5000);
	add(0x6000, 0x9000);
	assert_int_equal(pages_in(&pages, 0, UINT64_MAX), 0x6000);
	assert_int_equal(pages_in(&pages, 0x2000, 0x7000), 0x3000);
	assert_int_equal(pages_in(&pages, 0x3000, 0x4000), 0);
	assert_int_equal(pages_in(&pages, 0x7000, 0x8000), 0x1000);
	assert_int_equal(pages_in(&pages, 0x7000, 0x7000), 0);
}

static void the_reach_ends_at_the_first_gap(void **state)
{
	(void)state;
	add(0x1000, 0x3000);
	add(0x4000, 0x5000);
	assert_int_equal(pages_reach(&pages, 0x1000, 0x9000), 0x3000);
	assert_int_equal(pages_reach(&pages, 0x2000, 0x9000), 0x3000);
	assert_int_equal(pages_reach(&pages, 0x1000, 0x2000), 0x2000);
	assert_int_equal(pages_reach(&pages, 0, 0x9000), 0);
	assert_int_equal(pages_reach(&pages, 0x3000, 0x9000), 0x3000);
	assert_int_equal(pages_reach(&pages, 0x4000, 0x4000), 0x4000);
	assert_int_equal(pages_reach(&pages, 0x5000, 0x9000), 0x5000);
}

static void a_copy_shares_nothing(void **state)
{
	struct pages_present copy;

	(void)state;
	add(0x1000, 0x3000);
	assert_int_equal(pages_copy(&pages, &copy), 0);
	take(0, 0x9000);
	assert_int_equal(pages_in(&copy, 0, 0x9000), 0x2000);
	pages_fini(&copy);
	assert_int_equal(pages_copy(&pages, &copy), 0);
	assert_int_equal(copy.nranges, 0);
	pages_fini(&copy);
	pages_fini(&copy);
}

static void broken_sets_are_not_valid(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	pages.ranges[1].start = 0x2000;
	assert_false(pages_valid(&pages));
	pages.ranges[1].start = 0x1800;
	assert_false(pages_valid(&pages));
	pages.ranges[1].start = 0x4000;
	assert_false(pages_valid(&pages));
	pages.ranges[1].start = 0x2001;
	assert_true(pages_valid(&pages));
}

/*
 * Does what `step` says; on failure nothing may have changed, and then it is done again, as only
 * one allocation fails in each run.
 */
static void must_do(int (*step)(void))
{
	struct pages_range before[64];
	size_t n = pages.nranges;
	int r;

	assert_true(n <= ARRAY_SIZE(before));
	if (n > 0)
		memcpy(before, pages.ranges, n * sizeof(*before));
	r = step();
	assert_true(pages_valid(&pages));
	if (r == 0)
		return;
	assert_int_equal(r, -ENOMEM);
	assert_true(failing_failed());
	assert_int_equal(pages.nranges, n);
	if (n > 0)
		assert_memory_equal(pages.ranges, before, n * sizeof(*before));
	assert_int_equal(step(), 0);
}

static uint64_t next_page;

static int add_next(void)
{
	return pages_add(&pages, next_page * 0x4000, next_page * 0x4000 + 0x3000);
}

static int take_next(void)
{
	return pages_take(&pages, next_page * 0x4000 + 0x1000, next_page * 0x4000 + 0x2000);
}

static int move_next(void)
{
	return pages_move(&pages, next_page * 0x4000, 0x1000000 - next_page * 0x8000, 0x8000);
}

static int copy(void)
{
	struct pages_present ret;
	int r = pages_copy(&pages, &ret);

	if (r == 0)
		pages_fini(&ret);
	return r;
}

static void each_allocation_may_fail(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		for (next_page = 0; next_page < 12; next_page++)
			must_do(add_next);
		for (next_page = 0; next_page < 12; next_page++)
			must_do(take_next);
		for (next_page = 1; next_page < 12; next_page += 3)
			must_do(move_next);
		must_do(copy);
		assert_int_equal(pages_in(&pages, 0, UINT64_MAX), 12 * 0x2000);
		pages_fini(&pages);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 8);
}

/* Against a list of all pages. */

#define MOST 3000

static bool naive[MOST];
static uint64_t chance;

static uint64_t draw(uint64_t below)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % below;
}

static bool agrees(uint64_t base, size_t npages)
{
	size_t i, n = 0;

	for (i = 0; i < npages; i++) {
		uint64_t at = base + i * PAGE;
		bool begins = naive[i] && (i == 0 || !naive[i - 1]);
		bool ends = naive[i] && (i + 1 == npages || !naive[i + 1]);

		if (begins && (n == pages.nranges || pages.ranges[n].start != at))
			return false;
		if (ends && pages.ranges[n++].end != at + PAGE)
			return false;
	}
	return n == pages.nranges && pages_valid(&pages);
}

static bool count_agrees(uint64_t base, size_t from, size_t n)
{
	uint64_t start = base + from * PAGE, end = start + n * PAGE;
	size_t i, in = 0, reach = 0;

	for (i = 0; i < n; i++)
		in += naive[from + i];
	while (reach < n && naive[from + reach])
		reach++;
	return pages_in(&pages, start, end) == in * PAGE &&
	       pages_reach(&pages, start, end) == start + reach * PAGE;
}

static bool is_free(size_t from, size_t n)
{
	return !memchr(naive + from, true, n);
}

/* One step on [from, from + n). */
static int random_step(uint64_t base, size_t npages, size_t from, size_t n)
{
	uint64_t start = base + from * PAGE, end = start + n * PAGE;
	size_t to = draw(npages - n + 1), apart = from < to ? to - from : from - to;

	switch (draw(5)) {
	case 0:
	case 1:
		memset(naive + from, true, n);
		return pages_add(&pages, start, end);
	case 2:
	case 3:
		memset(naive + from, false, n);
		return pages_take(&pages, start, end);
	default:
		if (apart < n || !is_free(to, n))
			return 0;
		memcpy(naive + to, naive + from, n);
		memset(naive + from, false, n);
		return pages_move(&pages, start, base + to * PAGE, n * PAGE);
	}
}

static void any_set_agrees_with_a_list_of_all_pages(void **state)
{
	static const size_t sizes[] = {1, 2, 7, 40, 300, MOST};
	unsigned seed, step;

	(void)state;
	for (seed = 0; seed < 24; seed++) {
		size_t npages = sizes[seed % ARRAY_SIZE(sizes)];
		/* At the bottom, where nothing lies below, or at the very top. */
		uint64_t base = seed % 4 < 2 ? 0 : -(npages + 1) * PAGE;
		size_t longest = seed % 2 ? npages : npages / 50;

		chance = seed + 1;
		memset(naive, 0, sizeof(naive));
		for (step = 0; step < 2500; step++) {
			size_t n = draw((longest ? longest : 1) + 1);
			size_t from = draw(npages - n + 1);

			if (random_step(base, npages, from, n) < 0 || !agrees(base, npages) ||
			    !count_agrees(base, from, n))
				fail_msg("seed %u, step %u", seed, step);
		}
		pages_fini(&pages);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_set_has_nothing),
		TEST(ranges_stand_in_order),
		TEST(ranges_that_touch_become_one),
		TEST(a_range_between_two_joins_them),
		TEST(a_range_swallows_what_it_covers),
		TEST(what_is_there_can_be_added_again),
		TEST(empty_ranges_change_nothing),
		TEST(the_first_and_the_last_address_can_be_in_the_set),
		TEST(taking_the_middle_leaves_two_ends),
		TEST(taking_cuts_the_first_and_the_last),
		TEST(taking_what_only_touches_takes_nothing),
		TEST(moving_keeps_the_distances),
		TEST(moving_joins_what_touches_at_the_target),
		TEST(moving_out_of_the_middle_leaves_both_ends),
		TEST(a_move_may_overlap_itself),
		TEST(bytes_are_counted_where_they_overlap),
		TEST(the_reach_ends_at_the_first_gap),
		TEST(a_copy_shares_nothing),
		TEST(broken_sets_are_not_valid),
		TEST(each_allocation_may_fail),
		TEST(any_set_agrees_with_a_list_of_all_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
