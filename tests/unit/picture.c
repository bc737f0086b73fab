/* The picture, its rows and its drawing, of spaces made by hand. */
#include "view/picture.h"

#include "hand.h"
#include "unit.h"

#include "base/text.h"
#include "space/kinds.h"
#include "view/paint.h"
#include "view/rows.h"
#include "view/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Spaces to draw.
 */

static void begin(struct space *space)
{
	begin_town(space);
	space->direction = DIRECTION_TOP_DOWN;
	snprintf(space->direction_reason, sizeof(space->direction_reason), "loader below stack");
}

static struct region *add(struct space *space, plat_addr start, uint64_t size, enum kind kind,
			  unsigned rights)
{
	return add_region(space, start, start + size, kind, rights);
}

/* A module of text, data and bss, a page each. */
static void add_image(struct space *space, plat_addr start, const char *name, enum module_role role)
{
	static const enum kind kinds[] = {KIND_TEXT, KIND_DATA, KIND_BSS};
	uint32_t file = add_file(space, name, INODE), module = (uint32_t)space->nmodules;
	size_t i;

	add_module(space, start, role, file);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct region *region = add(space, start + i * PAGE, PAGE, kinds[i], i ? RW : READ);

		region->module = module;
		region->file = kinds[i] == KIND_BSS ? NO_FILE : file;
	}
}

/* A stack of 1 MiB above a guard of a page. */
static void add_stack(struct space *space, plat_addr start, int tid, const char *name)
{
	uint32_t index = (uint32_t)space->nthreads;
	struct thread *thread = add_thread(space, tid, name);

	thread->state = 'S';
	thread->guard_start = start;
	thread->stack_start = start + PAGE;
	thread->stack_end = start + PAGE + MIB;
	thread->sp = thread->stack_end - 3000;
	thread->deepest = thread->stack_end - 2 * PAGE;
	add(space, start, PAGE, KIND_GUARD, 0)->thread = index;
	add(space, start + PAGE, MIB, KIND_THREAD_STACK, RW)->thread = index;
}

static void finish(struct space *space)
{
	uint64_t size = 0, rss = 0;
	size_t i;

	for (i = 0; i < space->nregions; i++) {
		if (space->regions[i].kind == KIND_VSYSCALL)
			continue;
		size += region_size(&space->regions[i]);
		rss += space->regions[i].pages.rss;
	}
	space->figures[VM_SIZE] = space->figures[VM_PEAK] = size;
	space->figures[VM_RSS] = space->figures[VM_HWM] = rss;
	space->limits[LIMIT_STACK] = (struct limit){8 * MIB, LIMIT_INFINITE, true};
	space->limits[LIMIT_AS] = (struct limit){LIMIT_INFINITE, LIMIT_INFINITE, true};
	assert_true(space_valid(space));
	assert_int_equal(space_find_gaps(space), 0);
}

/* What an ordinary process has. */
static void make_town(struct space *space)
{
	begin(space);
	add_image(space, 0x555500000000, "/usr/bin/town", MODULE_PROGRAM);
	add(space, 0x555500010000, 16 * PAGE, KIND_HEAP, RW)->pages.rss = 4 * PAGE;
	add(space, 0x7f0000000000, 33 * PAGE, KIND_ANON, RW);
	add(space, 0x7f0000000000 + 33 * PAGE, 64 * MIB - 33 * PAGE, KIND_RESERVED, 0);
	add_stack(space, 0x7f1000000000, 4712, "mill");
	add_stack(space, 0x7f1000000000 + MIB + PAGE, 4713, "bakery");
	add_image(space, 0x7f2000000000, "/usr/lib/libc.so.6", MODULE_LIBRARY);
	add_image(space, 0x7f2000010000, "/usr/lib/ld-linux-x86-64.so.2", MODULE_INTERPRETER);
	add(space, 0x7f2000020000, 4 * PAGE, KIND_VVAR, READ);
	add(space, 0x7f2000024000, 2 * PAGE, KIND_VDSO, READ);
	add(space, 0x7ffc00000000, 0x20800, KIND_STACK, RW)->pages.rss = 2 * PAGE;
	add(space, 0x7ffc00020800, 0x400, KIND_ARGS, RW);
	add(space, 0x7ffc00020c00, 0x400, KIND_ENV, RW);
	add(space, 0xffffffffff600000, PAGE, KIND_VSYSCALL, RIGHT_EXEC);
	finish(space);
}

