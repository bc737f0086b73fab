/* What plat usage says of processes made by hand. */
#include "view/usage.h"

#include "space/rollup.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct usage_style style = {.paint = {.columns = 80, .unicode = true}};

static struct usage process(int pid, const char *command, uint64_t rss, uint64_t pss)
{
	struct usage usage;

	usage_init(&usage);
	usage.pid = pid;
	usage.state = 'S';
	usage.start_time = 7;
	snprintf(usage.command, sizeof(usage.command), "%s", command);
	usage.figures[VM_PEAK] = 4 * rss;
	usage.figures[VM_SIZE] = 3 * rss;
	usage.figures[VM_HWM] = usage.figures[VM_RSS] = rss;
	usage.figures[RSS_ANON] = rss - 3 * KIB;
	usage.figures[RSS_FILE] = 2 * KIB;
	usage.figures[RSS_SHMEM] = KIB;
	usage.figures[VM_SWAP] = 0;
	usage.limits[LIMIT_AS] = (struct limit){LIMIT_INFINITE, LIMIT_INFINITE, true};
	usage.rollup.figures[ROLLUP_PSS] = pss;
	usage.rollup.figures[ROLLUP_PRIVATE_CLEAN] = KIB;
	usage.rollup.figures[ROLLUP_PRIVATE_DIRTY] = 3 * KIB;
	return usage;
}

/* The line of `text` in which `word` stands, in the caller's storage. */
static const char *line_with(struct text *text, const char *word, char *to, size_t size)
{
	const char *all = text_string(text), *at = strstr(all, word), *end;

	snprintf(to, size, "no line with %s", word);
	if (!at)
		return to;
	while (at > all && at[-1] != '\n')
		at--;
	end = strchr(at, '\n');
	snprintf(to, size, "%.*s", (int)(end ? end - at : 0), at);
	return to;
}

#define assert_line_has(text, word, part)                                                          \
	do {                                                                                       \
		char found_[512];                                                                  \
                                                                                                   \
		if (!strstr(line_with(text, word, found_, sizeof(found_)), part))                  \
			fail_msg("\"%s\" lacks \"%s\"", found_, part);                             \
	} while (0)

static void figures_stand_in_their_order(void **state)
{
	struct usage usage = process(42, "town", 8 * MIB, 5 * MIB);
	struct text text = TEXT_EMPTY;
	const char *all;

	(void)state;
	usage_draw(&usage, NULL, &style, &text);
	all = text_string(&text);
	assert_non_null(strstr(all, "town 42"));
	assert_true(strstr(all, "VmPeak") < strstr(all, "≥ VmSize"));
	assert_true(strstr(all, "VmHWM") < strstr(all, "≥ VmRSS"));
	assert_true(strstr(all, "≥ VmRSS") < strstr(all, "= RssAnon"));
	assert_true(strstr(all, "= RssAnon") < strstr(all, "+ RssFile"));
	assert_line_has(&text, "VmPeak", "32M");
	assert_line_has(&text, "VmRSS", "8M");
	assert_null(strstr(all, "residual"));
	assert_null(strstr(all, "PSS"));
	text_fini(&text);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	static const unsigned widths[] = {40, 60, 80, 132};
	struct usage usage = process(42, "town", 8 * MIB, 5 * MIB), before = usage;
	struct usage_style narrow = style;
	size_t i;

	(void)state;
	before.figures[VM_RSS] = KIB;
	narrow.shared = true;
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		struct text text = TEXT_EMPTY;

		narrow.paint.columns = widths[i];
		usage_draw(&usage, &before, &narrow, &text);
		assert_tidy(text_string(&text), widths[i]);
		text_fini(&text);
	}
}

static void what_does_not_add_up_is_shown(void **state)
{
	struct usage usage = process(42, "town", 8 * MIB, 5 * MIB);
	struct text text = TEXT_EMPTY;
	int64_t residual;

	(void)state;
	assert_true(usage_residual(&usage, &residual));
	assert_int_equal(residual, 0);
	usage.figures[RSS_FILE] += 64 * KIB;
	assert_true(usage_residual(&usage, &residual));
	assert_int_equal(residual, -(int64_t)(64 * KIB));
	usage_draw(&usage, NULL, &style, &text);
	assert_line_has(&text, "residual", "- residual");
	assert_line_has(&text, "residual", "64K");
	usage.figures[RSS_SHMEM] = UNKNOWN;
	assert_false(usage_residual(&usage, &residual));
	text_fini(&text);
}

static void unknown_is_a_dash_and_not_zero(void **state)
{
	struct text text = TEXT_EMPTY;
	struct usage usage;

	(void)state;
	usage_init(&usage);
	usage_draw(&usage, NULL, &style, &text);
	assert_line_has(&text, "VmRSS", " -");
	assert_null(strstr(strstr(text_string(&text), "VmPeak"), " 0"));
	text_fini(&text);
}

