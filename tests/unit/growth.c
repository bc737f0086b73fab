/* How far heap, stack and mappings can grow, and what stops them. */
#include "space/growth.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <string.h>

static int set_up(void **state)
{
	begin_space(state);
	space.process.bits = 64;
	space.user_end = USER_END;
	return 0;
}

static void limit(enum limit_name name, uint64_t soft)
{
	space.limits[name] = (struct limit){soft, soft, true};
}

static void a_heap_stops_a_page_below_the_next_mapping(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	space.brk = 0x20000;
	growth = growth_of_heap(&space);
	assert_int_equal(growth.bytes, 0xf000);
	assert_non_null(strstr(growth.because, "anon"));
}

static void a_heap_keeps_the_guard_gap_of_the_stack_free(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x1000000, 0x1010000, KIND_STACK, RW);
	space.brk = 0x20000;
	assert_int_equal(growth_of_heap(&space).bytes, 0x1000000 - 0x20000 - 0x1000 - 0x100000);
}

static void a_heap_with_a_neighbour_cannot_grow(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x20000, 0x30000, KIND_ANON, RW);
	space.brk = 0x20000;
	assert_int_equal(growth_of_heap(&space).bytes, 0);
}

static void a_break_inside_the_page_of_bss_is_rounded_up(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_BSS, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	space.brk = space.start_brk = 0x1f123;
	assert_int_equal(growth_of_heap(&space).bytes, 0xf000);
}

static void a_break_in_the_middle_of_a_mapping_cannot_grow(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	space.brk = space.start_brk = 0x14123;
	assert_int_equal(growth_of_heap(&space).bytes, 0);
}

static void a_heap_without_neighbour_stops_at_the_end_of_user_space(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0xffffffffff600000, 0xffffffffff601000, KIND_VSYSCALL, RX);
	space.brk = 0x20000;
	growth = growth_of_heap(&space);
	assert_int_equal(growth.bytes, USER_END - 0x20000);
	assert_string_equal(growth.because, "the end of user space");
}

static void a_limit_stops_the_heap_before_its_neighbour(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	space.brk = 0x20000;
	space.figures[VM_DATA] = 0x10000;
	limit(LIMIT_DATA, 0x15800);
	growth = growth_of_heap(&space);
	assert_int_equal(growth.bytes, 0x5000);
	assert_string_equal(growth.because, "RLIMIT_DATA");
}

static void a_limit_that_is_exceeded_leaves_nothing(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	space.brk = 0x20000;
	space.figures[VM_SIZE] = 0x50000;
	limit(LIMIT_AS, 0x40000);
	assert_int_equal(growth_of_heap(&space).bytes, 0);
}

static void a_limit_without_its_figure_stops_nothing(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	space.brk = 0x20000;
	limit(LIMIT_AS, 0);
	limit(LIMIT_DATA, LIMIT_INFINITE);
	assert_string_equal(growth_of_heap(&space).because, "the end of user space");
}

static void without_a_break_the_heap_is_unknown(void **state)
{
	struct growth growth = growth_of_heap(&space);

	(void)state;
	assert_int_equal(growth.bytes, UNKNOWN);
	assert_true(growth.because[0] != '\0');
}

static void a_stack_keeps_its_gap_to_open_memory(void **state)
{
	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_ANON, RW);
	add_region(&space, 0x1800000, 0x1820000, KIND_STACK, RW);
	assert_int_equal(growth_of_stack(&space).bytes, 0x1800000 - 0x1001000 - 0x100000);
}

static void a_stack_grows_right_up_to_closed_memory(void **state)
{
	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_RESERVED, 0);
	add_region(&space, 0x1800000, 0x1820000, KIND_STACK, RW);
	assert_int_equal(growth_of_stack(&space).bytes, 0x1800000 - 0x1001000);
}

static void a_stack_counts_all_of_its_mapping_against_its_limit(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_ANON, RW);
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	assert_int_equal(space_split(&space, 1, 0x1f01e000), 0);
	space.regions[2].kind = KIND_ENV;
	limit(LIMIT_STACK, 0x800000);
	growth = growth_of_stack(&space);
	assert_int_equal(growth.bytes, 0x800000 - 0x20000);
	assert_string_equal(growth.because, "RLIMIT_STACK");
}

static void a_stack_alone_stops_at_the_low_pages(void **state)
{
	(void)state;
	space.machine.mmap_min_addr = 0x10000;
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	assert_int_equal(growth_of_stack(&space).bytes, 0x1f000000 - 0x10000);
}

static void what_nothing_stops_says_so(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	growth = growth_of_stack(&space);
	assert_int_equal(growth.bytes, UNKNOWN);
	assert_true(growth.because[0] != '\0');
}

static void without_a_stack_its_growth_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(growth_of_stack(&space).bytes, UNKNOWN);
	assert_string_equal(growth_of_stack(&space).because, "no [stack] in the map");
}

static void the_largest_mapping_fits_the_largest_gap(void **state)
{
	struct growth growth;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x7ff000000000, USER_END, KIND_ANON, RW);
	assert_int_equal(space_find_gaps(&space), 0);
	growth = growth_of_mmap(&space);
	assert_int_equal(growth.bytes, 0x7ff000000000 - 0x20000);
	assert_string_equal(growth.because, "the largest gap");
}

static void too_many_mappings_stop_every_mapping(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	space.machine.max_map_count = 1;
	assert_int_equal(space_find_gaps(&space), 0);
	assert_int_equal(growth_of_mmap(&space).bytes, 0);
	assert_string_equal(growth_of_mmap(&space).because, "vm.max_map_count");
}

static void without_gaps_the_largest_mapping_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(growth_of_mmap(&space).bytes, UNKNOWN);
}

static void a_neighbours_name_is_harmless_and_short(void **state)
{
	uint32_t file;
	struct growth growth;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_FILE, RW);
	assert_int_equal(space_add_file(&space, "/a/long/path/to/\x1bname", 8, 1, 5, &file), 0);
	space.regions[1].file = file;
	space.brk = 0x20000;
	growth = growth_of_heap(&space);
	assert_string_equal(growth.because, "file \\x1bname");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_heap_stops_a_page_below_the_next_mapping),
		TEST(a_heap_keeps_the_guard_gap_of_the_stack_free),
		TEST(a_heap_with_a_neighbour_cannot_grow),
		TEST(a_break_inside_the_page_of_bss_is_rounded_up),
		TEST(a_break_in_the_middle_of_a_mapping_cannot_grow),
		TEST(a_heap_without_neighbour_stops_at_the_end_of_user_space),
		TEST(a_limit_stops_the_heap_before_its_neighbour),
		TEST(a_limit_that_is_exceeded_leaves_nothing),
		TEST(a_limit_without_its_figure_stops_nothing),
		TEST(without_a_break_the_heap_is_unknown),
		TEST(a_stack_keeps_its_gap_to_open_memory),
		TEST(a_stack_grows_right_up_to_closed_memory),
		TEST(a_stack_counts_all_of_its_mapping_against_its_limit),
		TEST(a_stack_alone_stops_at_the_low_pages),
		TEST(what_nothing_stops_says_so),
		TEST(without_a_stack_its_growth_is_unknown),
		TEST(the_largest_mapping_fits_the_largest_gap),
		TEST(too_many_mappings_stop_every_mapping),
		TEST(without_gaps_the_largest_mapping_is_unknown),
		TEST(a_neighbours_name_is_harmless_and_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
