/* plat map: the address space of processes. */
#include "cli/map.h"

#include "cli/commands.h"
#include "cli/heap_survey.h"
#include "cli/report.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/proc.h"
#include "source/spawn.h"
#include "view/json.h"
#include "view/picture.h"
#include "view/svg.h"
#include "view/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	OPT_LIST,
	OPT_OUTPUT,
	OPT_JSON,
	OPT_RAW,
	OPT_SORT,
	OPT_RANGE,
	OPT_FLAGS,
	OPT_HEAP,
	OPT_SVG,
	OPT_LEGEND,
	OPT_AT,
	OPT_LEGACY,
	OPT_NO_ASLR,
	OPT_STACK,
};

/* --json is not the common one: of --list, --json and --svg the last one counts. */
static const struct option_row rows[] = {
	FLAG(OPT_LIST, 'l', "list", "a table, one region a line"),
	{OPT_OUTPUT, 'o', "output", "COLUMNS", "columns of the table; +COLUMNS adds, all is all",
	 COMPLETE_COLUMNS},
	FLAG(OPT_JSON, 'J', "json", "one JSON document a process"),
	FLAG(OPT_RAW, 'r', "raw", "a table for scripts: one blank between columns"),
	ROW_BYTES,
	ROW_NOHEADINGS("no line of headings"),
	{OPT_SORT, 's', "sort", "COLUMN", "largest first; -COLUMN: smallest first",
	 COMPLETE_COLUMNS},
	ROW_KIND,
	{OPT_RANGE, 'A', "range", "RANGE", "only 0xSTART-0xEND, or 0xSTART+SIZE", COMPLETE_NOTHING},
	FLAG(OPT_FLAGS, 'f', "flags", "read smaps: PSS, locked, VmFlags; stalls big processes"),
	FLAG(OPT_HEAP, 'H', "heap", "read heaps: arenas, held, live and free in each region"),
	ROW_VERBOSE("open merged rows, show whole paths"),
	{OPT_SVG, 0, "svg", "FILE", "the picture as a drawing; - is standard output",
	 COMPLETE_FILE},
	FLAG(OPT_LEGEND, 0, "legend", "explain letters and signs below the picture"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	{OPT_AT, 0, "at", "WHEN", "with -- COMMAND: at its peak or its end", COMPLETE_NOTHING},
	FLAG(OPT_LEGACY, 'L', "legacy", "with -- COMMAND: compare with the legacy layout"),
	FLAG(OPT_NO_ASLR, 'R', "no-aslr", "with -- COMMAND: compare without randomisation"),
	{OPT_STACK, 0, "stack", "SIZE", "with -- COMMAND: compare with this stack limit",
	 COMPLETE_NOTHING},
	ROWS_END,
};

static int run(struct options *options);

const struct command map_command = {
	.name = "map",
	.summary = "draw or list the address space of processes",
	.synopsis = "PID|FILE... | -- COMMAND...",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "A command behind -- is run with plat's own input, output and terminal, and\n"
		"shown as it was at its end and, if that was clearly more, at the highest RSS\n"
		"that was seen. Tables, JSON and drawings show the end, or what --at chooses.\n"
		"With --legacy, --no-aslr or --stack it is run twice, first as it is and then\n"
		"with these settings, and both layouts stand side by side. plat's exit status\n"
		"is that of the command (of the second run), 128 and the number of the signal\n"
		"that ended it, 127 if it was not found, 126 if it could not be executed. The\n"
		"command is traced, as by a debugger: set-user-ID programs get no privileges,\n"
		"and what traces itself, as LeakSanitizer does, cannot.\n",
	.run = run,
};

/* What --flags and --heap show; without what they leave no room for. */
#define COLUMNS_FLAGS "+PSS,LOCKED,FLAGS"
#define COLUMNS_HEAP "START,SIZE,RSS,KIND,ARENA,HELD,LIVE,FREE,NAME"

static int choose_columns(struct request *request, const char *list)
{
	const char *wrong;

	if (columns_choose(list, &request->choice, &wrong) == 0)
		return 0;
	return usage_error(&map_command, "%.*s: no such column", (int)strcspn(wrong, ","), wrong);
}

static int choose_sort(struct request *request, const char *name)
{
	bool ascending = *name == '-';

	name += ascending;
	request->filter.sort = column_find(name, strlen(name));
	if (!request->filter.sort)
		return usage_error(&map_command, "%s: no such column", name);
	request->filter.descending = !ascending && (request->filter.sort->type == COLUMN_SIZE ||
						    request->filter.sort->type == COLUMN_NUMBER);
	return 0;
}

static int choose_at(struct request *request, const char *when)
{
	if (strcmp(when, "end") == 0)
		request->at = AT_END;
	else if (strcmp(when, "peak") == 0)
		request->at = AT_PEAK;
	else
		return usage_error(&map_command, "%s: a command is shown at its peak or its end",
				   when);
	return 0;
}

static int choose_stack(struct request *request, const char *size)
{
	request->settings |= SPAWN_STACK;
	request->stack_text = size;
	request->stack = LIMIT_INFINITE;
	if (strcmp(size, "unlimited") == 0)
		return 0;
	return target_size(&map_command, size, &request->stack);
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_OUTPUT:
		if (request->form == FORM_PICTURE)
			request->form = FORM_LIST;
		request->columns_chosen = true;
		return choose_columns(request, value);
	case OPT_LIST:
		request->form = FORM_LIST;
		break;
	case OPT_JSON:
		request->form = FORM_JSON;
		break;
	case OPT_RAW:
		request->style.raw = true;
		if (request->form == FORM_PICTURE)
			request->form = FORM_LIST;
		break;
	case OPT_SORT:
		return choose_sort(request, value);
	case OPT_RANGE:
		return target_range(&map_command, value, &request->filter.start,
				    &request->filter.end);
	case OPT_FLAGS:
		request->details = true;
		break;
	case OPT_HEAP:
		request->heap = true;
		break;
	case OPT_SVG:
		request->form = FORM_SVG;
		request->svg = value;
		break;
	case OPT_LEGEND:
		request->options->paint.legend = true;
		break;
	case OPT_AT:
		return choose_at(request, value);
	case OPT_LEGACY:
		request->settings |= SPAWN_LEGACY;
		break;
	case OPT_NO_ASLR:
		request->settings |= SPAWN_NO_ASLR;
		break;
	case OPT_STACK:
		return choose_stack(request, value);
	}
	return 0;
}

