/* plat map: the address space of processes. */
#include "cli/map.h"

#include "cli/commands.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/proc.h"
#include "source/spawn.h"
#include "space/kinds.h"
#include "view/json.h"
#include "view/picture.h"
#include "view/svg.h"
#include "view/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_LIST,
	OPT_OUTPUT,
	OPT_JSON,
	OPT_RAW,
	OPT_BYTES,
	OPT_NOHEADINGS,
	OPT_SORT,
	OPT_KIND,
	OPT_RANGE,
	OPT_FLAGS,
	OPT_VERBOSE,
	OPT_SVG,
	OPT_LEGEND,
	OPT_ASCII,
	OPT_COLOR,
	OPT_ROOT,
	OPT_AT,
	OPT_LEGACY,
	OPT_NO_ASLR,
	OPT_STACK,
};

static const struct option_row rows[] = {
	[OPT_LIST] = {'l', "list", NULL, "a table, one region a line", COMPLETE_NOTHING},
	[OPT_OUTPUT] = {'o', "output", "COLUMNS", "columns of the table; +COLUMNS adds, all is all",
			COMPLETE_COLUMNS},
	[OPT_JSON] = {'J', "json", NULL, "one JSON document a process", COMPLETE_NOTHING},
	[OPT_RAW] = {'r', "raw", NULL, "a table for scripts: one blank between columns",
		     COMPLETE_NOTHING},
	[OPT_BYTES] = {'b', "bytes", NULL, "sizes in bytes", COMPLETE_NOTHING},
	[OPT_NOHEADINGS] = {'n', "noheadings", NULL, "no line of headings", COMPLETE_NOTHING},
	[OPT_SORT] = {'s', "sort", "COLUMN", "largest first; -COLUMN: smallest first",
		      COMPLETE_COLUMNS},
	[OPT_KIND] = {'k', "kind", "KINDS", "only these kinds, separated by commas",
		      COMPLETE_KINDS},
	[OPT_RANGE] = {'A', "range", "RANGE", "only 0xSTART-0xEND, or 0xSTART+SIZE",
		       COMPLETE_NOTHING},
	[OPT_FLAGS] = {'f', "flags", NULL, "read smaps: PSS, locked, VmFlags; stalls big processes",
		       COMPLETE_NOTHING},
	[OPT_VERBOSE] = {'v', "verbose", NULL, "open merged rows, show whole paths",
			 COMPLETE_NOTHING},
	[OPT_SVG] = {0, "svg", "FILE", "the picture as a drawing; - is standard output",
		     COMPLETE_FILE},
	[OPT_LEGEND] = {0, "legend", NULL, "explain letters and signs below the picture",
			COMPLETE_NOTHING},
	[OPT_ASCII] = {0, "ascii", NULL, "no characters beyond ASCII", COMPLETE_NOTHING},
	[OPT_COLOR] = {0, "color", "WHEN", "auto, always or never", COMPLETE_WHEN},
	[OPT_ROOT] = {0, "root", "DIR", "read a captured or another /proc", COMPLETE_DIRECTORY},
	[OPT_AT] = {0, "at", "WHEN", "with -- COMMAND: at its peak or its end", COMPLETE_NOTHING},
	[OPT_LEGACY] = {'L', "legacy", NULL, "with -- COMMAND: compare with the legacy layout",
			COMPLETE_NOTHING},
	[OPT_NO_ASLR] = {'R', "no-aslr", NULL, "with -- COMMAND: compare without randomisation",
			 COMPLETE_NOTHING},
	[OPT_STACK] = {0, "stack", "SIZE", "with -- COMMAND: compare with this stack limit",
		       COMPLETE_NOTHING},
	{0, NULL, NULL, NULL, COMPLETE_NOTHING},
};

static int run(int argc, char **argv);

