/* The table of limits, of processes made by hand, and how it is shown. */
#include "view/limits.h"

#include "fixture.h"
#include "hand.h"
#include "model/headroom.h"
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define GIB (1024 * MIB)
#define CAP_IPC_LOCK_BIT 14
#define CAP_SYS_ADMIN_BIT 21

static struct cgroups cgroups;
static struct limits_table table;

static void set_limit(enum limit_name name, uint64_t soft, uint64_t hard)
{
	space.limits[name] = (struct limit){soft, hard, true};
}

/* data | heap | 1 GiB free | anonymous memory | 64 MiB free | stack: VmSize is 16 pages. */
static void build_town(void)
{
	unsigned limit;

	begin_town(&space);
	add_region(&space, 0x400000, 0x402000, KIND_DATA, RW);
	add_region(&space, 0x10000000, 0x10004000, KIND_HEAP, RW);
	add_region(&space, 0x50000000, 0x50008000, KIND_ANON, RW);
	add_mapping(&space, 0x54000000, 0x54002000, RW, "[stack]")->kind = KIND_STACK;
	space.process.start_data = 0x400000;
	space.process.end_data = 0x401800;
	space.process.start_stack = 0x54001f00;
	space.process.capabilities = 0;
	space.start_brk = 0x10000000;
	space.brk = 0x10004000;
	space.figures[VM_SIZE] = 16 * PAGE;
	space.figures[VM_DATA] = 14 * PAGE;
	space.figures[VM_STK] = 2 * PAGE;
	space.figures[VM_LCK] = 0;
	space.machine.max_map_count = 65530;
	space.machine.stack_guard_gap = MIB;
	space.machine.lowest_hint = 0x10000;
	space.machine.overcommit = 0;
	space.machine.ram = 8 * GIB;
	space.machine.swap = 0;
	space.machine.available = 4 * GIB;
	space.machine.swap_free = 0;
	space.machine.commit_limit = 4 * GIB;
	space.machine.committed = GIB;
	space.machine.admin_reserve = 8 * MIB;
	space.machine.user_reserve = 128 * MIB;
	for (limit = 0; limit < NLIMITS; limit++)
		set_limit(limit, LIMIT_INFINITE, LIMIT_INFINITE);
	set_limit(LIMIT_STACK, 8 * MIB, LIMIT_INFINITE);
}

static int set_up(void **state)
{
	(void)state;
	build_town();
	return 0;
}

static int tear_down(void **state)
{
	limits_table_fini(&table);
	cgroups_fini(&cgroups);
	end_space(state);
	return 0;
}

static void build(void)
{
	limits_table_fini(&table);
	assert_int_equal(limits_table_build(&space, &cgroups, &table), 0);
}

static const struct limit_row *row_of(enum limit_what what)
{
	size_t i;

	for (i = 0; i < table.nrows; i++)
		if (table.rows[i].what == what)
			return &table.rows[i];
	fail_msg("there is no row %d", what);
	return NULL;
}

static void add_group(const char *name, uint64_t usage, uint64_t max)
{
	struct cgroup *group;

	cgroups.levels = realloc(cgroups.levels, (cgroups.nlevels + 1) * sizeof(*cgroups.levels));
	assert_non_null(cgroups.levels);
	group = &cgroups.levels[cgroups.nlevels++];
	*group = (struct cgroup){.version = 2, .name = strndup(name, 100)};
	group->figures[CGROUP_USAGE].known = group->figures[CGROUP_MAX].known = true;
	group->figures[CGROUP_USAGE].bytes = usage;
	group->figures[CGROUP_MAX].bytes = max;
}

static void set_figure(enum cgroup_figure figure, uint64_t bytes)
{
	struct cgroup *group = &cgroups.levels[cgroups.nlevels - 1];

	group->figures[figure].known = true;
	group->figures[figure].bytes = bytes;
}

#define assert_amount(amount, number)                                                              \
	do {                                                                                       \
		assert_int_equal((amount).state, AMOUNT_KNOWN);                                    \
		assert_int_equal((amount).n, number);                                              \
	} while (0)

/*
 * Sums.
 */

