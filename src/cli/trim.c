/*
 * plat trim: a process gives back what its allocator keeps and does not need. plat's malloc looks
 * at a word now and then, and does it by itself; for all else, and where nobody comes by, a thread
 * is borrowed to call malloc_trim.
 */
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/report.h"
#include "cli/target.h"
#include "heap/own_trim.h"
#include "heap/trim_function.h"
#include "source/clock.h"
#include "source/inject.h"
#include "source/pages.h"
#include "source/poke.h"
#include "view/trim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_USUAL 1.0
#define WAIT_MOST 1000000 /* seconds */
#define LOOK_EVERY (5 * NS_PER_MS)

enum { OPT_WAIT, OPT_INJECT };

static const struct option_row rows[] = {
	FLAG(OPT_INJECT, 0, "inject", "call malloc_trim in it, on a thread that waits"),
	ROW(OPT_WAIT, 0, "wait", "SECONDS", "for so long at most; else 1", COMPLETE_NOTHING),
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_ASCII,
	ROW_COLOR,
	ROWS_END,
};

static int run(struct options *options);

const struct command trim_command = {
	.name = "trim",
	.summary = "let a process give back memory that it does not use",
	.synopsis = "PID",
	.options = rows,
	.takes_pid = true,
	.more = "Asks plat's malloc by one word; see plat-run(1). Others only with --inject.\n",
	.run = run,
};

struct request {
	double wait;
	bool inject;
};

/* One trim under way. */
struct trim {
	const struct options *options;
	const struct request *request;
	struct target target;
	struct heap_look look;
	struct trim_report report;
};

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;
	char *end;

	if (option == OPT_INJECT) {
		request->inject = true;
		return 0;
	}
	request->wait = strtod(value, &end);
	if (*value < '0' || *value > '9' || *end || !(request->wait <= WAIT_MOST))
		return usage_error(&trim_command, "%s: not a number of seconds", value);
	return 0;
}

/* --- what could go --- */

struct prediction {
	const struct procdir *dir;
	struct space *space;
	uint64_t bytes;
	struct error err;
};

static int add_run(void *context, const struct page_run *run)
{
	struct prediction *prediction = context;

	if ((run->state & PAGE_PRESENT) && !(run->state & (PAGE_FILE | PAGE_ZERO)))
		prediction->bytes += run->end - run->start;
	return 0;
}

static int add_returnable(void *context, uint32_t arena, plat_addr start, plat_addr end)
{
	struct prediction *prediction = context;

	(void)arena;
	return pages_walk(prediction->dir, prediction->space, start, end, PAGES_ANY, add_run,
			  prediction, &prediction->err);
}

static void predict(struct trim *trim)
{
	struct prediction prediction = {.dir = &trim->target.dir, .space = &trim->target.space};
	const struct heap_visitor visitor = {.returnable = add_returnable, .context = &prediction};
	struct trim_report *report = &trim->report;

	report->predicted = UNKNOWN;
	if (!trim->look.heaps.has_used)
		report->predicted_why = "its heap cannot be read";
	else if (heap_walk(trim->look.heaps.readings[0], &visitor) < 0)
		report->predicted_why = "its pages cannot be read";
	else
		report->predicted = prediction.bytes;
}

static uint64_t anonymous_now(const struct target *target)
{
	struct space space;
	uint64_t bytes = UNKNOWN;

	space_init(&space);
	if (proc_load_figures(&target->dir, &space, NULL) == 0)
		bytes = space.figures[RSS_ANON];
	space_fini(&space);
	return bytes;
}

static uint64_t wait_of(const struct trim *trim)
{
	return (uint64_t)(trim->request->wait * (double)NS_PER_S);
}

/* --- asking plat's malloc --- */

/* Until all heaps have given, or the time is over. */
static int await_heaps(struct trim *trim, struct error *err)
{
	const struct timespec rest = {.tv_nsec = LOOK_EVERY};
	uint64_t until = clock_now() + wait_of(trim);
	struct own_trim state;
	int r;

	for (;;) {
		r = own_trim_read(trim->look.own, &state, err);
		if (r < 0)
			return r;
		trim->report.nheaps = state.nheaps;
		trim->report.ndone = state.ndone;
		if (state.ndone == state.nheaps || clock_now() >= until)
			return 0;
		nanosleep(&rest, NULL);
	}
}

