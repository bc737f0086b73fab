#include "cli/options.h"

#include "space/kinds.h"
#include "view/columns.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MOST 40
#define HELP_ID 1000
#define FIRST_LONG 256

void options_init(struct options *options, const struct command *command, int argc, char **argv)
{
	*options = (struct options){.command = command, .argc = argc, .argv = argv};
	optind = 0; /* glibc and musl: begin anew */
	opterr = 0;
}

/* getopt's has_arg. */
static int takes_argument(const struct option_row *row)
{
	if (!row->arg)
		return no_argument;
	return row->arg[0] == '[' ? optional_argument : required_argument;
}

static void complain(const struct command *command, int missing, char **argv)
{
	if (optopt && optopt < FIRST_LONG)
		usage_error(command,
			    missing ? "option -%c needs an argument" : "there is no option -%c",
			    optopt);
	else
		usage_error(command, missing ? "option %s needs an argument" : "%s: no such option",
			    argv[optind - 1]);
}

int options_next(struct options *options, const char **value)
{
	struct option longs[OPTIONS_MOST + 2] = {0};
	char shorts[2 * OPTIONS_MOST + 3] = "+:";
	const struct option_row *rows = options->command->options;
	size_t n = 2;
	int i, r;

	for (i = 0; i < OPTIONS_MOST && rows[i].name; i++) {
		longs[i] = (struct option){rows[i].name, takes_argument(&rows[i]), NULL,
					   FIRST_LONG + i};
		if (rows[i].letter) {
			shorts[n++] = rows[i].letter;
			if (rows[i].arg)
				shorts[n++] = ':';
		}
	}
	longs[i] = (struct option){"help", 0, NULL, HELP_ID};
	shorts[n++] = 'h';
	shorts[n] = '\0';

	r = getopt_long(options->argc, options->argv, shorts, longs, NULL);
	*value = optarg;
	options->first = optind;
	if (r == -1) {
		options->has_separator = optind > 0 && strcmp(options->argv[optind - 1], "--") == 0;
		return OPTION_END;
	}
	if (r == 'h' || r == HELP_ID) {
		options_help(options->command);
		return OPTION_HELP;
	}
	if (r == '?' || r == ':') {
		complain(options->command, r == ':', options->argv);
		return OPTION_WRONG;
	}
	if (r >= FIRST_LONG)
		return r - FIRST_LONG;
	for (i = 0; rows[i].name; i++)
		if (rows[i].letter == r)
			return i;
	return OPTION_WRONG;
}

static void help_columns(void)
{
	size_t i;

	printf("\nColumns for -o and --sort:\n");
	for (i = 0; i < ncolumns; i++)
		printf("  %-14s %s%s\n", columns[i].name, columns[i].help,
		       columns[i].needs & NEEDS_DETAILS ? " (reads smaps)" : "");
}

static void help_kinds(void)
{
	unsigned kind;

	printf("\nKinds for --kind:\n");
	for (kind = KIND_NONE + 1; kind < NKINDS; kind++)
		printf("  %-14s %s\n", kind_name(kind), kind_help(kind));
}

void options_help(const struct command *command)
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
	       "64 wrong usage. See plat-%s(1).\n",
	       command->name);
}

static void say(const struct command *command, const char *format, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "plat%s%s: ", command ? " " : "", command ? command->name : "");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int usage_error(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(command, format, args);
	va_end(args);
	fprintf(stderr, "Try 'plat%s%s --help'.\n", command ? " " : "",
		command ? command->name : "");
	return EXIT_USAGE;
}

int look_error(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(command, format, args);
	va_end(args);
	return EXIT_NO_LOOK;
}
