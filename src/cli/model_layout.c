/*
 * plat model layout: the space that exec makes of a program under given settings, what of it is
 * drawn by chance, and how far the heap is from what lies above it.
 */
#include "cli/map.h"
#include "cli/model.h"
#include "cli/report.h"
#include "cli/target.h"
#include "model/exec_ranges.h"
#include "model/exec_space.h"
#include "model/to_space.h"
#include "source/elf_file.h"
#include "source/here.h"
#include "view/document.h"
#include "view/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_HEAP 0x21000 /* 132K */

enum {
	OPT_BINARY,
	OPT_STACK,
	OPT_LEGACY,
	OPT_NO_ASLR,
	OPT_32BIT,
	OPT_RANDOMIZE,
	OPT_JSON,
	OPT_LEGEND,
};

static const struct option_row rows[] = {
	{OPT_BINARY, 'B', "binary", "FILE", "this program; else a typical one", COMPLETE_FILE},
	{OPT_STACK, 's', "stack", "SIZE", "with this RLIMIT_STACK; or unlimited", COMPLETE_NOTHING},
	FLAG(OPT_LEGACY, 'L', "legacy", "with the legacy layout, as by setarch -L"),
	FLAG(OPT_NO_ASLR, 'R', "no-aslr", "without randomisation, as by setarch -R"),
	FLAG(OPT_32BIT, '3', "32bit", "an ia32 program"),
	{OPT_RANDOMIZE, 0, "randomize", "N", "with this kernel.randomize_va_space: 0, 1 or 2",
	 COMPLETE_NOTHING},
	FLAG(OPT_JSON, 'J', "json", "one JSON document"),
	ROW_BYTES,
	ROW_VERBOSE("open merged rows, show whole paths"),
	FLAG(OPT_LEGEND, 0, "legend", "explain letters and signs below the picture"),
	ROW_ASCII,
	ROW_COLOR,
	ROWS_END,
};

static int run(struct options *options);

const struct command model_layout_command = {
	.name = "model layout",
	.summary = "draw what exec makes of a program, and how far chance moves it",
	.synopsis = "",
	.options = rows,
	.more = "Without options: a typical program as it would be started from here, with this\n"
		"machine's settings, limits and environment. Where positions are drawn by chance,\n"
		"the picture shows each in the middle of its range; the ranges stand below it.\n"
		"The heap is drawn with the 132K that a first malloc takes.\n",
	.run = run,
};

struct model_layout {
	struct request map; /* how the picture is shown */
	const char *binary;
	uint64_t stack;
	bool has_stack, legacy, no_aslr, is_32;
	int randomize; /* -1: as it is */
};

/*
 * Options.
 */

static int choose_stack(struct model_layout *layout, const char *size)
{
	layout->has_stack = true;
	layout->stack = MODEL_INFINITE;
	if (strcmp(size, "unlimited") == 0)
		return 0;
	return target_size(&model_layout_command, size, &layout->stack);
}

static int choose_randomize(struct model_layout *layout, const char *number)
{
	if (strlen(number) != 1 || *number < '0' || *number > '2')
		return usage_error(&model_layout_command,
				   "%s: kernel.randomize_va_space is 0, 1 or 2", number);
	layout->randomize = *number - '0';
	return 0;
}

static int take_option(void *context, int option, const char *value)
{
	struct model_layout *layout = context;

	switch (option) {
	case OPT_BINARY:
		layout->binary = value;
		break;
	case OPT_STACK:
		return choose_stack(layout, value);
	case OPT_LEGACY:
		layout->legacy = true;
		break;
	case OPT_NO_ASLR:
		layout->no_aslr = true;
		break;
	case OPT_32BIT:
		layout->is_32 = true;
		break;
	case OPT_RANDOMIZE:
		return choose_randomize(layout, value);
	case OPT_JSON:
		layout->map.form = FORM_JSON;
		break;
	case OPT_LEGEND:
		layout->map.options->paint.legend = true;
		break;
	}
	return 0;
}

/*
 * The program.
 */

