/* Page figures, given to regions. */
#include "space/figures.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct figures walk;

static int set_up(void **state)
{
	walk = (struct figures){0};
	return begin_space(state);
}

static int tear_down(void **state)
{
	figures_fini(&walk);
	return end_space(state);
}

static void begin(void)
{
	assert_int_equal(figures_init(&walk, &space, true), 0);
}

static void run(plat_addr start, plat_addr end, unsigned state)
{
	const struct page_run page_run = {start, end, state};

	assert_int_equal(figures_add(&walk, &page_run), 0);
}

static void end(void)
{
	assert_int_equal(figures_finish(&walk), 0);
	check_space(&space);
}

static void present_pages_are_counted(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x13000, PAGE_PRESENT);
	run(0x15000, 0x16000, PAGE_PRESENT | PAGE_FILE);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0x3000);
	assert_int_equal(space.regions[0].pages.file, 0x1000);
}

static void swapped_pages_are_not_resident(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x13000, PAGE_SWAPPED);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0);
	assert_int_equal(space.regions[0].pages.swap, 0x2000);
}

static void the_page_of_zeros_is_not_resident(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x13000, PAGE_PRESENT | PAGE_ZERO);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0);
	assert_int_equal(space.regions[0].pages.zero, 0x2000);
	assert_true(space.strips[0].resident[1] > 0);
}

static void huge_pages_are_resident_and_huge(void **state)
{
	(void)state;
	add_region(&space, 4 * MIB, 8 * MIB, KIND_ANON, RW);
	begin();
	run(4 * MIB, 6 * MIB, PAGE_PRESENT | PAGE_HUGE);
	end();
	assert_int_equal(space.regions[0].pages.rss, 2 * MIB);
	assert_int_equal(space.regions[0].pages.huge, 2 * MIB);
	assert_int_equal(space.strips[0].huge[0], 255);
	assert_int_equal(space.strips[0].huge[15], 0);
}

static void what_the_kernel_does_not_count_is_not_resident(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x11000, KIND_VVAR, READ);
	add_region(&space, 0x20000, 0x21000, KIND_DEVICE, RW | RIGHT_SHARED);
	add_region(&space, 0x30000, 0x31000, KIND_HUGETLB, RW);
	add_region(&space, 0xffffffffff600000, 0xffffffffff601000, KIND_VSYSCALL, RX);
	begin();
	run(0x10000, 0x40000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0);
	assert_int_equal(space.regions[1].pages.rss, 0);
	assert_int_equal(space.regions[2].pages.rss, 0);
}

static void a_run_may_reach_over_several_regions(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x12000, KIND_ANON, RW);
	add_region(&space, 0x12000, 0x13000, KIND_ANON, RW);
	add_region(&space, 0x15000, 0x18000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x16000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0x1000);
	assert_int_equal(space.regions[1].pages.rss, 0x1000);
	assert_int_equal(space.regions[2].pages.rss, 0x1000);
}

static void a_page_cut_by_a_border_counts_by_its_bytes(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x12000, KIND_DATA, RW);
	assert_int_equal(space_split(&space, 0, 0x11234), 0);
	begin();
	run(0x11000, 0x12000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0x234);
	assert_int_equal(space.regions[1].pages.rss, 0xdcc);
}

static void runs_where_nothing_is_mapped_are_ignored(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x12000, KIND_ANON, RW);
	begin();
	run(0x1000, 0x2000, PAGE_PRESENT);
	run(0x20000, 0x30000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0);
}

static void pages_that_come_twice_count_once(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x13000, PAGE_PRESENT);
	run(0x11000, 0x13000, PAGE_PRESENT);
	run(0x10000, 0x14000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0x3000);
}

static void a_new_walk_begins_at_zero(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x13000, PAGE_PRESENT);
	end();
	figures_fini(&walk);
	begin();
	end();
	assert_int_equal(space.regions[0].pages.rss, 0);
	assert_int_equal(space.strips[0].resident[1], 0);
}

