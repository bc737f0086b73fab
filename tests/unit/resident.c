/* Page runs given to regions made by hand, and what plat resident says of them. */
#include "view/resident.h"

#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_STATES                                                                                 \
	(PAGE_PRESENT | PAGE_SWAPPED | PAGE_FILE | PAGE_ZERO | PAGE_HUGE | PAGE_GUARD |            \
	 PAGE_EXCLUSIVE)

static const struct resident_style style = {
	.paint = {.columns = 80, .unicode = true},
	.exclusive = true,
};

/* Two neighbours, cut in the middle of a page, and one far above. */
static void build(struct space *space)
{
	begin_town(space);
	add_region(space, 0x10000, 0x14800, KIND_DATA, RW);
	add_region(space, 0x14800, 0x20000, KIND_BSS, RW);
	add_region(space, 0x7f0000000000, 0x7f0000010000, KIND_ANON, RW);
}

static void add(struct resident *resident, plat_addr start, plat_addr end, unsigned state)
{
	struct page_run run = {start, end, state};

	resident_add(resident, &run);
}

static void begin(struct resident *resident, const struct space *space, plat_addr start,
		  plat_addr end, uint64_t cell_size)
{
	assert_int_equal(resident_select(space, 0, start, end, resident), 0);
	assert_int_equal(resident_begin(resident, 16, cell_size, ALL_STATES), 0);
}

static void a_page_across_a_border_counts_for_both(void **state)
{
	struct resident resident;
	struct space space;

	(void)state;
	build(&space);
	begin(&resident, &space, 0, 0, 0);
	add(&resident, 0x14000, 0x16000, PAGE_PRESENT | PAGE_EXCLUSIVE);
	resident_finish(&resident);
	assert_int_equal(resident.nrows, 3);
	assert_int_equal(resident.rows[0].bytes[RESIDENCE_RSS], 0x800);
	assert_int_equal(resident.rows[1].bytes[RESIDENCE_RSS], 0x1800);
	assert_int_equal(resident.rows[1].bytes[RESIDENCE_EXCLUSIVE], 0x1800);
	assert_int_equal(resident.rows[2].bytes[RESIDENCE_RSS], 0);
	resident_fini(&resident);
	space_fini(&space);
}

static void each_state_has_its_figure(void **state)
{
	struct resident resident;
	struct space space;
	uint64_t totals[NRESIDENCES];

	(void)state;
	build(&space);
	begin(&resident, &space, 0x7f0000000000, 0x7f0000010000, 0x1000);
	add(&resident, 0x7f0000000000, 0x7f0000001000, PAGE_PRESENT);
	add(&resident, 0x7f0000001000, 0x7f0000003000, PAGE_PRESENT | PAGE_FILE);
	add(&resident, 0x7f0000003000, 0x7f0000006000, PAGE_SWAPPED);
	add(&resident, 0x7f0000006000, 0x7f0000007000, PAGE_PRESENT | PAGE_ZERO);
	add(&resident, 0x7f0000007000, 0x7f0000008000, PAGE_GUARD);
	add(&resident, 0x7f0000008000, 0x7f000000a000, PAGE_PRESENT | PAGE_HUGE);
	resident_finish(&resident);
	resident_totals(&resident, totals);
	assert_int_equal(totals[RESIDENCE_RSS], 0x5000);
	assert_int_equal(totals[RESIDENCE_ANON], 0x3000);
	assert_int_equal(totals[RESIDENCE_FILE], 0x2000);
	assert_int_equal(totals[RESIDENCE_SWAP], 0x3000);
	assert_int_equal(totals[RESIDENCE_ZERO], 0x1000);
	assert_int_equal(totals[RESIDENCE_GUARD], 0x1000);
	assert_int_equal(totals[RESIDENCE_HUGE], 0x2000);
	assert_int_equal(resident.cells, 16);
	assert_int_equal(resident.rows[0].looks[0], LOOK_FULL);
	assert_int_equal(resident.rows[0].looks[3], LOOK_SWAPPED);
	assert_int_equal(resident.rows[0].looks[6], LOOK_ZERO);
	assert_int_equal(resident.rows[0].looks[7], LOOK_GUARD);
	assert_int_equal(resident.rows[0].looks[8], LOOK_HUGE);
	assert_int_equal(resident.rows[0].looks[10], LOOK_ABSENT);
	resident_fini(&resident);
	space_fini(&space);
}

