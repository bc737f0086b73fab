/* plat resident: which pages of a process are in memory, and where the others are. */
#include "cli/commands.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/cache.h"
#include "source/pages.h"
#include "source/proc.h"
#include "view/resident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	OPT_PAGES,
	OPT_EXCLUSIVE,
	OPT_CACHE,
	OPT_JSON,
	OPT_BYTES,
	OPT_NOHEADINGS,
	OPT_SORT,
	OPT_KIND,
	OPT_VERBOSE,
	OPT_ASCII,
	OPT_COLOR,
	OPT_ROOT,
};

static const struct option_row rows[] = {
	[OPT_PAGES] = {'p', "pages", NULL, "list runs of pages in the same state",
		       COMPLETE_NOTHING},
	[OPT_EXCLUSIVE] = {'x', "exclusive", NULL,
			   "pages of this process alone; reads 8 bytes a page", COMPLETE_NOTHING},
	[OPT_CACHE] = {'c', "cache", NULL, "what the page cache holds of mapped files",
		       COMPLETE_NOTHING},
	[OPT_JSON] = {'J', "json", NULL, "one JSON document", COMPLETE_NOTHING},
	[OPT_BYTES] = {'b', "bytes", NULL, "sizes in bytes", COMPLETE_NOTHING},
	[OPT_NOHEADINGS] = {'n', "noheadings", NULL, "rows only", COMPLETE_NOTHING},
	[OPT_SORT] = {'s', "sort", "FIGURE", "largest first; -FIGURE: smallest first",
		      COMPLETE_NOTHING},
	[OPT_KIND] = {'k', "kind", "KINDS", "only these kinds, separated by commas",
		      COMPLETE_KINDS},
	[OPT_VERBOSE] = {'v', "verbose", NULL, "whole paths", COMPLETE_NOTHING},
	[OPT_ASCII] = {0, "ascii", NULL, "no characters beyond ASCII", COMPLETE_NOTHING},
	[OPT_COLOR] = {0, "color", "WHEN", "auto, always or never", COMPLETE_WHEN},
	[OPT_ROOT] = {0, "root", "DIR", "read a captured or another /proc", COMPLETE_DIRECTORY},
	{0, NULL, NULL, NULL, COMPLETE_NOTHING},
};

static int run(int argc, char **argv);

const struct command resident_command = {
	.name = "resident",
	.summary = "which pages are in memory, in swap, or nowhere",
	.synopsis = "PID [RANGE]",
	.options = rows,
	.takes_pid = true,
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
	bool json, pages;
	const char *sort, *root;
	uint32_t kinds;
	plat_addr start, end; /* 0 and 0: everything */
	struct resident_style style;
};

