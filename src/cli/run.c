/*
 * plat run: a program on plat's malloc.
 *
 *     find the library, see whether it can be preloaded      before
 *     a page in common: who begins with it, how many faults  all the time
 *     the program stands still: its heap is read             at its end
 *
 * What is in the page survives every way to end; the heap is that of the program itself, not of
 * those that it has started.
 */
#include "alloc/state.h"
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/leaks.h"
#include "cli/library.h"
#include "cli/report.h"
#include "source/launch.h"
#include "source/preload.h"
#include "view/paint.h"
#include "view/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define EXIT_FAULTS 23
#define LEAKS_TOP 10 /* groups */

enum {
	OPT_HARD,
	OPT_GUARD_ALL,
	OPT_CHECKED,
	OPT_ON_ERROR,
	OPT_ALONE,
	OPT_LIBRARY,
	OPT_REPORT,
	OPT_QUIET,
	OPT_NO_TRACE,
	OPT_LEAKS,
	OPT_SUPPRESSIONS,
	OPT_AS_IS
};

static const struct option_row rows[] = {
	FLAG(OPT_HARD, 0, "hard", "look at more of each block, for longer (PLAT_HARD=1)"),
	FLAG(OPT_GUARD_ALL, 0, "guard-all", "each block between guard pages (PLAT_GUARD=all)"),
	FLAG(OPT_CHECKED, 0, "checked", "ask before each memcpy and its like (libplat-checked)"),
	ROW(OPT_ON_ERROR, 0, "on-error", "WHAT", "abort, report or ignore (PLAT_ON_ERROR)",
	    COMPLETE_NOTHING),
	FLAG(OPT_ALONE, 0, "alone", "not the programs that it starts"),
	ROW(OPT_LIBRARY, 0, "library", "FILE", "this libplat-malloc.so.1", COMPLETE_FILE),
	FLAG(OPT_REPORT, 'r', "report", "more than one line at the end"),
	FLAG(OPT_QUIET, 'q', "quiet", "no line at the end, unless something is wrong"),
	FLAG(OPT_NO_TRACE, 0, "no-trace", "do not look at the program at its end"),
	FLAG(OPT_LEAKS, 0, "leaks", "say at its end which blocks it has lost; see plat leaks"),
	ROW(OPT_SUPPRESSIONS, 0, "suppressions", "FILE",
	    "with --leaks: leave out what this file says", COMPLETE_FILE),
	FLAG(OPT_AS_IS, 0, "as-is", "with --leaks: on the malloc that the program has anyway"),
	ROW_BYTES,
	ROWS_END,
};

static int run(struct options *options);

const struct command run_command = {
	.name = "run",
	.summary = "run a program on plat's malloc, and say what it allocated",
	.synopsis = "[--] COMMAND [ARGUMENT]...",
	.options = rows,
	.takes_command = true,
	.more = "The exit status is the command's; 128 + N if signal N ended it; 23 if it was 0 "
		"and\n"
		"faults were found, or with --leaks lost blocks.\n",
	.run = run,
};

/* What was asked for, and what came of it. */
struct request {
	struct options *options;
	bool report, quiet, no_trace, is_checked, leaks, as_is;
	const char *named_library;
	struct preload_settings settings;
	char library[PATH_MAX], checked[PATH_MAX];
	char report_value[80];
	struct report *page;

	/* The last look. */
	bool looked;
	bool has_heap; /* plat's malloc was there */
	bool is_ours;  /* and it was the one that the program called */
	struct heap_sums sums;
	uint64_t meta_bytes, faults, peak;
	struct error look_why;