/* Strips. */

static void a_strip_shows_where_pages_are(void **state)
{
	(void)state;
	add_region(&space, 0x100000, 0x200000, KIND_ANON, RW);
	begin();
	run(0x100000, 0x110000, PAGE_PRESENT);
	run(0x1f8000, 0x200000, PAGE_SWAPPED);
	end();
	assert_int_equal(space.strips[0].resident[0], 255);
	assert_int_equal(space.strips[0].resident[1], 0);
	assert_int_equal(space.strips[0].swapped[15], 127);
}

static void a_single_page_is_never_rounded_to_nothing(void **state)
{
	(void)state;
	add_region(&space, 0x100000000, 0x200000000, KIND_ANON, RW);
	begin();
	run(0x1ff000000, 0x1ff001000, PAGE_PRESENT);
	end();
	assert_int_equal(space.strips[0].resident[15], 1);
}

static void a_region_of_one_page_fills_its_strip(void **state)
{
	size_t i;

	(void)state;
	add_region(&space, 0x10000, 0x11000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x11000, PAGE_PRESENT);
	end();
	for (i = 0; i < STRIP_CELLS; i++)
		assert_int_equal(space.strips[0].resident[i], 255);
}

static void a_region_of_a_few_bytes_has_a_strip(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x11000, KIND_ANON, RW);
	assert_int_equal(space_split(&space, 0, 0x10003), 0);
	begin();
	run(0x10000, 0x11000, PAGE_PRESENT);
	end();
	assert_int_equal(space.regions[0].pages.rss, 3);
	assert_int_equal(space.strips[1].resident[0], 255);
}

static void each_region_has_a_strip_of_its_own(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x20000, 0x30000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x11000, PAGE_PRESENT);
	run(0x2f000, 0x30000, PAGE_PRESENT);
	end();
	assert_int_equal(space.strips[0].resident[0], 255);
	assert_int_equal(space.strips[0].resident[15], 0);
	assert_int_equal(space.strips[1].resident[0], 0);
	assert_int_equal(space.strips[1].resident[15], 255);
}

static void strips_may_be_left_out(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	assert_int_equal(figures_init(&walk, &space, false), 0);
	run(0x10000, 0x11000, PAGE_PRESENT);
	end();
	assert_null(space.strips);
}

/* Guards that only the page table knows. */

static void a_guard_cuts_its_region_in_three(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW)->offset = 0x5000;
	begin();
	run(0x18000, 0x1a000, PAGE_GUARD);
	end();
	assert_int_equal(space.nregions, 3);
	assert_int_equal(space.nmappings, 1);
	assert_int_equal(space.regions[0].end, 0x18000);
	assert_int_equal(space.regions[1].kind, KIND_GUARD);
	assert_int_equal(space.regions[1].start, 0x18000);
	assert_int_equal(space.regions[1].end, 0x1a000);
	assert_int_equal(space.regions[2].kind, KIND_ANON);
	assert_int_equal(space.regions[2].end, 0x20000);
	assert_int_equal(space.regions[2].offset, 0xf000);
}

static void each_part_beside_a_guard_has_its_own_figures(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x12000, PAGE_PRESENT);
	run(0x17000, 0x18000, PAGE_SWAPPED);
	run(0x18000, 0x1a000, PAGE_GUARD);
	run(0x1a000, 0x1b000, PAGE_PRESENT | PAGE_FILE);
	run(0x1c000, 0x1d000, PAGE_PRESENT | PAGE_ZERO);
	end();
	assert_int_equal(space.regions[0].pages.rss, 0x2000);
	assert_int_equal(space.regions[0].pages.swap, 0x1000);
	assert_int_equal(space.regions[0].pages.file, 0);
	assert_int_equal(space.regions[1].pages.rss, 0);
	assert_int_equal(space.regions[2].pages.rss, 0x1000);
	assert_int_equal(space.regions[2].pages.file, 0x1000);
	assert_int_equal(space.regions[2].pages.zero, 0x1000);
	assert_int_equal(space.regions[2].pages.swap, 0);
}