static void make_hostile(struct space *space)
{
	static const char name[] = "/tmp/\x1b[2J<b>&\"'\xff\xc2\x9b \xe2\x80\xa6 ";
	struct region *region;

	begin(space);
	snprintf(space->process.command, sizeof(space->process.command), "\x1b]0;x\a<script>&\n");
	add_image(space, 0x555500000000, name, MODULE_PROGRAM);
	region = add(space, 0x7f0000000000, PAGE, KIND_FILE, READ);
	region->file = add_file(space, name + 1, INODE);
	add_stack(space, 0x7f1000000000, 4712, "\x1b[31m\r<b> ");
	finish(space);
}

/* `n` mappings of a page beside each other, each with other rights than its neighbours. */
static void make_many(struct space *space, size_t n)
{
	size_t i;

	begin(space);
	for (i = 0; i < n; i++)
		add(space, 0x7f0000000000 + i * PAGE, PAGE, KIND_ANON, i % 2 ? RW : READ);
	finish(space);
}

/*
 * Rows.
 */

static void assert_rows_tile(const struct space *space, bool fold)
{
	struct rows rows;
	plat_addr at = 0;
	uint64_t mapped = 0, all = 0;
	size_t i;

	assert_int_equal(rows_make(space, fold, &rows), 0);
	for (i = 0; i < rows.nrows; i++) {
		const struct row *row = &rows.rows[i];

		assert_int_equal(row->start, at);
		assert_true(row->end > row->start || (i == rows.nrows - 1 && row->end == 0));
		assert_int_equal(row->size + row->gap, row_extent(row));
		mapped += row->size;
		at = row->end;
	}
	assert_int_equal(at, TOP_OF_MEMORY);
	for (i = 0; i < space->nregions; i++)
		all += region_size(&space->regions[i]);
	assert_int_equal(mapped, all);
	rows_fini(&rows);
}

static void rows_cover_all_of_the_space_exactly_once(void **state)
{
	static void (*const make[])(struct space *) = {make_town, make_hostile};
	struct space space;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(make); i++) {
		make[i](&space);
		assert_rows_tile(&space, true);
		assert_rows_tile(&space, false);
		space_fini(&space);
	}
}

static void rows_cover_a_space_without_regions(void **state)
{
	struct space space;

	(void)state;
	begin(&space);
	finish(&space);
	assert_rows_tile(&space, true);
	space_fini(&space);
}

static void rows_cover_spaces_drawn_by_lot(void **state)
{
	unsigned seed;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		plat_addr at = 0x10000;
		struct space space;
		size_t i, n;

		srand(seed);
		begin(&space);
		n = (size_t)rand() % 60;
		for (i = 0; i < n; i++) {
			static const enum kind kinds[] = {KIND_ANON, KIND_ANON, KIND_GUARD,
							  KIND_FILE, KIND_SHM,	KIND_DEVICE};
			uint64_t size = PAGE * (1 + (uint64_t)rand() % 100);

			at += rand() % 2 ? 0 : PAGE << rand() % 25;
			add(&space, at, size, kinds[rand() % 6], rand() % 2 ? RW : READ);
			at += size;
		}
		finish(&space);
		assert_rows_tile(&space, true);
		assert_rows_tile(&space, false);
		space_fini(&space);
	}
}

/* The only row of a type. */
static struct row row_of_type(const struct space *space, enum row_type type)
{
	struct rows rows;
	struct row found;
	size_t i, n = 0;

	assert_int_equal(rows_make(space, true, &rows), 0);
	for (i = 0; i < rows.nrows; i++) {
		if (rows.rows[i].type != type)
			continue;
		found = rows.rows[i];
		n++;
	}
	assert_int_equal(n, 1);
	rows_fini(&rows);
	return found;
}

