/* Small heaps with pointers in them: all graphs of a few blocks, and what is hard about addresses.
 */
#include "heap/graph.h"

#include "references.h"
#include "unit.h"

#include "heap/lost.h"
#include "heap/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (64 * KIB)

static const struct scan_form native = {.width = 8};

static _Alignas(16) unsigned char memory[SIZE];
static struct town town;

static void begin(struct scan_form form)
{
	town_init(&town, form, memory, sizeof(memory));
	town.has_view = true;
}

/* All that can be asked of the town; with two kinds of crews and of code. */
static void check_town(void)
{
	const struct scan_code *codes[] = {&scan_code_any, scan_code_here()};
	unsigned nworkers;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes); i++)
		for (nworkers = 1; nworkers <= 3; nworkers += 2) {
			struct crew crew = crew_in_turn(nworkers);
			struct block_index index;

			assert_int_equal(town_index(&town, nworkers - 1, &index), 0);
			assert_int_equal(town_check(&town, &index, &crew, codes[i]), 0);
			block_index_fini(&index);
		}
}

/*
 * Graphs.
 */

/* `edges` has a bit for each pair of different blocks, `roots` one for each block. */
static void make_graph(unsigned nblocks, unsigned edges, unsigned roots)
{
	unsigned i, j, bit = 0;
	plat_addr root;

	begin(native);
	root = town.base + 4096;
	for (i = 0; i < nblocks; i++)
		town_add_block(&town, town.base + i * 64, 56, BLOCK_LIVE);
	for (i = 0; i < nblocks; i++)
		for (j = 0; j < nblocks; j++) {
			bool is_there = i != j && (edges >> bit & 1);

			bit += i != j;
			if (is_there)
				town_put(&town, town.base + i * 64 + j * 8,
					 town.base + j * 64 + (i + j == 3 ? 8 : 0));
		}
	for (i = 0; i < nblocks; i++)
		if (roots >> i & 1)
			town_put(&town, root + i * 8, town.base + i * 64);
	town_add_root(&town, ROOT_GLOBAL, root, root + 8);
	town_add_root(&town, ROOT_STACK, root + 8, root + 64);
}

/* Of four blocks, those that roots point to are none, the first, the last, two, or all. */
static bool is_tried(unsigned nblocks, unsigned roots)
{
	return nblocks < 4 || roots == 0 || roots == 1 || roots == 8 || roots == 6 || roots == 15;
}

static void all_graphs_of_up_to_four_blocks(void **state)
{
	struct crew crew = crew_in_turn(1);
	unsigned nblocks, edges, roots;

	(void)state;
	for (nblocks = 0; nblocks <= 4; nblocks++)
		for (edges = 0; edges < 1u << (nblocks ? nblocks * (nblocks - 1) : 0); edges++)
			for (roots = 0; roots < 1u << nblocks; roots++) {
				struct block_index index;

				if (!is_tried(nblocks, roots))
					continue;
				make_graph(nblocks, edges, roots);
				town.size = 8192;
				assert_int_equal(town_index(&town, 0, &index), 0);
				assert_int_equal(town_check(&town, &index, &crew, NULL), 0);
				block_index_fini(&index);
			}
}

static void make_everything(void)
{
	begin(native);
	town_add_block(&town, town.base, 64, BLOCK_LIVE);
	town_add_block(&town, town.base + 64, 64, BLOCK_FREE);
	town_add_block(&town, town.base + 128, 64, BLOCK_UNKNOWN);
	town_add_block(&town, town.base + 192, 64, BLOCK_CACHED);
	town_add_block(&town, town.base + 256, 20000, BLOCK_LIVE);
	town_add_block(&town, town.base + 0x8000, 64, BLOCK_LIVE);
	town_add_block(&town, town.base + 0x8040, 64, BLOCK_LIVE);
	/* From what is free to what is live, and back; from what is unknown; into the middle. */
	town_put(&town, town.base + 64, town.base);
	town_put(&town, town.base, town.base + 64);
	town_put(&town, town.base + 136, town.base + 256 + 10000);
	town_put(&town, town.base + 256 + 19992, town.base + 256);
	town_put(&town, town.base + 0x8000, town.base + 0x8040);
	town_put(&town, town.base + 0x8040, town.base + 0x8001);
	town_add_word(&town, ROOT_REGISTER, town.base + 16);
	town_add_word(&town, ROOT_REGISTER, 0);
}

static void blocks_of_every_state(void **state)
{
	(void)state;
	make_everything();
	check_town();
}

