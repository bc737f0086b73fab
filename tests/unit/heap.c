/* What plat heap shows of a heap made by hand. */
#include "view/heap.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#define NPROOFS 14

static const struct heap_type type = {.name = "glibc"};
static struct heap_arena arenas[30];
static struct heap_class classes[] = {
	{.number = 3, .stride = 48, .slabs = 2, .sums = {.live_blocks = 5, .free_blocks = 2}},
	{.name = "run", .slabs = 1, .sums = {.live_blocks = 1}},
};
static struct heap_proof proofs[NPROOFS];
static struct heap_reading heap;
static struct heaps heaps;
static struct space space;
static struct survey survey;
static struct survey_sums arena_sums[30];
static struct survey_size sizes[] = {{1000000000, 3}, {17, 12345678}};
static struct survey_pin pins[] = {{0x7fffffffe000, 0x7fffffffffff, 17, 1, 0x7fffffffe010, 17}};
static struct heap_report report;

static void make_heap(void)
{
	size_t i;

	heap = (struct heap_reading){
		.type = &type,
		.space = &space,
		.module = NO_MODULE,
		.version = "2.36",
		.arenas = arenas,
		.narenas = ARRAY_SIZE(arenas),
		.classes = classes,
		.nclasses = ARRAY_SIZE(classes),
		.proofs = {.list = proofs, .n = NPROOFS},
		.sums = {.held = 1 << 30, .live_bytes = 1 << 29, .live_blocks = 12345681},
		.state_bytes = 4096,
	};
	for (i = 0; i < ARRAY_SIZE(arenas); i++)
		arenas[i] = (struct heap_arena){
			.kind = i ? ARENA_FURTHER : ARENA_MAIN,
			.number = (uint32_t)i + 1,
			.tid = 4000000 + (int)i,
			.sums = {.held = 1000 + i, .free_bytes = 400, .largest_free = 100},
		};
	for (i = 0; i < NPROOFS; i++) {
		proofs[i] = (struct heap_proof){.result = PROOF_HOLDS, .found = i, .told = i};
		snprintf(proofs[i].words, sizeof(proofs[i].words), "thing %zu", i);
	}
	proofs[12].result = PROOF_FAILS;
	proofs[12].told = 13;
	proofs[13].result = PROOF_NOT_MADE;
	snprintf(proofs[13].why, sizeof(proofs[13].why), "it was nowhere");
}

static int set_up(void **state)
{
	(void)state;
	space_init(&space);
	space.machine.page_size = PAGE;
	space.process.pid = 4711;
	space.figures[VM_RSS] = 1 << 20;
	strcpy(space.process.command, "a\033[2Jb");
	make_heap();
	heaps = (struct heaps){.readings = {&heap}, .n = 1, .has_used = true};
	heaps.allocator.provider = NO_MODULE;
	survey = (struct survey){
		.arenas = arena_sums,
		.narenas = ARRAY_SIZE(arena_sums),
		.sizes = sizes,
		.nsizes = ARRAY_SIZE(sizes),
		.pins = pins,
		.npins = ARRAY_SIZE(pins),
		.cells = {{4096, 4096, 4096, 0}, {4096, 0, 4096, 4096}, {4096, 0, 0, 0}},
		.ncells = 3,
		.cell_bytes = 4096,
		.bucket_blocks = {[0] = 1, [5] = 12345678, [30] = 3, [64] = 1},
		.bucket_bytes = {[5] = 17, [30] = UINT64_C(3000000000), [64] = UINT64_MAX - 1},
	};
	report = (struct heap_report){
		.space = &space,
		.heaps = &heaps,
		.surveys = &survey,
		.is_stopped = true,
		.looked = "",
		.show = {.classes = true, .trim = true, .top = 10},
	};
	report.ladder.rss_anon = UNKNOWN;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	space_fini(&space);
	return 0;
}

