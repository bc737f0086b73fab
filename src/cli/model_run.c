/*
 * plat model run: a script, call by call, with what the model says of each.
 *
 * What is written is a script again, with results and with remarks behind #.
 */
#include "cli/map.h"
#include "cli/model.h"
#include "cli/model_steps.h"
#include "cli/report.h"
#include "model/exec_space.h"
#include "model/replay.h"
#include "model/to_space.h"
#include "source/elf_file.h"
#include "source/here.h"
#include "view/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_LIST,
	OPT_OUTPUT,
	OPT_JSON,
	OPT_RAW,
	OPT_LEGEND,
	OPT_QUIET,
	OPT_SET,
	OPT_KERNEL,
	OPT_HERE,
	OPT_BINARY,
	OPT_UNKNOWN,
};

static const struct option_row rows[] = {
	{OPT_SET, 's', "set", "SETTING", "a line that stands before the script: 'limit as 2G'",
	 COMPLETE_NOTHING},
	{OPT_KERNEL, 'k', "kernel", "VERSION", "the rules of this version: 6.12 to 6.18",
	 COMPLETE_NOTHING},
	FLAG(OPT_HERE, 'H', "here", "with this machine's settings, and our limits and privileges"),
	{OPT_BINARY, 'B', "binary", "FILE", "begin, and at its execve, with what exec makes of it",
	 COMPLETE_FILE},
	FLAG(OPT_UNKNOWN, 'u', "unknown", "what is mapped at the beginning is not known"),
	FLAG(OPT_QUIET, 'q', "quiet", "no calls that went as recorded"),
	FLAG(OPT_LIST, 'l', "list", "maps as a table, one region a line"),
	{OPT_OUTPUT, 'o', "output", "COLUMNS", "columns of the table; +COLUMNS adds, all is all",
	 COMPLETE_COLUMNS},
	FLAG(OPT_JSON, 'J', "json", "one JSON document"),
	FLAG(OPT_RAW, 'r', "raw", "a table for scripts: one blank between columns"),
	ROW_BYTES,
	ROW_NOHEADINGS("no line of headings"),
	ROW_VERBOSE("open merged rows, show whole paths"),
	FLAG(OPT_LEGEND, 0, "legend", "explain letters and signs below the picture"),
	ROW_ASCII,
	ROW_COLOR,
	ROWS_END,
};

static int run(struct options *options);

const struct command model_run_command = {
	.name = "model run",
	.summary = "carry out a script of calls by the kernel's rules",
	.synopsis = "SCRIPT",
	.options = rows,
	.more = "SCRIPT has calls as strace prints them; - is standard input. Each is printed "
		"with\n"
		"what the rules make of it, and if they refuse it with the rule. Where the script\n"
		"says what came of a call, that is checked. A line 'map' shows the space.\n"
		"    limit as 64M\n"
		"    mmap(NULL, 128M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\n"
		"    map\n"
		"Exit status 1: a result was another.\n",
	.run = run,
};

#define SETTINGS_MOST 64

struct model_run {
	struct request map; /* how maps are shown */
	const char *settings[SETTINGS_MOST];
	size_t nsettings;
	const char *kernel, *binary;
	bool here, unknown, quiet;

	const char *path; /* of the script */
	struct replay replay;
	bool has_step;	   /* of the JSON document */
	char strange[128]; /* calls without rules, as far as they fit */
};

/*
 * Options.
 */

static int choose_columns(struct model_run *run, const char *list)
{
	const char *wrong;

	if (columns_choose(list, &run->map.choice, &wrong) == 0)
		return 0;
	return usage_error(&model_run_command, "%.*s: no such column", (int)strcspn(wrong, ","),
			   wrong);
}

static int add_setting(struct model_run *run, const char *setting)
{
	if (run->nsettings == SETTINGS_MOST)
		return usage_error(&model_run_command, "more than %d settings", SETTINGS_MOST);
	run->settings[run->nsettings++] = setting;
	return 0;
}

static void choose_list(struct model_run *run)
{
	if (run->map.form == FORM_PICTURE)
		run->map.form = FORM_LIST;
}

static int take_option(void *context, int option, const char *value)
{
	struct model_run *run = context;

	switch (option) {
	case OPT_SET:
		return add_setting(run, value);
	case OPT_KERNEL:
		run->kernel = value;
		break;
	case OPT_HERE:
		run->here = true;
		break;
	case OPT_BINARY:
		run->binary = value;
		break;
	case OPT_UNKNOWN:
		run->unknown = true;
		break;
	case OPT_QUIET:
		run->quiet = true;
		break;
	case OPT_LIST:
		run->map.form = FORM_LIST;
		break;
	case OPT_OUTPUT:
		choose_list(run);
		return choose_columns(run, value);
	case OPT_JSON:
		run->map.form = FORM_JSON;
		break;
	case OPT_RAW:
		run->map.style.raw = true;
		choose_list(run);
		break;
	case OPT_LEGEND:
		run->map.options->paint.legend = true;
		break;
	}
	return 0;
}

