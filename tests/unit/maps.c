/* The text of maps and smaps: every odd line, cut into pieces anywhere. */
#include "source/maps.h"

#include "fixture.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct maps_reader reader;

static int set_up(void **state)
{
	reader = (struct maps_reader){.space = &space};
	return begin_space(state);
}

static void feed(const char *text)
{
	assert_int_equal(maps_feed(&reader, text, strlen(text)), 0);
}

static void finish(void)
{
	assert_int_equal(maps_finish(&reader), 0);
	check_space(&space);
}

static void assert_bad(const char *line)
{
	struct maps_line ret = {.start = 77};

	assert_int_equal(maps_parse_line(line, &ret), -EINVAL);
	assert_int_equal(ret.start, 77); /* written only on success */
}

/* One line. */

static void a_line_has_all_of_its_fields(void **state)
{
	struct maps_line line;

	(void)state;
	assert_int_equal(maps_parse_line("55d0c5a01000-55d0c5a05000 r-xp 00001000 fe:01 1310746"
					 "                    /usr/bin/cat",
					 &line),
			 0);
	assert_int_equal(line.start, 0x55d0c5a01000);
	assert_int_equal(line.end, 0x55d0c5a05000);
	assert_int_equal(line.rights, RX);
	assert_int_equal(line.offset, 0x1000);
	assert_int_equal(line.major, 0xfe);
	assert_int_equal(line.minor, 1);
	assert_int_equal(line.inode, 1310746);
	assert_string_equal(line.name, "/usr/bin/cat");
}

static void a_line_may_have_no_name(void **state)
{
	struct maps_line line;

	(void)state;
	assert_int_equal(maps_parse_line("1000-2000 ---p 00000000 00:00 0 ", &line), 0);
	assert_string_equal(line.name, "");
	assert_int_equal(maps_parse_line("1000-2000 ---p 00000000 00:00 0", &line), 0);
	assert_string_equal(line.name, "");
}

static void each_right_is_a_letter(void **state)
{
	struct maps_line line;

	(void)state;
	assert_int_equal(maps_parse_line("1000-2000 r--p 0 0:0 0", &line), 0);
	assert_int_equal(line.rights, RIGHT_READ);
	assert_int_equal(maps_parse_line("1000-2000 -w-p 0 0:0 0", &line), 0);
	assert_int_equal(line.rights, RIGHT_WRITE);
	assert_int_equal(maps_parse_line("1000-2000 --xp 0 0:0 0", &line), 0);
	assert_int_equal(line.rights, RIGHT_EXEC);
	assert_int_equal(maps_parse_line("1000-2000 ---s 0 0:0 0", &line), 0);
	assert_int_equal(line.rights, RIGHT_SHARED);
}

static void the_largest_numbers_fit(void **state)
{
	struct maps_line line;

	(void)state;
	assert_int_equal(maps_parse_line("fffffffffffffffe-ffffffffffffffff rwxs ffffffffffffffff "
					 "ffffffff:ffffffff 18446744073709551615 x",
					 &line),
			 0);
	assert_int_equal(line.end, UINT64_MAX);
	assert_int_equal(line.offset, UINT64_MAX);
	assert_int_equal(line.major, UINT32_MAX);
	assert_int_equal(line.inode, UINT64_MAX);
}

static void a_name_keeps_its_blanks_and_marks(void **state)
{
	struct maps_line line;

	(void)state;
	assert_int_equal(maps_parse_line("1000-2000 r--p 0 0:0 5    /a  b\\012c (deleted) ", &line),
			 0);
	assert_string_equal(line.name, "/a  b\\012c (deleted) ");
}

static void broken_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"-",
		"1000",
		"1000-",
		"1000-2000",
		"1000-2000 ",
		"1000-2000 r--",
		"1000-2000 r--p",
		"1000-2000 r--p ",
		"1000-2000 r--p 0",
		"1000-2000 r--p 0 0",
		"1000-2000 r--p 0 0:",
		"1000-2000 r--p 0 0:0",
		"1000-2000 r--p 0 0:0 ",
		"1000-2000 r--p 0 0:0 x",
		"1000-2000 r--p 0 0:0 1x",
		"1000-2000 r--p 0 0:0 -1",
		"1000-2000 r--p 0 0:0 18446744073709551616",
		"1000-2000 r--p 0 0-0 0",
		"1000-2000 rw-x 0 0:0 0",
		"1000-2000 wr-p 0 0:0 0",
		"1000-2000 r--pp 0 0:0 0",
		"1000 2000 r--p 0 0:0 0",
		" 1000-2000 r--p 0 0:0 0",
		"0x1000-0x2000 r--p 0 0:0 0",
		"ABC-DEF r--p 0 0:0 0",
		"1000-10000000000000000 r--p 0 0:0 0",
		"1000-2000\tr--p 0 0:0 0",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		assert_bad(lines[i]);
}