static void a_cell_shows_how_much_of_it_is_there(void **state)
{
	struct resident resident;
	struct space space;

	(void)state;
	build(&space);
	begin(&resident, &space, 0x7f0000000000, 0x7f0000010000, 0x4000);
	add(&resident, 0x7f0000000000, 0x7f0000001000, PAGE_PRESENT);
	add(&resident, 0x7f0000004000, 0x7f0000006000, PAGE_PRESENT);
	add(&resident, 0x7f0000008000, 0x7f000000b000, PAGE_PRESENT);
	add(&resident, 0x7f000000c000, 0x7f0000010000, PAGE_PRESENT);
	resident_finish(&resident);
	assert_int_equal(resident.cells, 4);
	assert_int_equal(resident.rows[0].looks[0], LOOK_QUARTER);
	assert_int_equal(resident.rows[0].looks[1], LOOK_HALF);
	assert_int_equal(resident.rows[0].looks[2], LOOK_MOST);
	assert_int_equal(resident.rows[0].looks[3], LOOK_FULL);
	resident_fini(&resident);
	space_fini(&space);
}

static void a_range_cuts_regions_and_sees_nothing_beside_it(void **state)
{
	struct resident resident;
	struct space space;

	(void)state;
	build(&space);
	begin(&resident, &space, 0x12000, 0x15000, 0);
	add(&resident, 0x10000, 0x20000, PAGE_PRESENT);
	resident_finish(&resident);
	assert_int_equal(resident.nrows, 2);
	assert_int_equal(resident.rows[0].bytes[RESIDENCE_RSS], 0x2800);
	assert_int_equal(resident.rows[1].bytes[RESIDENCE_RSS], 0x800);
	assert_false(resident.whole);
	resident_fini(&resident);
	assert_int_equal(resident_select(&space, 0, 0x20000, 0x30000, &resident), 0);
	assert_int_equal(resident.nrows, 0);
	resident_fini(&resident);
	space_fini(&space);
}

static void runs_that_overlap_or_go_back_count_once(void **state)
{
	struct resident resident;
	struct space space;
	uint64_t totals[NRESIDENCES];

	(void)state;
	build(&space);
	begin(&resident, &space, 0, 0, 0);
	add(&resident, 0x10000, 0x12000, PAGE_PRESENT);
	add(&resident, 0x11000, 0x13000, PAGE_PRESENT);
	add(&resident, 0x10000, 0x11000, PAGE_PRESENT);
	add(&resident, 0x13000, 0x12000, PAGE_PRESENT);
	add(&resident, 0, UINT64_MAX, PAGE_PRESENT);
	resident_finish(&resident);
	resident_totals(&resident, totals);
	assert_int_equal(totals[RESIDENCE_RSS], 0x20000);
	resident_fini(&resident);
	space_fini(&space);
}

