#include "cli/options.h"

#include "cli/report.h"
#include "cli/target.h"
#include "space/kinds.h"
#include "view/columns.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MOST 40
/* What getopt calls options with a long form. */
#define FIRST_LONG 256
#define LONG_HELP 1000

/* getopt's has_arg. */
static int takes_argument(const struct option_row *row)
{
	if (!row->arg)
		return no_argument;
	return row->arg[0] == '[' ? optional_argument : required_argument;
}

static void help_columns(void)
{
	size_t i;

	printf("\nColumns for -o and --sort:\n");
	for (i = 0; i < ncolumns; i++)
		printf("  %-14s %s%s\n", columns[i].name, columns[i].help,
		       columns[i].needs & NEEDS_DETAILS	 ? " (reads smaps)"
		       : columns[i].needs & NEEDS_SHARES ? " (reads heaps)"
							 : "");
}

static void help_kinds(void)
{
	unsigned kind;

	printf("\nKinds for --kind:\n");
	for (kind = KIND_NONE + 1; kind < NKINDS; kind++)
		printf("  %-14s %s\n", kind_name(kind), kind_help(kind));
}

static void help(const struct command *command)
{
	const struct option_row *row;
	bool columns_wanted = false, kinds_wanted = false;

	printf("Usage: plat %s [options] %s\n\n%c%s.\n\nOptions:\n", command->name,
	       command->synopsis, command->summary[0] - 'a' + 'A', command->summary + 1);
	for (row = command->options; row->name; row++) {
		char left[48], letter[5] = "    ";

		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
			 takes_argument(row) == required_argument ? " " : "",
			 row->arg ? row->arg : "");
		printf("  %-24s %s\n", left, row->help);
		columns_wanted |= row->complete == COMPLETE_COLUMNS;
		kinds_wanted |= row->complete == COMPLETE_KINDS;
	}
	printf("  %-24s %s\n", "-h, --help", "this text");
	if (columns_wanted)
		help_columns();
	if (kinds_wanted)
		help_kinds();
	if (command->more)
		printf("\n%s", command->more);
	printf("\nExit status: 0 fine, 1 found something, 2 the answer is partial, 3 could not "
	       "look,\n"
	       "64 wrong usage. See plat-%.*s(1).\n",
	       (int)strcspn(command->name, " "), command->name);
}

/* How many long options begin with the word behind "--". */
static int count_alike(const struct option *longs, const char *word)
{
	size_t length = strcspn(word, "=");
	int n = 0;

	for (; longs->name; longs++)
		n += strncmp(longs->name, word, length) == 0;
	return n;
}

static int complain_of_letter(const struct command *command, bool missing)
{
	/* A byte of a longer character is none by itself. */
	if (optopt <= ' ' || optopt > '~')
		return usage_error(command, "-\\x%02x: no such option", optopt & 0xff);
	return usage_error(
		command, missing ? "option -%c needs an argument" : "-%c: no such option", optopt);
}

static int complain(const struct command *command, const struct option *longs, bool missing,
		    char **argv)
{
	const char *word = argv[optind - 1];

	if (optopt && optopt < FIRST_LONG)
		return complain_of_letter(command, missing);
	if (missing)
		return usage_error(command, "option %s needs an argument", word);
	if (optopt)
		return usage_error(command, "%s: the option takes no argument", word);
	if (count_alike(longs, word + 2) > 1)
		return usage_error(command, "%s: several options begin so", word);
	return usage_error(command, "%s: no such option", word);
}

#define MS_MOST 1e9

static void set_rung(struct options *options, enum freeze_rung rung)
{
	options->freeze = (struct freeze_wish){.rung = rung, .inject = options->freeze.inject};
}

/* The best that fits into so much time: to stand still, and to go on when it is over. */
static int take_max_pause(struct options *options, const char *value)
{
	char *end;
	double ms = strtod(value, &end);

	if (*value < '0' || *value > '9' || *end || !(ms <= MS_MOST))
		return usage_error(options->command, "%s: not a number of milliseconds", value);
	options->freeze.most = (uint64_t)(ms * 1e6);
	options->freeze.rung = options->freeze.most ? FREEZE_WHOLE : FREEZE_NEVER;
	options->freeze.may_be_less = true;
	return 0;
}