static void a_mapping_that_is_empty_or_backwards_is_refused(void **state)
{
	(void)state;
	assert_bad("1000-1000 r--p 0 0:0 0");
	assert_bad("2000-1000 r--p 0 0:0 0");
	assert_bad("ffffffffffffffff-0 r--p 0 0:0 0");
}

/* Many lines. */

static const char three[] = "1000-2000 r-xp 00000000 08:01 5      /bin/a b\n"
			    "2000-3000 rw-p 00001000 08:01 5      /bin/a b\n"
			    "5000-6000 rw-p 00000000 00:00 0 \n";

static void assert_three(void)
{
	assert_int_equal(space.nregions, 3);
	assert_int_equal(space.nmappings, 3);
	assert_int_equal(space.regions[1].start, 0x2000);
	assert_int_equal(space.regions[1].offset, 0x1000);
	assert_int_equal(space.regions[1].file, 0);
	assert_int_equal(space.regions[2].file, NO_FILE);
	assert_int_equal(space.nfiles, 1);
	assert_string_equal(space.files[0].name, "/bin/a b");
	assert_int_equal(reader.bad_lines, 0);
}

static void lines_become_mappings(void **state)
{
	(void)state;
	feed(three);
	finish();
	assert_three();
}

static void lines_may_be_cut_at_any_byte(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 0; cut <= strlen(three); cut++) {
		end_space(NULL);
		set_up(NULL);
		assert_int_equal(maps_feed(&reader, three, cut), 0);
		assert_int_equal(maps_feed(&reader, three + cut, strlen(three) - cut), 0);
		finish();
		assert_three();
	}
}

static void lines_may_come_byte_by_byte(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < strlen(three); i++)
		assert_int_equal(maps_feed(&reader, three + i, 1), 0);
	finish();
	assert_three();
}

static void the_last_line_needs_no_newline(void **state)
{
	(void)state;
	assert_int_equal(maps_feed(&reader, three, strlen(three) - 1), 0);
	assert_int_equal(space.nregions, 2);
	finish();
	assert_three();
}

static void nothing_makes_no_mapping(void **state)
{
	(void)state;
	feed("");
	finish();
	assert_int_equal(space.nregions, 0);
	assert_int_equal(reader.bad_lines, 0);
}

static void lines_that_make_no_sense_are_counted_and_left_out(void **state)
{
	(void)state;
	feed("what\n1000-2000 r--p 0 0:0 0\n\n\n3000-4000 r--p 0 0:0 0\n");
	finish();
	assert_int_equal(space.nregions, 2);
	assert_int_equal(reader.bad_lines, 3);
}

static void lines_out_of_order_are_left_out(void **state)
{
	(void)state;
	feed("3000-5000 r--p 0 0:0 0\n1000-2000 r--p 0 0:0 0\n4000-6000 r--p 0 0:0 0\n"
	     "5000-6000 r--p 0 0:0 0\n");
	finish();
	assert_int_equal(space.nregions, 2);
	assert_int_equal(space.regions[1].start, 0x5000);
	assert_int_equal(reader.bad_lines, 2);
}

static void a_line_that_is_too_long_loses_only_its_end(void **state)
{
	char *line = malloc(20001);
	size_t i;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', 20000);
	line[20000] = '\0';
	for (i = 0; i < 2; i++) {
		feed(i ? "3000-4000 r--p 0 0:0 7 /" : "1000-2000 r--p 0 0:0 5 /");
		feed(line);
		feed("\n");
	}
	feed("5000-6000 r--p 0 0:0 6 /b\n");
	finish();
	free(line);
	assert_int_equal(space.nregions, 3);
	assert_true(strlen(space.files[0].name) < sizeof(reader.line));
	assert_string_equal(space.files[2].name, "/b");
}

static void a_nul_in_a_line_ends_it(void **state)
{
	static const char text[] = "1000-2000 r--p 0 0:0 5 /a\0b\n3000-4000 r--p 0 0:0 0\n";

	(void)state;
	assert_int_equal(maps_feed(&reader, text, sizeof(text) - 1), 0);
	finish();
	assert_int_equal(space.nregions, 2);
	assert_string_equal(space.files[0].name, "/a");
}

