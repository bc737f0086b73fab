/* plat resident: which pages of a process are in memory, and where the others are. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/cache.h"
#include "source/pages.h"
#include "source/proc.h"
#include "source/query.h"
#include "view/resident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OPT_PAGES, OPT_EXCLUSIVE, OPT_CACHE, OPT_SORT };

static const struct option_row rows[] = {
	FLAG(OPT_PAGES, 'p', "pages", "list runs of pages in the same state"),
	FLAG(OPT_EXCLUSIVE, 'x', "exclusive", "pages of this process alone; reads 8 bytes a page"),
	FLAG(OPT_CACHE, 'c', "cache", "what the page cache holds of mapped files"),
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_NOHEADINGS("rows only"),
	{OPT_SORT, 's', "sort", "FIGURE", "largest first; -FIGURE: smallest first",
	 COMPLETE_NOTHING},
	ROW_KIND,
	ROW_VERBOSE("whole paths"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command resident_command = {
	.name = "resident",
	.summary = "which pages are in memory, in swap, or nowhere",
	.synopsis = "PID|FILE [RANGE]",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "RANGE is 0xSTART-0xEND, 0xSTART+SIZE, or an address: its page. A RANGE in one\n"
		"region is drawn page by page.\n"
		"Figures for --sort: size rss anon file exclusive swap huge zero guard cached.\n",
	.run = run,
};

#define STRIP 16
#define STRIP_NARROW 8
#define MAP_LINES 16

/* What was asked for. */
struct request {
	struct options *options;
	struct resident_style style;
	bool pages;
	const char *sort;
	const char *range;    /* as it was written, or NULL */
	plat_addr start, end; /* the same; 0 and 0: everything */
};

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_PAGES:
		request->pages = true;
		break;
	case OPT_EXCLUSIVE:
		request->style.exclusive = true;
		break;
	case OPT_CACHE:
		request->style.cached = true;
		break;
	case OPT_SORT:
		request->sort = value;
		break;
	}
	return 0;
}

static int check_sort(struct request *request)
{
	struct resident none = RESIDENT_EMPTY;

	if (!request->sort)
		return 0;
	if (resident_sort(&none, request->sort) < 0)
		return usage_error(&resident_command, "%s: no such figure", request->sort);
	/* To sort by a figure is to ask for it. */
	if (strcasestr(request->sort, residence_name(RESIDENCE_EXCLUSIVE)))
		request->style.exclusive = true;
	if (strcasestr(request->sort, residence_name(RESIDENCE_CACHED)))
		request->style.cached = true;
	return 0;
}

static int read_options(struct request *request)
{
	int code = options_read(request->options, take_option, request);

	if (code == 0)
		code = check_sort(request);
	if (code)
		return code;
	if (request->pages && (request->sort || request->style.cached))
		return usage_error(&resident_command,
				   "--pages lists pages as they come: without --sort, --cache");
	request->style.paint = request->options->paint;
	request->style.no_headings = request->options->no_headings;
	request->style.unlimited = terminal_width() == 0;
	return 0;
}

static int read_operands(struct request *request)
{
	char **operands = request->options->operands;
	int n = request->options->noperands;

	if (n == 0)
		return usage_error(&resident_command, "name a process");
	if (n > 2)
		return usage_error(&resident_command, "%s: there is a process and a range already",
				   operands[2]);
	if (n == 1)
		return 0;
	request->range = operands[1];
	request->style.exclusive = true; /* few pages: they cost little */
	return target_range(&resident_command, request->range, &request->start, &request->end);
}

/*
 * The walk.
 */

static int take_run(void *context, const struct page_run *run)
{
	resident_add(context, run);
	return 0;
}

static int take_listed_run(void *context, const struct page_run *run)
{
	struct resident_pages *pages = context;

	resident_pages_add(pages, run);
	return pages->text->error;
}

/* Walks what the rows need. */
static int walk(struct target *target, const struct resident *resident, enum pages_how how,
		page_run_fn take, void *context, struct error *err)
{
	struct space *space = &target->space;
	uint64_t page = space->machine.page_size;
	plat_addr start, end;
	size_t i;

	for (i = 0; i < space->nregions; i++)
		space->regions[i].no_pages = false;
	if (resident->nrows == 0)
		return 0;
	start = align_down(resident->rows[0].start, page);
	end = align_up(resident->rows[resident->nrows - 1].end, page);
	return pages_walk(&target->dir, space, start, end, how, take, context, err);
}

