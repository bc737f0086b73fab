/*
 * What a report tells of a small heap:
 *
 *	0 -> 1 -> 2	a tree		3 <-> 4		a cycle
 *	5, 6, 7		alone, of one size		8	a root leads into it
 */
#include "heap/leaks.h"

#include "references.h"
#include "unit.h"

#define AT(i) (town.base + (i)*64)

static unsigned char memory[PAGE];
static struct town town;
static struct block_index all, since;
static struct graph graph;
static struct reach reach;
static struct lost lost;
static struct leaks leaks;

static int begin(void **state)
{
	struct crew crew = crew_in_turn(1);
	struct reader *readers[] = {&town.reader};
	unsigned i;

	(void)state;
	town_init(&town, (struct scan_form){.width = 8}, memory, sizeof(memory));
	for (i = 0; i < 9; i++)
		town_add_block(&town, AT(i), i == 4 || i == 8 ? 48 : 40, BLOCK_LIVE);
	town_put(&town, AT(0), AT(1));
	town_put(&town, AT(1), AT(2));
	town_put(&town, AT(3), AT(4));
	town_put(&town, AT(4), AT(3));
	town_add_word(&town, ROOT_GLOBAL, AT(8) + 8);
	assert_int_equal(town_index(&town, 0, &all), 0);
	assert_int_equal(graph_make(&(struct graph_input){.index = &all,
							  .roots = town.roots,
							  .nroots = town.nroots,
							  .crew = &crew,
							  .readers = readers,
							  .form = town.form},
				    &graph),
			 0);
	assert_int_equal(reach_make(&graph, ROOTS_ALL, NULL, &reach), 0);
	assert_int_equal(lost_find(&reach, &lost), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	leaks_fini(&leaks);
	lost_fini(&lost);
	reach_fini(&reach);
	graph_fini(&graph);
	block_index_fini(&all);
	block_index_fini(&since);
	return 0;
}

static void make(const struct block_index *before)
{
	assert_int_equal(leaks_make(&reach, &lost, before, &leaks), 0);
}

static void trees_of_one_kind_are_a_group_and_the_largest_comes_first(void **state)
{
	(void)state;
	make(NULL);
	assert_int_equal(leaks_group(&leaks), 0);
	assert_int_equal(leaks.told.trees, 5);
	assert_int_equal(leaks.told.blocks, 8);
	assert_int_equal(leaks.told.bytes, 7 * 40 + 48);
	assert_int_equal(leaks.possible.blocks, 1);
	assert_int_equal(leaks.possible.bytes, 48);
	assert_int_equal(leaks.ngroups, 2);
	assert_int_equal(leaks.groups[0].bytes, 6 * 40);
	assert_int_equal(leaks.groups[0].trees, 4);
	assert_int_equal(lost.trees[leaks.groups[0].tree].block, 0);
	assert_false(leaks.groups[0].is_cycle);
	assert_true(leaks.groups[1].is_cycle);
	assert_int_equal(leaks.groups[1].blocks, 2);
}

static void types_and_sites_part_groups(void **state)
{
	(void)state;
	make(NULL);
	leaks.trees[2].site = 7; /* block 5 */
	leaks.trees[3].type = 3; /* block 6 */
	assert_int_equal(leaks_group(&leaks), 0);
	assert_int_equal(leaks.ngroups, 4);
}

static void what_is_suppressed_is_counted_apart(void **state)
{
	(void)state;
	make(NULL);
	leaks.trees[0].is_suppressed = true;
	assert_int_equal(leaks_group(&leaks), 0);
	assert_int_equal(leaks.suppressed.blocks, 3);
	assert_int_equal(leaks.suppressed.trees, 1);
	assert_int_equal(leaks.told.blocks, 5);
	assert_false(leaks_tell(&leaks, 0));
	assert_false(leaks_tell(&leaks, 2));
	assert_true(leaks_tell(&leaks, 3));
	assert_false(leaks_tell(&leaks, 8));
}

static void what_was_there_before_with_its_size_is_not_told(void **state)
{
	struct blocks blocks;

	(void)state;
	assert_int_equal(blocks_init(&blocks, 8), 0);
	assert_int_equal(blocks_add(&blocks, AT(0), 40, BLOCK_LIVE), 0);
	assert_int_equal(blocks_add(&blocks, AT(5), 40, BLOCK_LIVE), 0);
	assert_int_equal(blocks_add(&blocks, AT(6), 24, BLOCK_LIVE), 0); /* smaller then */
	assert_int_equal(blocks_finish(&blocks, &since), 0);
	blocks_fini(&blocks);
	make(&since);
	assert_int_equal(leaks_group(&leaks), 0);
	assert_int_equal(leaks.before.blocks, 2);
	assert_int_equal(leaks.told.blocks, 6);
	/* Of the first tree what its root holds is new. */
	assert_int_equal(leaks.trees[0].blocks, 2);
	assert_false(leaks_tell(&leaks, 0));
	assert_true(leaks_tell(&leaks, 1));
	assert_false(leaks_tell(&leaks, 5));
	assert_true(leaks_tell(&leaks, 6));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(trees_of_one_kind_are_a_group_and_the_largest_comes_first),
		TEST(types_and_sites_part_groups),
		TEST(what_is_suppressed_is_counted_apart),
		TEST(what_was_there_before_with_its_size_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