static void what_is_not_used_is_left(void **state)
{
	const struct limit_row *row;
	uint64_t percent;

	(void)state;
	set_limit(LIMIT_AS, 64 * PAGE + 100, GIB);
	build();
	row = row_of(LIMITED_AS);
	assert_amount(row->soft, 64 * PAGE + 100);
	assert_amount(row->hard, GIB);
	assert_amount(row->used, 16 * PAGE);
	assert_amount(row->left, 48 * PAGE); /* whole pages */
	assert_true(limit_percent(row, &percent));
	assert_int_equal(percent, 24);
	assert_amount(row->until[GROWTH_HEAP], 48 * PAGE);
	assert_amount(row->until[GROWTH_STACK], 48 * PAGE);
}

static void an_unlimited_limit_is_in_nobodys_way(void **state)
{
	uint64_t percent;

	(void)state;
	build();
	assert_int_equal(row_of(LIMITED_AS)->left.state, AMOUNT_UNLIMITED);
	assert_int_equal(row_of(LIMITED_AS)->until[GROWTH_MMAP].state, AMOUNT_NONE);
	assert_int_equal(row_of(LIMITED_AS)->rank[GROWTH_MMAP], 0);
	assert_false(limit_percent(row_of(LIMITED_AS), &percent));
}

static void a_limit_that_is_exceeded_leaves_nothing(void **state)
{
	(void)state;
	set_limit(LIMIT_AS, 8 * PAGE, LIMIT_INFINITE);
	build();
	assert_amount(row_of(LIMITED_AS)->left, 0);
	assert_int_equal(row_of(LIMITED_AS)->rank[GROWTH_STACK], 1);
}

static void brk_counts_heap_and_data_segment_in_bytes(void **state)
{
	(void)state;
	set_limit(LIMIT_DATA, 32 * PAGE, LIMIT_INFINITE);
	build();
	assert_amount(row_of(LIMITED_DATA)->used, 14 * PAGE);
	assert_amount(row_of(LIMITED_DATA)->left, 18 * PAGE);
	assert_amount(row_of(LIMITED_BRK)->used, 4 * PAGE + 0x1800);
	assert_amount(row_of(LIMITED_BRK)->left, 28 * PAGE - 0x1800);
	assert_amount(row_of(LIMITED_BRK)->until[GROWTH_HEAP], 26 * PAGE);
	assert_int_equal(row_of(LIMITED_BRK)->until[GROWTH_MMAP].state, AMOUNT_NONE);
}

static void with_a_soft_data_limit_of_0_the_hard_one_counts_but_not_for_brk(void **state)
{
	(void)state;
	set_limit(LIMIT_DATA, 0, 64 * PAGE);
	build();
	assert_amount(row_of(LIMITED_DATA)->until[GROWTH_MMAP], 50 * PAGE);
	assert_amount(row_of(LIMITED_BRK)->until[GROWTH_HEAP], 0);
	assert_int_equal(row_of(LIMITED_BRK)->rank[GROWTH_HEAP], 1);
}

static void a_stack_is_measured_from_its_end(void **state)
{
	(void)state;
	set_limit(LIMIT_STACK, 10 * PAGE, LIMIT_INFINITE);
	build();
	assert_amount(row_of(LIMITED_STACK)->used, 2 * PAGE);
	assert_amount(row_of(LIMITED_STACK)->until[GROWTH_STACK], 8 * PAGE);
	assert_int_equal(row_of(LIMITED_STACK)->rank[GROWTH_STACK], 1);
	assert_string_equal(row_of(LIMITED_STACK)->beyond[0].outcome, "SIGSEGV");
}

static void locked_memory_is_in_the_way_where_all_is_locked(void **state)
{
	(void)state;
	set_limit(LIMIT_MEMLOCK, 64 * KIB, 64 * KIB);
	build();
	assert_amount(row_of(LIMITED_MEMLOCK)->left, 64 * KIB);
	assert_int_equal(row_of(LIMITED_MEMLOCK)->until[GROWTH_HEAP].state, AMOUNT_NONE);

	space.figures[VM_LCK] = 16 * PAGE;
	build();
	assert_amount(row_of(LIMITED_MEMLOCK)->until[GROWTH_HEAP], 0);
	assert_amount(row_of(LIMITED_MEMLOCK)->until[GROWTH_STACK], 0);
}

static void a_capability_sets_the_lock_limit_aside(void **state)
{
	(void)state;
	set_limit(LIMIT_MEMLOCK, 64 * KIB, 64 * KIB);
	space.figures[VM_LCK] = 16 * PAGE;
	space.process.capabilities = UINT64_C(1) << CAP_IPC_LOCK_BIT;
	build();
	assert_false(row_of(LIMITED_MEMLOCK)->in_force);
	assert_int_equal(row_of(LIMITED_MEMLOCK)->rank[GROWTH_HEAP], 0);
	assert_string_equal(capability_name(row_of(LIMITED_MEMLOCK)->capability), "CAP_IPC_LOCK");
}