static int read_request(struct request *request)
{
	const struct options *options = request->options;
	int code;

	choose_columns(request, COLUMNS_DEFAULT);
	code = options_read(request->options, take_option, request);
	if (code)
		return code;
	request->filter.kinds = options->kinds;
	request->style.bytes = options->paint.bytes;
	request->style.no_headings = options->no_headings;
	request->style.width = terminal_width();
	request->style.ascii = !options->paint.unicode;

	/* What selects regions has no meaning in a picture of them all. */
	if (request->form == FORM_PICTURE &&
	    (request->filter.kinds || request->filter.end || request->filter.sort ||
	     request->details || request->heap))
		request->form = FORM_LIST;
	if ((request->form != FORM_LIST && request->form != FORM_JSON) || request->columns_chosen)
		return 0;
	if (request->details && request->form == FORM_LIST)
		return choose_columns(request, request->heap ? COLUMNS_HEAP ",PSS,LOCKED,FLAGS"
							     : COLUMNS_FLAGS);
	return request->heap ? choose_columns(request, COLUMNS_HEAP) : 0;
}

bool map_wants_heap(const struct request *request)
{
	unsigned needs = columns_need(&request->choice);

	if (request->filter.sort)
		needs |= request->filter.sort->needs;
	return request->heap || (needs & NEEDS_SHARES);
}