static void what_is_free_keeps_nothing(void **state)
{
	struct crew crew = crew_in_turn(1);
	struct block_index index;
	struct reader *readers[] = {&town.reader};
	struct graph graph;
	struct reach reach;

	(void)state;
	begin(native);
	town_add_block(&town, town.base, 64, BLOCK_LIVE);
	town_add_block(&town, town.base + 64, 64, BLOCK_CACHED);
	town_put(&town, town.base + 64, town.base);
	town_add_word(&town, ROOT_GLOBAL, town.base + 64);
	assert_int_equal(town_index(&town, 0, &index), 0);
	assert_int_equal(graph_make(&(struct graph_input){.index = &index,
							  .roots = town.roots,
							  .nroots = town.nroots,
							  .crew = &crew,
							  .readers = readers,
							  .form = native},
				    &graph),
			 0);
	assert_int_equal(reach_make(&graph, ROOTS_ALL, NULL, &reach), 0);
	assert_true(reach_is_lost(&reach, 0));
	assert_false(reach_is_lost(&reach, 1));
	reach_fini(&reach);
	graph_fini(&graph);
	block_index_fini(&index);
}

static void what_lies_in_a_hole_is_not_asked_for(void **state)
{
	struct crew crew = crew_in_turn(1);
	struct block_index index;
	struct reader *readers[] = {&town.reader};
	const struct heap_run present[] = {{TOWN_BASE, TOWN_BASE + 4096},
					   {TOWN_BASE + 8192, TOWN_BASE + 12288}};
	struct graph graph;

	(void)state;
	begin(native);
	town_add_block(&town, town.base, 32, BLOCK_LIVE);
	town_add_block(&town, town.base + 32, UINT64_C(1) << 46, BLOCK_LIVE);
	town_put(&town, town.base + 32, town.base);
	town_put(&town, town.base + 5000 * 8, town.base);
	assert_int_equal(town_index(&town, 0, &index), 0);
	assert_int_equal(graph_make(&(struct graph_input){.index = &index,
							  .crew = &crew,
							  .readers = readers,
							  .form = native,
							  .present = present,
							  .npresent = ARRAY_SIZE(present)},
				    &graph),
			 0);
	assert_int_equal(graph.told_blocks.bytes, 8192);
	assert_int_equal(graph.told_blocks.unread, 0);
	assert_int_equal(graph_edges(&graph), 1);
	graph_fini(&graph);
	block_index_fini(&index);
}

static void a_page_that_cannot_be_read_is_left_out_and_counted(void **state)
{
	struct crew crew = crew_in_turn(1);
	struct reader *readers[] = {&town.reader};
	struct block_index index;
	struct graph graph;

	(void)state;
	begin(native);
	town_add_block(&town, town.base, 3 * PAGE, BLOCK_LIVE);
	town_add_block(&town, town.base + 3 * PAGE, 64, BLOCK_LIVE);
	town_put(&town, town.base + PAGE - 8, town.base + 3 * PAGE);
	town_put(&town, town.base + PAGE, town.base + 3 * PAGE + 8);
	town_put(&town, town.base + 2 * PAGE, town.base + 3 * PAGE + 16);
	town.unreadable = 2;
	town.has_view = false;
	check_town();
	assert_int_equal(town_index(&town, 0, &index), 0);
	assert_int_equal(graph_make(&(struct graph_input){.index = &index,
							  .crew = &crew,
							  .readers = readers,
							  .form = native},
				    &graph),
			 0);
	assert_int_equal(graph.told_blocks.unread, PAGE);
	assert_int_equal(graph.told_blocks.bytes, 3 * PAGE + 64);
	graph_fini(&graph);
	block_index_fini(&index);
}