static void each_part_beside_a_guard_has_its_own_strip(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x30000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x20000, PAGE_PRESENT);
	run(0x20000, 0x22000, PAGE_GUARD);
	end();
	assert_int_equal(space.strips[0].resident[0], 255);
	assert_int_equal(space.strips[0].resident[15], 255);
	assert_int_equal(space.strips[1].resident[0], 0);
	assert_int_equal(space.strips[2].resident[0], 0);
}

static void several_guards_cut_several_times(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x20000, 0x30000, KIND_ANON, RW);
	begin();
	run(0x11000, 0x12000, PAGE_GUARD);
	run(0x14000, 0x15000, PAGE_GUARD);
	run(0x15000, 0x16000, PAGE_PRESENT);
	run(0x1f000, 0x22000, PAGE_GUARD);
	end();
	assert_int_equal(space.nregions, 8);
	assert_int_equal(space.regions[4].start, 0x15000);
	assert_int_equal(space.regions[4].pages.rss, 0x1000);
	assert_int_equal(space.regions[5].kind, KIND_GUARD);
	assert_int_equal(space.regions[6].kind, KIND_GUARD);
	assert_int_equal(space.regions[6].mapping, 1);
}

static void a_guard_may_be_all_of_a_region(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x20000, PAGE_GUARD);
	end();
	assert_int_equal(space.nregions, 1);
	assert_int_equal(space.regions[0].kind, KIND_GUARD);
}

static void guards_that_come_twice_or_backwards_do_no_harm(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	begin();
	run(0x14000, 0x16000, PAGE_GUARD);
	run(0x14000, 0x16000, PAGE_GUARD);
	run(0x11000, 0x12000, PAGE_GUARD);
	run(0x13000, 0x17000, PAGE_GUARD);
	end();
	assert_int_equal(space.regions[0].end, 0x14000);
	assert_int_equal(space.regions[space.nregions - 1].start, 0x17000);
}

static void add_stack(plat_addr start, plat_addr stop)
{
	struct thread *thread = add_thread(&space, 7, "smith");

	thread->guard_start = thread->stack_start = start;
	thread->stack_end = stop;
}

/* glibc 2.42 on Linux 6.13 guards stacks this way: the mapping shows no guard. */
static void a_guard_at_the_foot_of_a_stack_becomes_its_threads(void **state)
{
	(void)state;
	add_stack(0x10000, 0x20000);
	add_region(&space, 0x10000, 0x20000, KIND_THREAD_STACK, RW)->thread = 0;
	begin();
	run(0x10000, 0x11000, PAGE_GUARD);
	run(0x1e000, 0x20000, PAGE_PRESENT);
	end();
	assert_int_equal(space.threads[0].guard_start, 0x10000);
	assert_int_equal(space.threads[0].stack_start, 0x11000);
	assert_int_equal(space.threads[0].deepest, 0x1e000);
}

static void the_deepest_page_ever_touched_is_noted(void **state)
{
	(void)state;
	add_stack(0x10000, 0x20000);
	add_region(&space, 0x10000, 0x1f000, KIND_THREAD_STACK, RW)->thread = 0;
	add_region(&space, 0x1f000, 0x20000, KIND_TLS, RW)->thread = 0;
	begin();
	run(0x13000, 0x14000, PAGE_SWAPPED);
	run(0x1e000, 0x20000, PAGE_PRESENT);
	end();
	assert_int_equal(space.threads[0].deepest, 0x13000);
}

/* Totals. */