unsigned map_wants(const struct request *request)
{
	unsigned needs = columns_need(&request->choice), want = 0;

	if (request->filter.sort)
		needs |= request->filter.sort->needs;
	if (request->form == FORM_PICTURE || request->form == FORM_SVG)
		return PROC_PAGES | PROC_STRIPS;
	if (request->form == FORM_JSON || (needs & NEEDS_PAGES))
		want |= PROC_PAGES;
	if (request->details || (needs & NEEDS_DETAILS))
		want |= PROC_DETAILS;
	return want;
}

static int write_selection(const struct request *request, const struct space *space,
			   struct text *text)
{
	struct selection selection;
	int r = selection_make(space, &request->filter, &selection);

	if (r < 0)
		return r;
	if (request->form == FORM_JSON)
		r = json_write(space, &selection, &request->choice, request->command, text);
	else
		r = table_write(space, &selection, &request->choice, &request->style, text);
	selection_fini(&selection);
	return r;
}

int map_write(const struct request *request, const struct space *space, FILE *file)
{
	struct text text = text_to_stream(file);
	int r = 0;

	switch (request->form) {
	case FORM_PICTURE:
		picture_draw(space, &request->options->paint, &text);
		break;
	case FORM_SVG:
		svg_draw(space, &text);
		break;
	case FORM_LIST:
	case FORM_JSON:
		r = write_selection(request, space, &text);
		break;
	}
	return finish_text(&text, r);
}

int map_show(const struct request *request, const struct space *space)
{
	bool to_file = request->form == FORM_SVG && strcmp(request->svg, "-") != 0;
	FILE *file = to_file ? fopen(request->svg, "we") : stdout;
	int r;

	if (!file)
		return look_error(&map_command, "%s: %s", request->svg, strerror(errno));
	r = map_write(request, space, file);
	if (to_file && fclose(file) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		return look_error(&map_command, "%s: %s",
				  to_file ? request->svg : "standard output", strerror(-r));
	/* The picture says itself what is unknown. */
	return report_space(&map_command, space, request->form == FORM_PICTURE);
}

static int map_one(const struct request *request, const char *operand)
{
	struct target target;
	int code = target_open(request->options, operand, map_wants(request), &target);

	if (code)
		return code;
	if (map_wants_heap(request) && heap_survey_shares(&target) < 0)
		code = look_error(&map_command, "%s: no memory", target.name);
	else
		code = map_show(request, &target.space);
	target_close(&target);
	return code;
}

static int run_argv(const struct request *request, char **argv)
{
	if (!argv[0])
		return usage_error(&map_command, "name a command behind --");
	if (request->options->root)
		return usage_error(&map_command, "--root DIR: no command can be run there");
	if (request->heap)
		return usage_error(&map_command,
				   "--heap: of processes, not of a command behind --");
	if (request->settings && request->form == FORM_SVG)
		return usage_error(&map_command, "--svg draws one layout, not two side by side");
	return map_command_run(request, argv);
}

static int check_operands(const struct request *request)
{
	const struct options *options = request->options;

	if (request->settings || request->at != AT_BOTH)
		return usage_error(&map_command, "%s: for a command behind --",
				   request->settings ? "--legacy, --no-aslr, --stack" : "--at");
	if (options->noperands == 0)
		return usage_error(&map_command, "name a process");
	return 0;
}

static int run(struct options *options)
{
	struct request request = {.options = options};
	int code = read_request(&request), i;

	if (code)
		return code;
	if (options->is_mixed)
		return usage_error(&map_command,
				   "either processes or one command behind --, not both");
	if (options->has_separator)
		return run_argv(&request, options->operands);
	code = check_operands(&request);
	if (code)
		return code;
	for (i = 0; i < options->noperands; i++) {
		if (i > 0 && request.form != FORM_JSON)
			putchar('\n');
		code = worse_of(code, map_one(&request, options->operands[i]));
	}
	return code;
}