static void words_of_other_widths_and_byte_orders(void **state)
{
	const struct scan_form forms[] = {
		{.width = 8},
		{.width = 8, .is_swapped = true},
		{.width = 4},
		{.width = 4, .is_swapped = true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		begin(forms[i]);
		town_add_block(&town, town.base + 8, 24, BLOCK_LIVE);
		town_add_block(&town, town.base + 48, 1, BLOCK_LIVE);
		town_add_block(&town, town.base + 64, 64, BLOCK_LIVE);
		town_put(&town, town.base + 8 + 2 * forms[i].width, town.base + 48);
		town_put(&town, town.base + 64, town.base + 8);
		town_put(&town, town.base + 128 - forms[i].width, town.base + 31);
		town_add_word(&town, ROOT_TLS, town.base + 127);
		check_town();
	}
}

static void a_crew_may_have_more_workers_than_there_are_blocks(void **state)
{
	struct crew crew = crew_in_turn(CREW_MOST);
	struct block_index index;

	(void)state;
	make_everything();
	assert_int_equal(town_index(&town, 0, &index), 0);
	assert_int_equal(town_check(&town, &index, &crew, NULL), 0);
	block_index_fini(&index);
}

static void every_allocation_may_fail(void **state)
{
	struct crew crew = crew_in_turn(2);
	size_t n;

	(void)state;
	make_everything();
	town.has_view = false;
	FOR_EACH_ALLOCATION(n)
	{
		struct block_index index;
		int r = town_index(&town, 1, &index);

		if (r == 0) {
			r = town_check(&town, &index, &crew, NULL);
			block_index_fini(&index);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

/*
 * Addresses.
 */

static void a_pointer_behind_a_block_is_none(void **state)
{
	(void)state;
	begin(native);
	town_add_block(&town, town.base, 20, BLOCK_LIVE);
	town_add_block(&town, town.base + 32, 0, BLOCK_LIVE);
	town_add_block(&town, town.base + 48, 16, BLOCK_LIVE);
	town_add_word(&town, ROOT_GLOBAL, town.base + 20);
	town_add_word(&town, ROOT_GLOBAL, town.base + 32);
	town_add_word(&town, ROOT_GLOBAL, town.base + 33);
	town_add_word(&town, ROOT_GLOBAL, town.base + 64);
	check_town();
}

static void blocks_that_begin_between_grains(void **state)
{
	(void)state;
	begin(native);
	town_add_block(&town, town.base + 8, 8, BLOCK_LIVE);
	town_add_block(&town, town.base + 24, 40, BLOCK_LIVE);
	town_add_block(&town, town.base + 65, 30000, BLOCK_LIVE);
	town_put(&town, town.base + 24, town.base + 16);
	town_put(&town, town.base + 32, town.base + 64);
	town_put(&town, town.base + 40, town.base + 65);
	check_town();
}

static void make_index(struct block_index *ret, const struct block_entry *entries, size_t n)
{
	struct blocks blocks;
	size_t i;

	assert_int_equal(blocks_init(&blocks, 8), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(
			blocks_add(&blocks, entries[i].address, entries[i].size, entries[i].state),
			0);
	assert_int_equal(blocks_finish(&blocks, ret), 0);
	blocks_fini(&blocks);
	assert_true(block_index_valid(ret));
}

static void blocks_that_overlap_are_cut(void **state)
{
	const struct block_entry entries[] = {
		{0x1000, 0x100, BLOCK_LIVE},	  {0x1080, UINT64_MAX, BLOCK_LIVE},
		{0x1080, 0x10, BLOCK_FREE},	  {0x1088, 0x10, BLOCK_LIVE},
		{0x2000, 0x10, BLOCK_LIVE},	  {UINT64_MAX, 8, BLOCK_LIVE},
		{UINT64_MAX - 7, 64, BLOCK_LIVE},
	};
	struct block_index index;

	(void)state;
	make_index(&index, entries, ARRAY_SIZE(entries));
	assert_int_equal(index.n, 4);
	assert_int_equal(index.noverlapping, 2);
	assert_int_equal(index.nleft_out, 3);
	assert_int_equal(block_size_of(&index, 0), 0x80);
	assert_int_equal(block_size_of(&index, 1), 0x2000 - 0x1080);
	assert_int_equal(block_size_of(&index, 3), 7);
	block_index_fini(&index);
}

#define MANY 20000

/* Each order costs n log n, and gives the same. */
static void blocks_come_in_any_order(void **state)
{
	size_t order, i;

	(void)state;
	for (order = 0; order < 4; order++) {
		struct block_index index;
		struct blocks blocks;

		assert_int_equal(blocks_init(&blocks, 8), 0);
		for (i = 0; i < MANY; i++) {
			size_t at = order == 0	 ? i
				    : order == 1 ? MANY - 1 - i
				    : order == 2 ? i * 7919 % MANY
						 : (i % 2 ? MANY / 2 : 0) + i / 2;

			assert_int_equal(blocks_add(&blocks, 0x10000 + at * 48, 40,
						    (enum block_state)(at % 4)),
					 0);
		}
		assert_int_equal(blocks_finish(&blocks, &index), 0);
		blocks_fini(&blocks);
		assert_true(block_index_valid(&index));
		assert_int_equal(index.n, MANY);
		assert_int_equal(index.nlive, MANY / 4);
		for (i = 0; i < MANY; i += 37) {
			assert_int_equal(block_address_of(&index, (uint32_t)i), 0x10000 + i * 48);
			assert_int_equal(block_state_of(&index, (uint32_t)i), i % 4);
		}
		block_index_fini(&index);
	}
}

/* However far apart blocks are, it is they that cost memory. */
static void a_heap_may_lie_all_over_the_address_space(void **state)
{
	struct block_index index;
	struct blocks blocks;
	uint64_t i, offset;

	(void)state;
	assert_int_equal(blocks_init(&blocks, 8), 0);
	for (i = 0; i < 1 << 14; i++)
		assert_int_equal(blocks_add(&blocks, i << 33, 1 << 30, BLOCK_LIVE), 0);
	for (i = 0; i < 1 << 14; i++)
		assert_int_equal(
			blocks_add(&blocks, (UINT64_C(1) << 50) + (i << 14), 16, BLOCK_LIVE), 0);
	assert_int_equal(blocks_finish(&blocks, &index), 0);
	blocks_fini(&blocks);
	assert_true(index.nlines <= 2 * index.n + 2048);
	assert_int_equal(block_index_find(&index, (UINT64_C(5) << 33) + (1 << 29), &offset), 5);
	assert_int_equal(offset, 1 << 29);
	assert_int_equal(block_index_find(&index, (UINT64_C(5) << 33) + (1 << 30), &offset),
			 NO_BLOCK);
	assert_int_equal(block_index_find(&index, (UINT64_C(1) << 50) + (5 << 14) + 15, &offset),
			 (1 << 14) + 5);
	block_index_fini(&index);
}

static unsigned nexpected;

static void note_expected(void *at, size_t size)
{
	assert_non_null(at);
	assert_true(size > 0);
	nexpected++;
}

/* So many lines that it is worth it: one for each block. */
static void an_index_that_has_moved_is_the_same(void **state)
{
	const struct crew none = {.nworkers = 1}, crew = {.nworkers = 1, .expect = note_expected};
	const uint64_t n = 40000, apart = LINE_GRAINS * 16;
	struct block_index index;
	struct blocks blocks;
	uint64_t i, offset;
	const void *lines;

	(void)state;
	assert_int_equal(blocks_init(&blocks, 8), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(blocks_add(&blocks, 0x10000 + i * apart, 24, BLOCK_LIVE), 0);
	assert_int_equal(blocks_finish(&blocks, &index), 0);
	blocks_fini(&blocks);

	lines = index.lines;
	block_index_move(&index, &none);
	assert_ptr_equal(index.lines, lines);
	nexpected = 0;
	block_index_move(&index, &crew);
	assert_int_equal(nexpected, 2); /* lines and sizes */
	assert_ptr_not_equal(index.lines, lines);
	assert_int_equal((uintptr_t)index.lines % CACHE_LINE, 0);
	assert_true(block_index_valid(&index));
	for (i = 0; i < n; i += 997) {
		assert_int_equal(block_index_find(&index, 0x10000 + i * apart + 23, &offset), i);
		assert_int_equal(offset, 23);
		assert_int_equal(scan_word(&index, 0x10000 + i * apart + 24), NO_EDGE);
	}
	block_index_fini(&index);
}

static void an_index_of_nothing(void **state)
{
	struct block_index index;
	uint64_t offset;

	(void)state;
	make_index(&index, NULL, 0);
	assert_int_equal(block_index_find(&index, 0x1000, &offset), NO_BLOCK);
	assert_int_equal(scan_word(&index, 0x1000), NO_EDGE);
	block_index_fini(&index);
	begin(native);
	town_add_root(&town, ROOT_GLOBAL, town.base, town.base + 64);
	check_town();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_graphs_of_up_to_four_blocks),
		cmocka_unit_test(blocks_of_every_state),
		cmocka_unit_test(what_is_free_keeps_nothing),
		cmocka_unit_test(what_lies_in_a_hole_is_not_asked_for),
		cmocka_unit_test(a_page_that_cannot_be_read_is_left_out_and_counted),
		cmocka_unit_test(words_of_other_widths_and_byte_orders),
		cmocka_unit_test(a_crew_may_have_more_workers_than_there_are_blocks),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_pointer_behind_a_block_is_none),
		cmocka_unit_test(blocks_that_begin_between_grains),
		cmocka_unit_test(blocks_that_overlap_are_cut),
		cmocka_unit_test(blocks_come_in_any_order),
		cmocka_unit_test(a_heap_may_lie_all_over_the_address_space),
		cmocka_unit_test(an_index_that_has_moved_is_the_same),
		cmocka_unit_test(an_index_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