static void a_newline_in_a_name_stays_as_the_kernel_writes_it(void **state)
{
	(void)state;
	feed("1000-2000 r--p 0 08:01 5 /a\\012b c\n");
	finish();
	assert_string_equal(space.files[0].name, "/a\\012b c");
}

static void a_deleted_file_is_another_than_the_one_that_took_its_name(void **state)
{
	(void)state;
	feed("1000-2000 r--p 0 08:01 5 /a (deleted)\n2000-3000 r--p 0 08:01 5 /a (deleted)\n"
	     "3000-4000 r--p 0 08:01 5 /a\n4000-5000 r--p 0 08:01 5 /a (deleted)\n");
	finish();
	assert_int_equal(space.nfiles, 2);
	assert_true(space.files[0].deleted);
	assert_string_equal(space.files[0].name, "/a");
	assert_int_equal(space.regions[1].file, 0);
	assert_int_equal(space.regions[2].file, 1);
	assert_int_equal(space.regions[3].file, 0);
}

static void special_names_share_no_inode_but_a_name(void **state)
{
	(void)state;
	feed("1000-2000 rw-p 0 00:00 0 [heap]\n2000-3000 rw-p 0 00:00 0 [anon:a]\n"
	     "3000-4000 rw-p 0 00:00 0 [heap]\n");
	finish();
	assert_int_equal(space.nfiles, 2);
	assert_int_equal(space.regions[2].file, space.regions[0].file);
}

/* smaps. */

static void read_details(const char *text)
{
	space.details = calloc(space.nmappings + 1, sizeof(*space.details));
	assert_non_null(space.details);
	reader = (struct maps_reader){.space = &space, .with_details = true, .number = SIZE_MAX};
	feed(text);
	finish();
}

static void smaps_gives_figures_to_mappings(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-2000 r-xp 00000000 08:01 5      /bin/a b\n"
		     "Size:                  4 kB\nKernelPageSize:        4 kB\n"
		     "Pss:                   1 kB\nPrivate_Dirty:         2 kB\n"
		     "Swap:                  9 kB\nSwapPss:               3 kB\n"
		     "Locked:                4 kB\nTHPeligible:    0\nProtectionKey:         7\n"
		     "VmFlags: rd ex mr mw me \n"
		     "5000-6000 rw-p 00000000 00:00 0 \nPss:   5 kB\n");
	assert_true(space.details[0].known);
	assert_int_equal(space.details[0].pss, 1024);
	assert_int_equal(space.details[0].private_dirty, 2048);
	assert_int_equal(space.details[0].swap_pss, 3072);
	assert_int_equal(space.details[0].locked, 4096);
	assert_int_equal(space.details[0].page_size, 4096);
	assert_int_equal(space.details[0].protection_key, 7);
	assert_string_equal(space.details[0].flags, "rd ex mr mw me");
	assert_false(space.details[1].known);
	assert_true(space.details[2].known);
	assert_int_equal(space.details[2].pss, 5120);
	assert_int_equal(space.details[2].protection_key, -1);
}

static void both_kinds_of_huge_page_figures_add_up(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-2000 r-xp 0 08:01 5 /bin/a b\nShared_Hugetlb: 2 kB\n"
		     "Private_Hugetlb: 3 kB\nShmemPmdMapped: 1 kB\nFilePmdMapped: 1 kB\n");
	assert_int_equal(space.details[0].hugetlb, 5120);
	assert_int_equal(space.details[0].file_huge, 2048);
}

/* Pss and Pss_Dirty, Swap and SwapPss begin alike. */
static void fields_are_told_apart_by_their_whole_name(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-2000 r-xp 0 08:01 5 /bin/a b\nPss: 1 kB\nPss_Dirty: 8 kB\n"
		     "Pss_Anon: 8 kB\nAnonymous: 2 kB\nAnonHugePages: 4 kB\n");
	assert_int_equal(space.details[0].pss, 1024);
	assert_int_equal(space.details[0].anonymous, 2048);
	assert_int_equal(space.details[0].anon_huge, 4096);
}

static void figures_of_a_mapping_that_changed_are_left_out(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-3000 r-xp 0 08:01 5 /bin/a b\nPss: 1 kB\n"
		     "4000-6000 rw-p 0 00:00 0 \nPss: 1 kB\n"
		     "2000-3000 rw-p 0 08:01 5 /bin/a b\nPss: 3 kB\n");
	assert_false(space.details[0].known);
	assert_true(space.details[1].known);
	assert_int_equal(space.details[1].pss, 3072);
	assert_false(space.details[2].known);
}