	struct leaks_wish leaks_wish;
	struct target target; /* for these */
	struct leaks_finding *finding;
};

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_HARD:
		request->settings.is_hard = true;
		break;
	case OPT_GUARD_ALL:
		request->settings.is_guard_all = true;
		break;
	case OPT_CHECKED:
		request->is_checked = true;
		break;
	case OPT_ON_ERROR:
		if (strcmp(value, "abort") != 0 && strcmp(value, "report") != 0 &&
		    strcmp(value, "ignore") != 0)
			return usage_error(&run_command, "%s: on an error: abort, report or ignore",
					   value);
		request->settings.on_error = value;
		break;
	case OPT_ALONE:
		request->settings.is_alone = true;
		break;
	case OPT_LIBRARY:
		request->named_library = value;
		break;
	case OPT_REPORT:
		request->report = true;
		break;
	case OPT_QUIET:
		request->quiet = true;
		break;
	case OPT_LEAKS:
		request->leaks = true;
		break;
	case OPT_SUPPRESSIONS:
		return leaks_suppress(&request->leaks_wish, value);
	case OPT_AS_IS:
		request->as_is = true;
		break;
	default:
		request->no_trace = true;
		break;
	}
	return 0;
}

/* Whether it is about the library, which --as-is does without. */
static bool asks_of_library(const struct request *request)
{
	const struct preload_settings *settings = &request->settings;

	return settings->is_hard || settings->is_guard_all || settings->is_alone ||
	       settings->on_error || request->is_checked || request->named_library;
}

static int check_wish(const struct request *request)
{
	if (request->options->noperands == 0)
		return usage_error(&run_command, "which command?");
	if ((request->as_is || request->leaks_wish.suppressions.n) && !request->leaks)
		return usage_error(&run_command, "--as-is and --suppressions are for --leaks");
	if (request->leaks && request->no_trace)
		return usage_error(&run_command, "--leaks looks at the end: not with --no-trace");
	if (request->as_is && asks_of_library(request))
		return usage_error(&run_command,
				   "--as-is loads no library: not with what is asked of one");
	return 0;
}

/*
 * The page in common.
 */

static int make_page(struct request *request, struct error *err)
{
	int fd = memfd_create("plat-report", MFD_CLOEXEC);
	uint64_t number;
	void *at;

	if (fd < 0 || ftruncate(fd, REPORT_BYTES) < 0 ||
	    getrandom(&number, sizeof(number), 0) != sizeof(number))
		return fail(err, errno, "cannot make memory in common with the command");
	at = mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return fail(err, errno, "cannot make memory in common with the command");
	request->page = at;
	request->page->magic = REPORT_MAGIC;
	request->page->number = number;
	/* The command opens it through our own folder in /proc, as long as we are there. */
	snprintf(request->report_value, sizeof(request->report_value), "%d:%d:%" PRIu64, getpid(),
		 fd, number);
	request->settings.report = request->report_value;
	return 0;
}

static void begins(void *context, int pid)
{
	struct request *request = context;

	request->page->pid = (uint32_t)pid;
}

/*
 * The last look.
 */

static bool is_our_library(const struct space *space, uint32_t module, const char *library)
{
	return strcmp(allocator_module_name(space, module), library) == 0;
}

static void take_heap(struct request *request, const struct space *space, struct heap_look *look)
{
	struct own *own = look->own;

	if (!own) {
		request->look_why = look->why;
		return;
	}
	request->has_heap = own_walk(own, NULL) == 0;
	request->is_ours = look->heaps.allocator.state != 0 ||
			   is_our_library(space, own->reading.module, request->library);
	request->sums = own->reading.sums;
	request->meta_bytes = own->reading.state_bytes;
	request->faults = own->faults == UNKNOWN ? 0 : own->faults;
}

/* It has come to its end and stands still there, held by us. */
static void find_leaks(struct request *request, const struct procdir *dir,
		       const struct space *space)
{
	const struct freeze_wish held = {.rung = FREEZE_WHOLE, .is_held = true};
	struct target *target = &request->target;
	struct error err;

	target->dir = *dir;
	target->space = *space;
	report_name(space, target->name);
	if (freeze_begin(&target->dir, &held, &target->freeze, &err) < 0)
		look_error(&run_command, "%s", err.text);
	else if (leaks_find(&request->leaks_wish, target, &request->finding) >= EXIT_NO_LOOK)
		request->finding = NULL;
}

