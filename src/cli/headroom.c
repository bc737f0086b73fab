/* plat headroom: how far heap, stacks, mappings and threads can still go, and what stops each. */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/target.h"
#include "model/from_space.h"
#include "source/cgroups.h"
#include "source/probe.h"
#include "source/proc.h"
#include "view/headroom.h"

#include <stdio.h>
#include <string.h>

enum { OPT_STACK_SIZE, OPT_DETAILS, OPT_VERIFY };

static const struct option_row rows[] = {
	{OPT_STACK_SIZE, 's', "stack-size", "SIZE",
	 "of a thread; else RLIMIT_STACK, or 2M where that is unlimited", COMPLETE_NOTHING},
	FLAG(OPT_DETAILS, 'd', "details", "reads smaps, for what maps hides; slow for the process"),
	FLAG(OPT_VERIFY, 0, "verify", "makes a probe with the same space, and really grows it"),
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_VERBOSE("all that was guessed"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command headroom_command = {
	.name = "headroom",
	.summary = "how far heap, stacks, mappings and threads can still go, and what stops them",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "The process is only looked at. With --verify another one is made that has\n"
		"the same mappings without their content; exit status 1 says that it went\n"
		"less far, or farther.\n",
	.run = run,
};

#define GUARD_SIZE 4096 /* of pthread_attr_setguardsize(3) */

struct request {
	struct options *options;
	uint64_t stack_size; /* or 0 */
	bool details, verify;
};

static int take(void *to, int option, const char *value)
{
	struct request *request = to;
	int code;

	switch (option) {
	case OPT_STACK_SIZE:
		code = target_size(request->options->command, value, &request->stack_size);
		if (code == 0 && (request->stack_size == 0 || request->stack_size > INT64_MAX / 2))
			code = usage_error(request->options->command, "%s: no stack has this size",
					   value);
		return code;
	case OPT_DETAILS:
		request->details = true;
		break;
	case OPT_VERIFY:
		request->verify = true;
		break;
	}
	return 0;
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read_one(options, take, request);

	if (code)
		return code;
	if (request->verify && options->root)
		return usage_error(options->command,
				   "--verify makes a process of this machine: not with --root");
	return 0;
}

static int show(const struct request *request, const struct headroom_report *report)
{
	struct text text = text_to_stream(stdout);
	int r = 0;

	if (request->options->json)
		r = headroom_json(report, &text);
	else
		headroom_draw(report, &request->options->paint, &text);
	return finish_output(request->options->command, &text, r);
}

/* Shows what was predicted also where it cannot be tried out. */
static int verify(const struct request *request, struct headroom_report *report)
{
	struct headroom_checked checked;
	struct headrooms probed;
	struct error err;
	char name[REPORT_NAME_SIZE];
	int code;

	if (probe_headrooms(report->model, report->request, report->headrooms, &probed, &err) < 0) {
		code = show(request, report);
		return worse_of(code, look_error(request->options->command, "%s: %s",
						 report_name(report->space, name), err.text));
	}
	report->probed = &probed;
	code = show(request, report);
	checked = headroom_check(report);
	report->probed = NULL;
	headrooms_fini(&probed);
	return worse_of(code, checked.equal == checked.n ? EXIT_FINE : EXIT_FOUND);
}

static int answer(const struct request *request, const struct space *space, struct model *model,
		  const struct cgroups *cgroups)
{
	struct headroom_request asked = {
		.stack_size = align_up(request->stack_size, MODEL_PAGE),
		.guard_size = GUARD_SIZE,
	};
	struct headrooms headrooms;
	struct headroom_report report = {
		.space = space,
		.model = model,
		.request = &asked,
		.headrooms = &headrooms,
		.cgroups = cgroups,
		.guesses = from_space_guesses(space),
	};
	int code, r;

	if (asked.stack_size == 0)
		asked.stack_size = headroom_stack_size(model);
	r = headrooms_find(model, &asked, &headrooms);
	if (r < 0)
		return look_error(request->options->command, "%s", strerror(-r));
	code = request->verify ? verify(request, &report) : show(request, &report);
	headrooms_fini(&headrooms);
	return code;
}

static int look(const struct request *request, const struct target *target)
{
	const struct command *command = request->options->command;
	const struct space *space = &target->space;
	struct cgroups cgroups;
	struct model model;
	struct error err;
	int code, r;

	if (space->nregions == 0 && space->why.maps)
		return look_error(command, "%s: %s", target->name, space->why.maps);
	if (model_from_space(space, &model, &err) < 0)
		return look_error(command, "%s: %s", target->name, err.text);
	r = cgroups_load(&target->dir, &cgroups);
	if (r < 0) {
		model_fini(&model);
		return look_error(command, "%s", strerror(-r));
	}
	code = answer(request, space, &model, &cgroups);
	code = worse_of(code, report_space(command, space, false));
	cgroups_fini(&cgroups);
	model_fini(&model);
	return code;
}

static int run(struct options *options)
{
	struct request request = {.options = options};
	struct target target;
	int code = read_request(&request);

	if (code)
		return code;
	code = target_open(options, options->operands[0],
			   request.details || request.verify ? PROC_DETAILS : 0, &target);
	if (code)
		return code;
	if (request.verify && procdir_is_file(&target.dir))
		code = usage_error(options->command,
				   "--verify makes a process like one of this machine: not of a "
				   "file");
	else
		code = look(&request, &target);
	target_close(&target);
	return code;
}