static void all_segments_of_a_library_are_one_row(void **state)
{
	struct space space;
	struct row row;

	(void)state;
	make_town(&space);
	row = row_of_type(&space, ROW_LIBRARY);
	assert_int_equal(row.n, 3);
	assert_int_equal(row.size, 3 * PAGE);
	assert_int_equal(row.kinds, 1u << KIND_TEXT | 1u << KIND_DATA | 1u << KIND_BSS);
	space_fini(&space);
}

static void the_main_stack_and_its_arguments_are_one_row(void **state)
{
	struct space space;
	struct row row;

	(void)state;
	make_town(&space);
	row = row_of_type(&space, ROW_STACK);
	assert_int_equal(row.n, 3);
	assert_int_equal(row.grows, GROWS_DOWN);
	space_fini(&space);
}

static void vdso_and_vvar_are_one_row(void **state)
{
	struct space space;

	(void)state;
	make_town(&space);
	assert_int_equal(row_of_type(&space, ROW_VDSO).size, 6 * PAGE);
	space_fini(&space);
}

static void neighbouring_stacks_stay_apart_and_take_their_guards(void **state)
{
	struct space space;
	struct rows rows;
	size_t i, n = 0;

	(void)state;
	make_town(&space);
	assert_int_equal(rows_make(&space, true, &rows), 0);
	for (i = 0; i < rows.nrows; i++) {
		if (rows.rows[i].type != ROW_THREAD)
			continue;
		assert_int_equal(rows.rows[i].thread, n++);
		assert_int_equal(rows.rows[i].size, MIB + PAGE);
	}
	assert_int_equal(n, 2);
	rows_fini(&rows);
	space_fini(&space);
}

static void an_arena_and_its_reserved_tail_stay_apart(void **state)
{
	struct space space;
	struct rows rows;
	size_t i, n = 0;

	(void)state;
	make_town(&space);
	assert_int_equal(rows_make(&space, true, &rows), 0);
	for (i = 0; i < rows.nrows; i++)
		n += rows.rows[i].type == ROW_ANON;
	assert_int_equal(n, 2);
	rows_fini(&rows);
	space_fini(&space);
}

static size_t count_rows(const struct space *space, bool fold, enum row_type type)
{
	struct rows rows;
	size_t i, n = 0;

	assert_int_equal(rows_make(space, fold, &rows), 0);
	for (i = 0; i < rows.nrows; i++)
		n += rows.rows[i].type == type;
	rows_fini(&rows);
	return n;
}

static void sixteen_rows_alike_are_shown_and_more_are_folded(void **state)
{
	struct space space;

	(void)state;
	make_many(&space, 16);
	assert_int_equal(count_rows(&space, true, ROW_FOLD), 0);
	assert_int_equal(count_rows(&space, true, ROW_ANON), 16);
	space_fini(&space);
	make_many(&space, 17);
	assert_int_equal(count_rows(&space, true, ROW_FOLD), 1);
	assert_int_equal(count_rows(&space, true, ROW_ANON), 0);
	assert_int_equal(count_rows(&space, false, ROW_ANON), 17);
	space_fini(&space);
}

static void a_fold_counts_the_small_gaps_in_it(void **state)
{
	struct space space;
	struct row row;
	size_t i;

	(void)state;
	begin(&space);
	for (i = 0; i < 20; i++)
		add(&space, 0x7f0000000000 + i * 4 * PAGE, PAGE, KIND_ANON, RW);
	finish(&space);
	row = row_of_type(&space, ROW_FOLD);
	assert_int_equal(row.size, 20 * PAGE);
	assert_int_equal(row.gap, 19 * 3 * PAGE);
	assert_int_equal(row.nmappings, 20);
	space_fini(&space);
}

