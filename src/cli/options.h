/*
 * The options of each subcommand, as tables. Parsing, --help and shell completion are made from
 * them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/terminal.h"
#include "source/freeze.h"
#include "view/paint.h"

/* What completes an option's argument in a shell. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_COLUMNS,
	COMPLETE_KINDS,
	COMPLETE_WHEN, /* auto always never */
};

struct option_row {
	int option;	  /* the command's own number for it, from 0; or of enum common_option */
	char letter;	  /* 'o', or 0: only the long form */
	const char *name; /* "output" */
	const char *arg;  /* "COLUMNS"; "[=SECONDS]": the long form may go without; NULL: it takes
			     none */
	const char *help;
	enum complete complete;
};

#define ROW(...)                                                                                   \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define FLAG(option, letter, name, help) ROW(option, letter, name, NULL, help, COMPLETE_NOTHING)
#define ROWS_END FLAG(0, 0, NULL, NULL)

/* Options that several commands have. options_read() keeps them; commands never see them. */
enum common_option {
	COMMON_JSON = 1000,
	COMMON_BYTES,
	COMMON_NOHEADINGS,
	COMMON_KIND,
	COMMON_VERBOSE,
	COMMON_ASCII,
	COMMON_COLOR,
	COMMON_ROOT,
	COMMON_STOP,
	COMMON_NO_STOP,
	COMMON_MAX_PAUSE,
	COMMON_INJECT,
};

#define ROW_JSON(help) FLAG(COMMON_JSON, 'J', "json", help)
#define ROW_BYTES FLAG(COMMON_BYTES, 'b', "bytes", "sizes in bytes")
#define ROW_NOHEADINGS(help) FLAG(COMMON_NOHEADINGS, 'n', "noheadings", help)
#define ROW_KIND                                                                                   \
	ROW(COMMON_KIND, 'k', "kind", "KINDS", "only these kinds, separated by commas",            \
	    COMPLETE_KINDS)
#define ROW_VERBOSE(help) FLAG(COMMON_VERBOSE, 'v', "verbose", help)
#define ROW_ASCII FLAG(COMMON_ASCII, 0, "ascii", "no characters beyond ASCII")
#define ROW_COLOR ROW(COMMON_COLOR, 0, "color", "WHEN", "auto, always or never", COMPLETE_WHEN)
#define ROW_ROOT                                                                                   \
	ROW(COMMON_ROOT, 0, "root", "DIR", "read a captured or another /proc", COMPLETE_DIRECTORY)

/* Whether a process stands still while it is looked at. A command has all of these or none. */
#define ROW_STOP FLAG(COMMON_STOP, 0, "stop", "stop the process while it is looked at")
#define ROW_NO_STOP FLAG(COMMON_NO_STOP, 0, "no-stop", "let it run meanwhile")
#define ROW_MAX_PAUSE                                                                              \
	ROW(COMMON_MAX_PAUSE, 0, "max-pause", "MS", "stop it for so many milliseconds at most",    \
	    COMPLETE_NOTHING)
#define ROW_INJECT                                                                                 \
	FLAG(COMMON_INJECT, 0, "inject",                                                           \
	     "let it make calls for plat, so that it is stopped for less")

struct options;

struct command {
	const char *name;
	const char *summary;		  /* one line, lower case, no full stop */
	const char *synopsis;		  /* what stands behind "plat NAME [options]" */
	const struct option_row *options; /* ends with ROWS_END */
	bool takes_pid;			  /* for completion */
	bool takes_core;		  /* as well: a core or a snapshot stands in for a PID */
	bool takes_command;		  /* as well: a command line stands behind the options */
	/* Commands behind this one's name, each with both in its own; ends with NULL. Or NULL. */
	const struct command *const *parts;
	const char *more;		     /* said at the end of --help, or NULL */
	int (*run)(struct options *options); /* an exit code, or OPTION_HELP */
};

extern const struct command *const commands[]; /* in main.c; ends with NULL */

/* What the user typed: the command, its options and its operands. */
struct options {
	const struct command *command;
	int argc;
	char **argv; /* from the command's name on */
	/* The common options. */
	bool json, no_headings, ascii;
	enum color_when color;
	uint32_t kinds;	  /* a bit for each enum kind; 0: all */
	const char *root; /* NULL: /proc */
	/* How target_open() looks at it. A command that has a way of its own sets it before
	 * options_read(). */
	struct freeze_wish freeze;
	struct paint paint; /* --bytes, --verbose, and what the terminal can show of the rest */
	/* What stands behind all options. */
	char **operands;
	int noperands;
	bool has_separator; /* a "--" stood before them, */
	bool is_mixed;	    /* or between some and the others */
};

#define OPTION_HELP (-1) /* --help was given, and has been answered: exit with EXIT_FINE */

/*
 * Reads all options, in their order, and finds the operands. The command's own go to `take` with
 * their argument or NULL; it returns 0, or an exit code after a complaint. So does this function,
 * or OPTION_HELP.
 */
int options_read(struct options *options, int (*take)(void *request, int option, const char *value),
		 void *request);

/* The same of a command that looks at one process: there must be one operand. */
int options_read_one(struct options *options,
		     int (*take)(void *request, int option, const char *value), void *request);

#endif
