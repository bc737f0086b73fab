/* plat model: the kernel's rules without a process. Its parts have options of their own. */
#include "cli/model.h"

#include "cli/commands.h"
#include "cli/report.h"
#include "model/exec.h"

#include <stdio.h>
#include <string.h>

static int run(struct options *options);

static const struct option_row rows[] = {
	ROWS_END,
};

static const struct command *const parts[] = {
	&model_run_command,
	&model_layout_command,
	NULL,
};

const struct command model_command = {
	.name = "model",
	.summary = "the kernel's rules for an address space, without a process",
	.synopsis = "run|layout ...",
	.options = rows,
	.parts = parts,
	.more = "plat model run SCRIPT   calls as strace prints them, and what the rules make of "
		"them\n"
		"plat model layout       what exec makes of a program under given settings\n\n"
		"'plat model run --help' and 'plat model layout --help' explain them.\n",
	.run = run,
};

const char *model_exec_why(const struct exec_result *result, char *to, size_t size)
{
	snprintf(to, size, "%s%s%s",
		 result->killed ? "the process is killed by SIGSEGV"
				: strerror((int)-result->value),
		 result->refused ? ": " : "", rule_words(result->refused));
	return to;
}

/* "model run" is called "run". */
static bool is_called(const struct command *part, const char *name)
{
	return strcmp(strrchr(part->name, ' ') + 1, name) == 0;
}

static int run(struct options *options)
{
	struct options inner = {.argc = options->argc - 1, .argv = options->argv + 1};
	size_t i;
	int code;

	for (i = 0; options->argc > 1 && parts[i]; i++) {
		if (!is_called(parts[i], options->argv[1]))
			continue;
		inner.command = parts[i];
		return parts[i]->run(&inner);
	}
	code = options_read(options, NULL, NULL);
	if (code)
		return code;
	if (options->noperands == 0)
		return usage_error(&model_command, "run or layout");
	return usage_error(&model_command, "%s: run and layout are what there is",
			   options->operands[0]);
}
