/* plat leaks: what no pointer leads to any more. */
#include "cli/commands.h"
#include "cli/leaks.h"
#include "cli/leaks_export.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>

#define TOP_USUAL 10

enum {
	OPT_SINCE,
	OPT_SUPPRESSIONS,
	OPT_TOP,
	OPT_NO_INTERIOR,
	OPT_NO_CONTENT,
};

static const struct option_row rows[] = {
	ROW(OPT_SINCE, 0, "since", "FILE", "only what was not there in this snapshot or core",
	    COMPLETE_FILE),
	ROW(OPT_SUPPRESSIONS, 0, "suppressions", "FILE",
	    "leave out what this file says, as LeakSanitizer's do", COMPLETE_FILE),
	ROW(OPT_TOP, 0, "top", "COUNT", "so many groups; else 10", COMPLETE_NOTHING),
	FLAG(OPT_NO_INTERIOR, 0, "no-interior", "only pointers to a block's first byte hold it"),
	FLAG(OPT_NO_CONTENT, 0, "no-content", "nothing of what stands in blocks"),
	ROW_FOLDED,
	ROW_PPROF,
	ROW_SUM("of --folded: leaked_space or leaked_objects"),
	ROW_JSON("one JSON document, with every block that is lost"),
	ROW_BYTES,
	ROW_ASCII,
	ROW_COLOR,
	ROW_STOP,
	ROW_NO_STOP,
	ROW_MAX_PAUSE,
	ROW_INJECT,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command leaks_command = {
	.name = "leaks",
	.summary = "blocks that are lost: no pointer leads to them any more",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

static int take_option(void *context, int option, const char *value)
{
	struct leaks_wish *wish = context;

	if (export_take_option(&wish->export, option, value))
		return 0;
	switch (option) {
	case OPT_SINCE:
		wish->since = value;
		return 0;
	case OPT_SUPPRESSIONS:
		return leaks_suppress(wish, value);
	case OPT_NO_INTERIOR:
		wish->no_interior = true;
		return 0;
	case OPT_NO_CONTENT:
		wish->no_content = true;
		return 0;
	default:
		return target_top(&leaks_command, value, &wish->top);
	}
}

static int look(const struct leaks_wish *wish, struct options *options)
{
	struct leaks_finding *finding = NULL;
	struct target target;
	int code = target_open(options, options->operands[0], 0, &target);

	if (code)
		return code;
	code = leaks_find(wish, &target, &finding);
	if (code < EXIT_NO_LOOK)
		code = worse_of(code, leaks_show(finding, stdout));
	leaks_forget(finding);
	target_close(&target);
	return code;
}

static int run(struct options *options)
{
	struct leaks_wish wish = {
		.command = &leaks_command, .paint = &options->paint, .top = TOP_USUAL};
	int code;

	/* What runs on while it is looked at moves pointers from where nobody has looked yet to
	 * where somebody has. */
	options->freeze.rung = FREEZE_WHOLE;
	code = options_read_one(options, take_option, &wish);
	wish.json = options->json;
	if (code == 0)
		code = export_check(options, &wish.export, leak_sums, NLEAK_SUMS);
	if (code == 0)
		code = look(&wish, options);
	suppressions_fini(&wish.suppressions);
	return code;
}