static void a_limit_stands_beside_its_figure(void **state)
{
	struct usage usage = process(42, "town", 8 * MIB, 5 * MIB);
	struct text text = TEXT_EMPTY;

	(void)state;
	usage.figures[VM_STK] = 2 * MIB;
	usage.limits[LIMIT_STACK] = (struct limit){8 * MIB, LIMIT_INFINITE, true};
	usage.figures[VM_LCK] = KIB;
	usage.limits[LIMIT_MEMLOCK] = (struct limit){8 * MIB, 8 * MIB, true};
	usage.figures[VM_DATA] = KIB;
	usage_draw(&usage, NULL, &style, &text);
	assert_line_has(&text, "VmSize", "unlimited");
	assert_line_has(&text, "VmStk", "25% of 8M");
	assert_line_has(&text, "VmLck", "<1% of 8M");
	assert_line_has(&text, "VmData", " - ");
	text_fini(&text);
}

static void changes_since_the_last_look_are_shown(void **state)
{
	struct usage before = process(42, "town", 8 * MIB, 5 * MIB), now = before;
	struct text text = TEXT_EMPTY;

	(void)state;
	now.figures[VM_RSS] += 2 * MIB;
	now.figures[RSS_ANON] -= MIB;
	usage_draw(&now, &before, &style, &text);
	assert_line_has(&text, "VmRSS", "+2M");
	assert_line_has(&text, "RssAnon", "-1M");
	assert_line_has(&text, "RssFile", " = ");
	text_fini(&text);
}

static void a_name_cannot_move_the_cursor(void **state)
{
	struct usage usage = process(42, "a\033[2Jb\nc", 8 * MIB, 5 * MIB);
	struct text text = TEXT_EMPTY;

	(void)state;
	usage_draw(&usage, NULL, &style, &text);
	assert_int_equal(usage_json(&usage, true, &style, &text), 0);
	assert_int_equal(usage_draw_tree(&usage, 1, NULL, 0, &style, &text), 0);
	assert_null(strchr(text_string(&text), '\033'));
	assert_non_null(strstr(text_string(&text), "a\\x1b[2Jb\\x0ac"));
	text_fini(&text);
}

static void a_tree_counts_shared_pages_once(void **state)
{
	struct usage tree[4] = {
		process(1, "front", 10 * MIB, 4 * MIB),
		process(2, "left", 10 * MIB, 3 * MIB),
		process(3, "leaf", 10 * MIB, 3 * MIB),
		process(4, "right", 10 * MIB, 2 * MIB),
	};
	struct text text = TEXT_EMPTY;

	(void)state;
	tree[1].depth = tree[3].depth = 1;
	tree[2].depth = 2;
	assert_int_equal(usage_draw_tree(tree, 4, NULL, 0, &style, &text), 0);
	assert_line_has(&text, "left", "├─left");
	assert_line_has(&text, "leaf", "│ └─leaf");
	assert_line_has(&text, "right", "└─right");
	assert_line_has(&text, "total", "40M");
	assert_line_has(&text, "total", "12M");
	assert_line_has(&text, "total", "4 processes");
	assert_non_null(strstr(text_string(&text), "12M, which is 28M less"));
	text_fini(&text);
}

static void an_unreadable_process_makes_the_sum_a_bound(void **state)
{
	struct usage tree[2] = {
		process(1, "front", 10 * MIB, 4 * MIB),
		process(2, "other", 10 * MIB, UNKNOWN),
	};
	struct usage_sums sums;
	struct text text = TEXT_EMPTY;

	(void)state;
	tree[1].depth = 1;
	rollup_init(&tree[1].rollup);
	snprintf(tree[1].rollup_why, sizeof(tree[1].rollup_why), "smaps_rollup: not permitted");
	sums = usage_sums_of(tree, 2);
	assert_int_equal(sums.no_pss, 1);
	assert_int_equal(sums.pss, 4 * MIB);
	assert_int_equal(usage_draw_tree(tree, 2, NULL, 0, &style, &text), 0);
	assert_line_has(&text, "other", " - ");
	assert_line_has(&text, "other", "not permitted");
	assert_line_has(&text, "total", "≥4M");
	assert_non_null(strstr(text_string(&text), "Why: smaps_rollup:"));
	text.size = 0;
	assert_int_equal(usage_json_tree(tree, 2, true, &style, &text), 0);
	assert_non_null(strstr(text_string(&text), "\"pss\":null,\"pss_why\""));
	assert_non_null(strstr(text_string(&text), "\"known_pss\":4194304"));
	text.size = 0; /* where reasons differ, no one stands for all */
	rollup_init(&tree[0].rollup);
	snprintf(tree[0].rollup_why, sizeof(tree[0].rollup_why), "smaps_rollup: no memory");
	assert_int_equal(usage_draw_tree(tree, 2, NULL, 0, &style, &text), 0);
	assert_line_has(&text, "PSS is not known of 2", "bound.");
	assert_null(strstr(text_string(&text), "Why:"));
	text_fini(&text);
}