static void without_any_right_to_lock_it_is_eperm(void **state)
{
	(void)state;
	set_limit(LIMIT_MEMLOCK, 0, 0);
	build();
	assert_string_equal(row_of(LIMITED_MEMLOCK)->beyond[0].outcome, "EPERM");
}

/*
 * The machine.
 */

static void one_mapping_more_than_max_map_count_can_be_made(void **state)
{
	(void)state;
	space.machine.max_map_count = 4;
	build();
	assert_amount(row_of(LIMITED_MAPS)->used, 4);
	assert_amount(row_of(LIMITED_MAPS)->left, 1);
	assert_int_equal(row_of(LIMITED_MAPS)->rank[GROWTH_MMAP], 0);

	space.machine.max_map_count = 3;
	build();
	assert_amount(row_of(LIMITED_MAPS)->left, 0);
	assert_int_equal(row_of(LIMITED_MAPS)->rank[GROWTH_HEAP], 1);
	assert_int_equal(row_of(LIMITED_MAPS)->rank[GROWTH_MMAP], 1);
	assert_int_equal(row_of(LIMITED_MAPS)->rank[GROWTH_STACK], 0);
}

static void by_heuristic_only_a_single_request_is_compared(void **state)
{
	const struct limit_row *row;

	(void)state;
	build();
	row = row_of(LIMITED_OVERCOMMIT);
	assert_amount(row->until[GROWTH_MMAP], 8 * GIB);
	assert_int_equal(row->until[GROWTH_HEAP].state, AMOUNT_NONE);
	assert_false(row_of(LIMITED_COMMIT)->in_force);
}

static void with_overcommit_1_nothing_is_compared(void **state)
{
	(void)state;
	space.machine.overcommit = 1;
	build();
	assert_false(row_of(LIMITED_OVERCOMMIT)->in_force);
	assert_int_equal(row_of(LIMITED_OVERCOMMIT)->rank[GROWTH_MMAP], 0);
}

static void of_the_commit_limit_something_is_kept_back(void **state)
{
	(void)state;
	space.machine.overcommit = 2;
	space.figures[VM_SIZE] = 64 * PAGE; /* of which a 32nd is kept, too */
	build();
	assert_true(row_of(LIMITED_COMMIT)->in_force);
	assert_amount(row_of(LIMITED_COMMIT)->left, 3 * GIB - 8 * MIB - 2 * PAGE - PAGE);

	space.process.capabilities = UINT64_C(1) << CAP_SYS_ADMIN_BIT;
	build();
	assert_amount(row_of(LIMITED_COMMIT)->until[GROWTH_STACK], 3 * GIB - 2 * PAGE - PAGE);
}

/*
 * Groups.
 */

static void each_group_up_the_tree_has_its_rows(void **state)
{
	const struct limit_row *row;

	(void)state;
	add_group("/a/b", MIB, LIMIT_INFINITE);
	set_figure(CGROUP_HIGH, 2 * MIB);
	add_group("/a", 3 * MIB, 5 * MIB);
	build();
	row = row_of(LIMITED_GROUP_HIGH);
	assert_string_equal(row->name, "memory.high");
	assert_string_equal(row->group->name, "/a/b");
	assert_string_equal(row->beyond[0].outcome, "throttled");
	assert_int_equal(row->rank[GROWTH_HEAP], 1);
	row = limits_table_at(&table, GROWTH_HEAP, 2);
	assert_string_equal(row->name, "memory.max");
	assert_string_equal(row->group->name, "/a");
	assert_amount(row->left, 2 * MIB);
	assert_string_equal(row->beyond[0].outcome, "OOM kill");
}

static void swap_is_met_when_memory_is_full(void **state)
{
	(void)state;
	add_group("/a", 3 * MIB, 5 * MIB);
	set_figure(CGROUP_SWAP_MAX, 4 * MIB);
	set_figure(CGROUP_SWAP_USAGE, MIB);
	build();
	assert_amount(row_of(LIMITED_GROUP_SWAP)->left, 3 * MIB);
	assert_amount(row_of(LIMITED_GROUP_SWAP)->until[GROWTH_HEAP], 5 * MIB);

	cgroups.levels[0].version = 1; /* memory and swap are one sum */
	build();
	assert_amount(row_of(LIMITED_GROUP_SWAP)->until[GROWTH_HEAP], 3 * MIB);
	assert_string_equal(row_of(LIMITED_GROUP_SWAP)->name, "memory.memsw.limit_in_bytes");
}

