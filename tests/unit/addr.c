/* Sums over addresses that cannot wrap. */
#include "base/addr.h"

#include "unit.h"

static void aligning_down_clears_the_low_bits(void **state)
{
	(void)state;
	assert_int_equal(align_down(0x1fff, PAGE), 0x1000);
	assert_int_equal(align_down(0x1000, PAGE), 0x1000);
	assert_int_equal(align_down(UINT64_MAX, PAGE), 0xfffffffffffff000);
}

static void aligning_up_goes_to_the_next_multiple(void **state)
{
	(void)state;
	assert_int_equal(align_up(0x1001, PAGE), 0x2000);
	assert_int_equal(align_up(0x1000, PAGE), 0x1000);
	assert_int_equal(align_up(0, PAGE), 0);
}

static void aligning_up_at_the_top_does_not_wrap(void **state)
{
	(void)state;
	assert_int_equal(align_up(UINT64_MAX, PAGE), 0xfffffffffffff000);
	assert_int_equal(align_up(0xfffffffffffff001, PAGE), 0xfffffffffffff000);
}

static void a_capped_sum_stays_at_the_largest_number(void **state)
{
	(void)state;
	assert_int_equal(add_capped(1, 2), 3);
	assert_int_equal(add_capped(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(add_capped(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

static void a_floored_difference_stays_at_zero(void **state)
{
	(void)state;
	assert_int_equal(sub_floored(3, 2), 1);
	assert_int_equal(sub_floored(2, 3), 0);
	assert_int_equal(sub_floored(0, UINT64_MAX), 0);
}

static void ranges_overlap_by_the_bytes_they_share(void **state)
{
	(void)state;
	assert_int_equal(overlap(0, 10, 5, 20), 5);
	assert_int_equal(overlap(5, 20, 0, 10), 5);
	assert_int_equal(overlap(0, 10, 2, 3), 1);
	assert_int_equal(overlap(0, UINT64_MAX, 0, UINT64_MAX), UINT64_MAX);
}

static void ranges_that_touch_do_not_overlap(void **state)
{
	(void)state;
	assert_int_equal(overlap(0, 10, 10, 20), 0);
	assert_int_equal(overlap(10, 20, 0, 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligning_down_clears_the_low_bits),
		cmocka_unit_test(aligning_up_goes_to_the_next_multiple),
		cmocka_unit_test(aligning_up_at_the_top_does_not_wrap),
		cmocka_unit_test(a_capped_sum_stays_at_the_largest_number),
		cmocka_unit_test(a_floored_difference_stays_at_zero),
		cmocka_unit_test(ranges_overlap_by_the_bytes_they_share),
		cmocka_unit_test(ranges_that_touch_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