/* A small program and the C library's interpreter, as the linker of today lays them out. */
static const struct exec_segment typical_segments[] = {
	{0, 0, 0x1290, 0x1290, 4096, VMA_READ},
	{0x2000, 0x2000, 0x3d59, 0x3d59, 4096, VMA_READ | VMA_EXEC},
	{0x6000, 0x6000, 0x1b60, 0x1b60, 4096, VMA_READ},
	{0x8d70, 0x7d70, 0x470, 0x608, 4096, VMA_READ | VMA_WRITE},
};

static const struct exec_segment typical_interpreter[] = {
	{0, 0, 0xd58, 0xd58, 4096, VMA_READ},
	{0x1000, 0x1000, 0x25111, 0x25111, 4096, VMA_READ | VMA_EXEC},
	{0x27000, 0x27000, 0x9c7c, 0x9c7c, 4096, VMA_READ},
	{0x31900, 0x31900, 0x2810, 0x29d8, 4096, VMA_READ | VMA_WRITE},
};

static void make_typical(struct elf_file *file, bool is_32)
{
	struct exec_program *program = &file->program;

	exec_program_init(program);
	program->bits = is_32 ? 32 : 64;
	program->has_interpreter = true;
	program->image.segments = typical_segments;
	program->image.nsegments = ARRAY_SIZE(typical_segments);
	program->image.file_size = 0x8400;
	program->interpreter.segments = typical_interpreter;
	program->interpreter.nsegments = ARRAY_SIZE(typical_interpreter);
	program->interpreter.file_size = 0x35000;
}

/* 0, or an exit code after a complaint. */
static int find_program(const struct model_layout *layout, struct elf_file *ret)
{
	struct error err;

	if (!layout->binary) {
		make_typical(ret, layout->is_32);
		return 0;
	}
	if (elf_file_read(layout->binary, ret, &err) < 0)
		return look_error(&model_layout_command, "%s", err.text);
	if (layout->is_32 && ret->program.bits == 64) {
		elf_file_fini(ret);
		return usage_error(&model_layout_command, "--32bit: %s has 64 bits",
				   layout->binary);
	}
	return 0;
}

static void apply(const struct model_layout *layout, struct model *model)
{
	if (layout->legacy)
		model->personality |= PERSONALITY_LEGACY_LAYOUT;
	if (layout->no_aslr)
		model->personality |= PERSONALITY_NO_ASLR;
	if (layout->has_stack)
		model->limits[MODEL_STACK].soft = layout->stack;
	if (layout->randomize >= 0)
		model->machine.randomize_va_space = (unsigned)layout->randomize;
}

/* In the middle of what chance can make. */
static struct exec_random middle_of(const struct model *model, const struct exec_program *program)
{
	struct exec_random counts = exec_random_counts(model, program->bits);

	return (struct exec_random){
		.stack_pages = counts.stack_pages / 2,
		.pointer_bytes = counts.pointer_bytes / 2,
		.mmap_pages = counts.mmap_pages / 2,
		.program_pages = counts.program_pages / 2,
		.brk_pages = counts.brk_pages / 2,
	};
}

/*
 * What is written.
 */

/* What the picture says of the direction: the model knows what decided it. */
static void explain_direction(const struct model *model, struct space *space)
{
	snprintf(space->direction_reason, sizeof(space->direction_reason), "%s",
		 model->machine.legacy_va_layout ? "vm.legacy_va_layout is 1"
		 : model->personality & PERSONALITY_LEGACY_LAYOUT
			 ? "personality has ADDR_COMPAT_LAYOUT"
			 : "no ADDR_COMPAT_LAYOUT, vm.legacy_va_layout is 0");
}

static void put_json(const struct layout_report *report, struct text *text)
{
	text_put(text, "{\"schema\": 1");
	document_put_member(text, "settings", layout_settings(report));
	document_put_member(text, "positions", layout_positions(report));
	document_put_member(text, "gap", layout_gap(report));
}

static int write_json(const struct model_layout *layout, const struct layout_report *report,
		      const struct space *space)
{
	struct text text = text_to_stream(stdout);
	int r;

	put_json(report, &text);
	text_put(&text, ",\n\"space\": ");
	r = finish_text(&text, 0);
	if (r == 0)
		r = map_write(&layout->map, space, stdout);
	if (r == 0 && fputs("}\n", stdout) < 0)
		r = -EIO;
	return r;
}