static int read_options(struct model_run *run)
{
	struct options *options = run->map.options;
	int code = choose_columns(run, COLUMNS_DEFAULT);

	if (code == 0)
		code = options_read(options, take_option, run);
	if (code)
		return code;
	if (options->noperands != 1)
		return usage_error(&model_run_command, "name one script, or -");
	run->path = options->operands[0];
	run->map.style.bytes = options->paint.bytes;
	run->map.style.no_headings = options->no_headings;
	run->map.style.width = terminal_width();
	run->map.style.ascii = !options->paint.unicode;
	return 0;
}

static bool is_json(const struct model_run *run)
{
	return run->map.form == FORM_JSON;
}

/*
 * Exec.
 */

/* The space becomes what exec makes of the program, without randomisation. An exit code. */
static int exec_program(struct model_run *run, struct elf_file *file, const char *path)
{
	const struct exec_random none = {0};
	struct space *names = &run->replay.names;
	struct exec_result result;
	struct model model;
	char why[256];

	names->nmodules = 0;
	if (run->here)
		here_strings(&file->program, path);
	if (exec_name_files(&file->program, path, file->interpreter_path, names) < 0 ||
	    model_copy(&run->replay.model, &model) < 0)
		return look_error(&model_run_command, "%s: %s", path, strerror(ENOMEM));
	result = model_exec(&model, &file->program, &none);
	if (model.out_of_memory || result.value < 0 || result.killed) {
		model_fini(&model);
		return look_error(&model_run_command, "%s: exec would fail: %s", path,
				  model_exec_why(&result, why, sizeof(why)));
	}
	replay_take(&run->replay, &model);
	if (exec_name_parts(&run->replay.model, &file->program, &result, names) < 0)
		return look_error(&model_run_command, "%s: %s", path, strerror(ENOMEM));
	return 0;
}

static int begin_with(struct model_run *run, const char *path)
{
	struct elf_file file = ELF_FILE_EMPTY;
	struct error err;
	int code;

	if (elf_file_read(path, &file, &err) < 0)
		return look_error(&model_run_command, "%s", err.text);
	code = exec_program(run, &file, path);
	elf_file_fini(&file);
	return code;
}