static void at_end(void *context, const struct procdir *dir, const struct space *space)
{
	struct request *request = context;
	struct heap_look look;

	request->looked = true;
	request->peak = space->figures[VM_HWM];
	if (heap_look_open(dir, space, NULL, &look, &request->look_why) < 0)
		return;
	take_heap(request, space, &look);
	heap_look_close(&look);
	if (request->leaks)
		find_leaks(request, dir, space);
}

/*
 * What is said.
 */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static uint64_t faults_of(const struct request *request)
{
	return max_u64(request->faults, request->page->nfaults);
}

static const char *faults_words(const struct request *request, char *to, size_t size)
{
	uint64_t n = faults_of(request);

	if (n == 0)
		return "no faults";
	snprintf(to, size, "%" PRIu64 " fault%s", n, plural(n));
	return to;
}

/* Whether the program that was started had plat's malloc, and called it if it called any. */
static bool is_active(const struct request *request)
{
	return request->is_ours || (!request->looked && request->page->is_loaded);
}

static void say_line(const struct request *request, const struct launched *launched)
{
	bool bytes = request->options->paint.bytes;
	uint64_t peak = request->looked ? request->peak : launched->peak_rss;
	char most[UNITS_SIZE], live[UNITS_SIZE], faults[48];

	fprintf(stderr, "plat run: peak %s%s", request->looked ? "" : "at most ",
		units_size(peak, bytes, most));
	if (request->has_heap)
		fprintf(stderr, ", at its end %s live in %" PRIu64 " block%s",
			units_size(request->sums.live_bytes, bytes, live),
			request->sums.live_blocks, plural(request->sums.live_blocks));
	fprintf(stderr, ", %s\n", faults_words(request, faults, sizeof(faults)));
}

static void say_row(const char *label, const char *value, const char *meaning)
{
	fprintf(stderr, "  %-8s %8s  %s\n", label, value, meaning);
}

static void say_heap(const struct request *request, bool bytes)
{
	const struct heap_sums *sums = &request->sums;
	char size[UNITS_SIZE], meaning[96];

	snprintf(meaning, sizeof(meaning), "in %" PRIu64 " block%s, at its end", sums->live_blocks,
		 plural(sums->live_blocks));
	say_row("live", units_size(sums->live_bytes, bytes, size), meaning);
	say_row("slack", units_size(sums->slack, bytes, size),
		"added to blocks, and what is left over");
	say_row("free", units_size(sums->free_bytes, bytes, size), "held for later blocks");
	say_row("held", units_size(sums->held, bytes, size), "all of these");
	say_row("beside", units_size(request->meta_bytes, bytes, size),
		"for the allocator's own state");
}

static void say_end(const struct launched *launched, const char *name)
{
	if (launched->signal)
		fprintf(stderr, "plat run: %s: signal %d, %s%s\n", name, launched->signal,
			strsignal(launched->signal), launched->dumped ? ", with a core file" : "");
	else
		fprintf(stderr, "plat run: %s: exit status %d\n", name, launched->exit_status);
}

static void say_report(const struct request *request, const struct launched *launched,
		       const char *name)
{
	bool bytes = request->options->paint.bytes;
	char number[UNITS_SIZE];
	uint64_t programs = request->page->nprograms;

	say_end(launched, name);
	say_row("peak",
		units_size(request->looked ? request->peak : launched->peak_rss, bytes, number),
		request->looked ? "in memory at once (VmHWM)"
				: "in memory at once, at most, as it was not looked at");
	if (request->has_heap)
		say_heap(request, bytes);
	snprintf(number, sizeof(number), "%" PRIu64, faults_of(request));
	say_row("faults", number,
		programs > 1 ? "misuses that were found, of all programs"
			     : "misuses that were found");
	snprintf(number, sizeof(number), "%" PRIu64, programs);
	say_row("programs", number,
		programs == 1 ? "has allocated with plat's malloc"
			      : "have allocated with plat's malloc");
	if (!request->looked && !request->no_trace)
		say_row("", "", launched->why.text);
}