/*
 * The address space.
 */

static void neighbours_holes_and_the_end_are_limits_too(void **state)
{
	(void)state;
	build();
	assert_amount(row_of(LIMITED_ABOVE_BRK)->left, 0x50000000 - 0x10004000 - PAGE);
	assert_amount(row_of(LIMITED_ABOVE_BRK)->used, 4 * PAGE);
	assert_string_equal(row_of(LIMITED_ABOVE_BRK)->neighbour, "anon");
	assert_amount(row_of(LIMITED_BELOW_STACK)->left, 0x54000000 - 0x50008000 - MIB);
	assert_amount(row_of(LIMITED_END)->soft, USER_END);
	/* Below the gap that is kept for the stack. */
	assert_in_range(row_of(LIMITED_HOLE)->until[GROWTH_MMAP].n, USER_END / 2,
			USER_END - 0x54002000);
}

static bool refuses(const struct limit_row *row)
{
	return row->what != LIMITED_MACHINE && !row->group;
}

static uint64_t first_that_refuses(enum growth growth)
{
	unsigned rank = 1;

	while (!refuses(limits_table_at(&table, growth, rank)))
		rank++;
	return limits_table_at(&table, growth, rank)->until[growth].n;
}

/* Two ways to the same numbers: sums, and the model asked about all limits at once. */
static void the_first_that_refuses_is_what_headroom_says(void **state)
{
	static const uint64_t limits[] = {LIMIT_INFINITE, 0, 17 * PAGE, 100 * PAGE, 3 * GIB};
	size_t as, data, stack, mode;

	(void)state;
	for (as = 0; as < ARRAY_SIZE(limits); as++)
		for (data = 0; data < ARRAY_SIZE(limits); data++)
			for (stack = 0; stack < ARRAY_SIZE(limits); stack++)
				for (mode = 0; mode < 3; mode++) {
					struct headrooms headrooms;

					set_limit(LIMIT_AS, limits[as], LIMIT_INFINITE);
					set_limit(LIMIT_DATA, limits[data], 90 * PAGE);
					set_limit(LIMIT_STACK, limits[stack], LIMIT_INFINITE);
					space.machine.overcommit = mode;
					build();
					assert_int_equal(headrooms_of_space(&space, &headrooms), 0);
					assert_int_equal(first_that_refuses(GROWTH_HEAP),
							 headrooms.heap.bytes);
					assert_int_equal(first_that_refuses(GROWTH_MMAP),
							 headrooms.mmap.bytes);
					assert_int_equal(first_that_refuses(GROWTH_STACK),
							 headrooms.stacks[0].bytes);
					headrooms_fini(&headrooms);
				}
}

/*
 * Order.
 */

static void ranks_are_1_2_3_and_so_on(void **state)
{
	unsigned growth, rank;
	size_t i, met;

	(void)state;
	set_limit(LIMIT_AS, MIB, MIB);
	add_group("/", 0, MIB - 16 * PAGE); /* as far away as RLIMIT_AS */
	build();
	for (growth = 0; growth < NGROWTHS; growth++) {
		for (met = i = 0; i < table.nrows; i++)
			met += table.rows[i].rank[growth] > 0;
		for (rank = 1; rank <= met; rank++)
			assert_non_null(limits_table_at(&table, growth, rank));
		for (rank = 2; rank <= met; rank++)
			assert_true(limits_table_at(&table, growth, rank - 1)->until[growth].n <=
				    limits_table_at(&table, growth, rank)->until[growth].n);
	}
}

static void sorted_those_that_are_met_come_first(void **state)
{
	size_t i, n;

	(void)state;
	build();
	n = table.nrows;
	limits_table_sort(&table, GROWTH_STACK);
	assert_int_equal(table.nrows, n);
	assert_int_equal(table.rows[0].what, LIMITED_STACK);
	for (i = 1; i < n && table.rows[i].rank[GROWTH_STACK]; i++)
		assert_int_equal(table.rows[i].rank[GROWTH_STACK], i + 1);
	for (i++; i < n; i++) {
		assert_int_equal(table.rows[i].rank[GROWTH_STACK], 0);
		assert_true(table.rows[i - 1].what < table.rows[i].what);
	}
}

