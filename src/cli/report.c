#include "cli/report.h"

#include "base/text.h"
#include "cli/options.h"
#include "source/proc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *report_name(const struct space *space, char to[REPORT_NAME_SIZE])
{
	if (space->core || space->snapshot)
		snprintf(to, REPORT_NAME_SIZE, "%s", space->core ? space->core : space->snapshot);
	else
		snprintf(to, REPORT_NAME_SIZE, "%d", space->process.pid);
	return to;
}

int report_unknown(const struct command *command, const char *subject, const char *const *whys,
		   size_t n, bool silent)
{
	int code = EXIT_FINE;
	size_t i;

	fflush(stdout);
	for (i = 0; i < n; i++) {
		if (!whys[i] || !whys[i][0] || strcmp(whys[i], PROC_NOT_ASKED) == 0)
			continue;
		code = EXIT_PARTIAL;
		if (!silent)
			fprintf(stderr, "plat %s: %s: %s\n", command->name, subject, whys[i]);
	}
	return code;
}

int report_space(const struct command *command, const struct space *space, bool silent)
{
	const struct why *why = &space->why;
	const char *const all[] = {why->maps,	 why->pages,   why->memory, why->threads,
				   why->details, why->process, why->shares};
	char name[REPORT_NAME_SIZE];

	return report_unknown(command, report_name(space, name), all, ARRAY_SIZE(all), silent);
}

int finish_text(struct text *text, int r)
{
	if (text_finish(text) < 0 && r == 0)
		r = text->error;
	text_fini(text);
	return r;
}

int finish_output(const struct command *command, struct text *text, int r)
{
	r = finish_text(text, r);
	return r < 0 ? look_error(command, "standard output: %s", strerror(-r)) : EXIT_FINE;
}