static const char *why_not(const struct request *request, const struct launched *launched)
{
	if (request->page->is_active)
		return "it began with it, and then executed another program without";
	if (request->looked && request->look_why.text[0])
		return request->look_why.text;
	if (request->looked)
		return "the library is not there";
	return launched->why.text;
}

/* Without a word the program goes on as it is: what it says is its own. */
static int say(const struct request *request, const struct launched *launched, const char *name)
{
	char escaped[256];

	text_escape(name, escaped, sizeof(escaped), 0);
	fflush(stdout);
	if (request->report)
		say_report(request, launched, escaped);
	else if (!request->quiet || faults_of(request))
		say_line(request, launched);
	if (is_active(request) || request->as_is)
		return EXIT_FINE;
	return look_error(&run_command, "%s: did not end on plat's malloc: %s", escaped,
			  why_not(request, launched));
}

/* What it has lost. An exit code. */
static int say_leaks(const struct request *request, const struct launched *launched)
{
	int code;

	if (!request->leaks)
		return EXIT_FINE;
	if (!request->finding)
		return look_error(&run_command, "whether blocks were lost is not known: %s",
				  request->looked ? "its heap could not be read"
						  : launched->why.text);
	if (request->quiet && !leaks_has_any(request->finding))
		return leaks_complain(request->finding);
	code = leaks_show(request->finding, stderr);
	return leaks_has_any(request->finding) ? EXIT_FAULTS : code;
}

/*
 * Running.
 */

static int launch(struct request *request, char **argv, char **environment)
{
	const struct launch launch = {
		.argv = argv,
		.environment = environment,
		.only_end = true,
		.untraced = request->no_trace,
		.begins = begins,
		.at_end = at_end,
		.context = request,
	};
	struct launched launched;
	struct error err;
	int code, status;

	if (launch_run(&launch, &launched, &err) < 0)
		return look_error(&run_command, "%s", err.text);
	status = launched_status(&launched);
	if (launched.state != SPAWN_RUNS) {
		look_error(&run_command, "%s", err.text);
	} else {
		code = worse_of(say(request, &launched, argv[0]), say_leaks(request, &launched));
		if (status == 0)
			status = faults_of(request) ? EXIT_FAULTS : code;
	}
	leaks_forget(request->finding);
	freeze_free(request->target.freeze);
	launched_fini(&launched);
	return status;
}

static int prepare(struct request *request, const char *command, struct error *err)
{
	enum preload_obstacle obstacle;
	int r;

	if (request->as_is)
		return make_page(request, err);
	r = library_find(request->named_library, request->library, err);
	if (r < 0)
		return r;
	request->settings.library = request->library;
	if (request->is_checked) {
		r = library_find_checked(request->library, request->checked, err);
		if (r < 0)
			return r;
		request->settings.checked = request->checked;
	}
	obstacle = preload_check(command, request->library, err);
	if (obstacle != PRELOAD_WORKS && obstacle != PRELOAD_LINKED_IN)
		return -ENOEXEC;
	return make_page(request, err);
}

static int run_command_line(struct request *request, char **argv)
{
	char **environment = NULL;
	struct error err;
	int code;

	if (prepare(request, argv[0], &err) < 0)
		return look_error(&run_command, "%s", err.text);
	if (!request->as_is && preload_environment(&request->settings, &environment) < 0)
		return look_error(&run_command, "%s", strerror(ENOMEM));
	code = launch(request, argv, environment);
	preload_free_environment(environment);
	return code;
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.leaks_wish = {.command = &run_command,
			       .paint = &options->paint,
			       .top = LEAKS_TOP,
			       .looked = "looked at when it came to its end"},
	};
	int code = options_read(options, take_option, &request);

	if (code == 0)
		code = check_wish(&request);
	/* Of each block, unless the user has said of how many. */
	if (request.leaks && !request.as_is && !getenv("PLAT_SAMPLE"))
		request.settings.sample = "1";
	if (code == 0)
		code = run_command_line(&request, options->operands);
	suppressions_fini(&request.leaks_wish.suppressions);
	return code;
}
