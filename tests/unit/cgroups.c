/* What control groups limit, as text and as sums. */
#include "space/cgroups.h"

#include "fixture.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct cgroups cgroups;

static int set_up(void **state)
{
	begin_space(state);
	cgroups = CGROUPS_EMPTY;
	cgroups.levels = calloc(2, sizeof(*cgroups.levels));
	assert_non_null(cgroups.levels);
	return 0;
}

static int take_down(void **state)
{
	cgroups_fini(&cgroups);
	return end_space(state);
}

static struct cgroup *add(unsigned version, const char *usage, const char *max)
{
	struct cgroup *group = &cgroups.levels[cgroups.nlevels++];

	group->version = version;
	group->name = strndup("/a", 2);
	cgroup_parse(group, CGROUP_USAGE, usage);
	cgroup_parse(group, CGROUP_MAX, max);
	return group;
}

static uint64_t left(void)
{
	return memory_left(&space.machine, &cgroups).bytes;
}

static void a_limit_is_max_or_a_number(void **state)
{
	struct cgroup *group;

	(void)state;
	group = add(2, "1000\n", "max\n");
	assert_true(group->figures[CGROUP_USAGE].known);
	assert_int_equal(group->figures[CGROUP_USAGE].bytes, 1000);
	assert_int_equal(group->figures[CGROUP_MAX].bytes, LIMIT_INFINITE);
}

static void what_is_no_number_stays_unknown(void **state)
{
	struct cgroup *group;

	(void)state;
	group = add(2, "", "99999999999999999999999\n");
	assert_false(group->figures[CGROUP_USAGE].known);
	assert_false(group->figures[CGROUP_MAX].known);
}

static void version_1_writes_no_limit_as_the_largest_number(void **state)
{
	struct cgroup *group;

	(void)state;
	group = add(1, "4096\n", "9223372036854771712\n");
	assert_int_equal(group->figures[CGROUP_MAX].bytes, LIMIT_INFINITE);
}

static void what_is_left_is_least_where_a_group_is_fullest(void **state)
{
	(void)state;
	add(2, "1000", "max");
	add(2, "1000", "5000");
	assert_int_equal(left(), 4000);
	assert_ptr_equal(memory_left(&space.machine, &cgroups).group, &cgroups.levels[1]);
}

static void more_than_the_limit_leaves_nothing(void **state)
{
	(void)state;
	add(2, "6000", "5000");
	assert_int_equal(left(), 0);
}

static void the_machine_can_be_fuller_than_a_group(void **state)
{
	(void)state;
	add(2, "1000", "5000");
	space.machine.available = 300;
	space.machine.swap_free = 200;
	assert_int_equal(left(), 500);
	assert_null(memory_left(&space.machine, &cgroups).group);
}

static void swap_is_left_as_far_as_the_group_may_use_it(void **state)
{
	struct cgroup *group;

	(void)state;
	space.machine.swap_free = 10000;
	group = add(2, "1000", "5000");
	assert_int_equal(left(), 4000 + 10000);
	cgroup_parse(group, CGROUP_SWAP_USAGE, "100");
	cgroup_parse(group, CGROUP_SWAP_MAX, "700");
	assert_int_equal(left(), 4000 + 600);
}

static void version_1_limits_memory_and_swap_together(void **state)
{
	struct cgroup *group;

	(void)state;
	space.machine.swap_free = 10000;
	group = add(1, "1000", "5000");
	cgroup_parse(group, CGROUP_SWAP_USAGE, "1000");
	cgroup_parse(group, CGROUP_SWAP_MAX, "6000");
	assert_int_equal(left(), 5000);
}

static void without_figures_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(left(), UNKNOWN);
}

static void each_version_has_names_of_its_own(void **state)
{
	const struct cgroup one = {.version = 1}, two = {.version = 2};

	(void)state;
	assert_string_equal(cgroup_figure_name(&one, CGROUP_MAX), "memory.limit_in_bytes");
	assert_string_equal(cgroup_figure_name(&two, CGROUP_MAX), "memory.max");
	assert_null(cgroup_figure_name(&one, CGROUP_HIGH));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_limit_is_max_or_a_number),
		TEST(what_is_no_number_stays_unknown),
		TEST(version_1_writes_no_limit_as_the_largest_number),
		TEST(what_is_left_is_least_where_a_group_is_fullest),
		TEST(more_than_the_limit_leaves_nothing),
		TEST(the_machine_can_be_fuller_than_a_group),
		TEST(swap_is_left_as_far_as_the_group_may_use_it),
		TEST(version_1_limits_memory_and_swap_together),
		TEST(without_figures_nothing_is_known),
		TEST(each_version_has_names_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