static int take_common(struct options *options, enum common_option option, const char *value)
{
	switch (option) {
	case COMMON_JSON:
		options->json = true;
		break;
	case COMMON_BYTES:
		options->paint.bytes = true;
		break;
	case COMMON_NOHEADINGS:
		options->no_headings = true;
		break;
	case COMMON_KIND:
		return target_kinds(options->command, value, &options->kinds);
	case COMMON_VERBOSE:
		options->paint.verbose = true;
		break;
	case COMMON_ASCII:
		options->ascii = true;
		break;
	case COMMON_COLOR:
		if (color_by_name(value, &options->color) < 0)
			return usage_error(options->command, "%s: colour is auto, always or never",
					   value);
		break;
	case COMMON_ROOT:
		options->root = value;
		break;
	case COMMON_STOP:
		set_rung(options, FREEZE_WHOLE);
		break;
	case COMMON_NO_STOP:
		set_rung(options, FREEZE_NEVER);
		break;
	case COMMON_MAX_PAUSE:
		return take_max_pause(options, value);
	case COMMON_INJECT:
		/* By itself it asks for what it is for. */
		if (options->freeze.rung == FREEZE_NEVER)
			set_rung(options, FREEZE_COPY);
		options->freeze.inject = true;
		break;
	}
	return 0;
}

/* The table as getopt wants it: for long and for short forms. */
static void translate(const struct command *command, struct option *longs, char *shorts)
{
	const struct option_row *rows = command->options;
	int i;

	if (command->parts || (command->takes_command && !command->takes_pid))
		*shorts++ = '+'; /* what stands behind has options of its own */
	*shorts++ = ':';	 /* a missing argument is told from a wrong option */
	*shorts++ = 'h';
	for (i = 0; i < OPTIONS_MOST && rows[i].name; i++) {
		longs[i] = (struct option){rows[i].name, takes_argument(&rows[i]), NULL,
					   FIRST_LONG + i};
		if (!rows[i].letter)
			continue;
		*shorts++ = rows[i].letter;
		if (rows[i].arg)
			*shorts++ = ':';
	}
	longs[i] = (struct option){"help", no_argument, NULL, LONG_HELP};
}

/* The row of an option that getopt has found. */
static const struct option_row *find_row(const struct option_row *rows, int found)
{
	if (found >= FIRST_LONG)
		return &rows[found - FIRST_LONG];
	while (rows->letter != found)
		rows++;
	return rows;
}

/* Arguments behind a "--"; getopt may move others there. */
static int count_behind(const struct options *options)
{
	int i;

	for (i = 1; i < options->argc; i++)
		if (strcmp(options->argv[i], "--") == 0)
			return options->argc - i - 1;
	return 0;
}

int options_read(struct options *options, int (*take)(void *request, int option, const char *value),
		 void *request)
{
	struct option longs[OPTIONS_MOST + 2] = {0};
	char shorts[2 * OPTIONS_MOST + 4] = "";
	const struct option_row *row;
	int nbehind = count_behind(options), found, code;

	translate(options->command, longs, shorts);
	optind = 0; /* glibc and musl: begin anew */
	opterr = 0;
	while ((found = getopt_long(options->argc, options->argv, shorts, longs, NULL)) != -1) {
		if (found == '?' || found == ':')
			return complain(options->command, longs, found == ':', options->argv);
		if (found == 'h' || found == LONG_HELP) {
			help(options->command);
			return OPTION_HELP;
		}
		row = find_row(options->command->options, found);
		code = row->option >= COMMON_JSON ? take_common(options, row->option, optarg)
						  : take(request, row->option, optarg);
		if (code)
			return code;
	}
	terminal_fit(&options->paint, options->color, options->ascii);
	options->operands = options->argv + optind;
	options->noperands = options->argc - optind;
	options->has_separator = strcmp(options->argv[optind - 1], "--") == 0;
	options->is_mixed = options->has_separator && options->noperands != nbehind;
	return 0;
}

int options_read_one(struct options *options,
		     int (*take)(void *request, int option, const char *value), void *request)
{
	int code = options_read(options, take, request);

	if (code == 0 && options->noperands != 1)
		code = usage_error(options->command,
				   options->noperands ? "one process at a time" : "which process?");
	return code;
}