static void figures_go_to_mappings_that_have_been_cut(void **state)
{
	(void)state;
	feed(three);
	finish();
	assert_int_equal(space_split(&space, 1, 0x2100), 0);
	read_details("2000-3000 rw-p 0 08:01 5 /bin/a b\nPss: 3 kB\n"
		     "5000-6000 rw-p 0 00:00 0 \nPss: 1 kB\n");
	assert_int_equal(space.details[1].pss, 3072);
	assert_int_equal(space.details[2].pss, 1024);
}

static void figures_before_any_mapping_are_left_out(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("Pss: 1 kB\n1000-2000 r-xp 0 08:01 5 /bin/a b\n");
	assert_int_equal(space.details[0].pss, 0);
}

static void flags_hold_no_control_characters(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-2000 r-xp 0 08:01 5 /bin/a b\nVmFlags: rd \x1b[2J\xff\n");
	assert_string_equal(space.details[0].flags, "rd ?[2J?");
}

static void giant_figures_are_left_out(void **state)
{
	(void)state;
	feed(three);
	finish();
	read_details("1000-2000 r-xp 0 08:01 5 /bin/a b\nPss: 18446744073709551615 kB\n"
		     "Locked: 99999999999999999999 kB\nKernelPageSize: 99999999999 kB\n"
		     "ProtectionKey: 16\nLazyFree: -1 kB\n");
	assert_int_equal(space.details[0].pss, 0);
	assert_int_equal(space.details[0].locked, 0);
	assert_int_equal(space.details[0].page_size, 0);
	assert_int_equal(space.details[0].protection_key, -1);
}

static void many_flags_are_cut_to_their_room(void **state)
{
	char text[1000] = "1000-2000 r-xp 0 08:01 5 /bin/a b\nVmFlags: ";
	unsigned i;

	(void)state;
	feed(three);
	finish();
	for (i = 0; i < 100; i++)
		strcat(text, "rd ");
	strcat(text, "\n");
	read_details(text);
	assert_int_equal(strlen(space.details[0].flags), sizeof(space.details[0].flags) - 1);
}

static void each_allocation_may_fail(void **state)
{
	char text[4000] = "";
	size_t n;

	(void)state;
	for (n = 0; n < 40; n++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%zx000-%zx000 r--p 0 08:01 %zu /file/%zu\n", n + 16, n + 17, n, n);
	FOR_EACH_ALLOCATION(n)
	{
		int r;

		reader = (struct maps_reader){.space = &space};
		r = maps_feed(&reader, text, strlen(text));
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_true(space_valid(&space));
		assert_int_equal(reader.bad_lines, 0);
		space_fini(&space);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_all_of_its_fields),
		TEST(a_line_may_have_no_name),
		TEST(each_right_is_a_letter),
		TEST(the_largest_numbers_fit),
		TEST(a_name_keeps_its_blanks_and_marks),
		TEST(broken_lines_are_refused),
		TEST(a_mapping_that_is_empty_or_backwards_is_refused),
		TEST(lines_become_mappings),
		TEST(lines_may_be_cut_at_any_byte),
		TEST(lines_may_come_byte_by_byte),
		TEST(the_last_line_needs_no_newline),
		TEST(nothing_makes_no_mapping),
		TEST(lines_that_make_no_sense_are_counted_and_left_out),
		TEST(lines_out_of_order_are_left_out),
		TEST(a_line_that_is_too_long_loses_only_its_end),
		TEST(a_nul_in_a_line_ends_it),
		TEST(a_newline_in_a_name_stays_as_the_kernel_writes_it),
		TEST(a_deleted_file_is_another_than_the_one_that_took_its_name),
		TEST(special_names_share_no_inode_but_a_name),
		TEST(smaps_gives_figures_to_mappings),
		TEST(both_kinds_of_huge_page_figures_add_up),
		TEST(fields_are_told_apart_by_their_whole_name),
		TEST(figures_of_a_mapping_that_changed_are_left_out),
		TEST(figures_go_to_mappings_that_have_been_cut),
		TEST(figures_before_any_mapping_are_left_out),
		TEST(flags_hold_no_control_characters),
		TEST(giant_figures_are_left_out),
		TEST(many_flags_are_cut_to_their_room),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
