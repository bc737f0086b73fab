/* Chance that is counted: against drawing everything. */
#include "model/chance.h"

#include "unit.h"

#define MOST 400 /* no value in these tests is further from 0 */

/* How many draws give each value, found by drawing them all. */
struct drawn {
	uint64_t often[2 * MOST + 1];
};

static void draw_all(struct drawn *drawn, const struct chance_sum *sum, unsigned single,
		     int64_t value)
{
	uint64_t i;

	if (single < sum->nsingles && single < ARRAY_SIZE(sum->singles)) {
		for (i = 0; i < sum->singles[single]; i++)
			draw_all(drawn, sum, single + 1, value + (int64_t)i);
		return;
	}
	for (i = 0; i < sum->nstrides; i++)
		drawn->often[value + (int64_t)(i * sum->stride) + MOST] += sum->weight;
}

static void assert_counted(const struct chance *chance)
{
	struct drawn drawn = {{0}};
	chance_count sum = 0;
	int64_t value, least = MOST, most = -MOST;
	unsigned i;

	for (i = 0; i < chance->nsums; i++)
		draw_all(&drawn, &chance->sums[i], 0, chance->sums[i].base);
	for (value = -MOST; value <= MOST; value++) {
		sum += drawn.often[value + MOST];
		assert_true(chance_up_to(chance, value) == sum);
		if (!drawn.often[value + MOST])
			continue;
		least = value < least ? value : least;
		most = value;
	}
	assert_true(chance_total(chance) == sum);
	assert_int_equal(chance_least(chance), least);
	assert_int_equal(chance_most(chance), most);
}

static void a_constant_is_one_draw(void **state)
{
	struct chance chance = chance_constant(-7);

	(void)state;
	assert_counted(&chance);
	assert_int_equal(chance_quantile(&chance, 0, 1), -7);
	assert_int_equal(chance_quantile(&chance, 1, 1), -7);
}

static void uniform_numbers_are_all_as_likely(void **state)
{
	uint64_t count;

	(void)state;
	for (count = 1; count < 20; count++) {
		struct chance chance = chance_uniform(count);

		assert_counted(&chance);
	}
}

static void up_to_three_numbers_add_up(void **state)
{
	static const uint64_t counts[] = {1, 2, 3, 7, 16, 30};
	size_t i, j, k, n = sizeof(counts) / sizeof(counts[0]);

	(void)state;
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			for (k = 0; k < n; k++) {
				struct chance a = chance_uniform(counts[i]);
				struct chance b = chance_uniform(counts[j]);
				struct chance c = chance_uniform(counts[k]);

				c = chance_negate(&c);
				a = chance_add(&a, &b);
				a = chance_add(&a, &c);
				assert_counted(&a);
			}
}

static void a_stride_adds_to_two_numbers(void **state)
{
	static const uint64_t counts[] = {1, 4, 9};
	uint64_t stride, nstrides, i;

	(void)state;
	for (stride = 1; stride < 12; stride += 3)
		for (nstrides = 1; nstrides < 8; nstrides++)
			for (i = 0; i < 9; i++) {
				struct chance a = chance_uniform(counts[i % 3]);
				struct chance b = chance_uniform(counts[i / 3]), sum = {0};

				chance_or(&sum, -3, 2);
				chance_or_each(&sum, 5, stride, nstrides, 3);
				chance_or(&sum, 90, 1);
				sum = chance_add(&sum, &a);
				sum = chance_add(&b, &sum);
				assert_counted(&sum);
				sum = chance_negate(&sum);
				assert_counted(&sum);
			}
}

static void what_never_happens_is_left_out(void **state)
{
	struct chance chance = {0};

	(void)state;
	chance_or(&chance, 1, 4);
	chance_or(&chance, 2, 0);
	chance_or_each(&chance, 3, 1, 0, 5);
	assert_int_equal(chance.nsums, 1);
	assert_counted(&chance);
}

static void quantiles_are_values_that_a_share_does_not_exceed(void **state)
{
	struct chance a = chance_uniform(100), b = chance_uniform(100), sum = chance_add(&a, &b);

	(void)state;
	assert_int_equal(chance_quantile(&a, 1, 2), 49);
	assert_int_equal(chance_quantile(&a, 1, 100), 0);
	assert_int_equal(chance_quantile(&a, 99, 100), 98);
	assert_int_equal(chance_quantile(&a, 1, 1), 99);
	/* 5050 of 10000 sums are 99 or less. */
	assert_int_equal(chance_quantile(&sum, 1, 2), 99);
	assert_int_equal(chance_quantile(&sum, 1, 10000), 0);
	assert_int_equal(chance_quantile(&sum, 1, 1), 198);
}

static void numbers_of_32_bits_do_not_wrap(void **state)
{
	uint64_t count = UINT64_C(1) << 32;
	struct chance a = chance_uniform(count), b = chance_uniform(count >> 14), sum;
	chance_count total = (chance_count)count * count * (count >> 14);

	(void)state;
	sum = chance_add(&a, &a);
	sum = chance_add(&sum, &b);
	assert_true(chance_total(&sum) == total);
	assert_true(chance_up_to(&sum, chance_most(&sum)) == total);
	assert_true(chance_up_to(&sum, chance_most(&sum) - 1) == total - 1);
	assert_true(chance_up_to(&sum, 0) == 1);
	assert_true(chance_up_to(&sum, 1) == 4);
	/* A sum of uniform numbers lies as often above its middle as below. */
	assert_int_equal(chance_quantile(&sum, 1, 2), (chance_most(&sum) - 1) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_constant_is_one_draw),
		cmocka_unit_test(uniform_numbers_are_all_as_likely),
		cmocka_unit_test(up_to_three_numbers_add_up),
		cmocka_unit_test(a_stride_adds_to_two_numbers),
		cmocka_unit_test(what_never_happens_is_left_out),
		cmocka_unit_test(quantiles_are_values_that_a_share_does_not_exceed),
		cmocka_unit_test(numbers_of_32_bits_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