/*
 * What cannot be known.
 */

static void of_another_users_process_sums_are_unknown_with_the_reason(void **state)
{
	const char *whys[LIMITS_WHYS_MOST];

	(void)state;
	space.nregions = 0;
	space_why(&space.why.maps, "maps: not permitted");
	set_limit(LIMIT_AS, 64 * PAGE, GIB);
	build();
	assert_amount(row_of(LIMITED_AS)->left, 48 * PAGE); /* status can be read */
	assert_int_equal(row_of(LIMITED_STACK)->used.state, AMOUNT_UNKNOWN);
	assert_int_equal(row_of(LIMITED_ABOVE_BRK)->until[GROWTH_HEAP].state, AMOUNT_UNKNOWN);
	assert_string_equal(limit_why(row_of(LIMITED_STACK)), "maps: not permitted");
	assert_int_equal(limits_table_whys(&table, whys), 1);
}

static void nothing_at_all_is_no_crash(void **state)
{
	size_t i;

	(void)state;
	end_space(NULL);
	space_init(&space);
	build();
	for (i = 0; i < table.nrows; i++)
		assert_int_not_equal(table.rows[i].left.state, AMOUNT_KNOWN);
}

/*
 * How it is shown.
 */

static void draw(struct text *text, struct paint paint)
{
	const struct limits_report report = {&space, &cgroups, &table};

	build();
	limits_table_sort(&table, GROWTH_HEAP);
	limits_draw(&report, &paint, text);
	assert_int_equal(text->error, 0);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	struct text text = TEXT_EMPTY;
	unsigned columns;

	(void)state;
	add_group("/a/very/long/name/that/goes/on/and/on/and/never/ends/or/so/it/seems", MIB,
		  2 * MIB);
	for (columns = 80; columns < 200; columns += 17) {
		text.size = 0;
		draw(&text, (struct paint){.columns = columns});
		assert_tidy(text_string(&text), columns);
		assert_ascii(text_string(&text));
	}
	text_fini(&text);
}

static void numbers_are_never_cut(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	draw(&text, (struct paint){.columns = 80, .bytes = true});
	assert_non_null(strstr(text_string(&text), "140737488351232"));
	assert_non_null(strstr(text_string(&text), "\nRLIMIT_STACK\n"));
	text_fini(&text);
}

static void a_row_says_what_fails_and_who_may_lift_it(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	set_limit(LIMIT_AS, MIB, GIB);
	draw(&text, (struct paint){.columns = 200});
	assert_non_null(strstr(text_string(&text),
			       "mmap, mremap, brk: ENOMEM; stack growth: SIGSEGV; "
			       "CAP_SYS_RESOURCE, which it lacks, raises the hard limit"));
	assert_non_null(strstr(text_string(&text), "heap   RLIMIT_AS after 960K, "));
	text_fini(&text);
}

static void a_ranking_says_what_it_does_not_know(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	space.nregions = 0;
	draw(&text, (struct paint){.columns = 200});
	assert_non_null(strstr(text_string(&text),
			       "memory and swap after 4G; unknown: RLIMIT_STACK, mapping below "
			       "stack"));
	text_fini(&text);
}

static void groups_that_do_not_limit_are_counted_only(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	add_group("/a", MIB, LIMIT_INFINITE);
	draw(&text, (struct paint){.columns = 80});
	assert_null(strstr(text_string(&text), "/a"));
	assert_non_null(strstr(text_string(&text), "1 limit of control groups is unlimited"));
	text.size = 0;
	draw(&text, (struct paint){.columns = 80, .verbose = true});
	assert_non_null(strstr(text_string(&text), "/a: "));
	text_fini(&text);
}

static void a_name_of_a_group_cannot_break_anything(void **state)
{
	const struct limits_report report = {&space, &cgroups, &table};
	struct text text = TEXT_EMPTY;
	json_t *document;

	(void)state;
	add_group("/\033[31m\"\n", MIB, 2 * MIB);
	draw(&text, (struct paint){.columns = 80});
	assert_ascii(text_string(&text));
	text.size = 0;
	assert_int_equal(limits_json(&report, &text), 0);
	document = json_loads(text_string(&text), 0, NULL);
	assert_non_null(document);
	json_decref(document);
	text_fini(&text);
}