static void a_library_among_many_mappings_is_not_folded(void **state)
{
	struct space space;
	size_t i;

	(void)state;
	begin(&space);
	for (i = 0; i < 20; i++)
		add(&space, 0x7f0000000000 + i * PAGE, PAGE, KIND_ANON, i % 2 ? RW : READ);
	add_image(&space, 0x7f0000000000 + i * PAGE, "/lib/libz.so", MODULE_LIBRARY);
	for (i += 3; i < 40; i++)
		add(&space, 0x7f0000000000 + i * PAGE, PAGE, KIND_ANON, i % 2 ? RW : READ);
	finish(&space);
	assert_int_equal(count_rows(&space, true, ROW_LIBRARY), 1);
	assert_int_equal(count_rows(&space, true, ROW_FOLD), 2);
	space_fini(&space);
}

static void sixteen_stacks_are_shown_and_seventeen_are_folded_with_their_arenas(void **state)
{
	struct space space;
	size_t n;
	int i;

	(void)state;
	for (n = 16; n <= 17; n++) {
		begin(&space);
		for (i = 0; i < (int)n; i++) {
			plat_addr at = 0x7f0000000000 + (plat_addr)i * 4 * MIB;

			add(&space, at, PAGE, KIND_ANON, RW);
			add_stack(&space, at + PAGE, 5000 + i, "w");
		}
		finish(&space);
		assert_int_equal(count_rows(&space, true, ROW_THREAD), n == 16 ? 16 : 0);
		assert_int_equal(count_rows(&space, true, ROW_FOLD), n == 16 ? 0 : 1);
		space_fini(&space);
	}
}

static void seventy_thousand_regions_become_a_few_rows(void **state)
{
	struct space space;
	struct rows rows;

	(void)state;
	make_many(&space, 70000);
	assert_rows_tile(&space, true);
	assert_int_equal(rows_make(&space, true, &rows), 0);
	assert_true(rows.nrows < 10);
	rows_fini(&rows);
	space_fini(&space);
}

static void the_strip_of_a_row_is_made_of_those_of_its_regions(void **state)
{
	struct space space;
	struct row row;
	size_t i;

	(void)state;
	begin(&space);
	add(&space, 0x7ffc00000000, 8 * PAGE, KIND_STACK, RW);
	add(&space, 0x7ffc00008000, 8 * PAGE, KIND_ENV, RW);
	finish(&space);
	space.strips = calloc(2, sizeof(*space.strips));
	for (i = 0; i < STRIP_CELLS; i++)
		space.strips[1].resident[i] = 255;
	row = row_of_type(&space, ROW_STACK);
	assert_true(row.strip_known);
	for (i = 0; i < STRIP_CELLS; i++) {
		assert_int_equal(row.strip.resident[i], i < 8 ? 0 : 255);
		assert_int_equal(row.cell_kind[i], i < 8 ? KIND_STACK : KIND_ENV);
	}
	space_fini(&space);
}

static void a_region_that_is_all_resident_fills_its_strip(void **state)
{
	struct space space;
	struct row row;
	size_t i;

	(void)state;
	begin(&space);
	add(&space, 0x7ffc00000000, 200, KIND_ENV, RW)->pages.rss = 200;
	finish(&space);
	space.strips = calloc(1, sizeof(*space.strips));
	memset(space.strips[0].resident, 251, STRIP_CELLS - 1);
	row = row_of_type(&space, ROW_STACK);
	for (i = 0; i < STRIP_CELLS; i++)
		assert_int_equal(row.strip.resident[i], 255);
	space_fini(&space);
}

static void one_resident_page_among_many_is_seen_in_the_strip(void **state)
{
	struct space space;
	struct row row;

	(void)state;
	begin(&space);
	add(&space, 0x7ffc00000000, PAGE, KIND_STACK, RW);
	add(&space, 0x7ffc00001000, 1024 * MIB, KIND_ENV, RW);
	finish(&space);
	space.strips = calloc(2, sizeof(*space.strips));
	memset(space.strips[0].resident, 255, STRIP_CELLS);
	row = row_of_type(&space, ROW_STACK);
	assert_int_equal(row.strip.resident[0], 1);
	assert_int_equal(row.strip.resident[1], 0);
	space_fini(&space);
}

