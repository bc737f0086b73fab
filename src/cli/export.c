#include "cli/export.h"

#include "base/text.h"
#include "cli/report.h"
#include "source/new_file.h"
#include "source/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_IN_SECOND UINT64_C(1000000000)

bool export_take_option(struct export_wish *wish, int option, const char *value)
{
	switch (option) {
	case EXPORT_FOLDED:
		wish->folded = value;
		return true;
	case EXPORT_PPROF:
		wish->pprof = value;
		return true;
	case EXPORT_SUM:
		wish->sum = value;
		return true;
	default:
		return false;
	}
}

static bool is_output(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* The number of the sum of this name, or nsums. */
static size_t find_sum(const struct fold_sum *sums, size_t nsums, const char *name)
{
	size_t i;

	for (i = 0; i < nsums; i++)
		if (strcmp(sums[i].name, name) == 0)
			break;
	return i;
}

/* Without a wish the first one of bytes, which is what most want to see. */
size_t export_sum(const struct export_wish *wish, const struct fold_sum *sums, size_t nsums)
{
	size_t i = 0;

	if (wish->sum)
		return find_sum(sums, nsums, wish->sum);
	while (i + 1 < nsums && strcmp(sums[i].unit, "bytes") != 0)
		i++;
	return i;
}

static int no_such_sum(const struct command *command, const char *name, const struct fold_sum *sums,
		       size_t nsums)
{
	struct text list = TEXT_EMPTY;
	size_t i;
	int code;

	for (i = 0; i < nsums; i++) {
		text_put(&list, i == 0 ? "" : i + 1 < nsums ? ", " : " and ");
		text_put(&list, sums[i].name);
	}
	code = usage_error(command, "%s: not a sum; there are %s", name, text_string(&list));
	text_fini(&list);
	return code;
}

int export_check(const struct options *options, const struct export_wish *wish,
		 const struct fold_sum *sums, size_t nsums)
{
	const struct command *command = options->command;

	if (wish->sum && !export_is_wished(wish))
		return usage_error(command, "--sum is for --folded and --pprof");
	if (!export_is_wished(wish))
		return 0;
	if (options->json)
		return usage_error(command, "--folded and --pprof are documents of their own; "
					    "they do not go with --json");
	if (is_output(wish->folded) && is_output(wish->pprof))
		return usage_error(command, "only one of them can go to standard output");
	if (is_output(wish->pprof) && isatty(STDOUT_FILENO))
		return usage_error(command, "--pprof is nothing for a terminal: give it a file");
	if (export_sum(wish, sums, nsums) == nsums)
		return no_such_sum(command, wish->sum, sums, nsums);
	return 0;
}

/* A snapshot says it as "2026-01-31T12:00:00Z". */
static uint64_t time_of(struct snapshot *snapshot)
{
	char words[32];
	struct tm tm = {0};
	const char *end = strptime(snapshot_text(snapshot, "taken", words, sizeof(words)),
				   "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t seconds = end && !*end ? timegm(&tm) : 0;

	return seconds > 0 ? (uint64_t)seconds * NS_IN_SECOND : 0;
}

uint64_t export_time(const struct target *target)
{
	struct timespec now;

	if (target->dir.snapshot)
		return time_of(target->dir.snapshot);
	if (target->space.core || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * NS_IN_SECOND + (uint64_t)now.tv_nsec;
}

/*
 * Writing.
 */

static int to_file(void *to, const char *data, size_t size)
{
	const struct new_file *file = to;

	while (size > 0) {
		ssize_t n = write(file->fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int put(const struct export *export, bool is_pprof, struct text *text)
{
	if (is_pprof)
		return export_pprof(export, text);
	export_folded(export, text);
	return 0;
}

static int write_file(const struct command *command, const char *path, const struct export *export,
		      bool is_pprof)
{
	struct new_file file;
	struct text text = {.sink = to_file, .to = &file};
	struct error err;
	int r = new_file_open(path, &file, &err);

	if (r < 0)
		return look_error(command, "%s", err.text);
	r = finish_text(&text, put(export, is_pprof, &text));
	if (r < 0)
		r = fail(&err, -r, "%s: cannot be written", path);
	else
		r = new_file_keep(&file, &err);
	new_file_abandon(&file);
	return r < 0 ? look_error(command, "%s", err.text) : EXIT_FINE;
}

static int write_one(const struct command *command, const char *path, const struct export *export,
		     bool is_pprof)
{
	struct text text;

	if (!path)
		return EXIT_FINE;
	if (!is_output(path))
		return write_file(command, path, export, is_pprof);
	text = text_to_stream(stdout);
	return finish_output(command, &text, put(export, is_pprof, &text));
}

int export_write(const struct command *command, const struct export_wish *wish,
		 const struct export *export)
{
	int code = write_one(command, wish->folded, export, false);

	code = worse_of(code, write_one(command, wish->pprof, export, true));
	if (!export->folds->is_cut)
		return code;
	fprintf(stderr, "plat %s: there are too many stacks: some lack their innermost frames\n",
		command->name);
	return worse_of(code, EXIT_PARTIAL);
}
