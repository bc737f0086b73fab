/*
 * The options of each subcommand, as tables. Parsing, --help and shell completion are made from
 * them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

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
	char letter;	  /* 'o', or 0: only the long form */
	const char *name; /* "output" */
	const char *arg;  /* "COLUMNS"; "[=SECONDS]": the long form may go without; NULL: it takes
			     none */
	const char *help;
	enum complete complete;
};

struct command {
	const char *name;
	const char *summary;		  /* one line, lower case, no full stop */
	const char *synopsis;		  /* what stands behind "plat NAME [options]" */
	const struct option_row *options; /* ends with name NULL */
	bool takes_pid;			  /* for completion */
	const char *more;		  /* said at the end of --help, or NULL */
	int (*run)(int argc, char **argv);
};

extern const struct command *const commands[]; /* in main.c; ends with NULL */

enum exit_code {
	EXIT_FINE = 0,
	EXIT_FOUND = 1,
	EXIT_PARTIAL = 2,
	EXIT_NO_LOOK = 3,
	EXIT_USAGE = 64,
};

/* Options being read. Storage of the caller. */
struct options {
	const struct command *command;
	int argc;
	char **argv;
	int first;	    /* after the last option: index in argv of the first operand */
	bool has_separator; /* a "--" stood right before it */
};

#define OPTION_END (-1)
#define OPTION_HELP (-2)  /* --help was given, and has been answered: exit with EXIT_FINE */
#define OPTION_WRONG (-3) /* and was complained about: exit with EXIT_USAGE */

void options_init(struct options *options, const struct command *command, int argc, char **argv);

/*
 * The index of the next option in the table, with *value its argument or NULL; or one of the above.
 */
int options_next(struct options *options, const char **value);

void options_help(const struct command *command);

/* Says "plat NAME: ..." on stderr. Returns EXIT_USAGE, with a word on where help is. */
int usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for what cannot be looked at: returns EXIT_NO_LOOK. */
int look_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