static json_t *find_object(json_t *array, const char *name)
{
	size_t i;

	for (i = 0; i < json_array_size(array); i++) {
		json_t *object = json_array_get(array, i);

		if (strcmp(json_string_value(json_object_get(object, "name")), name) == 0)
			return object;
	}
	fail_msg("no %s", name);
	return NULL;
}

static void the_document_has_all_rows(void **state)
{
	const struct limits_report report = {&space, &cgroups, &table};
	struct text text = TEXT_EMPTY;
	json_t *document, *rows, *row;

	(void)state;
	space.process.end_data = UNKNOWN;
	set_limit(LIMIT_DATA, MIB, LIMIT_INFINITE);
	build();
	assert_int_equal(limits_json(&report, &text), 0);
	document = json_loads(text_string(&text), 0, NULL);
	assert_non_null(document);
	rows = json_object_get(document, "limits");
	assert_int_equal(json_array_size(rows), table.nrows);
	row = find_object(rows, "RLIMIT_DATA");
	assert_int_equal(json_integer_value(json_object_get(row, "soft")), MIB);
	assert_string_equal(json_string_value(json_object_get(row, "hard")), "unlimited");
	row = find_object(rows, "RLIMIT_DATA for brk");
	assert_true(json_is_null(json_object_get(row, "used")));
	assert_true(json_is_string(json_object_get(row, "used_why")));
	json_decref(document);
	text_fini(&text);
}

static void a_change_says_what_was_and_what_is(void **state)
{
	const struct limit_change changes[] = {
		{.limit = LIMIT_AS,
		 .is_set = true,
		 .before = {LIMIT_INFINITE, LIMIT_INFINITE, true},
		 .after = {4 * GIB, LIMIT_INFINITE, true}},
		{.limit = LIMIT_DATA,
		 .is_set = true,
		 .before = {4 * GIB, 8 * GIB, true},
		 .after = {4 * GIB + 1, 8 * GIB, true}},
		{.limit = LIMIT_STACK, .before = {MIB, MIB, true}},
	};
	const struct paint paint = {.columns = 80};
	struct text text = TEXT_EMPTY;

	(void)state;
	limits_draw_changes(changes, 3, &paint, &text);
	assert_string_equal(text_string(&text),
			    "RLIMIT_AS: soft unlimited -> 4G, hard unlimited\n"
			    "RLIMIT_DATA: soft 4294967296 -> 4294967297, hard 8G\n");
	text_fini(&text);
}

static void any_allocation_can_fail(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct limits_table made = LIMITS_TABLE_EMPTY;
		int r = limits_table_build(&space, &cgroups, &made);

		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		limits_table_fini(&made);
		assert_int_equal(failing_alive(), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_used_is_left),
		TEST(an_unlimited_limit_is_in_nobodys_way),
		TEST(a_limit_that_is_exceeded_leaves_nothing),
		TEST(brk_counts_heap_and_data_segment_in_bytes),
		TEST(with_a_soft_data_limit_of_0_the_hard_one_counts_but_not_for_brk),
		TEST(a_stack_is_measured_from_its_end),
		TEST(locked_memory_is_in_the_way_where_all_is_locked),
		TEST(a_capability_sets_the_lock_limit_aside),
		TEST(without_any_right_to_lock_it_is_eperm),
		TEST(one_mapping_more_than_max_map_count_can_be_made),
		TEST(by_heuristic_only_a_single_request_is_compared),
		TEST(with_overcommit_1_nothing_is_compared),
		TEST(of_the_commit_limit_something_is_kept_back),
		TEST(each_group_up_the_tree_has_its_rows),
		TEST(swap_is_met_when_memory_is_full),
		TEST(neighbours_holes_and_the_end_are_limits_too),
		TEST(the_first_that_refuses_is_what_headroom_says),
		TEST(ranks_are_1_2_3_and_so_on),
		TEST(sorted_those_that_are_met_come_first),
		TEST(of_another_users_process_sums_are_unknown_with_the_reason),
		TEST(nothing_at_all_is_no_crash),
		TEST(no_line_is_wider_than_the_terminal),
		TEST(numbers_are_never_cut),
		TEST(a_row_says_what_fails_and_who_may_lift_it),
		TEST(a_ranking_says_what_it_does_not_know),
		TEST(groups_that_do_not_limit_are_counted_only),
		TEST(a_name_of_a_group_cannot_break_anything),
		TEST(the_document_has_all_rows),
		TEST(a_change_says_what_was_and_what_is),
		TEST(any_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
