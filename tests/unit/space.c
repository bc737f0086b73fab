/* An address space as plain data: mappings, cuts, files, gaps. */
#include "space/space.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(plat_addr start, plat_addr end)
{
	assert_int_equal(space_add_mapping(&space, start, end, RW, 0, NO_FILE), 0);
}

static void an_empty_space_knows_nothing(void **state)
{
	size_t i;

	(void)state;
	assert_true(space_valid(&space));
	assert_int_equal(space.brk, UNKNOWN);
	assert_int_equal(space.process.start_stack, UNKNOWN);
	for (i = 0; i < NFIGURES; i++)
		assert_int_equal(space.figures[i], UNKNOWN);
	for (i = 0; i < NLIMITS; i++)
		assert_false(space.limits[i].known);
	assert_null(space_find(&space, 0));
}

static void a_space_can_be_finished_twice(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	space_why(&space.why.maps, "because");
	space_fini(&space);
	assert_int_equal(space.nregions, 0);
	assert_null(space.why.maps);
}

static void mappings_are_numbered_in_order(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x2000, 0x3000);
	assert_int_equal(space.nregions, 2);
	assert_int_equal(space.nmappings, 2);
	assert_int_equal(space.regions[1].mapping, 1);
	assert_true(space_valid(&space));
}

static void a_mapping_that_is_empty_or_backwards_is_refused(void **state)
{
	(void)state;
	assert_int_equal(space_add_mapping(&space, 0x1000, 0x1000, RW, 0, NO_FILE), -EINVAL);
	assert_int_equal(space_add_mapping(&space, 0x2000, 0x1000, RW, 0, NO_FILE), -EINVAL);
	assert_int_equal(space.nregions, 0);
	assert_int_equal(space.nmappings, 0);
}

/* The largest number stands for what is unknown. */
static void a_mapping_that_ends_at_the_largest_number_is_refused(void **state)
{
	(void)state;
	assert_int_equal(space_add_mapping(&space, 0x1000, UNKNOWN, RW, 0, NO_FILE), -EINVAL);
}

static void a_mapping_that_overlaps_the_last_is_refused(void **state)
{
	(void)state;
	add(0x1000, 0x3000);
	assert_int_equal(space_add_mapping(&space, 0x2000, 0x4000, RW, 0, NO_FILE), -EINVAL);
	assert_int_equal(space_add_mapping(&space, 0, 0x1000, RW, 0, NO_FILE), -EINVAL);
	assert_int_equal(space.nmappings, 1);
}

static void splitting_leaves_two_parts_of_one_mapping(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	space.regions[0].offset = 0x7000;
	assert_int_equal(space_split(&space, 0, 0x2100), 0);
	assert_int_equal(space.nregions, 2);
	assert_int_equal(space.nmappings, 1);
	assert_int_equal(space.regions[0].end, 0x2100);
	assert_int_equal(space.regions[1].start, 0x2100);
	assert_int_equal(space.regions[1].end, 0x4000);
	assert_int_equal(space.regions[1].offset, 0x8100);
	assert_int_equal(space.regions[1].mapping, 0);
	assert_true(space_valid(&space));
}

static void splitting_leaves_page_figures_with_the_low_part(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	space.regions[0].pages.rss = 0x3000;
	assert_int_equal(space_split(&space, 0, 0x2000), 0);
	assert_int_equal(space.regions[0].pages.rss, 0x3000);
	assert_int_equal(space.regions[1].pages.rss, 0);
}

static void splitting_moves_what_lies_above(void **state)
{
	(void)state;
	add(0x1000, 0x4000);
	add(0x5000, 0x6000);
	assert_int_equal(space_split(&space, 0, 0x2000), 0);
	assert_int_equal(space.regions[2].start, 0x5000);
	assert_int_equal(space.regions[2].mapping, 1);
}

static void finding_looks_at_the_first_and_last_byte(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	assert_null(space_find(&space, 0xfff));
	assert_ptr_equal(space_find(&space, 0x1000), &space.regions[0]);
	assert_ptr_equal(space_find(&space, 0x1fff), &space.regions[0]);
	assert_null(space_find(&space, 0x2000));
	assert_ptr_equal(space_find(&space, 0x3fff), &space.regions[1]);
	assert_null(space_find(&space, 0x4000));
	assert_null(space_find(&space, UINT64_MAX));
}

