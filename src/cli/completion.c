/*
 * plat completion bash: a completion script made from the option tables. The build runs this once
 * and installs what it prints.
 */
#include "cli/commands.h"
#include "cli/report.h"
#include "space/kinds.h"
#include "view/columns.h"

#include <stdio.h>
#include <string.h>

static int run(struct options *options);

static const struct option_row rows[] = {
	ROWS_END,
};

const struct command completion_command = {
	.name = "completion",
	.summary = "print a completion script for a shell",
	.synopsis = "bash",
	.options = rows,
	.run = run,
};

static void print_commands(void)
{
	size_t i;

	for (i = 0; commands[i]; i++)
		printf("%s%s", i ? " " : "", commands[i]->name);
}

static void print_columns(void)
{
	size_t i;

	for (i = 0; i < ncolumns; i++)
		printf("%s%s", i ? " " : "", columns[i].name);
}

static void print_kinds(void)
{
	unsigned kind;

	for (kind = KIND_NONE + 1; kind < NKINDS; kind++)
		printf("%s%s", kind > KIND_NONE + 1 ? " " : "", kind_name(kind));
}

/* The options of a command whose arguments complete in one way, as a pattern: "-o|--output". */
static bool print_pattern(const struct command *command, enum complete complete)
{
	const struct option_row *row;
	bool any = false;

	for (row = command->options; row->name; row++) {
		if (!row->arg || row->arg[0] == '[' || row->complete != complete)
			continue;
		printf("%s", any ? "|" : "\t\t");
		if (row->letter)
			printf("-%c|", row->letter);
		printf("--%s", row->name);
		any = true;
	}
	return any;
}

static void print_arguments(const struct command *command)
{
	static const struct {
		enum complete complete;
		const char *action;
	} ways[] = {
		{COMPLETE_FILE, "_filedir; return"},
		{COMPLETE_DIRECTORY, "_filedir -d; return"},
		{COMPLETE_COLUMNS, "_plat_list \"$_plat_columns\"; return"},
		{COMPLETE_KINDS, "_plat_list \"$_plat_kinds\"; return"},
		{COMPLETE_WHEN,
		 "COMPREPLY=($(compgen -W 'auto always never' -- \"$cur\")); return"},
		{COMPLETE_NOTHING, "return"},
	};
	size_t i;

	printf("\t\tcase $prev in\n");
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (print_pattern(command, ways[i].complete))
			printf(") %s ;;\n", ways[i].action);
	printf("\t\tesac\n");
}

/* The word behind the command's own: "run" of "model run". */
static const char *part_name(const struct command *part)
{
	return strchr(part->name, ' ') + 1;
}

static void print_words(const struct command *command)
{
	const struct option_row *row;

	printf("\t\twords='");
	for (row = command->options; row->name; row++) {
		if (row->letter)
			printf("-%c ", row->letter);
		printf("--%s ", row->name);
	}
	printf("-h --help'\n");
}

/* The name of a part comes first; what may follow is the part's. */
static void print_parts(const struct command *command)
{
	size_t i;

	printf("\t\tif ((cword == 2)); then\n\t\t\tCOMPREPLY=($(compgen -W '");
	for (i = 0; command->parts[i]; i++)
		printf("%s ", part_name(command->parts[i]));
	printf("--help' -- \"$cur\"))\n\t\t\treturn\n\t\tfi\n"
	       "\t\tcase ${COMP_WORDS[2]} in\n");
	for (i = 0; command->parts[i]; i++) {
		printf("\t\t%s)\n", part_name(command->parts[i]));
		print_arguments(command->parts[i]);
		print_words(command->parts[i]);
		printf("\t\t;;\n");
	}
	printf("\t\tesac\n\t\t[[ $cur == -* ]] || { _filedir; return; }\n");
}

/* The first word that is no option begins a command line, which completes by itself. */
static void print_command_line(void)
{
	printf("\t\tlocal i\n"
	       "\t\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	       "\t\t\t[[ ${COMP_WORDS[i]} == -* ]] || break\n"
	       "\t\tdone\n"
	       "\t\t[[ $cur == -* && $i == $COMP_CWORD ]] || { _command_offset $i; return; }\n");
}

static void print_command(const struct command *command)
{
	printf("\t%s)\n", command->name);
	if (command->parts) {
		print_parts(command);
		printf("\t\t;;\n");
		return;
	}
	print_arguments(command);
	print_words(command);
	if (command->takes_command)
		print_command_line();
	if (command->takes_pid)
		printf("\t\tpids=%d\n", command->takes_core ? 2 : 1);
	if (command == &completion_command)
		printf("\t\twords=\"$words bash\"\n");
	printf("\t\t;;\n");
}

static void print_bash(void)
{
	size_t i;

	printf("# bash completion for plat; made by 'plat completion bash'\n\n_plat_columns='");
	print_columns();
	printf("'\n_plat_kinds='");
	print_kinds();
	printf("'\n\n"
	       "# Completes the last word of a list with commas.\n"
	       "_plat_list()\n{\n"
	       "\tlocal before=\n"
	       "\t[[ $cur == *,* ]] && before=${cur%%,*},\n"
	       "\tCOMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\"))\n"
	       "\tcompopt -o nospace\n"
	       "}\n\n"
	       "_plat()\n{\n"
	       "\tlocal cur prev words cword command pids=\n"
	       "\t_init_completion -n =: || return\n"
	       "\tcommand=${COMP_WORDS[1]}\n"
	       "\tif ((cword == 1)); then\n"
	       "\t\tCOMPREPLY=($(compgen -W '");
	print_commands();
	printf(" --help --version' -- \"$cur\"))\n\t\treturn\n\tfi\n\twords=\n\tcase $command "
	       "in\n");
	for (i = 0; commands[i]; i++)
		print_command(commands[i]);
	printf("\tesac\n"
	       "\tif [[ $cur == -* || -z $pids ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\telse\n"
	       "\t\t_pids\n"
	       "\t\tCOMPREPLY+=($(compgen -W self -- \"$cur\"))\n"
	       "\t\t((pids == 2)) && COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
	       "\tfi\n"
	       "}\n"
	       "complete -F _plat plat\n");
}

static int run(struct options *options)
{
	int code = options_read(options, NULL, NULL);

	if (code)
		return code;
	if (options->noperands != 1)
		return usage_error(&completion_command, "name one shell: bash");
	if (strcmp(options->operands[0], "bash") != 0)
		return usage_error(&completion_command, "%s: only bash is known",
				   options->operands[0]);
	print_bash();
	return EXIT_FINE;
}
