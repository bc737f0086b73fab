/* What plat says of its own work: complaints on stderr, and the exit code. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct command;
struct space;
struct text;

/* The worse, the higher. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_FOUND = 1,
	EXIT_PARTIAL = 2,
	EXIT_NO_LOOK = 3,
	EXIT_USAGE = 64,
};

static inline int worse_of(int code, int other)
{
	return code > other ? code : other;
}

/* Says "plat NAME: ..." on stderr. Returns EXIT_USAGE, with a word on where help is. */
int usage_error(const struct command *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same for what cannot be looked at: returns EXIT_NO_LOOK. */
int look_error(const struct command *command, const char *format, ...) PRINTF_LIKE(2, 3);

#define REPORT_NAME_SIZE 256

/* What complaints call a space: its PID, or the path of the file that it is from. Returns `to`. */
const char *report_name(const struct space *space, char to[REPORT_NAME_SIZE]);

/*
 * Says why an answer is partial: "plat NAME: SUBJECT: WHY" for each reason that is neither NULL,
 * empty nor PROC_NOT_ASKED; or, where the answer says it itself, nothing. EXIT_PARTIAL if there was
 * one.
 */
int report_unknown(const struct command *command, const char *subject, const char *const *whys,
		   size_t n, bool silent);

/* The same for all reasons of a space. */
int report_space(const struct command *command, const struct space *space, bool silent);

/* Ends a text; r is what writing it came to. 0, or the first negative errno. */
int finish_text(struct text *text, int r);

/* The same for a text on stdout. EXIT_FINE, or an exit code after a complaint. */
int finish_output(const struct command *command, struct text *text, int r);

#endif