/* Takes one option. 0, or an exit code after a complaint. */
static int take_option(struct request *request, int option, const char *value,
		       enum color_when *color, bool *ascii)
{
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
	case OPT_JSON:
		request->json = true;
		break;
	case OPT_BYTES:
		request->style.paint.bytes = true;
		break;
	case OPT_NOHEADINGS:
		request->style.no_headings = true;
		break;
	case OPT_SORT:
		request->sort = value;
		break;
	case OPT_KIND:
		return target_kinds(&resident_command, value, &request->kinds);
	case OPT_VERBOSE:
		request->style.paint.verbose = true;
		break;
	case OPT_ASCII:
		*ascii = true;
		break;
	case OPT_COLOR:
		if (color_by_name(value, color) < 0)
			return usage_error(&resident_command, "%s: colour is auto, always or never",
					   value);
		break;
	case OPT_ROOT:
		request->root = value;
		break;
	default:
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

static int read_request(struct options *options, struct request *request)
{
	enum color_when color = COLOR_AUTO;
	struct paint paint;
	const char *value;
	bool ascii = false;
	int option, code;

	while ((option = options_next(options, &value)) >= 0) {
		code = take_option(request, option, value, &color, &ascii);
		if (code)
			return code;
	}
	if (option == OPTION_WRONG)
		return EXIT_USAGE;
	if (option == OPTION_HELP)
		return OPTION_HELP;
	code = check_sort(request);
	if (code)
		return code;
	if (request->pages && (request->sort || request->style.cached))
		return usage_error(&resident_command,
				   "--pages lists pages as they come: without --sort, --cache");
	paint = terminal_paint(color, ascii);
	paint.verbose = request->style.paint.verbose;
	paint.bytes = request->style.paint.bytes;
	request->style.paint = paint;
	request->style.unlimited = terminal_width() == 0;
	return 0;
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
static int walk(const struct procdir *dir, struct space *space, const struct resident *resident,
		enum pages_how how, page_run_fn take, void *context, struct error *err)
{
	uint64_t page = space->machine.page_size;
	plat_addr start, end;
	size_t i;

	for (i = 0; i < space->nregions; i++)
		space->regions[i].no_pages = false;
	if (resident->nrows == 0)
		return 0;
	start = align_down(resident->rows[0].start, page);
	end = align_up(resident->rows[resident->nrows - 1].end, page);
	return pages_walk(dir, space, start, end, how, take, context, err);
}

/* Page tables of a process that has ended or executed another program look empty. */
static int check_same(const struct procdir *dir, const struct space *space, struct error *err)
{
	struct space now;
	int r;

	space_init(&now);
	r = proc_load_figures(dir, &now, err);
	if (r == -ENODATA)
		r = fail(err, -ESRCH, "%d: the process is gone", dir->pid);
	else if (r == 0 && (now.process.start_code != space->process.start_code ||
			    now.process.start_stack != space->process.start_stack ||
			    now.process.env_end != space->process.env_end))
		r = fail(err, -EAGAIN, "%d: it executed another program meanwhile", dir->pid);
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

/* Neighbouring rows mostly have the same file: it stays open. */
static void ask_cache(const struct procdir *dir, struct resident *resident)
{
	struct cache cache = CACHE_CLOSED;
	const struct space *space = resident->space;
	uint32_t open = NO_FILE;
	const char *why = NULL;
	size_t i;
	int r = 0;

	resident->why[RESIDENCE_CACHED] = NULL;
	for (i = 0; i < resident->nrows; i++) {
		struct resident_row *row = &resident->rows[i];
		const struct region *region = &space->regions[row->region];

		if (!cache_has_file(space, region))
			continue;
		if (region->file != open) {
			cache_close(&cache);
			r = cache_open(dir, space, region, &cache, &why);
			open = r == 0 ? region->file : NO_FILE;
		}
		if (r == 0)
			r = cache_bytes(&cache, region->offset + (row->start - region->start),
					row->end - row->start, &row->bytes[RESIDENCE_CACHED],
					&row->cached_why);
		else
			row->cached_why = why;
		if (r < 0) {
			row->bytes[RESIDENCE_CACHED] = UNKNOWN;
			open = NO_FILE;
		} else {
			row->cached_why = NULL;
			ask_cells(resident, row, &cache);
		}
	}
	cache_close(&cache);
}

/* Says each reason once. */
static int report_cache(const struct resident *resident)
{
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
		fprintf(stderr, "plat resident: %d: page cache of %zu region%s: %s\n",
			resident->space->process.pid, n, n == 1 ? "" : "s", why);
		code = EXIT_PARTIAL;
	}
	return code;
}

/*
 * Showing.
 */

static int finish_text(struct text *text, int r)
{
	if (text_finish(text) < 0 && r == 0)
		r = text->error;
	text_fini(text);
	return r < 0 ? look_error(&resident_command, "standard output: %s", strerror(-r))
		     : EXIT_FINE;
}

static int list_pages(const struct request *request, const struct procdir *dir, struct space *space,
		      const struct resident *resident)
{
	struct text text = text_to_stream(stdout);
	struct resident_pages pages = {
		.resident = resident,
		.text = &text,
		.json = request->json,
		.bytes = request->style.paint.bytes,
		.exclusive = request->style.exclusive,
	};
	enum pages_how how = request->style.exclusive ? PAGES_EXCLUSIVE : PAGES_ANY;
	struct error err;
	int r, code;

	resident_pages_begin(&pages, request->style.no_headings);
	r = walk(dir, space, resident, how, take_listed_run, &pages, &err);
	resident_pages_finish(&pages);
	code = finish_text(&text, text.error);
	if (code)
		return code;
	if (r == 0)
		r = check_same(dir, space, &err);
	return r < 0 ? look_error(&resident_command, "%s", err.text) : EXIT_FINE;
}

static int show(const struct request *request, const struct resident *resident, bool map)
{
	struct text text = text_to_stream(stdout);
	int r = 0;

	if (request->json)
		r = resident_json(resident, &text);
	else if (map)
		resident_draw_map(resident, &request->style, &text);
	else
		r = resident_draw(resident, &request->style, &text);
	return finish_text(&text, r);
}

/* Says why the answer is partial, beyond what it says itself. */
static int report_unknown(const struct space *space, const char *pages)
{
	const char *const all[] = {space->why.maps, space->why.memory, pages};
	int code = EXIT_FINE;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i])
			continue;
		fprintf(stderr, "plat resident: %d: %s\n", space->process.pid, all[i]);
		code = EXIT_PARTIAL;
	}
	return code;
}