static void at_or_above_gives_the_next_region(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x3000, 0x4000);
	assert_int_equal(space_at_or_above(&space, 0), 0);
	assert_int_equal(space_at_or_above(&space, 0x1fff), 0);
	assert_int_equal(space_at_or_above(&space, 0x2000), 1);
	assert_int_equal(space_at_or_above(&space, 0x4000), 2);
}

static void finding_agrees_with_looking_at_each(void **state)
{
	plat_addr at;
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++)
		add(0x1000 + i * 0x30, 0x1000 + i * 0x30 + 0x10 + (i % 3) * 0x10);
	for (at = 0xff0; at < 0x1900; at += 4) {
		struct region *expected = NULL;

		for (i = 0; i < space.nregions; i++)
			if (space.regions[i].start <= at && at < space.regions[i].end)
				expected = &space.regions[i];
		assert_ptr_equal(space_find(&space, at), expected);
	}
}

static void a_mapping_ranges_over_all_of_its_parts(void **state)
{
	plat_addr start, end;

	(void)state;
	add(0x1000, 0x4000);
	add(0x4000, 0x5000);
	assert_int_equal(space_split(&space, 0, 0x2000), 0);
	assert_int_equal(space_split(&space, 1, 0x3000), 0);
	space_mapping_range(&space, 1, &start, &end);
	assert_int_equal(start, 0x1000);
	assert_int_equal(end, 0x4000);
	space_mapping_range(&space, 3, &start, &end);
	assert_int_equal(start, 0x4000);
	assert_int_equal(end, 0x5000);
}

static uint32_t file(const char *name, uint32_t major, uint32_t minor, uint64_t inode)
{
	uint32_t index;

	assert_int_equal(space_add_file(&space, name, major, minor, inode, &index), 0);
	return index;
}

static void a_file_is_found_again(void **state)
{
	(void)state;
	assert_int_equal(file("/a", 8, 1, 5), 0);
	assert_int_equal(file("/b", 8, 1, 6), 1);
	assert_int_equal(file("/a", 8, 1, 5), 0);
	assert_int_equal(space.nfiles, 2);
}

static void files_differ_by_each_part_of_their_identity(void **state)
{
	(void)state;
	file("/a", 8, 1, 5);
	assert_int_equal(file("/a", 9, 1, 5), 1);
	assert_int_equal(file("/a", 8, 2, 5), 2);
	assert_int_equal(file("/a", 8, 1, 6), 3);
	assert_int_equal(file("/aa", 8, 1, 5), 4);
	assert_int_equal(file("/a (deleted)", 8, 1, 5), 5);
}

static void the_mark_of_a_deleted_file_is_cut_off(void **state)
{
	uint32_t index = file("/a b (deleted)", 8, 1, 5);

	(void)state;
	assert_true(space.files[index].deleted);
	assert_string_equal(space.files[index].name, "/a b");
}

static void a_name_that_is_only_the_mark_stays(void **state)
{
	uint32_t index = file(" (deleted)", 8, 1, 5);

	(void)state;
	assert_false(space.files[index].deleted);
	assert_string_equal(space.files[index].name, " (deleted)");
}

static void thousands_of_files_are_found_again(void **state)
{
	char name[32];
	unsigned i, again;

	(void)state;
	for (again = 0; again < 2; again++)
		for (i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "/file/%u", i);
			assert_int_equal(file(name, 8, 1, i), i);
		}
	assert_int_equal(space.nfiles, 5000);
}

static void the_first_reason_is_kept(void **state)
{
	(void)state;
	space_why(&space.why.pages, "%s %d", "reason", 1);
	space_why(&space.why.pages, "another");
	assert_string_equal(space.why.pages, "reason 1");
}

/* Gaps. */

static void find_gaps(void)
{
	assert_int_equal(space_find_gaps(&space), 0);
	check_space(&space);
}

static void assert_gap(size_t i, plat_addr start, plat_addr end, enum gap_kind kind)
{
	assert_true(i < space.ngaps);
	assert_int_equal(space.gaps[i].start, start);
	assert_int_equal(space.gaps[i].end, end);
	assert_int_equal(space.gaps[i].kind, kind);
}

static void gaps_and_regions_fill_all_of_memory(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	add(0x401000, 0x402000);
	add(0x500000, 0x501000);
	find_gaps();
	assert_int_equal(space.ngaps, 6);
	assert_gap(0, 0, 0x10000, GAP_LOW);
	assert_gap(1, 0x10000, 0x400000, GAP_FREE);
	assert_gap(2, 0x402000, 0x500000, GAP_FREE);
	assert_gap(3, 0x501000, USER_END, GAP_FREE);
	assert_gap(4, USER_END, 0xffff800000000000, GAP_NONCANONICAL);
	assert_gap(5, 0xffff800000000000, TOP_OF_MEMORY, GAP_KERNEL);
}