static void the_mmap_zone_grows_into_the_gap_on_its_way(void **state)
{
	static const enum direction directions[] = {DIRECTION_TOP_DOWN, DIRECTION_BOTTOM_UP};
	static const plat_addr starts[] = {0x555500020000, 0x7f2000026000};
	struct space space;
	struct rows rows;
	size_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		make_town(&space);
		space.direction = directions[k];
		assert_int_equal(rows_make(&space, true, &rows), 0);
		for (i = 0; i < rows.nrows; i++)
			if (rows.rows[i].type == ROW_GAP && rows.rows[i].grows)
				assert_int_equal(rows.rows[i].start, starts[k]);
		rows_fini(&rows);
		space_fini(&space);
	}
}

/*
 * Text.
 */

static char *draw(const struct space *space, const struct paint *paint)
{
	struct text text = TEXT_EMPTY;
	char *copy;

	picture_draw(space, paint, &text);
	assert_int_equal(text.error, 0);
	copy = strdup(text_string(&text));
	text_fini(&text);
	return copy;
}

static char *draw_pair(const struct space *space, const struct paint *paint)
{
	struct text text = TEXT_EMPTY;
	char *copy;

	picture_draw_pair(space, "as it is", space, "--legacy", paint, &text);
	assert_int_equal(text.error, 0);
	copy = strdup(text_string(&text));
	text_fini(&text);
	return copy;
}

static void assert_all_tidy(const struct space *space)
{
	static const unsigned columns[] = {40, 60, 80, 120, 200};
	unsigned i, flags;

	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		for (flags = 0; flags < 16; flags++) {
			struct paint paint = {.columns = columns[i],
					      .unicode = flags & 1,
					      .bytes = flags & 2,
					      .verbose = flags & 4,
					      .legend = flags & 8};
			char *drawn = draw(space, &paint), *pair = draw_pair(space, &paint);
			/* Numbers in bytes are not cut for the sake of a narrow terminal. */
			unsigned most = paint.bytes && columns[i] < 80 ? 80 : columns[i];

			assert_tidy(drawn, most);
			assert_tidy(pair, most);
			free(drawn);
			free(pair);
		}
	}
}

static void no_line_is_too_wide_or_ends_in_a_blank(void **state)
{
	static void (*const make[])(struct space *) = {make_town, make_hostile};
	struct space space;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(make); i++) {
		make[i](&space);
		space_why(&space.why.pages,
			  "%s is not ours to read, because it belongs to somebody "
			  "else and we have no rights to look at it \x1b[1m",
			  "/proc/4711/pagemap");
		assert_all_tidy(&space);
		space_fini(&space);
	}
}

static void without_unicode_all_is_ascii(void **state)
{
	static void (*const make[])(struct space *) = {make_town, make_hostile};
	struct paint paint = {.columns = 80, .verbose = true, .legend = true, .color = true};
	struct space space;
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(make); i++) {
		char *drawn;

		make[i](&space);
		drawn = draw(&space, &paint);
		for (k = 0; drawn[k]; k++)
			assert_true((unsigned char)drawn[k] < 0x7f);
		free(drawn);
		space_fini(&space);
	}
}

static void without_colour_there_are_no_escape_codes(void **state)
{
	struct paint paint = {.columns = 80, .unicode = true, .verbose = true, .legend = true};
	struct space space;
	char *drawn, *pair;

	(void)state;
	make_hostile(&space);
	drawn = draw(&space, &paint);
	pair = draw_pair(&space, &paint);
	assert_null(strchr(drawn, '\x1b'));
	assert_null(strchr(pair, '\x1b'));
	free(drawn);
	free(pair);
	space_fini(&space);
}

