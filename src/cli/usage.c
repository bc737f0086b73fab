/* plat usage: how much memory processes use, once or again and again. */
#include "base/list.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/children.h"
#include "source/proc.h"
#include "source/rollup.h"
#include "view/usage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* Linux 5.3 */
#endif

enum { OPT_PSS, OPT_TREE, OPT_WATCH, OPT_COUNT };

static const struct option_row rows[] = {
	FLAG(OPT_PSS, 'p', "pss", "PSS and USS too; reads smaps_rollup, slow for big processes"),
	FLAG(OPT_TREE, 't', "tree", "with all descendants; PSS counts shared pages once"),
	{OPT_WATCH, 'w', "watch", "[=SECONDS]", "again every 2 or SECONDS, until it ends",
	 COMPLETE_NOTHING},
	{OPT_COUNT, 'c', "count", "N", "with --watch: look N times at most", COMPLETE_NOTHING},
	ROW_JSON("one JSON document a process"),
	ROW_BYTES,
	ROW_NOHEADINGS("no line of headings"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command usage_command = {
	.name = "usage",
	.summary = "how much memory processes use, beside their limits",
	.synopsis = "PID|FILE...",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "Reading smaps_rollup (--pss, --tree) takes the kernel about 20 ms for each GiB "
		"in\n"
		"memory, in which the process may have to wait. Without them only status is read.\n"
		"-w wants SECONDS behind it; --watch takes them after '='.\n",
	.run = run,
};

#define WATCH_SECONDS 2.0
#define WATCH_LEAST 0.01
#define WATCH_MOST 1e6

/* What was asked for. */
struct request {
	struct options *options;
	struct usage_style style;
	bool tree, watch;
	bool screen; /* watch on a terminal: draw over the last look */
	double seconds;
	uint64_t count; /* of looks; 0: no end */
};

/* What was seen at one moment: one process, or a tree. */
struct look {
	struct usage *usages;
	size_t n, room;
};

/* A process under watch. */
struct watched {
	struct procdir dir;
	char name[REPORT_NAME_SIZE]; /* for complaints */
	int pidfd;		     /* tells when it ends; or -1 */
	bool ended;
	bool complained; /* about what could not be read: once is enough */
	struct look now, before;
};

static int take_seconds(struct request *request, const char *value)
{
	char *end;

	request->watch = true;
	if (!value)
		return 0;
	request->seconds = strtod(value, &end);
	if (end == value || *end ||
	    !(request->seconds >= WATCH_LEAST && request->seconds <= WATCH_MOST))
		return usage_error(&usage_command, "%s: not a number of seconds", value);
	return 0;
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_PSS:
		request->style.shared = true;
		break;
	case OPT_TREE:
		request->tree = true;
		break;
	case OPT_WATCH:
		return take_seconds(request, value);
	case OPT_COUNT:
		return target_count(&usage_command, value, &request->count);
	}
	return 0;
}

static int read_request(struct request *request)
{
	int code = options_read(request->options, take_option, request);

	if (code)
		return code;
	if (request->count && !request->watch)
		return usage_error(&usage_command, "--count is for --watch");
	if (request->options->noperands == 0)
		return usage_error(&usage_command, "name a process");
	if (!request->watch)
		request->count = 1;
	request->style.paint = request->options->paint;
	request->style.no_headings = request->options->no_headings;
	request->screen = request->watch && !request->options->json && terminal_redraws();
	return 0;
}

/*
 * Looking.
 */

static void take_space(struct usage *usage, const struct space *space)
{
	const struct process *process = &space->process;

	usage->ppid = process->ppid;
	usage->uid = process->uid;
	usage->state = process->state;
	usage->start_time = process->start_time;
	memcpy(usage->command, process->command, sizeof(usage->command));
	memcpy(usage->figures, space->figures, sizeof(usage->figures));
	memcpy(usage->limits, space->limits, sizeof(usage->limits));
}

/* 0, or as proc_load_figures(): -ENODATA leaves what is known in *ret. */
static int look_at(const struct procdir *dir, bool shared, struct usage *ret, struct error *err)
{
	struct error why;
	struct space space;
	int r;

	usage_init(ret);
	ret->pid = dir->pid;
	space_init(&space);
	r = proc_load_figures(dir, &space, err);
	if (r == 0 || r == -ENODATA)
		take_space(ret, &space);
	space_fini(&space);
	if (r < 0)
		return r;
	snprintf(ret->rollup_why, sizeof(ret->rollup_why), "%s", shared ? "" : PROC_NOT_ASKED);
	if (shared && (r = rollup_load(dir, &ret->rollup, &why)) < 0) {
		if (r == -ESRCH)
			return fail(err, r, "%d: the process is gone", dir->pid);
		snprintf(ret->rollup_why, sizeof(ret->rollup_why), "%.120s", why.text);
	}
	return 0;
}

/* One of a tree. False where it has gone meanwhile. */
static bool look_at_member(const char *root, const struct descendant *member, struct usage *ret)
{
	struct procdir dir;
	struct error err;
	int r = procdir_open(root, member->pid, &dir, &err);

	if (r == -ESRCH)
		return false;
	usage_init(ret);
	ret->pid = member->pid;
	ret->ppid = member->ppid;
	if (r == 0) {
		r = look_at(&dir, true, ret, &err);
		procdir_close(&dir);
		if (r == -ESRCH || (ret->start_time != member->start_time && r != -EACCES))
			return false;
	}
	if (r == -ENODATA) {
		ret->no_memory = true;
		snprintf(ret->why, sizeof(ret->why), "%s",
			 ret->state == 'Z' || ret->state == 'X' ? "zombie" : "kernel thread");
	} else if (r < 0) {
		snprintf(ret->why, sizeof(ret->why), "%.120s", err.text);
	}
	ret->depth = member->depth;
	return true;
}

static int look_at_tree(const struct request *request, const struct procdir *dir, struct look *look,
			struct error *err)
{
	struct descendant *members;
	size_t n, i;
	int r = children_find(dir, &members, &n, err);

	if (r < 0)
		return r;
	r = list_reserve(&look->usages, &look->room, 0, n);
	if (r < 0)
		r = fail(err, -r, "%d", dir->pid);
	for (i = 0; r == 0 && i < n; i++) {
		if (look_at_member(request->options->root, &members[i], &look->usages[look->n]))
			look->n++;
		else if (i == 0)
			r = fail(err, -ESRCH, "%d: the process is gone", dir->pid);
	}
	free(members);
	return r;
}

/* Takes a new look, and keeps the last one. 0 or -errno with a sentence. */
static int look_again(const struct request *request, struct watched *watched, struct error *err)
{
	struct look spare = watched->before;
	int r;

	watched->before = watched->now;
	watched->now = spare;
	watched->now.n = 0;
	/* The descriptor of its folder knows whether it is still the same process. */
	if (request->tree)
		return look_at_tree(request, &watched->dir, &watched->now, err);
	r = list_reserve(&watched->now.usages, &watched->now.room, 0, 1);
	if (r < 0)
		return fail(err, -r, "%d", watched->dir.pid);
	r = look_at(&watched->dir, request->style.shared, watched->now.usages, err);
	if (r == 0)
		watched->now.n = 1;
	return r;
}

/*
 * Showing.
 */

/* A watch that is not drawn over the last look: one line a look. */
static bool is_scrolling(const struct request *request)
{
	return request->watch && !request->screen && !request->options->json && !request->tree;
}

static int show(const struct request *request, const struct watched *watched, struct text *text)
{
	const struct usage_style *style = &request->style;
	const struct look *now = &watched->now, *before = &watched->before;
	bool changes = request->screen && before->n;

	if (request->options->json && request->tree)
		return usage_json_tree(now->usages, now->n, request->watch, style, text);
	if (request->options->json)
		return usage_json(now->usages, request->watch, style, text);
	if (request->tree)
		return usage_draw_tree(now->usages, now->n, changes ? before->usages : NULL,
				       changes ? before->n : 0, style, text);
	if (is_scrolling(request))
		usage_draw_line(now->usages, style, text);
	else
		usage_draw(now->usages, changes ? before->usages : NULL, style, text);
	return text->error;
}

/* Says on stderr what the answer lacks. Trees say it themselves. */
static int report(const struct request *request, struct watched *watched)
{
	bool silent = watched->complained || request->tree;
	int code = EXIT_FINE;
	size_t i;

	for (i = 0; i < watched->now.n; i++) {
		const struct usage *usage = &watched->now.usages[i];
		const char *why = usage->why[0] ? usage->why : usage->rollup_why;

		if (watched->dir.core)
			why = "a core holds neither limits nor how much was in memory";

		if (!usage->no_memory)
			code = worse_of(code, report_unknown(&usage_command, watched->name, &why, 1,
							     silent));
	}
	watched->complained |= code != EXIT_FINE;
	return code;
}

static size_t count_lines(const struct text *text)
{
	size_t i, n = 0;

	for (i = 0; i < text->size; i++)
		n += text->data[i] == '\n';
	return n;
}

/* Writes what one moment gave, on a terminal over what was there. 0 or -errno. */
static int put_screen(const struct request *request, struct text *text, size_t *drawn)
{
	if (text->error)
		return text->error;
	if (request->screen && *drawn && *drawn < terminal_rows())
		printf("\033[%zuA\033[J", *drawn);
	if (text->size)
		fwrite(text->data, 1, text->size, stdout);
	*drawn = count_lines(text);
	errno = 0;
	return fflush(stdout) != 0 || ferror(stdout) ? -(errno ? errno : EIO) : 0;
}

/*
 * Again and again.
 */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Ctrl-C ends a watch as it is meant to end. Without SA_RESTART it ends the wait, too. */
static void catch_interrupts(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static struct timespec now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now;
}

static struct timespec later(struct timespec time, double seconds)
{
	double whole = (double)(uint64_t)seconds;

	time.tv_sec += (time_t)whole;
	time.tv_nsec += (long)((seconds - whole) * 1e9);
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

/* What is left until `end`; false where it is over. */
static bool time_left(struct timespec end, struct timespec *ret)
{
	struct timespec now = now_of(CLOCK_MONOTONIC);

	ret->tv_sec = end.tv_sec - now.tv_sec;
	ret->tv_nsec = end.tv_nsec - now.tv_nsec;
	if (ret->tv_nsec < 0) {
		ret->tv_nsec += 1000000000;
		ret->tv_sec--;
	}
	return ret->tv_sec >= 0;
}

/* Waits until `end`, or until all have ended, or for Ctrl-C. */
static void wait_until(struct timespec end, const struct watched *all, size_t n)
{
	struct pollfd *polls = calloc(n + 1, sizeof(*polls));
	size_t alive = 0, i;
	struct timespec left;

	for (i = 0; i < n; i++) {
		if (polls)
			polls[i] = (struct pollfd){.fd = all[i].ended ? -1 : all[i].pidfd,
						   .events = POLLIN};
		alive += !all[i].ended;
	}
	while (alive && !interrupted && time_left(end, &left)) {
		if (ppoll(polls, polls ? n : 0, &left, NULL) <= 0)
			continue;
		for (i = 0; i < n; i++)
			if (polls[i].fd >= 0 && polls[i].revents) {
				polls[i].fd = -1;
				alive--;
			}
	}
	free(polls);
}

/* The moment, for people or for scripts. */
static const char *time_text(bool json, char *to, size_t size)
{
	struct timespec now = now_of(CLOCK_REALTIME);
	char seconds[32];
	struct tm tm;

	if (!json) {
		localtime_r(&now.tv_sec, &tm);
		strftime(to, size, "%H:%M:%S", &tm);
		return to;
	}
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(to, size, "%s.%03dZ", seconds, (int)(now.tv_nsec / 1000000));
	return to;
}

/* What wants a running process is not asked of a file. */
static int check_file(const struct request *request, const char *operand, const struct procdir *dir)
{
	if (dir->core && (request->tree || request->watch || request->style.shared))
		return usage_error(&usage_command,
				   "%s: a core: --pss, --tree and --watch want a running process",
				   operand);
	if (dir->snapshot && (request->tree || request->watch))
		return usage_error(&usage_command,
				   "%s: a snapshot: --tree and --watch want a running process",
				   operand);
	return EXIT_FINE;
}

static int open_watched(const struct request *request, const char *operand, struct watched *ret)
{
	int code;

	*ret = (struct watched){.dir = PROCDIR_CLOSED, .pidfd = -1, .ended = true};
	code = target_open_dir(request->options, operand, &ret->dir);
	if (code)
		return code;
	code = check_file(request, operand, &ret->dir);
	if (code) {
		procdir_close(&ret->dir);
		return code;
	}
	ret->ended = false;
	if (procdir_is_file(&ret->dir))
		snprintf(ret->name, sizeof(ret->name), "%s", operand);
	else
		snprintf(ret->name, sizeof(ret->name), "%d", ret->dir.pid);
	/* Numbers in another /proc are not ours. */
	if (request->watch && !request->options->root)
		ret->pidfd = (int)syscall(SYS_pidfd_open, ret->dir.pid, 0);
	return EXIT_FINE;
}

static void close_watched(struct watched *watched)
{
	if (watched->pidfd >= 0)
		close(watched->pidfd);
	procdir_close(&watched->dir);
	free(watched->now.usages);
	free(watched->before.usages);
}

/* Looks once at one of them. An exit code. */
static int step(const struct request *request, struct watched *watched, bool first,
		struct text *text)
{
	struct error err;
	int r = look_again(request, watched, &err);

	if (r < 0) {
		watched->ended = true;
		/* That it has ended is how a watch ends. */
		if (!first && (r == -ESRCH || r == -ENODATA)) {
			fprintf(stderr, "plat usage: %d: the process has ended\n",
				watched->dir.pid);
			return EXIT_FINE;
		}
		return look_error(&usage_command, "%s", err.text);
	}
	if (text->size && !request->options->json && !is_scrolling(request))
		text_char(text, '\n');
	r = show(request, watched, text);
	if (r < 0 && !text->error)
		text->error = r;
	return report(request, watched);
}

/* Looks once at all of them. An exit code. */
static int step_all(const struct request *request, struct watched *all, size_t n, bool first,
		    struct text *text)
{
	int code = EXIT_FINE;
	size_t i;

	text->size = 0;
	if (first && is_scrolling(request))
		usage_draw_headings(&request->style, text);
	for (i = 0; i < n; i++)
		if (!all[i].ended)
			code = worse_of(code, step(request, &all[i], first, text));
	return code;
}

static bool any_left(const struct watched *all, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!all[i].ended)
			return true;
	return false;
}

/* Looks as often as was asked for, or until all have ended. An exit code. */
static int look_on(struct request *request, struct watched *all, size_t n)
{
	struct timespec next = now_of(CLOCK_MONOTONIC);
	struct text text = TEXT_EMPTY;
	int code = EXIT_FINE, r = 0;
	size_t drawn = 0;
	char moment[48];
	uint64_t looks;

	for (looks = 0; r == 0 && any_left(all, n); looks++) {
		if (looks && looks == request->count)
			break;
		if (looks)
			wait_until(next = later(next, request->seconds), all, n);
		if (interrupted)
			break;
		if (request->watch)
			request->style.time =
				time_text(request->options->json, moment, sizeof(moment));
		code = worse_of(code, step_all(request, all, n, looks == 0, &text));
		r = put_screen(request, &text, &drawn);
	}
	return worse_of(code, finish_output(&usage_command, &text, r));
}

static int run(struct options *options)
{
	struct request request = {.options = options, .seconds = WATCH_SECONDS};
	struct watched *all;
	int code = read_request(&request);
	size_t i, n = (size_t)options->noperands;

	if (code)
		return code;
	all = calloc(n, sizeof(*all));
	if (!all)
		return look_error(&usage_command, "%s", strerror(ENOMEM));
	for (i = 0; i < n; i++)
		code = worse_of(code, open_watched(&request, options->operands[i], &all[i]));
	if (request.watch)
		catch_interrupts();
	if (code != EXIT_USAGE)
		code = worse_of(code, look_on(&request, all, n));
	for (i = 0; i < n; i++)
		close_watched(&all[i]);
	free(all);
	return code;
}
