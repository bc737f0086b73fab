/* Which way the mmap zone grows, and where user space ends. */
#include "space/layout.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <string.h>

#define COMPAT_LAYOUT 0x0200000
#define LIMIT_3GB 0x8000000

static void add(plat_addr start, uint64_t size, const char *name)
{
	add_mapping(&space, start, start + size, RW, name);
}

static void ordinary(void)
{
	add(0x555555554000, PAGE, "/bin/a");
	add(0x7ffff7dd5000, PAGE, "/lib/c");
	add(0x7ffff7fc3000, PAGE, "[vdso]");
	add(0x7ffff7fc5000, PAGE, "/lib/ld");
	add(0x7ffffffde000, 0x21000, "[stack]");
}

static void legacy(void)
{
	add(0x555555554000, PAGE, "/bin/a");
	add(0x2aaaaaaab000 + UINT64_C(0x300000000000), PAGE, "/lib/x");
}

static void an_ordinary_process_is_top_down(void **state)
{
	(void)state;
	space.process.personality = 0;
	ordinary();
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_TOP_DOWN);
	assert_non_null(strstr(space.direction_reason, "personality"));
	assert_int_equal(space.process.bits, 64);
	assert_int_equal(space.user_end, USER_END);
}

static void the_mmap_base_is_the_end_of_the_highest_mapping_below_the_stack(void **state)
{
	(void)state;
	space.process.personality = 0;
	ordinary();
	layout_find(&space);
	assert_int_equal(space.mmap_base, 0x7ffff7fc6000);
}

static void the_personality_of_the_legacy_layout_is_bottom_up(void **state)
{
	(void)state;
	space.process.personality = COMPAT_LAYOUT;
	legacy();
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_BOTTOM_UP);
	assert_non_null(strstr(space.direction_reason, "ADDR_COMPAT_LAYOUT"));
}

/* vm.legacy_va_layout and an unlimited stack leave no trace in the personality. */
static void a_vdso_at_a_third_of_the_space_shows_bottom_up(void **state)
{
	(void)state;
	space.process.personality = 0;
	add(0x2aaaaaaab000, PAGE, "[vdso]");
	add(0x555555554000, PAGE, "/bin/a");
	add(0x7ffffffde000, 0x21000, "[stack]");
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_BOTTOM_UP);
	assert_non_null(strstr(space.direction_reason, "observed"));
	assert_int_equal(space.mmap_base, 0x2aaaaaaab000);
}

static void without_personality_the_vdso_tells(void **state)
{
	(void)state;
	ordinary();
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_TOP_DOWN);
	assert_non_null(strstr(space.direction_reason, "observed"));
}

static void without_personality_and_vdso_the_direction_is_unknown(void **state)
{
	(void)state;
	add(0x400000, PAGE, "/bin/a");
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_UNKNOWN);
	assert_true(space.direction_reason[0] != '\0');
}

static void the_auxiliary_vector_says_where_the_vdso_is(void **state)
{
	(void)state;
	space.process.vdso = 0x2aaaaaaab000;
	add(0x2aaaaaaab000, PAGE, NULL);
	add(0x7ffffffde000, 0x21000, "[stack]");
	layout_find(&space);
	assert_int_equal(space.direction, DIRECTION_BOTTOM_UP);
}

static void low_mappings_only_are_a_32_bit_process(void **state)
{
	(void)state;
	add(0x8048000, PAGE, "/bin/a");
	add(0xf7ffc000, PAGE, "[vdso]");
	add(0xfffdd000, 0x21000, "[stack]");
	layout_find(&space);
	assert_int_equal(space.process.bits, 32);
	assert_int_equal(space.user_end, 0xffffe000);
	assert_int_equal(space.direction, DIRECTION_TOP_DOWN);
}

static void bits_that_are_known_are_kept(void **state)
{
	(void)state;
	space.process.bits = 64;
	add(0x400000, PAGE, "/bin/a");
	layout_find(&space);
	assert_int_equal(space.process.bits, 64);
	assert_int_equal(space.user_end, USER_END);
}

static void the_personality_of_3_gib_lowers_the_end(void **state)
{
	(void)state;
	space.process.bits = 32;
	space.process.personality = LIMIT_3GB;
	add(0x8048000, PAGE, "/bin/a");
	layout_find(&space);
	assert_int_equal(space.user_end, 0xc0000000);
}

static void the_end_is_not_below_what_is_mapped(void **state)
{
	(void)state;
	space.process.bits = 32;
	space.process.personality = LIMIT_3GB;
	add(0xfffdd000, 0x21000, "[stack]");
	layout_find(&space);
	assert_int_equal(space.user_end, 0xffffe000);
}

static void a_mapping_above_two_to_the_47_shows_five_levels(void **state)
{
	(void)state;
	add(UINT64_C(1) << 50, PAGE, NULL);
	layout_find(&space);
	assert_int_equal(space.user_end, (UINT64_C(1) << 56) - PAGE);
}

static void the_vsyscall_page_is_not_user_space(void **state)
{
	(void)state;
	space.process.personality = 0;
	ordinary();
	add(0xffffffffff600000, PAGE, "[vsyscall]");
	layout_find(&space);
	assert_int_equal(space.user_end, USER_END);
	assert_int_equal(space.mmap_base, 0x7ffff7fc6000);
}

static void larger_pages_lower_the_end(void **state)
{
	(void)state;
	space.machine.page_size = 65536;
	space.process.bits = 64;
	layout_find(&space);
	assert_int_equal(space.user_end, (UINT64_C(1) << 47) - 65536);
}

static void an_empty_space_has_a_layout(void **state)
{
	(void)state;
	layout_find(&space);
	assert_int_equal(space.process.bits, 64);
	assert_int_equal(space.direction, DIRECTION_UNKNOWN);
	assert_int_equal(space.mmap_base, UNKNOWN);
}

static void without_an_mmap_zone_there_is_no_base(void **state)
{
	(void)state;
	space.process.personality = 0;
	space.brk = 0x500000;
	add(0x400000, PAGE, "/bin/a");
	add(0x4ff000, PAGE, "[heap]");
	add(0x7ffffffde000, 0x21000, "[stack]");
	layout_find(&space);
	assert_int_equal(space.mmap_base, UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_space, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ordinary_process_is_top_down),
		TEST(the_mmap_base_is_the_end_of_the_highest_mapping_below_the_stack),
		TEST(the_personality_of_the_legacy_layout_is_bottom_up),
		TEST(a_vdso_at_a_third_of_the_space_shows_bottom_up),
		TEST(without_personality_the_vdso_tells),
		TEST(without_personality_and_vdso_the_direction_is_unknown),
		TEST(the_auxiliary_vector_says_where_the_vdso_is),
		TEST(low_mappings_only_are_a_32_bit_process),
		TEST(bits_that_are_known_are_kept),
		TEST(the_personality_of_3_gib_lowers_the_end),
		TEST(the_end_is_not_below_what_is_mapped),
		TEST(a_mapping_above_two_to_the_47_shows_five_levels),
		TEST(the_vsyscall_page_is_not_user_space),
		TEST(larger_pages_lower_the_end),
		TEST(an_empty_space_has_a_layout),
		TEST(without_an_mmap_zone_there_is_no_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