static int ask(struct trim *trim)
{
	struct poke poke = {.header = trim->look.own->at};
	const struct target *target = &trim->target;
	struct own_trim state;
	struct error err;

	if (own_trim_read(trim->look.own, &state, &err) < 0)
		return look_error(&trim_command, "%s: %s", target->name, err.text);
	poke.at = state.at;
	poke.number = state.asked + 1;
	trim->report.before = anonymous_now(target);
	if (poke_trim(&target->dir, &target->space, &poke, &err) < 0)
		return look_error(&trim_command, "%s", err.text);
	if (await_heaps(trim, &err) < 0)
		return look_error(&trim_command, "%s: %s", target->name, err.text);
	trim->report.now = anonymous_now(target);
	return EXIT_FINE;
}

/* --- calling malloc_trim --- */

/* While no thread is where it could be borrowed, for as long as there is time. */
static int call_patiently(const struct trim *trim, struct inject_call *call,
			  struct inject_told *told, struct error *err)
{
	const struct timespec rest = {.tv_nsec = 4 * LOOK_EVERY};
	uint64_t until = clock_now() + wait_of(trim);
	int r;

	for (;;) {
		call->most = sub_floored(until, clock_now()) + NS_PER_S; /* time to stop it, too */
		r = inject_function(&trim->target.dir, call, told, err);
		if (r != -EAGAIN || clock_now() >= until)
			return r;
		nanosleep(&rest, NULL);
	}
}

static int call(struct trim *trim)
{
	const struct target *target = &trim->target;
	struct trim_function found;
	struct inject_call request;
	struct inject_told told;
	struct error err;
	int r = trim_function_find(&target->space, &trim->look.content.reader,
				   &trim->look.heaps.allocator, &found, &err);

	if (r < 0)
		return look_error(&trim_command, "%s: %s", target->name, err.text);
	request = (struct inject_call){
		.function = found.function,
		.avoid_start = found.code_start,
		.avoid_end = found.code_end,
	};
	trim->report.way = TRIM_CALLED;
	trim->report.before = anonymous_now(target);
	if (call_patiently(trim, &request, &told, &err) < 0)
		return look_error(&trim_command, "%s", err.text);
	trim->report.now = anonymous_now(target);
	trim->report.pause = told.pause;
	trim->report.is_late = told.is_late;
	return EXIT_FINE;
}

/* --- the command --- */

static int show(const struct trim *trim)
{
	const struct options *options = trim->options;
	struct text text = text_to_stream(stdout);

	if (options->json)
		trim_json(&trim->report, &text);
	else
		trim_draw(&trim->report, &options->paint, &text);
	return finish_output(&trim_command, &text, 0);
}

static int report_missing(const struct trim *trim)
{
	const struct trim_report *report = &trim->report;

	if (report->way == TRIM_CALLED ? !report->is_late : report->ndone == report->nheaps)
		return EXIT_FINE;
	fprintf(stderr, "plat trim: %s: %s\n", trim->target.name,
		report->way == TRIM_CALLED
			? "malloc_trim goes on; a helper waits for its end"
			: "the others give when their threads next take the long way to a "
			  "block, or back");
	return EXIT_PARTIAL;
}

static int refuse_to_ask(const struct trim *trim)
{
	enum allocator_kind kind = trim->look.heaps.allocator.kind;

	if (kind != ALLOCATOR_GLIBC)
		return look_error(&trim_command,
				  "%s: it uses %s, which cannot be asked to give back",
				  trim->target.name, allocator_words(kind));
	return look_error(&trim_command,
			  "%s: it uses glibc's malloc, which cannot be asked: only --inject, which "
			  "calls malloc_trim in it, makes it give back",
			  trim->target.name);
}

static int trim_heap(struct trim *trim)
{
	int code;

	trim->report.space = &trim->target.space;
	trim->report.allocator = trim->look.heaps.allocator.kind;
	if (!trim->look.own && !trim->request->inject)
		return refuse_to_ask(trim);
	predict(trim);
	code = trim->request->inject ? call(trim) : ask(trim);
	if (code)
		return code;
	code = show(trim);
	return worse_of(code, report_missing(trim));
}

static int run(struct options *options)
{
	struct request request = {.wait = WAIT_USUAL};
	struct trim trim = {.options = options, .request = &request};
	struct error err;
	int code = options_read_one(options, take_option, &request);

	if (code)
		return code;
	code = target_open(options, options->operands[0], 0, &trim.target);
	if (code)
		return code;
	if (heap_look_open(&trim.target.dir, &trim.target.space, trim.target.freeze, &trim.look,
			   &err) < 0) {
		code = look_error(&trim_command, "%s: %s", trim.target.name, err.text);
	} else {
		code = trim_heap(&trim);
		heap_look_close(&trim.look);
	}
	target_close(&trim.target);
	return code;
}