/* Page tables of a process that has ended or executed another program look empty. */
static int check_same(const struct target *target, struct error *err)
{
	const struct process *before = &target->space.process;
	struct space now;
	int r;

	if (procdir_is_file(&target->dir))
		return 0;
	space_init(&now);
	r = proc_load_figures(&target->dir, &now, err);
	if (r == -ENODATA)
		r = fail(err, -ESRCH, "%d: the process is gone", target->dir.pid);
	else if (r == 0 && (now.process.start_code != before->start_code ||
			    now.process.start_stack != before->start_stack ||
			    now.process.env_end != before->env_end))
		r = fail(err, -EAGAIN, "%d: it executed another program meanwhile",
			 target->dir.pid);
	space_fini(&now);
	return r;
}

/*
 * The page cache.
 */

static void ask_cells(struct resident *resident, struct resident_row *row, struct cache *cache)
{
	const struct region *region = &resident->space->regions[row->region];
	size_t i;

	for (i = 0; i < resident->cells; i++) {
		plat_addr start, end;
		const char *why;
		uint64_t bytes;

		if (row->looks[i] != LOOK_ABSENT)
			continue;
		resident_cell(resident, row, i, &start, &end);
		if (start < end &&
		    cache_bytes(cache, region->offset + (start - region->start), end - start,
				&bytes, &why) == 0 &&
		    bytes)
			row->looks[i] = LOOK_CACHED;
	}
}

/* 0, or -errno with the reason in the row. */
static int ask_row(struct resident *resident, struct resident_row *row, struct cache *cache)
{
	const struct region *region = &resident->space->regions[row->region];
	int r = cache_bytes(cache, region->offset + (row->start - region->start),
			    row->end - row->start, &row->bytes[RESIDENCE_CACHED], &row->cached_why);

	if (r < 0)
		return r;
	row->cached_why = NULL;
	ask_cells(resident, row, cache);
	return 0;
}

/* Neighbouring rows mostly have the same file: it stays open. */
static void ask_cache(const struct procdir *dir, struct resident *resident)
{
	struct cache cache = CACHE_CLOSED;
	const struct space *space = resident->space;
	uint32_t open = NO_FILE;
	size_t i;

	resident->why[RESIDENCE_CACHED] = NULL;
	for (i = 0; i < resident->nrows; i++) {
		struct resident_row *row = &resident->rows[i];
		const struct region *region = &space->regions[row->region];
		int r = 0;

		if (!cache_has_file(space, region))
			continue;
		if (region->file != open) {
			cache_close(&cache);
			r = cache_open(dir, space, region, &cache, &row->cached_why);
		}
		if (r == 0)
			r = ask_row(resident, row, &cache);
		if (r < 0)
			row->bytes[RESIDENCE_CACHED] = UNKNOWN;
		open = r == 0 ? region->file : NO_FILE;
	}
	cache_close(&cache);
}

/* Says each reason once. */
static int report_cache(const struct resident *resident)
{
	char name[REPORT_NAME_SIZE];
	int code = EXIT_FINE;
	size_t i, j, n;

	for (i = 0; i < resident->nrows; i++) {
		const char *why = resident->rows[i].cached_why;

		for (j = 0; j < i && resident->rows[j].cached_why != why;)
			j++;
		if (!why || j < i)
			continue;
		for (n = 0; j < resident->nrows; j++)
			n += resident->rows[j].cached_why == why;
		fprintf(stderr, "plat resident: %s: page cache of %zu region%s: %s\n",
			report_name(resident->space, name), n, n == 1 ? "" : "s", why);
		code = EXIT_PARTIAL;
	}
	return code;
}

/*
 * Showing.
 */

static enum pages_how how_to_walk(const struct request *request)
{
	return request->style.exclusive ? PAGES_EXCLUSIVE : PAGES_ANY;
}

static int list_pages(const struct request *request, struct target *target,
		      const struct resident *resident)
{
	struct text text = text_to_stream(stdout);
	struct resident_pages pages = {
		.resident = resident,
		.text = &text,
		.json = request->options->json,
		.bytes = request->style.paint.bytes,
		.exclusive = request->style.exclusive,
	};
	struct error err;
	int r, code;

	resident_pages_begin(&pages, request->style.no_headings);
	r = walk(target, resident, how_to_walk(request), take_listed_run, &pages, &err);
	resident_pages_finish(&pages);
	code = finish_output(&resident_command, &text, 0);
	if (code)
		return code;
	if (r == 0)
		r = check_same(target, &err);
	return r < 0 ? look_error(&resident_command, "%s", err.text) : EXIT_FINE;
}

/* A range in one region is drawn as a map of cells. */
static bool is_map(const struct request *request, const struct resident *resident)
{
	return request->range && resident->nrows == 1;
}

static int show(const struct request *request, const struct resident *resident)
{
	struct text text = text_to_stream(stdout);
	int r = 0;

	if (request->options->json)
		r = resident_json(resident, &text);
	else if (is_map(request, resident))
		resident_draw_map(resident, &request->style, &text);
	else
		r = resident_draw(resident, &request->style, &text);
	return finish_output(&resident_command, &text, r);
}