static void the_size_of_the_highest_gap_reaches_two_to_the_64(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	find_gaps();
	assert_int_equal(gap_size(&space.gaps[space.ngaps - 1]), UINT64_C(1) << 47);
}

static void a_mapping_among_the_low_pages_splits_their_gap(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x1000, 0x2000);
	find_gaps();
	assert_gap(0, 0, 0x1000, GAP_LOW);
	assert_gap(1, 0x2000, 0x10000, GAP_LOW);
	assert_gap(2, 0x10000, USER_END, GAP_FREE);
}

static void no_low_gap_where_the_setting_is_unknown_or_zero(void **state)
{
	(void)state;
	begin_town(&space);
	space.machine.mmap_min_addr = UNKNOWN;
	add(0x400000, 0x401000);
	find_gaps();
	assert_gap(0, 0, 0x400000, GAP_FREE);
	space.machine.mmap_min_addr = 0;
	find_gaps();
	assert_gap(0, 0, 0x400000, GAP_FREE);
}

static void a_mapping_at_zero_leaves_no_gap_below(void **state)
{
	(void)state;
	begin_town(&space);
	add(0, 0x20000);
	find_gaps();
	assert_gap(0, 0x20000, USER_END, GAP_FREE);
}

static void the_guard_gap_lies_right_below_the_stack(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	add(0x7ffffffde000, USER_END);
	space.regions[1].kind = KIND_STACK;
	find_gaps();
	assert_gap(2, 0x401000, 0x7ffffffde000 - 256 * PAGE, GAP_FREE);
	assert_gap(3, 0x7ffffffde000 - 256 * PAGE, 0x7ffffffde000, GAP_STACK_GUARD);
}

static void a_guard_gap_is_cut_by_a_near_neighbour(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	add(0x405000, 0x406000);
	space.regions[1].kind = KIND_STACK;
	find_gaps();
	assert_gap(2, 0x401000, 0x405000, GAP_STACK_GUARD);
}

static void a_stack_that_touches_its_neighbour_has_no_guard_gap(void **state)
{
	size_t i;

	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	add(0x401000, 0x406000);
	space.regions[1].kind = KIND_STACK;
	find_gaps();
	for (i = 0; i < space.ngaps; i++)
		assert_int_not_equal(space.gaps[i].kind, GAP_STACK_GUARD);
}

static void only_the_lowest_part_of_a_stack_has_a_guard_gap(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x408000);
	assert_int_equal(space_split(&space, 0, 0x404000), 0);
	space.regions[0].kind = space.regions[1].kind = KIND_STACK;
	find_gaps();
	assert_gap(2, 0x300000, 0x400000, GAP_STACK_GUARD);
	assert_gap(3, 0x408000, USER_END, GAP_FREE);
}

static void the_vsyscall_page_splits_the_kernels_half(void **state)
{
	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	add(0xffffffffff600000, 0xffffffffff601000);
	find_gaps();
	assert_gap(4, 0xffff800000000000, 0xffffffffff600000, GAP_KERNEL);
	assert_gap(5, 0xffffffffff601000, TOP_OF_MEMORY, GAP_KERNEL);
}

static void above_a_32_bit_process_is_the_kernel_and_then_nothing(void **state)
{
	(void)state;
	begin_town(&space);
	space.process.bits = 32;
	space.user_end = 0xffffe000;
	add(0x8048000, 0x8049000);
	find_gaps();
	assert_gap(2, 0x8049000, 0xffffe000, GAP_FREE);
	assert_gap(3, 0xffffe000, 0x100000000, GAP_KERNEL);
	assert_gap(4, 0x100000000, TOP_OF_MEMORY, GAP_NONCANONICAL);
}

static void with_five_levels_the_hole_begins_at_two_to_the_56(void **state)
{
	(void)state;
	begin_town(&space);
	space.user_end = (UINT64_C(1) << 56) - PAGE;
	add(UINT64_C(1) << 50, (UINT64_C(1) << 50) + PAGE);
	find_gaps();
	assert_gap(3, space.user_end, 0xff00000000000000, GAP_NONCANONICAL);
	assert_gap(4, 0xff00000000000000, TOP_OF_MEMORY, GAP_KERNEL);
}