const struct command map_command = {
	.name = "map",
	.summary = "draw or list the address space of processes",
	.synopsis = "PID... | -- COMMAND...",
	.options = rows,
	.takes_pid = true,
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

/* Takes one option. 0, or an exit code after a complaint. */
static int take_option(struct request *request, int option, const char *value,
		       enum color_when *color, bool *ascii)
{
	switch (option) {
	case OPT_OUTPUT:
		if (request->form == FORM_PICTURE)
			request->form = FORM_LIST;
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
	case OPT_BYTES:
		request->style.bytes = true;
		break;
	case OPT_NOHEADINGS:
		request->style.no_headings = true;
		break;
	case OPT_SORT:
		return choose_sort(request, value);
	case OPT_KIND:
		return target_kinds(&map_command, value, &request->filter.kinds);
	case OPT_RANGE:
		return target_range(&map_command, value, &request->filter.start,
				    &request->filter.end);
	case OPT_FLAGS:
		request->details = true;
		break;
	case OPT_VERBOSE:
		request->paint.verbose = true;
		break;
	case OPT_SVG:
		request->form = FORM_SVG;
		request->svg = value;
		break;
	case OPT_LEGEND:
		request->paint.legend = true;
		break;
	case OPT_ASCII:
		*ascii = true;
		break;
	case OPT_COLOR:
		if (color_by_name(value, color) < 0)
			return usage_error(&map_command, "%s: colour is auto, always or never",
					   value);
		break;
	case OPT_ROOT:
		request->root = value;
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
	default:
		break;
	}
	return 0;
}

static int read_request(struct options *options, struct request *request)
{
	enum color_when color = COLOR_AUTO;
	struct paint paint;
	const char *value;
	bool ascii = false;
	int option, code;

	choose_columns(request, COLUMNS_DEFAULT);
	while ((option = options_next(options, &value)) >= 0) {
		code = take_option(request, option, value, &color, &ascii);
		if (code)
			return code;
	}
	if (option == OPTION_WRONG)
		return EXIT_USAGE;
	if (option == OPTION_HELP)
		return OPTION_HELP;

	/* What selects regions has no meaning in a picture of them all. */
	if (request->form == FORM_PICTURE && (request->filter.kinds || request->filter.end ||
					      request->filter.sort || request->details))
		request->form = FORM_LIST;
	if (request->details && request->form == FORM_LIST && request->choice.n == 7) {
		code = choose_columns(request, "+PSS,LOCKED,FLAGS");
		if (code)
			return code;
	}
	paint = terminal_paint(color, ascii);
	paint.verbose = request->paint.verbose;
	paint.legend = request->paint.legend;
	paint.bytes = request->style.bytes;
	request->paint = paint;
	request->style.width = terminal_width();
	request->style.ascii = !paint.unicode;
	return 0;
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

static int show(const struct request *request, const struct space *space, FILE *file)
{
	struct text text = text_to_stream(file);
	int r = 0;

	switch (request->form) {
	case FORM_PICTURE:
		picture_draw(space, &request->paint, &text);
		break;
	case FORM_SVG:
		svg_draw(space, &text);
		break;
	case FORM_LIST:
	case FORM_JSON:
		r = write_selection(request, space, &text);
		break;
	}
	if (text_finish(&text) < 0 && r == 0)
		r = text.error;
	text_fini(&text);
	return r;
}

/* Says on stderr why the answer is partial. The picture says it itself. */
static int report_unknown(const struct request *request, const struct space *space)
{
	const char *const all[] = {space->why.maps,    space->why.pages,   space->why.memory,
				   space->why.threads, space->why.details, space->why.process};
	int code = EXIT_FINE;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i] || strcmp(all[i], PROC_NOT_ASKED) == 0)
			continue;
		code = EXIT_PARTIAL;
		if (request->form != FORM_PICTURE)
			fprintf(stderr, "plat map: %d: %s\n", space->process.pid, all[i]);
	}
	return code;
}

int map_show(const struct request *request, const struct space *space)
{
	FILE *file = stdout;
	int r;

	if (request->form == FORM_SVG && strcmp(request->svg, "-") != 0) {
		file = fopen(request->svg, "we");
		if (!file)
			return look_error(&map_command, "%s: %s", request->svg, strerror(errno));
	}
	r = show(request, space, file);
	if (file != stdout && fclose(file) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		return look_error(&map_command, "%s: %s",
				  file == stdout ? "standard output" : request->svg, strerror(-r));
	return report_unknown(request, space);
}

static int map_one(const struct request *request, const char *operand)
{
	struct procdir dir = PROCDIR_CLOSED;
	struct space space;
	struct error err;
	int pid, code = target_pid(&map_command, operand, &pid);

	if (code)
		return code;
	if (procdir_open(request->root, pid, &dir, &err) < 0)
		return look_error(&map_command, "%s", err.text);
	if (proc_load(&dir, map_wants(request), &space, &err) < 0) {
		code = look_error(&map_command, "%s", err.text);
	} else {
		code = map_show(request, &space);
		space_fini(&space);
	}
	procdir_close(&dir);
	return code;
}

static int run_command(const struct request *request, char **argv)
{
	if (!argv[0])
		return usage_error(&map_command, "name a command behind --");
	if (request->root)
		return usage_error(&map_command, "--root DIR: no command can be run there");
	if (request->settings && request->form == FORM_SVG)
		return usage_error(&map_command, "--svg draws one layout, not two side by side");
	return map_command_run(request, argv);
}

static int check_operands(const struct request *request, int n, char **operands)
{
	int i;

	if (request->settings || request->at != AT_BOTH)
		return usage_error(&map_command, "%s: for a command behind --",
				   request->settings ? "--legacy, --no-aslr, --stack" : "--at");
	if (n == 0)
		return usage_error(&map_command, "name a process");
	for (i = 0; i < n; i++)
		if (strcmp(operands[i], "--") == 0)
			return usage_error(&map_command,
					   "either processes or one command behind --, not both");
	return 0;
}

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct options options;
	int code, worst = EXIT_FINE, i;

	options_init(&options, &map_command, argc, argv);
	code = read_request(&options, &request);
	if (code)
		return code == OPTION_HELP ? EXIT_FINE : code;
	if (options.has_separator)
		return run_command(&request, argv + options.first);
	code = check_operands(&request, argc - options.first, argv + options.first);
	if (code)
		return code;
	for (i = options.first; i < argc; i++) {
		if (i > options.first && request.form != FORM_JSON)
			putchar('\n');
		code = map_one(&request, argv[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}