/* This machine's settings, and the limits and privileges that we have ourselves. */
static int take_here(struct model_run *run)
{
	struct model *model = &run->replay.model, here;
	struct error err;
	unsigned i;

	if (here_model(&here, &err) < 0)
		return look_error(&model_run_command, "%s", err.text);
	model->machine = here.machine;
	model->capabilities = here.capabilities;
	model->personality = here.personality;
	for (i = 0; i < NMODEL_LIMITS; i++)
		model->limits[i] = here.limits[i];
	model_fini(&here);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * What is written.
 */

static void begin_json_step(struct model_run *run, struct text *text)
{
	text_put(text, run->has_step ? ",\n" : "\n");
	run->has_step = true;
}

static void put_step(struct model_run *run, struct text *text, const struct replay_step *step,
		     const char *line, size_t size)
{
	if (!is_json(run)) {
		model_put_step(text, step, line, size, run->quiet);
	} else if (model_tells_step(step, run->quiet)) {
		begin_json_step(run, text);
		document_put(text, model_json_step(step));
	}
}

static void put_summary(struct model_run *run, struct text *text)
{
	if (!is_json(run)) {
		model_put_summary(text, &run->replay);
		return;
	}
	text_put(text, "\n],\n\"summary\": ");
	document_put(text, model_json_summary(&run->replay));
	text_put(text, "}\n");
}

/* What has been written so far stands before the map. An exit code. */
static int show_map(struct model_run *run, struct text *text, const struct script_line *line)
{
	struct space space;
	struct error err;
	int r;

	if (model_to_space_of(&run->replay.model, &run->replay.names, &space, &err) < 0)
		return look_error(&model_run_command, "%s: %u: %s", run->path, line->number,
				  err.text);
	if (is_json(run)) {
		begin_json_step(run, text);
		text_format(text, "{\"line\": %u, \"map\": ", line->number);
	}
	r = text_finish(text);
	if (r == 0)
		r = map_write(&run->map, &space, stdout);
	if (is_json(run))
		text_char(text, '}');
	space_fini(&space);
	return r < 0 ? look_error(&model_run_command, "standard output: %s", strerror(-r)) : 0;
}

/*
 * Lines.
 */

static void note_strange(struct model_run *run, const struct script_line *line)
{
	const char *name =
		line->type == SCRIPT_CALL ? model_call_name(line->request.call) : line->word;
	size_t size = strlen(run->strange);

	if (!strstr(run->strange, name))
		snprintf(run->strange + size, sizeof(run->strange) - size, "%s%s", size ? ", " : "",
			 name);
}

/* What the replay leaves to us. An exit code. */
static int finish_step(struct model_run *run, struct text *text, const struct replay_step *step)
{
	const struct script_line *line = &step->line;

	if (step->outcome == REPLAY_STRANGE)
		note_strange(run, line);
	if (line->type == SCRIPT_MAP)
		return show_map(run, text, line);
	if (line->type == SCRIPT_EXEC && run->binary && line->pid == run->replay.main_pid &&
	    strcmp(base_name(line->word), base_name(run->binary)) == 0)
		return begin_with(run, run->binary);
	if (line->type != SCRIPT_LAYOUT)
		return 0;
	text_finish(text);
	return begin_with(run, line->word);
}

static int run_line(struct model_run *run, struct text *text, const char *line, size_t size)
{
	struct replay_step step;
	struct error err;
	int r = replay_line(&run->replay, line, size, &step, &err);

	if (r < 0) {
		text_finish(text); /* what was written stands before the complaint */
		return look_error(&model_run_command, "%s:%s", run->path, err.text);
	}
	put_step(run, text, &step, line, size);
	return finish_step(run, text, &step);
}

static int run_lines(struct model_run *run, struct text *text, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t size = 0;
	int code = 0;

	while (code == 0 && (size = getline(&line, &room, file)) >= 0)
		code = run_line(run, text, line, (size_t)size);
	if (code == 0 && ferror(file))
		code = look_error(&model_run_command, "%s: %s", run->path, strerror(errno));
	free(line);
	return code;
}

/* A setting is a line of its own; its complaints are not about the script. */
static int set(struct model_run *run, const char *option, const char *line)
{
	struct replay_step step;
	struct error err;
	const char *sentence;

	if (replay_line(&run->replay, line, strlen(line), &step, &err) < 0) {
		sentence = strstr(err.text, ": ");
		return usage_error(&model_run_command, "%s %s%s", option, line,
				   sentence ? sentence : "");
	}
	run->replay.script.number = 0;
	if (step.line.type < SCRIPT_SETTING || step.line.type == SCRIPT_LAYOUT ||
	    step.line.type == SCRIPT_MAP)
		return usage_error(&model_run_command, "%s %s: this is no setting", option, line);
	return 0;
}

static int begin(struct model_run *run)
{
	char version[64];
	size_t i;
	int code = run->here ? take_here(run) : 0;

	if (code == 0 && run->kernel) {
		snprintf(version, sizeof(version), "machine version %s", run->kernel);
		code = set(run, "--kernel", version);
	}
	for (i = 0; code == 0 && i < run->nsettings; i++)
		code = set(run, "--set", run->settings[i]);
	if (code == 0 && run->binary)
		code = begin_with(run, run->binary);
	if (code == 0 && run->unknown)
		code = set(run, "--unknown", "unknown");
	return code;
}

static int finish(struct model_run *run, struct text *text)
{
	const size_t *outcomes = run->replay.outcomes;

	put_summary(run, text);
	if (outcomes[REPLAY_STRANGE]) {
		text_finish(text);
		look_error(&model_run_command, "%s: the model has no rules for %zu call%s: %s",
			   run->path, outcomes[REPLAY_STRANGE],
			   outcomes[REPLAY_STRANGE] == 1 ? "" : "s", run->strange);
		return EXIT_PARTIAL;
	}
	return outcomes[REPLAY_DIFFERENT] ? EXIT_FOUND : EXIT_FINE;
}

static int run_script(struct model_run *run, FILE *file)
{
	struct text text = text_to_stream(stdout);
	int code = begin(run);

	if (code == 0) {
		if (is_json(run))
			text_put(&text, "{\"schema\": 1,\n\"steps\": [");
		code = run_lines(run, &text, file);
		if (code == 0)
			code = finish(run, &text);
	}
	return worse_of(code, finish_output(&model_run_command, &text, 0));
}

static int run(struct options *options)
{
	struct model_run run = {.map = {.options = options}};
	int code = read_options(&run);
	bool is_stdin;
	FILE *file;

	if (code)
		return code;
	is_stdin = strcmp(run.path, "-") == 0;
	file = is_stdin ? stdin : fopen(run.path, "re");
	if (!file)
		return look_error(&model_run_command, "%s: %s", run.path, strerror(errno));
	replay_init(&run.replay);
	code = run_script(&run, file);
	replay_fini(&run.replay);
	if (!is_stdin)
		fclose(file);
	return code;
}