static void a_zombie_has_no_memory_and_lacks_none(void **state)
{
	struct usage tree[2] = {process(1, "front", 10 * MIB, 4 * MIB)};
	struct usage_sums sums;

	(void)state;
	usage_init(&tree[1]);
	tree[1].no_memory = true;
	sums = usage_sums_of(tree, 2);
	assert_int_equal(sums.processes, 2);
	assert_int_equal(sums.no_rss, 0);
	assert_int_equal(sums.no_pss, 0);
}

static void a_tree_of_any_depth_is_drawn(void **state)
{
	enum { DEEP = 500 };
	struct usage *tree = calloc(DEEP, sizeof(*tree));
	struct text text = TEXT_EMPTY;
	size_t i;

	(void)state;
	assert_non_null(tree);
	for (i = 0; i < DEEP; i++) {
		tree[i] = process((int)i + 1, "p", MIB, MIB);
		tree[i].depth = (unsigned)i;
	}
	assert_int_equal(usage_draw_tree(tree, DEEP, tree, DEEP, &style, &text), 0);
	assert_line_has(&text, "total", "500 processes");
	text_fini(&text);
	free(tree);
}

static void a_watched_document_is_one_line(void **state)
{
	struct usage usage = process(42, "town", 8 * MIB, 5 * MIB);
	struct usage_style watched = style;
	struct text text = TEXT_EMPTY;

	(void)state;
	watched.time = "2026-11-21T10:00:00.000Z";
	assert_int_equal(usage_json(&usage, true, &watched, &text), 0);
	assert_ptr_equal(strchr(text_string(&text), '\n'), text.data + text.size - 1);
	assert_non_null(strstr(text_string(&text), "{\"schema\":1,\"time\":\"2026-"));
	assert_non_null(strstr(text_string(&text), "\"vm_rss\":8388608"));
	assert_non_null(strstr(text_string(&text), "\"vm_pin\":null,\"vm_pin_why\":"));
	assert_non_null(strstr(text_string(&text), "\"rollup\":null,\"rollup_why\":"));
	text_fini(&text);
}

static void ascii_is_all_that_is_written_where_asked(void **state)
{
	struct usage tree[2] = {process(1, "é", 10 * MIB, 4 * MIB),
				process(2, "b", 10 * MIB, UNKNOWN)};
	struct usage_style ascii = style;
	struct text text = TEXT_EMPTY;

	(void)state;
	tree[1].depth = 1;
	ascii.paint.unicode = false;
	ascii.shared = true;
	usage_draw(&tree[0], &tree[1], &ascii, &text);
	assert_int_equal(usage_draw_tree(tree, 2, NULL, 0, &ascii, &text), 0);
	assert_ascii(text_string(&text));
	text_fini(&text);
}

static void rollup_takes_what_it_understands(void **state)
{
	struct rollup rollup;

	(void)state;
	rollup_init(&rollup);
	rollup_parse(&rollup, "1000-2000 ---p 00000000 00:00 0    [rollup]\n"
			      "Rss:               21212 kB\n"
			      "Pss:               19504 kB\n"
			      "Pss_Anon:          18712 kB\n"
			      "Private_Clean:         4 kB\n"
			      "Private_Dirty:     99999999999999999999 kB\n"
			      "Shared_Clean: none\n"
			      "Shared_Dirty:");
	assert_int_equal(rollup.figures[ROLLUP_RSS], 21212 * KIB);
	assert_int_equal(rollup.figures[ROLLUP_PSS], 19504 * KIB);
	assert_int_equal(rollup.figures[ROLLUP_PRIVATE_CLEAN], 4 * KIB);
	assert_true(rollup.figures[ROLLUP_PRIVATE_DIRTY] == UNKNOWN);
	assert_true(rollup.figures[ROLLUP_SHARED_CLEAN] == UNKNOWN);
	assert_true(rollup.figures[ROLLUP_SHARED_DIRTY] == UNKNOWN);
	assert_true(rollup_uss(&rollup) == UNKNOWN);
	assert_true(rollup_shared(&rollup) == UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_stand_in_their_order),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(what_does_not_add_up_is_shown),
		cmocka_unit_test(unknown_is_a_dash_and_not_zero),
		cmocka_unit_test(a_limit_stands_beside_its_figure),
		cmocka_unit_test(changes_since_the_last_look_are_shown),
		cmocka_unit_test(a_name_cannot_move_the_cursor),
		cmocka_unit_test(a_tree_counts_shared_pages_once),
		cmocka_unit_test(an_unreadable_process_makes_the_sum_a_bound),
		cmocka_unit_test(a_zombie_has_no_memory_and_lacks_none),
		cmocka_unit_test(a_tree_of_any_depth_is_drawn),
		cmocka_unit_test(a_watched_document_is_one_line),
		cmocka_unit_test(ascii_is_all_that_is_written_where_asked),
		cmocka_unit_test(rollup_takes_what_it_understands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