/* What a narrow terminal, or one with another column, has room for. */
static size_t strip_cells(const struct request *request)
{
	const struct resident_style *style = &request->style;
	size_t columns = paint_columns(&style->paint);

	if (request->json || style->unlimited)
		return STRIP;
	return columns < (style->cached || style->exclusive ? 100 : 72) ? STRIP_NARROW : STRIP;
}

static int show_regions(const struct request *request, const struct procdir *dir,
			struct space *space, struct resident *resident)
{
	bool map = request->end && resident->nrows == 1;
	enum pages_how how = request->style.exclusive ? PAGES_EXCLUSIVE : PAGES_ANY;
	uint64_t cell_size = 0;
	struct error err, gone;
	int r, code, worst;

	if (map)
		cell_size = resident_cell_size(
			resident->rows[0].end - resident->rows[0].start, space->machine.page_size,
			MAP_LINES * resident_map_columns(resident, &request->style.paint));
	r = resident_begin(resident, strip_cells(request), cell_size, pages_told(dir, how));
	if (r < 0)
		return look_error(&resident_command, "%s", strerror(-r));
	r = walk(dir, space, resident, how, take_run, resident, &err);
	resident_finish(resident);
	if (check_same(dir, space, &gone) < 0)
		return look_error(&resident_command, "%s", gone.text);
	if (r < 0)
		resident_forget(resident, err.text);
	if (request->style.cached)
		ask_cache(dir, resident);
	if (request->sort && resident_sort(resident, request->sort) < 0)
		return EXIT_USAGE;
	code = show(request, resident, map);
	worst = report_unknown(space, r < 0 ? err.text : NULL);
	if (request->style.cached && report_cache(resident) > worst)
		worst = EXIT_PARTIAL;
	return code ? code : worst;
}

static int show_space(const struct request *request, const struct procdir *dir, struct space *space,
		      const char *range)
{
	uint64_t page = space->machine.page_size;
	struct resident resident;
	int code;

	if (space->nregions == 0 && space->why.maps)
		return look_error(&resident_command, "%d: %s", dir->pid, space->why.maps);
	if (resident_select(space, request->kinds, align_down(request->start, page),
			    align_up(request->end, page), &resident) < 0)
		return look_error(&resident_command, "%s", strerror(ENOMEM));
	if (request->end && resident.nrows == 0)
		code = look_error(&resident_command, "%d: nothing%s is mapped in %s", dir->pid,
				  request->kinds ? " of this kind" : "", range);
	else if (request->pages)
		code = list_pages(request, dir, space, &resident);
	else
		code = show_regions(request, dir, space, &resident);
	resident_fini(&resident);
	return code;
}

static int resident_of(const struct request *request, const char *operand, const char *range)
{
	struct procdir dir = PROCDIR_CLOSED;
	struct space space;
	struct error err;
	int pid, code = target_pid(&resident_command, operand, &pid);

	if (code)
		return code;
	if (procdir_open(request->root, pid, &dir, &err) < 0)
		return look_error(&resident_command, "%s", err.text);
	if (proc_load(&dir, 0, &space, &err) < 0) {
		code = look_error(&resident_command, "%s", err.text);
	} else {
		code = show_space(request, &dir, &space, range);
		space_fini(&space);
	}
	procdir_close(&dir);
	return code;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct options options;
	const char *range = NULL;
	int code;

	options_init(&options, &resident_command, argc, argv);
	code = read_request(&options, &request);
	if (code)
		return code == OPTION_HELP ? EXIT_FINE : code;
	if (options.first == argc)
		return usage_error(&resident_command, "name a process");
	if (argc - options.first > 2)
		return usage_error(&resident_command, "%s: %s", argv[options.first + 2],
				   argv[options.first + 2][0] == '-'
					   ? "options come before the process"
					   : "there is a process and a range already");
	if (argc - options.first == 2) {
		range = argv[options.first + 1];
		code = target_range(&resident_command, range, &request.start, &request.end);
		if (code)
			return code;
		request.style.exclusive = true; /* few pages: they cost little */
	}
	return resident_of(&request, argv[options.first], range);
}