static int write_answer(const struct model_layout *layout, const struct layout_report *report,
			const struct space *space)
{
	struct text text = text_to_stream(stdout);
	int r;

	if (layout->map.form == FORM_JSON)
		return write_json(layout, report, space);
	r = map_write(&layout->map, space, stdout);
	text_char(&text, '\n');
	layout_draw(report, &layout->map.options->paint, &text);
	return finish_text(&text, r);
}

/* A heap to be seen: what malloc takes at first, of the C library that most have. */
static void begin_heap(struct model *made)
{
	const struct model_request request = {CALL_BRK, {made->start_brk + FIRST_HEAP}};

	model_do(made, &request);
}

/* What the model became. An exit code. */
static int show(const struct model_layout *layout, const struct layout_report *report,
		const struct model *made, const struct space *names)
{
	struct space space;
	struct error err;
	int r;

	if (model_to_space_of(made, names, &space, &err) < 0)
		return look_error(&model_layout_command, "%s", err.text);
	explain_direction(made, &space);
	r = write_answer(layout, report, &space);
	space_fini(&space);
	return r < 0 ? look_error(&model_layout_command, "standard output: %s", strerror(-r))
		     : EXIT_FINE;
}

/* An exec that fails is an answer: which rule stops it. */
static int refused(const struct model_layout *layout, const struct layout_report *report,
		   const struct exec_result *result)
{
	struct text text = text_to_stream(stdout);
	char words[256], why[300];

	snprintf(why, sizeof(why), "exec fails: %s", model_exec_why(result, words, sizeof(words)));
	if (layout->map.form == FORM_JSON) {
		put_json(report, &text);
		document_put_member(&text, "space", json_null());
		document_put_member(&text, "space_why", json_string(why));
		text_put(&text, "}\n");
	} else {
		text_format(&text, "%s\n", why);
	}
	return worse_of(EXIT_FOUND, finish_output(&model_layout_command, &text, 0));
}

static int make_and_show(const struct model_layout *layout, struct model *model,
			 struct elf_file *file, struct space *names)
{
	struct exec_program *program = &file->program;
	const char *path = layout->binary ? layout->binary : "a.out";
	const char *interpreter = file->interpreter_path ? file->interpreter_path : "ld.so";
	struct exec_random middle = middle_of(model, program);
	struct exec_ranges ranges;
	const struct layout_report report = {model, program, &ranges};
	struct exec_result result;
	struct model made;
	int code = -1;

	here_strings(program, path);
	if (exec_name_files(program, path, program->has_interpreter ? interpreter : NULL, names) <
		    0 ||
	    model_copy(model, &made) < 0)
		return look_error(&model_layout_command, "%s", strerror(ENOMEM));
	exec_ranges_of(model, program, &ranges);
	result = model_exec(&made, program, &middle);
	if (made.out_of_memory || exec_name_parts(&made, program, &result, names) < 0)
		code = look_error(&model_layout_command, "%s", strerror(ENOMEM));
	else if (result.value < 0)
		code = refused(layout, &report, &result);
	if (code < 0) {
		begin_heap(&made);
		code = show(layout, &report, &made, names);
	}
	model_fini(&made);
	return code;
}

static int run_layout(const struct model_layout *layout)
{
	struct elf_file file = ELF_FILE_EMPTY;
	struct space names;
	struct model model;
	struct error err;
	int code = find_program(layout, &file);

	if (code)
		return code;
	if (here_model(&model, &err) < 0) {
		elf_file_fini(&file);
		return look_error(&model_layout_command, "%s", err.text);
	}
	apply(layout, &model);
	space_init(&names);
	code = make_and_show(layout, &model, &file, &names);
	space_fini(&names);
	model_fini(&model);
	elf_file_fini(&file);
	return code;
}

static int run(struct options *options)
{
	struct model_layout layout = {.map = {.options = options}, .randomize = -1};
	const char *wrong;
	int code = options_read(options, take_option, &layout);

	if (code)
		return code;
	if (options->noperands)
		return usage_error(&model_layout_command, "%s: programs are named by --binary",
				   options->operands[0]);
	if (columns_choose(COLUMNS_DEFAULT, &layout.map.choice, &wrong) < 0)
		return look_error(&model_layout_command, "%s", wrong);
	layout.map.style.bytes = options->paint.bytes;
	return run_layout(&layout);
}
