/* plat owners: who holds a process's memory. */
#include "cli/commands.h"
#include "cli/owner_look.h"
#include "cli/report.h"
#include "cli/target.h"
#include "view/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP_USUAL 10

enum { OPT_BY, OPT_TOP, OPT_SINCE, OPT_NO_SYMBOLS };

static const struct option_row rows[] = {
	ROW(OPT_BY, 0, "by", "SORTS",
	    "holder, whole or type, separated by commas; else holder,type", COMPLETE_NOTHING),
	ROW(OPT_TOP, 0, "top", "COUNT", "so many of each sort; else 10", COMPLETE_NOTHING),
	ROW(OPT_SINCE, 0, "since", "FILE", "what grew since a snapshot or a core", COMPLETE_FILE),
	FLAG(OPT_NO_SYMBOLS, 0, "no-symbols", "do not look into programs and libraries"),
	ROW_JSON("one JSON document; all owners, unless --top is given"),
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

const struct command owners_command = {
	.name = "owners",
	.summary = "who holds a process's memory: variables, threads, types",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

struct request {
	struct options *options;
	struct owner_wish wish;
	const char *since; /* or NULL */
	uint64_t top;	   /* 0: none was given */
};

static int take_sorts(struct request *request, const char *list)
{
	request->wish.sorts = 0;
	while (*list) {
		size_t length = strcspn(list, ",");
		enum owner_sort sort;

		for (sort = 0; sort < NOWNER_SORTS; sort++)
			if (strlen(owner_sort_name(sort)) == length &&
			    strncmp(owner_sort_name(sort), list, length) == 0)
				break;
		if (sort == NOWNER_SORTS)
			return usage_error(&owners_command,
					   "%.*s: owners are told by holder, whole or type",
					   (int)length, list);
		request->wish.sorts |= 1u << sort;
		list += length + (list[length] == ',');
	}
	return request->wish.sorts ? 0 : usage_error(&owners_command, "--by names no sort");
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_BY:
		return take_sorts(request, value);
	case OPT_TOP:
		return target_count(&owners_command, value, &request->top);
	case OPT_SINCE:
		request->since = value;
		return 0;
	default:
		request->wish.symbols = false;
		return 0;
	}
}

static int show(const struct request *request, const struct owners_report *report)
{
	struct text text = text_to_stream(stdout);
	int r = 0;

	if (request->options->json)
		r = owners_json(report, &text);
	else
		r = owners_draw(report, &request->options->paint, &text);
	return finish_output(&owners_command, &text, r);
}

/* What there was, before what there is: a process need not stand still for both. */
static int look_at_both(const struct request *request, struct owner_list *now,
			struct owner_list *then)
{
	const char *operand = request->options->operands[0];
	char looked[FREEZE_WORDS_SIZE] = "", looked_then[FREEZE_WORDS_SIZE] = "";
	struct owners_report report = {
		.list = now,
		.looked = looked,
		.since = request->since,
		.since_looked = looked_then,
		.top = request->options->json ? (size_t)request->top : request->wish.top,
	};
	int code = request->since ? owner_look(request->options, request->since, &request->wish,
					       then, looked_then)
				  : 0;

	if (code < EXIT_NO_LOOK)
		code = worse_of(code,
				owner_look(request->options, operand, &request->wish, now, looked));
	if (code >= EXIT_NO_LOOK)
		return code;
	if (request->since && owner_list_compare(now, then) < 0)
		return look_error(&owners_command, "%s", strerror(ENOMEM));
	return worse_of(code, show(request, &report));
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.wish = {.sorts = 1u << OWNER_HOLDER | 1u << OWNER_TYPE, .symbols = true},
	};
	struct owner_list now = {.list = NULL}, then = {.list = NULL};
	int code;

	options->freeze = (struct freeze_wish){.rung = FREEZE_WHOLE};
	code = options_read_one(options, take_option, &request);
	if (code == 0)
		code = target_check(options, options->operands[0]);
	if (code == 0 && request.since)
		code = target_check(options, request.since);
	if (code)
		return code;
	request.wish.top = request.top ? (size_t)min_u64(request.top, SIZE_MAX) : TOP_USUAL;
	code = look_at_both(&request, &now, &then);
	owner_list_fini(&now);
	owner_list_fini(&then);
	return code;
}