static void colour_changes_nothing_but_colour(void **state)
{
	struct paint paint = {.columns = 80, .unicode = true, .legend = true};
	struct space space;
	char *plain, *coloured, *from, *to;

	(void)state;
	make_town(&space);
	plain = draw(&space, &paint);
	paint.color = true;
	coloured = draw(&space, &paint);
	assert_non_null(strchr(coloured, '\x1b'));
	for (from = to = coloured; *from; from++) {
		if (*from == '\x1b')
			from += strcspn(from, "m");
		else
			*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(coloured, plain);
	free(plain);
	free(coloured);
	space_fini(&space);
}

static void names_chosen_by_others_come_out_escaped(void **state)
{
	struct paint paint = {.columns = 200, .unicode = true, .verbose = true};
	struct space space;
	char *drawn;

	(void)state;
	make_hostile(&space);
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "\\x1b[2J<b>&\"'\\xff\\xc2\\x9b"));
	assert_non_null(strstr(drawn, "\\x1b]0;x\\x07<script>&\\x0a"));
	assert_non_null(strstr(drawn, "\\x1b[31m\\x0d<b>"));
	assert_null(strchr(drawn, '\r'));
	free(drawn);
	space_fini(&space);
}

static void totals_add_up_to_the_kernels_figures(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn;

	(void)state;
	make_town(&space);
	drawn = draw(&space, &paint);
	assert_non_null(
		strstr(drawn, "listed 66.3M + residual 0 = VmSize 66.3M (vsyscall, 4K, is"));
	assert_non_null(strstr(drawn, "listed 24K + residual 0 = VmRSS 24K"));
	free(drawn);
	space.figures[VM_RSS] = 28 * 1024;
	space.figures[VM_SIZE] -= PAGE;
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "listed 24K + residual 4K = VmRSS 28K"));
	assert_non_null(strstr(drawn, "listed 66.3M - residual 4K = VmSize"));
	free(drawn);
	space_fini(&space);
}

static void what_could_not_be_learnt_is_a_dash_with_its_reason(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	struct row row;
	char *drawn;

	(void)state;
	make_town(&space);
	space_why(&space.why.pages, "no right to read pagemap");
	row = row_of_type(&space, ROW_HEAP);
	assert_int_equal(row.pages.rss, UNKNOWN);
	assert_false(row.strip_known);
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "listed - + residual - = VmRSS 24K"));
	assert_non_null(strstr(drawn, "- resident pages: no right to read pagemap\n"));
	free(drawn);
	space_fini(&space);
}

static void hidden_mappings_are_not_counted_as_none(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn;

	(void)state;
	space_init(&space);
	space_why(&space.why.maps, "maps: not permitted");
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "- mappings"));
	assert_null(strstr(drawn, "0 mappings"));
	free(drawn);
	space_fini(&space);
}

static void the_kernel_is_at_the_top_and_the_low_pages_at_the_bottom(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	const char *kernel, *stack, *heap, *program, *low;
	char *drawn;

	(void)state;
	make_town(&space);
	drawn = draw(&space, &paint);
	kernel = strstr(drawn, "128T kernel");
	stack = strstr(drawn, "|main stack");
	heap = strstr(drawn, "|heap");
	program = strstr(drawn, "|town program");
	low = strstr(drawn, "64K not to be mapped");
	assert_true(kernel && kernel < stack && stack < heap && heap < program && program < low);
	free(drawn);
	space_fini(&space);
}

static void a_thread_shows_how_far_its_stack_was_used(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn;

	(void)state;
	make_town(&space);
	space.threads[1].sp = UNKNOWN;
	space.threads[1].sp_why = "running";
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "|thread 4712 mill"));
	assert_non_null(strstr(drawn, "uses 2.9K, deepest 8K, guard 4K\n"));
	assert_non_null(strstr(drawn, "uses - (running), deepest 8K, guard 4K\n"));
	free(drawn);
	space_fini(&space);
}

static void verbose_opens_a_library_into_its_parts(void **state)
{
	struct paint paint = {.columns = 80, .verbose = true};
	struct space space;
	char *drawn;

	(void)state;
	make_town(&space);
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "T |  text"));
	assert_non_null(strstr(drawn, "B |  bss"));
	assert_non_null(strstr(drawn, "|/usr/lib/libc.so.6"));
	free(drawn);
	space_fini(&space);
}

static void a_limit_that_is_set_is_what_a_bar_is_measured_by(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn;

	(void)state;
	make_town(&space);
	space.figures[VM_STK] = 2 * MIB;
	drawn = draw(&space, &paint);
	assert_non_null(strstr(drawn, "VmStk     2M #####............... of 8M RLIMIT_STACK\n"));
	assert_non_null(strstr(drawn, "VmPeak, RLIMIT_AS unlimited\n"));
	free(drawn);
	space_fini(&space);
}