/* What a narrow terminal, or one with another column, has room for. */
static size_t strip_cells(const struct request *request)
{
	const struct resident_style *style = &request->style;
	size_t columns = paint_columns(&style->paint);

	if (request->options->json || style->unlimited)
		return STRIP;
	return columns < (style->cached || style->exclusive ? 100 : 72) ? STRIP_NARROW : STRIP;
}

static uint64_t cell_size(const struct request *request, const struct resident *resident)
{
	const struct resident_row *row = resident->rows;
	size_t cells;

	if (!is_map(request, resident))
		return 0;
	cells = MAP_LINES * resident_map_columns(resident, &request->style.paint);
	return resident_cell_size(row->end - row->start, resident->space->machine.page_size, cells);
}

/* 0, with why->text the reason where pages stay unknown; or an exit code after a complaint. */
static int fill_rows(const struct request *request, struct target *target,
		     struct resident *resident, struct error *why)
{
	enum pages_how how = how_to_walk(request);
	struct error gone;
	int r = resident_begin(resident, strip_cells(request), cell_size(request, resident),
			       pages_told(&target->dir, how));

	if (r < 0)
		return look_error(&resident_command, "%s", strerror(-r));
	r = walk(target, resident, how, take_run, resident, why);
	resident_finish(resident);
	if (check_same(target, &gone) < 0)
		return look_error(&resident_command, "%s", gone.text);
	if (r < 0)
		resident_forget(resident, why->text);
	else
		why->text[0] = '\0';
	if (request->style.cached)
		ask_cache(&target->dir, resident);
	return 0;
}

/* Says why the answer is partial, beyond what it says itself. */
static int report(const struct request *request, const struct resident *resident,
		  const struct error *pages)
{
	const struct space *space = resident->space;
	const char *const whys[] = {space->why.maps, space->why.memory, pages->text};
	char name[REPORT_NAME_SIZE];
	int code = report_unknown(&resident_command, report_name(space, name), whys,
				  ARRAY_SIZE(whys), false);

	return request->style.cached ? worse_of(code, report_cache(resident)) : code;
}

static int show_regions(const struct request *request, struct target *target,
			struct resident *resident)
{
	struct error pages;
	int code = fill_rows(request, target, resident, &pages);

	if (code)
		return code;
	if (request->sort && resident_sort(resident, request->sort) < 0)
		return EXIT_USAGE;
	code = show(request, resident);
	return worse_of(code, report(request, resident, &pages));
}

static bool lies_in_one(const struct space *space, const struct query_range *range)
{
	size_t i = space_at_or_above(space, range->start);

	return i + 1 >= space->nregions || space->regions[i + 1].start >= range->end;
}

/*
 * Guards in the page table cut regions, as in plat map. A range in one region is drawn as it is:
 * there they are cells.
 */
static int cut_at_guards(const struct request *request, struct target *target,
			 const struct query_range *range)
{
	bool is_drawn = request->range && lies_in_one(&target->space, range);

	if ((is_drawn && !request->options->kinds) ||
	    !(pages_told(&target->dir, PAGES_ANY) & PAGE_GUARD))
		return 0;
	return query_pages(&target->dir, &target->space, range, 1);
}

/* What was asked for, as rows. 0 or -ENOMEM. */
static int select_rows(const struct request *request, struct target *target,
		       struct resident *resident)
{
	uint64_t page = target->space.machine.page_size;
	plat_addr start = align_down(request->start, page), end = align_up(request->end, page);
	const struct query_range range = {start, request->range ? end : target->space.user_end};
	int r = cut_at_guards(request, target, &range);

	return r < 0 ? r
		     : resident_select(&target->space, request->options->kinds, start, end,
				       resident);
}

static int show_space(const struct request *request, struct target *target)
{
	struct space *space = &target->space;
	struct resident resident;
	int code;

	if (space->nregions == 0 && space->why.maps)
		return look_error(&resident_command, "%s: %s", target->name, space->why.maps);
	if (select_rows(request, target, &resident) < 0)
		return look_error(&resident_command, "%s", strerror(ENOMEM));
	if (request->range && resident.nrows == 0)
		code = look_error(&resident_command, "%s: nothing%s is mapped in %s", target->name,
				  request->options->kinds ? " of this kind" : "", request->range);
	else if (request->pages)
		code = list_pages(request, target, &resident);
	else
		code = show_regions(request, target, &resident);
	resident_fini(&resident);
	return code;
}

static int run(struct options *options)
{
	struct request request = {.options = options};
	struct target target;
	int code = read_options(&request);

	if (code == 0)
		code = read_operands(&request);
	if (code == 0)
		code = target_open(options, options->operands[0], 0, &target);
	if (code)
		return code;
	code = show_space(&request, &target);
	target_close(&target);
	return code;
}
