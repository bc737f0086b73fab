/* plat diff: what grew between two processes, or two moments of one. */
#include "cli/commands.h"
#include "cli/owner_look.h"
#include "cli/portray.h"
#include "cli/report.h"
#include "cli/target.h"
#include "heap/portrait.h"
#include "view/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP_USUAL 10

enum { OPT_TOP, OPT_OWNERS };

static const struct option_row rows[] = {
	ROW(OPT_TOP, 0, "top", "COUNT", "so many of each list; else 10", COMPLETE_NOTHING),
	FLAG(OPT_OWNERS, 0, "owners", "who holds more, too; stops both"),
	ROW_JSON("one JSON document, with all that differs"),
	ROW_BYTES,
	ROW_ASCII,
	ROW_COLOR,
	ROW_STOP,
	ROW_NO_STOP,
	ROW_MAX_PAUSE,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command diff_command = {
	.name = "diff",
	.summary = "what grew between two processes, or two moments of one",
	.synopsis = "PID|FILE PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

struct request {
	struct options *options;
	size_t top;
	bool owners;
};

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	/* Pointers that move while they are looked for are missed. What is said later counts. */
	if (option == OPT_OWNERS) {
		request->owners = true;
		request->options->freeze.rung = FREEZE_WHOLE;
		return 0;
	}
	return target_top(&diff_command, value, &request->top);
}

static int add_owners(const struct options *options, const char *operand, struct portrait *ret)
{
	const struct owner_wish wish = {.sorts = 1u << OWNER_HOLDER, .symbols = true};
	char looked[FREEZE_WORDS_SIZE];
	struct owner_list owners;
	size_t i;
	int code = owner_look(options, operand, &wish, &owners, looked), r = 0;

	if (code >= EXIT_NO_LOOK)
		return code;
	ret->lists[PORTRAIT_OWNERS].is_known = true;
	for (i = 0; r == 0 && i < owners.n; i++)
		r = portrait_add(ret, PORTRAIT_OWNERS, owners.list[i].role,
				 owners.list[i].owned.blocks, owners.list[i].owned.bytes);
	owner_list_fini(&owners);
	return r < 0 ? look_error(options->command, "%s: %s", operand, strerror(-r)) : code;
}

/* One side: it is closed before the other one is opened. */
static int look_at(const struct request *request, const char *operand, struct portrait *ret)
{
	const struct options *options = request->options;
	struct target target;
	int code = target_open(options, operand, PROC_PAGES, &target);

	if (code)
		return code;
	code = portray(&diff_command, &target, ret);
	target_close(&target);
	snprintf(ret->lists[PORTRAIT_OWNERS].why, sizeof(ret->lists[PORTRAIT_OWNERS].why),
		 "not asked for: --owners");
	if (request->owners && code < EXIT_NO_LOOK)
		code = worse_of(code, add_owners(options, operand, ret));
	return code;
}

static int show(const struct request *request, const struct portrait sides[2])
{
	const struct options *options = request->options;
	struct text text = text_to_stream(stdout);
	struct comparison comparison;
	int code, r = portrait_compare(&sides[0], &sides[1], &comparison);

	if (r < 0)
		return look_error(&diff_command, "%s", strerror(-r));
	if (options->json)
		diff_json(&comparison, &text);
	else
		diff_draw(&comparison, request->top, &options->paint, &text);
	code = finish_output(&diff_command, &text, 0);
	code = worse_of(code, comparison.differs ? EXIT_FOUND : EXIT_FINE);
	comparison_fini(&comparison);
	return code;
}

static int compare(const struct request *request)
{
	char **operands = request->options->operands;
	struct portrait sides[2] = {{0}, {0}};
	int code = look_at(request, operands[0], &sides[0]);

	if (code < EXIT_NO_LOOK)
		code = worse_of(code, look_at(request, operands[1], &sides[1]));
	if (code < EXIT_NO_LOOK)
		code = worse_of(code, show(request, sides));
	portrait_fini(&sides[0]);
	portrait_fini(&sides[1]);
	return code;
}

static int run(struct options *options)
{
	struct request request = {.options = options, .top = TOP_USUAL};
	int i, code = options_read(options, take_option, &request);

	if (code)
		return code;
	if (options->noperands != 2)
		return usage_error(&diff_command, "name two processes or cores");
	for (i = 0; code == 0 && i < 2; i++)
		code = target_check(options, options->operands[i]);
	return code ? code : compare(&request);
}
