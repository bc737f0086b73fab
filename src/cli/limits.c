/* plat limits: all that can stop a process's memory; and changing what of it is the process's own.
 */
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/target.h"
#include "source/cgroups.h"
#include "source/proc.h"
#include "source/set_limits.h"
#include "view/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OPT_SORT, OPT_SET };

static const struct option_row rows[] = {
	{OPT_SORT, 's', "sort", "heap|mmap|stack",
	 "what is met first when this grows comes first; else heap", COMPLETE_NOTHING},
	{OPT_SET, 0, "set", "LIMIT=SOFT[:HARD],...",
	 "changes as, data, stack or memlock; sizes or unlimited", COMPLETE_NOTHING},
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_VERBOSE("also unlimited control groups"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command limits_command = {
	.name = "limits",
	.summary = "every limit that can stop a process's memory, and what is met first",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "Without --set the process is only looked at. Without :HARD the hard limit "
		"stays.\n",
	.run = run,
};

#define CHANGES_MOST 4

struct request {
	struct options *options;
	enum growth sort;
	struct limit_change changes[CHANGES_MOST];
	size_t nchanges;
};

/*
 * --set as=4G:8G,data=unlimited
 */

static int read_amount(const char *word, uint64_t *ret)
{
	if (strcmp(word, "unlimited") == 0) {
		*ret = LIMIT_INFINITE;
		return 0;
	}
	return target_size(&limits_command, word, ret);
}

static int read_name(const struct request *request, const char *name, enum limit_name *ret)
{
	static const struct {
		const char *name;
		enum limit_name limit;
	} names[CHANGES_MOST] = {
		{"as", LIMIT_AS},
		{"data", LIMIT_DATA},
		{"stack", LIMIT_STACK},
		{"memlock", LIMIT_MEMLOCK},
	};
	size_t i, j;

	for (i = 0; i < CHANGES_MOST; i++) {
		if (strcmp(names[i].name, name) != 0)
			continue;
		for (j = 0; j < request->nchanges; j++)
			if (request->changes[j].limit == names[i].limit)
				return usage_error(&limits_command, "%s: set twice", name);
		*ret = names[i].limit;
		return 0;
	}
	return usage_error(&limits_command, "%s: not a limit; as, data, stack and memlock are",
			   name);
}

/* Cuts the word apart. */
static int take_change(struct request *request, char *word)
{
	struct limit_change change = {0};
	char *soft = strchr(word, '='), *hard;
	int code;

	if (!soft)
		return usage_error(&limits_command, "%s: write LIMIT=SOFT or LIMIT=SOFT:HARD",
				   word);
	*soft++ = '\0';
	hard = strchr(soft, ':');
	if (hard)
		*hard++ = '\0';
	code = read_name(request, word, &change.limit);
	if (code == 0)
		code = read_amount(soft, &change.soft);
	if (code == 0 && hard) {
		change.has_hard = true;
		code = read_amount(hard, &change.hard);
	}
	if (code == 0 && hard && change.soft > change.hard)
		code = usage_error(&limits_command,
				   "%s: the soft limit %s is above the hard one, %s", word, soft,
				   hard);
	if (code == 0)
		request->changes[request->nchanges++] = change;
	return code;
}

static int take_changes(struct request *request, const char *list)
{
	char words[512], *rest = words, *word;
	int code = 0;

	if (strlen(list) >= sizeof(words))
		return usage_error(&limits_command, "--set: too long");
	snprintf(words, sizeof(words), "%s", list);
	while (code == 0 && (word = strsep(&rest, ",")) != NULL)
		code = take_change(request, word);
	return code;
}

static int take_sort(struct request *request, const char *value)
{
	unsigned growth;

	for (growth = 0; growth < NGROWTHS; growth++)
		if (strcmp(value, growth_name(growth)) == 0) {
			request->sort = growth;
			return 0;
		}
	return usage_error(&limits_command, "%s: the order is that of heap, mmap or stack", value);
}

static int take(void *to, int option, const char *value)
{
	struct request *request = to;

	return option == OPT_SORT ? take_sort(request, value) : take_changes(request, value);
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read_one(options, take, request);

	if (code)
		return code;
	if (request->nchanges && options->root)
		return usage_error(&limits_command,
				   "--set changes processes of this machine: not with --root");
	return 0;
}

/*
 * Changing.
 */

/* "RLIMIT_DATA, RLIMIT_STACK" */
static char *list_changes(const struct request *request, bool set, char *to, size_t size)
{
	size_t i, used = 0;

	snprintf(to, size, "nothing");
	for (i = 0; i < request->nchanges; i++)
		if (request->changes[i].is_set == set && used < size)
			used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "",
						 limit_name(request->changes[i].limit));
	return to;
}

static int change(struct request *request, int pid)
{
	struct text text = text_to_stream(stdout);
	const struct options *options = request->options;
	struct error err;
	char set[128], not_set[128];
	int code, failed, r = 0;

	failed = set_limits(pid, request->changes, request->nchanges, &err);
	if (options->json)
		r = limits_json_changes(pid, request->changes, request->nchanges,
					failed < 0 ? err.text : NULL, &text);
	else
		limits_draw_changes(request->changes, request->nchanges, &options->paint, &text);
	code = finish_output(options->command, &text, r);
	if (failed == 0)
		return code;
	fflush(stdout);
	return worse_of(code, look_error(options->command, "%d: %s; set: %s; not set: %s", pid,
					 err.text, list_changes(request, true, set, sizeof(set)),
					 list_changes(request, false, not_set, sizeof(not_set))));
}

/*
 * Showing.
 */

/* Says why numbers are missing, each reason once. */
static int report_whys(const struct options *options, const struct limits_report *report)
{
	const char *whys[LIMITS_WHYS_MOST + 1];
	char name[REPORT_NAME_SIZE];
	size_t n = limits_table_whys(report->table, whys);

	if (report->cgroups->why[0])
		whys[n++] = report->cgroups->why;
	return report_unknown(options->command, report_name(report->space, name), whys, n, false);
}

static int show(const struct request *request, const struct limits_report *report)
{
	const struct options *options = request->options;
	struct text text = text_to_stream(stdout);
	int code, r = 0;

	if (options->json)
		r = limits_json(report, &text);
	else
		limits_draw(report, &options->paint, &text);
	code = finish_output(options->command, &text, r);
	return worse_of(code, report_whys(options, report));
}

static int look(const struct request *request, const struct target *target)
{
	const struct command *command = request->options->command;
	struct limits_table table = LIMITS_TABLE_EMPTY;
	struct cgroups cgroups = CGROUPS_EMPTY;
	const struct limits_report report = {&target->space, &cgroups, &table};
	int code, r;

	r = cgroups_load(&target->dir, &cgroups);
	if (r == 0)
		r = limits_table_build(&target->space, &cgroups, &table);
	if (r == 0) {
		limits_table_sort(&table, request->sort);
		code = show(request, &report);
	} else {
		code = look_error(command, "%s", strerror(-r));
	}
	limits_table_fini(&table);
	cgroups_fini(&cgroups);
	return code;
}

static int run(struct options *options)
{
	struct request request = {.options = options};
	struct target target;
	int pid, code = read_request(&request);

	if (code)
		return code;
	if (request.nchanges) {
		code = target_pid(options->command, options->operands[0], &pid);
		return code ? code : change(&request, pid);
	}
	code = target_open(options, options->operands[0], 0, &target);
	if (code)
		return code;
	code = look(&request, &target);
	target_close(&target);
	return code;
}