static void totals_add_up_over_kinds(void **state)
{
	struct totals totals;

	(void)state;
	add_region(&space, 0x10000, 0x12000, KIND_ANON, RW);
	add_region(&space, 0x12000, 0x15000, KIND_HEAP, RW);
	add_region(&space, 0x20000, 0x21000, KIND_ANON, RW);
	begin();
	run(0x10000, 0x13000, PAGE_PRESENT);
	end();
	totals_of(&space, &totals);
	assert_int_equal(totals.kinds[KIND_ANON].regions, 2);
	assert_int_equal(totals.kinds[KIND_ANON].size, 0x3000);
	assert_int_equal(totals.kinds[KIND_HEAP].pages.rss, 0x1000);
	assert_int_equal(totals.all.size, 0x6000);
	assert_int_equal(totals.all.pages.rss, 0x3000);
}

static void the_vsyscall_page_is_in_no_sum(void **state)
{
	struct totals totals;

	(void)state;
	add_region(&space, 0x10000, 0x12000, KIND_ANON, RW);
	add_region(&space, 0xffffffffff600000, 0xffffffffff601000, KIND_VSYSCALL, RX);
	totals_of(&space, &totals);
	assert_int_equal(totals.kinds[KIND_VSYSCALL].size, 0x1000);
	assert_int_equal(totals.all.size, 0x2000);
}

static int all_of_it(void)
{
	static const struct page_run runs[] = {
		{0x10000, 0x12000, PAGE_PRESENT}, {0x12000, 0x13000, PAGE_GUARD},
		{0x15000, 0x16000, PAGE_GUARD},	  {0x17000, 0x18000, PAGE_SWAPPED},
		{0x21000, 0x22000, PAGE_GUARD},
	};
	size_t i;
	int r = figures_init(&walk, &space, true);

	for (i = 0; i < ARRAY_SIZE(runs) && r == 0; i++)
		r = figures_add(&walk, &runs[i]);
	return r == 0 ? figures_finish(&walk) : r;
}

static void each_allocation_may_fail(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		int r;

		if (space_add_mapping(&space, 0x10000, 0x20000, RW, 0, NO_FILE) == 0 &&
		    space_add_mapping(&space, 0x20000, 0x30000, RW, 0, NO_FILE) == 0) {
			r = all_of_it();
			assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
			assert_int_equal(space.nregions, r == 0 ? 8 : 2);
		}
		check_space(&space);
		figures_fini(&walk);
		space_fini(&space);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(present_pages_are_counted),
		TEST(swapped_pages_are_not_resident),
		TEST(the_page_of_zeros_is_not_resident),
		TEST(huge_pages_are_resident_and_huge),
		TEST(what_the_kernel_does_not_count_is_not_resident),
		TEST(a_run_may_reach_over_several_regions),
		TEST(a_page_cut_by_a_border_counts_by_its_bytes),
		TEST(runs_where_nothing_is_mapped_are_ignored),
		TEST(pages_that_come_twice_count_once),
		TEST(a_new_walk_begins_at_zero),
		TEST(a_strip_shows_where_pages_are),
		TEST(a_single_page_is_never_rounded_to_nothing),
		TEST(a_region_of_one_page_fills_its_strip),
		TEST(a_region_of_a_few_bytes_has_a_strip),
		TEST(each_region_has_a_strip_of_its_own),
		TEST(strips_may_be_left_out),
		TEST(a_guard_cuts_its_region_in_three),
		TEST(each_part_beside_a_guard_has_its_own_figures),
		TEST(each_part_beside_a_guard_has_its_own_strip),
		TEST(several_guards_cut_several_times),
		TEST(a_guard_may_be_all_of_a_region),
		TEST(guards_that_come_twice_or_backwards_do_no_harm),
		TEST(a_guard_at_the_foot_of_a_stack_becomes_its_threads),
		TEST(the_deepest_page_ever_touched_is_noted),
		TEST(totals_add_up_over_kinds),
		TEST(the_vsyscall_page_is_in_no_sum),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