static void no_two_kinds_have_the_same_letter(void **state)
{
	int a, b;

	(void)state;
	for (a = KIND_NONE; a < NKINDS; a++) {
		assert_true(paint_letter((enum kind)a) > ' ');
		assert_int_equal(strlen(paint_fill((enum kind)a)), 7);
		for (b = a + 1; b < NKINDS; b++)
			assert_int_not_equal(paint_letter((enum kind)a),
					     paint_letter((enum kind)b));
	}
}

static void names_are_elided_in_the_middle(void **state)
{
	struct paint paint = {.unicode = true}, ascii = {.unicode = false};
	char to[64];

	(void)state;
	assert_string_equal(paint_elide(&paint, "libcrypto.so.3", 14, to, 64), "libcrypto.so.3");
	assert_string_equal(paint_elide(&paint, "libcrypto.so.3", 9, to, 64), "libc…so.3");
	assert_string_equal(paint_elide(&ascii, "libcrypto.so.3", 9, to, 64), "libc..o.3");
	assert_string_equal(paint_elide(&ascii, "libcrypto.so.3", 1, to, 64), ".");
	assert_string_equal(paint_elide(&paint, "", 5, to, 64), "");
}

static void a_line_never_ends_in_a_blank(void **state)
{
	struct paint paint = {.columns = 40, .color = true};
	struct text text = TEXT_EMPTY;
	struct line line = line_begin(&text, &paint);

	(void)state;
	line_put(&line, STYLE_PLAIN, "a name ");
	line_put(&line, STYLE_FAINT, "  ");
	line_to(&line, 30);
	line_end(&line);
	line_put(&line, STYLE_PLAIN, " b ");
	line_put(&line, STYLE_PLAIN, "c");
	line_end(&line);
	assert_string_equal(text_string(&text), "a name\n b c\n");
	text_fini(&text);
}

static void a_long_name_leaves_the_columns_where_they_are(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn, *line;

	(void)state;
	begin(&space);
	add(&space, 0x7f0000000000, PAGE, KIND_FILE, READ)->file = add_file(
		&space, "/a/name/that/has/far/too/many/characters-to-fit-into-its-column-of-all",
		INODE);
	finish(&space);
	drawn = draw(&space, &paint);
	line = strstr(drawn, "r--p F |characters-to-..-column-of-all ");
	assert_non_null(line);
	assert_int_equal(strcspn(line - 13, "\n"), 80);
	free(drawn);
	space_fini(&space);
}

static void two_layouts_stand_side_by_side(void **state)
{
	struct paint paint = {.columns = 80};
	struct space space;
	char *drawn;

	(void)state;
	make_town(&space);
	drawn = draw_pair(&space, &paint);
	assert_int_equal(strncmp(drawn, "as it is                               | --legacy\n", 50),
			 0);
	assert_non_null(strstr(drawn, "heap (brk) ^"));
	free(drawn);
	space_fini(&space);
}

/*
 * The drawing.
 */

/* Every tag that opens closes, in order, and no markup comes from a name. */
static void assert_well_formed(const char *svg)
{
	const char *open[64], *at;
	size_t depth = 0;

	for (at = strchr(svg, '<'); at; at = strchr(at + 1, '<')) {
		const char *end = strchr(at, '>');

		assert_non_null(end);
		if (at[1] == '/') {
			assert_true(depth > 0);
			depth--;
			assert_int_equal(strncmp(open[depth] + 1, at + 2, (size_t)(end - at - 2)),
					 0);
		} else if (end[-1] != '/') {
			assert_true(depth < 64);
			open[depth++] = at;
		}
	}
	assert_int_equal(depth, 0);
	for (at = strchr(svg, '&'); at; at = strchr(at + 1, '&'))
		assert_true(strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&lt;", 4) == 0 ||
			    strncmp(at, "&gt;", 4) == 0 || strncmp(at, "&quot;", 6) == 0);
	for (at = svg; *at; at++)
		assert_true((unsigned char)*at >= 0x20 || *at == '\n');
}