static void what_the_kernel_does_not_tell_is_not_zero(void **state)
{
	struct resident resident;
	struct space space;
	struct text text = TEXT_EMPTY;

	(void)state;
	build(&space);
	assert_int_equal(resident_select(&space, 0, 0, 0, &resident), 0);
	assert_int_equal(resident_begin(&resident, 16, 0, PAGE_PRESENT | PAGE_SWAPPED), 0);
	resident_finish(&resident);
	assert_true(resident.rows[0].bytes[RESIDENCE_HUGE] == UNKNOWN);
	assert_true(resident.rows[0].bytes[RESIDENCE_GUARD] == UNKNOWN);
	assert_int_equal(resident.rows[0].bytes[RESIDENCE_SWAP], 0);
	assert_int_equal(resident_draw(&resident, &style, &text), 0);
	assert_non_null(strstr(text_string(&text), "huge: - (the kernel does not tell"));
	assert_non_null(strstr(text_string(&text), "No page is swapped."));
	text.size = 0;
	assert_int_equal(resident_json(&resident, &text), 0);
	assert_non_null(strstr(text_string(&text), "\"zero\":null,\"zero_why\":"));
	text_fini(&text);
	resident_fini(&resident);
	space_fini(&space);
}

static void pages_that_may_not_be_seen_have_a_reason(void **state)
{
	struct resident resident;
	struct space space;
	struct text text = TEXT_EMPTY;

	(void)state;
	build(&space);
	begin(&resident, &space, 0, 0, 0);
	resident_finish(&resident);
	resident_forget(&resident, "pagemap: not permitted");
	assert_int_equal(resident_json(&resident, &text), 0);
	assert_non_null(
		strstr(text_string(&text), "\"rss\":null,\"rss_why\":\"pagemap: not permitted\""));
	assert_non_null(strstr(text_string(&text), "\"strip\":\"----------------\""));
	text_fini(&text);
	resident_fini(&resident);
	space_fini(&space);
}

static void rows_sort_by_any_figure(void **state)
{
	struct resident resident;
	struct space space;

	(void)state;
	build(&space);
	begin(&resident, &space, 0, 0, 0);
	add(&resident, 0x15000, 0x16000, PAGE_PRESENT);
	add(&resident, 0x7f0000000000, 0x7f0000002000, PAGE_PRESENT);
	resident_finish(&resident);
	assert_int_equal(resident_sort(&resident, "rss"), 0);
	assert_int_equal(resident.rows[0].region, 2);
	assert_int_equal(resident.rows[1].region, 1);
	assert_int_equal(resident_sort(&resident, "-RSS"), 0);
	assert_int_equal(resident.rows[0].region, 0);
	assert_int_equal(resident_sort(&resident, "size"), 0);
	assert_int_equal(resident.rows[0].region, 2);
	assert_int_equal(resident_sort(&resident, "nix"), -EINVAL);
	resident_fini(&resident);
	space_fini(&space);
}

static void the_table_fits_eighty_columns(void **state)
{
	struct resident resident;
	struct space space;
	struct text text = TEXT_EMPTY;

	(void)state;
	build(&space);
	begin(&resident, &space, 0, 0, 0);
	add(&resident, 0x10000, 0x11000, PAGE_GUARD);
	add(&resident, 0x11000, 0x12000, PAGE_SWAPPED);
	add(&resident, 0x7f0000000000, 0x7f0000002000, PAGE_PRESENT | PAGE_HUGE);
	add(&resident, 0x7f0000003000, 0x7f0000004000, PAGE_PRESENT | PAGE_ZERO);
	resident_finish(&resident);
	assert_int_equal(resident_draw(&resident, &style, &text), 0);
	assert_non_null(strstr(text_string(&text), "swap 4K"));
	assert_tidy(text_string(&text), 80);
	text_fini(&text);
	resident_fini(&resident);
	space_fini(&space);
}

static void cells_grow_by_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(resident_cell_size(1, 0x1000, 64), 0x1000);
	assert_int_equal(resident_cell_size(64 * 0x1000, 0x1000, 64), 0x1000);
	assert_int_equal(resident_cell_size(64 * 0x1000 + 1, 0x1000, 64), 0x2000);
	/* No size makes more cells than were asked for. */
	assert_true(UINT64_MAX / resident_cell_size(UINT64_MAX, 0x1000, 1024) < 1024);
}