static const char *draw(struct text *text, bool unicode, bool bytes)
{
	const struct paint paint = {.columns = 80, .unicode = unicode, .bytes = bytes};

	*text = TEXT_EMPTY;
	heap_draw(&report, &paint, text);
	return text_string(text);
}

static void all_tables_are_tidy(void **state)
{
	struct text text;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		const char *shown = draw(&text, i, false);

		assert_tidy(shown, 80);
		if (i == 0)
			assert_ascii(shown);
		assert_non_null(strstr(shown, "a\\x1b[2Jb 4711"));
		assert_non_null(strstr(shown, "and 20 more, which hold less: --top 30"));
		text_fini(&text);
	}
}

static void the_largest_arenas_come_first(void **state)
{
	struct text text;
	const char *shown = draw(&text, false, true), *first = strstr(shown, "\narena 30 ");

	(void)state;
	assert_non_null(first);
	assert_ptr_equal(strstr(first + 1, "\narena "), strstr(shown, "\narena 29 "));
	assert_null(strstr(shown, "\narena 20 "));
	assert_non_null(strstr(shown, " 75%")); /* 300 of 400 are not in the largest */
	text_fini(&text);
}

static void what_does_not_hold_comes_first(void **state)
{
	struct text text;
	const char *shown = strstr(draw(&text, false, false), "\nPROOFS\n");

	(void)state;
	assert_non_null(shown);
	assert_int_equal(strncmp(shown + strlen("\nPROOFS\n"),
				 "fails     thing 12: found 12, told 13\n"
				 "not made  thing 13: it was nowhere\n"
				 "holds     thing 0: 0\n",
				 90),
			 0);
	assert_non_null(strstr(shown, "holds     thing 9: 9\nand 2 more hold: --top 12\n"));
	text_fini(&text);
}

static void what_is_not_known_is_a_dash(void **state)
{
	struct text text;
	const char *shown;

	(void)state;
	report.pages_why = "a core does not say";
	report.ladder.anonymous = UNKNOWN;
	shown = draw(&text, false, false);
	assert_tidy(shown, 80);
	assert_non_null(strstr(shown, "anonymous          -       -  not known: a core does not"));
	assert_non_null(strstr(shown, "\nidle               -       -"));
	assert_null(strstr(shown, "\nPINNED"));
	text_fini(&text);
}

static void an_allocator_that_cannot_be_read_has_a_name_and_memory(void **state)
{
	struct text text;
	const char *shown;

	(void)state;
	heaps = (struct heaps){.allocator = {.how = ALLOCATOR_LINKED,
					     .kind = ALLOCATOR_JEMALLOC,
					     .provider = NO_MODULE}};
	report.ladder.opaque = (struct heap_opaque){
		.kind = ALLOCATOR_JEMALLOC, .regions = 3, .size = 3 * MIB, .resident = MIB};
	shown = draw(&text, false, false);
	assert_tidy(shown, 80);
	assert_non_null(strstr(shown, "jemalloc          1M      3M  in 3 regions that nothing"));
	text_fini(&text);
}

static void blocks_are_objects_a_line(void **state)
{
	const struct block block = {.address = 0x7f0000001000,
				    .size = 24,
				    .extent = 32,
				    .class = NO_CLASS,
				    .arena = 1,
				    .state = BLOCK_CACHED};
	const struct heap_row row = {.heap = &heap, .block = &block, .resident = UNKNOWN};
	struct text text = TEXT_EMPTY;

	(void)state;
	heap_json_block(&row, &text);
	assert_string_equal(text_string(&text),
			    "{\"addr\":\"0x7f0000001000\",\"size\":24,\"size_is\":\"usable\","
			    "\"state\":\"cached\",\"arena\":\"arena 2\",\"resident\":null,"
			    "\"extent\":32,\"class\":null,\"tid\":4000001,\"site\":null,"
			    "\"allocator\":\"glibc\"}\n");
	text_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_tables_are_tidy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_largest_arenas_come_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_hold_comes_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_known_is_a_dash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_allocator_that_cannot_be_read_has_a_name_and_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blocks_are_objects_a_line, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