static void a_region_near_the_very_top_leaves_a_gap(void **state)
{
	(void)state;
	begin_town(&space);
	add(0xffffffffffffe000, 0xfffffffffffff000);
	find_gaps();
	assert_gap(space.ngaps - 1, 0xfffffffffffff000, TOP_OF_MEMORY, GAP_KERNEL);
	assert_int_equal(gap_size(&space.gaps[space.ngaps - 1]), PAGE);
}

/* Nothing is known of the mappings then: to call all of memory free would be a lie. */
static void without_regions_no_gap_is_told(void **state)
{
	(void)state;
	begin_town(&space);
	find_gaps();
	assert_int_equal(space.ngaps, 0);
}

static void gaps_can_be_found_again(void **state)
{
	size_t before;

	(void)state;
	begin_town(&space);
	add(0x400000, 0x401000);
	find_gaps();
	before = space.ngaps;
	find_gaps();
	assert_int_equal(space.ngaps, before);
}

static int build(void)
{
	uint32_t index;
	int r = space_add_file(&space, "/a (deleted)", 8, 1, 5, &index);

	if (r == 0)
		r = space_add_mapping(&space, 0x400000, 0x404000, RW, 0, index);
	if (r == 0)
		r = space_split(&space, 0, 0x401000);
	if (r == 0)
		r = space_add_mapping(&space, 0x500000, 0x504000, RW, 0, NO_FILE);
	space_why(&space.why.maps, "reason");
	return r == 0 ? space_find_gaps(&space) : r;
}

static void each_allocation_may_fail(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		int r = build();

		assert_true(space_valid(&space));
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(r == 0 || failing_failed());
		space_fini(&space);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 5);
}

static void broken_spaces_are_not_valid(void **state)
{
	(void)state;
	add(0x1000, 0x2000);
	add(0x2000, 0x3000);
	space.regions[1].start = 0x1fff;
	assert_false(space_valid(&space));
	space.regions[1].start = 0x3000;
	assert_false(space_valid(&space));
	space.regions[1].start = 0x2001;
	assert_true(space_valid(&space));
	space.regions[1].mapping = 0;
	assert_false(space_valid(&space));
	space.regions[1].mapping = 2;
	assert_false(space_valid(&space));
	space.regions[1].mapping = 1;
	space.regions[1].file = 0;
	assert_false(space_valid(&space));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_space, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_space_knows_nothing),
		TEST(a_space_can_be_finished_twice),
		TEST(mappings_are_numbered_in_order),
		TEST(a_mapping_that_is_empty_or_backwards_is_refused),
		TEST(a_mapping_that_ends_at_the_largest_number_is_refused),
		TEST(a_mapping_that_overlaps_the_last_is_refused),
		TEST(splitting_leaves_two_parts_of_one_mapping),
		TEST(splitting_leaves_page_figures_with_the_low_part),
		TEST(splitting_moves_what_lies_above),
		TEST(finding_looks_at_the_first_and_last_byte),
		TEST(at_or_above_gives_the_next_region),
		TEST(finding_agrees_with_looking_at_each),
		TEST(a_mapping_ranges_over_all_of_its_parts),
		TEST(a_file_is_found_again),
		TEST(files_differ_by_each_part_of_their_identity),
		TEST(the_mark_of_a_deleted_file_is_cut_off),
		TEST(a_name_that_is_only_the_mark_stays),
		TEST(thousands_of_files_are_found_again),
		TEST(the_first_reason_is_kept),
		TEST(gaps_and_regions_fill_all_of_memory),
		TEST(the_size_of_the_highest_gap_reaches_two_to_the_64),
		TEST(a_mapping_among_the_low_pages_splits_their_gap),
		TEST(no_low_gap_where_the_setting_is_unknown_or_zero),
		TEST(a_mapping_at_zero_leaves_no_gap_below),
		TEST(the_guard_gap_lies_right_below_the_stack),
		TEST(a_guard_gap_is_cut_by_a_near_neighbour),
		TEST(a_stack_that_touches_its_neighbour_has_no_guard_gap),
		TEST(only_the_lowest_part_of_a_stack_has_a_guard_gap),
		TEST(the_vsyscall_page_splits_the_kernels_half),
		TEST(above_a_32_bit_process_is_the_kernel_and_then_nothing),
		TEST(with_five_levels_the_hole_begins_at_two_to_the_56),
		TEST(a_region_near_the_very_top_leaves_a_gap),
		TEST(without_regions_no_gap_is_told),
		TEST(gaps_can_be_found_again),
		TEST(each_allocation_may_fail),
		TEST(broken_spaces_are_not_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