static void strips_of_less_than_a_byte_a_cell_are_full(void **state)
{
	struct resident resident;
	struct space space;
	size_t i;

	(void)state;
	space_init(&space);
	add_region(&space, 0x1000, 0x1008, KIND_ARGS, RW);
	begin(&resident, &space, 0, 0, 0);
	add(&resident, 0x1000, 0x2000, PAGE_PRESENT);
	resident_finish(&resident);
	for (i = 0; i < 16; i++)
		assert_int_equal(resident.rows[0].looks[i], LOOK_FULL);
	resident_fini(&resident);
	space_fini(&space);
}

static void neighbouring_runs_of_one_state_are_one_line(void **state)
{
	struct resident resident;
	struct space space;
	struct text text = TEXT_EMPTY;
	struct resident_pages pages = {.resident = &resident, .text = &text, .exclusive = true};
	const struct page_run runs[] = {
		{0x10000, 0x11000, PAGE_PRESENT | PAGE_EXCLUSIVE},
		{0x11000, 0x13000, PAGE_PRESENT | PAGE_EXCLUSIVE},
		{0x13000, 0x14000, PAGE_PRESENT | PAGE_FILE},
		{0x7f0000000000, 0x7f0000001000, PAGE_GUARD},
		{0x7f0000001000, 0x7f0000002000, PAGE_SWAPPED},
	};
	size_t i;

	(void)state;
	build(&space);
	assert_int_equal(resident_select(&space, 0, 0, 0, &resident), 0);
	resident_pages_begin(&pages, true);
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		resident_pages_add(&pages, &runs[i]);
	resident_pages_finish(&pages);
	assert_string_equal(text_string(&text),
			    "0000000000010000 0000000000013000     12K resident anon exclusive\n"
			    "0000000000013000 0000000000014000      4K resident file shared\n"
			    "00007f0000000000 00007f0000001000      4K guard\n"
			    "00007f0000001000 00007f0000002000      4K swapped\n");
	text_fini(&text);
	resident_fini(&resident);
	space_fini(&space);
}

static void a_list_of_no_pages_is_still_a_document(void **state)
{
	struct resident resident;
	struct space space;
	struct text text = TEXT_EMPTY;
	struct resident_pages pages = {.resident = &resident, .text = &text, .json = true};

	(void)state;
	build(&space);
	assert_int_equal(resident_select(&space, 0, 0, 0, &resident), 0);
	resident_pages_begin(&pages, false);
	resident_pages_finish(&pages);
	assert_non_null(strstr(text_string(&text), "\"pages\": []}"));
	text_fini(&text);
	resident_fini(&resident);
	space_fini(&space);
}

static void every_allocation_can_fail(void **state)
{
	struct space space;
	size_t n;

	(void)state;
	build(&space);
	FOR_EACH_ALLOCATION(n)
	{
		struct resident resident;
		int r = resident_select(&space, 0, 0, 0, &resident);

		if (r == 0) {
			r = resident_begin(&resident, 16, 0, ALL_STATES);
			resident_fini(&resident);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
	}
	space_fini(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_across_a_border_counts_for_both),
		cmocka_unit_test(each_state_has_its_figure),
		cmocka_unit_test(a_cell_shows_how_much_of_it_is_there),
		cmocka_unit_test(a_range_cuts_regions_and_sees_nothing_beside_it),
		cmocka_unit_test(runs_that_overlap_or_go_back_count_once),
		cmocka_unit_test(what_the_kernel_does_not_tell_is_not_zero),
		cmocka_unit_test(pages_that_may_not_be_seen_have_a_reason),
		cmocka_unit_test(rows_sort_by_any_figure),
		cmocka_unit_test(the_table_fits_eighty_columns),
		cmocka_unit_test(cells_grow_by_powers_of_two),
		cmocka_unit_test(strips_of_less_than_a_byte_a_cell_are_full),
		cmocka_unit_test(neighbouring_runs_of_one_state_are_one_line),
		cmocka_unit_test(a_list_of_no_pages_is_still_a_document),
		cmocka_unit_test(every_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