static void assert_drawing(const struct space *space)
{
	struct text text = TEXT_EMPTY;
	const char *svg;

	svg_draw(space, &text);
	svg = text_string(&text);
	assert_int_equal(text.error, 0);
	assert_well_formed(svg);
	assert_null(strstr(svg, "<script"));
	assert_null(strstr(svg, "<b>"));
	assert_null(strstr(svg, "href"));
	text_fini(&text);
}

static void the_drawing_is_well_formed_and_escaped(void **state)
{
	static void (*const make[])(struct space *) = {make_town, make_hostile, begin};
	struct space space;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(make); i++) {
		make[i](&space);
		assert_drawing(&space);
		space_fini(&space);
	}
}

static void a_big_space_makes_a_small_drawing(void **state)
{
	struct text text = TEXT_EMPTY;
	struct space space;

	(void)state;
	make_many(&space, 70000);
	svg_draw(&space, &text);
	assert_true(text.size < 100000);
	text_fini(&text);
	space_fini(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_cover_all_of_the_space_exactly_once),
		cmocka_unit_test(rows_cover_a_space_without_regions),
		cmocka_unit_test(rows_cover_spaces_drawn_by_lot),
		cmocka_unit_test(all_segments_of_a_library_are_one_row),
		cmocka_unit_test(the_main_stack_and_its_arguments_are_one_row),
		cmocka_unit_test(vdso_and_vvar_are_one_row),
		cmocka_unit_test(neighbouring_stacks_stay_apart_and_take_their_guards),
		cmocka_unit_test(an_arena_and_its_reserved_tail_stay_apart),
		cmocka_unit_test(sixteen_rows_alike_are_shown_and_more_are_folded),
		cmocka_unit_test(a_fold_counts_the_small_gaps_in_it),
		cmocka_unit_test(a_library_among_many_mappings_is_not_folded),
		cmocka_unit_test(
			sixteen_stacks_are_shown_and_seventeen_are_folded_with_their_arenas),
		cmocka_unit_test(seventy_thousand_regions_become_a_few_rows),
		cmocka_unit_test(the_strip_of_a_row_is_made_of_those_of_its_regions),
		cmocka_unit_test(a_region_that_is_all_resident_fills_its_strip),
		cmocka_unit_test(one_resident_page_among_many_is_seen_in_the_strip),
		cmocka_unit_test(the_mmap_zone_grows_into_the_gap_on_its_way),
		cmocka_unit_test(no_line_is_too_wide_or_ends_in_a_blank),
		cmocka_unit_test(without_unicode_all_is_ascii),
		cmocka_unit_test(without_colour_there_are_no_escape_codes),
		cmocka_unit_test(colour_changes_nothing_but_colour),
		cmocka_unit_test(names_chosen_by_others_come_out_escaped),
		cmocka_unit_test(totals_add_up_to_the_kernels_figures),
		cmocka_unit_test(what_could_not_be_learnt_is_a_dash_with_its_reason),
		cmocka_unit_test(the_kernel_is_at_the_top_and_the_low_pages_at_the_bottom),
		cmocka_unit_test(a_thread_shows_how_far_its_stack_was_used),
		cmocka_unit_test(verbose_opens_a_library_into_its_parts),
		cmocka_unit_test(a_limit_that_is_set_is_what_a_bar_is_measured_by),
		cmocka_unit_test(no_two_kinds_have_the_same_letter),
		cmocka_unit_test(names_are_elided_in_the_middle),
		cmocka_unit_test(a_line_never_ends_in_a_blank),
		cmocka_unit_test(a_long_name_leaves_the_columns_where_they_are),
		cmocka_unit_test(two_layouts_stand_side_by_side),
		cmocka_unit_test(the_drawing_is_well_formed_and_escaped),
		cmocka_unit_test(hidden_mappings_are_not_counted_as_none),
		cmocka_unit_test(a_big_space_makes_a_small_drawing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
