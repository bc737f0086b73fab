/* plat profile: where a program allocates, by samples; and how often these are taken. */
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/profile_export.h"
#include "cli/report.h"
#include "cli/sites.h"
#include "cli/target.h"
#include "heap/allocator.h"
#include "heap/own_profile.h"
#include "source/poke.h"
#include "view/profile.h"
#include "view/units.h"

#include "alloc/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOP_USUAL 10
#define WAIT_MOST 1000000 /* seconds */

enum {
	OPT_RATE,
	OPT_SORT,
	OPT_LEAKS,
	OPT_TOP,
	OPT_WAIT,
	OPT_NO_SYMBOLS,
};

static const struct option_row rows[] = {
	ROW(OPT_RATE, 0, "rate", "SIZE", "a sample each so many bytes from now on; or off",
	    COMPLETE_NOTHING),
	ROW(OPT_WAIT, 0, "wait", "SECONDS", "give it some time, and show the profile then",
	    COMPLETE_NOTHING),
	ROW(OPT_SORT, 0, "sort", "SUM", "sites by what is live there, or made, or freed",
	    COMPLETE_NOTHING),
	FLAG(OPT_LEAKS, 0, "leaks", "only sites with blocks that are live"),
	ROW(OPT_TOP, 0, "top", "COUNT", "so many sites, else 10; or all", COMPLETE_NOTHING),
	FLAG(OPT_NO_SYMBOLS, 0, "no-symbols", "do not look into programs and libraries"),
	ROW_FOLDED,
	ROW_PPROF,
	ROW_SUM("of --folded: live_space, live_objects, made_space or made_objects"),
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_VERBOSE("whole paths"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command profile_command = {
	.name = "profile",
	.summary = "where a program allocates, by samples",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "Reads the profile of programs that use plat's malloc; see plat-run(1).\n",
	.run = run,
};

/* What was asked for. */
struct request {
	struct options *options;
	bool has_rate, has_wait, has_filter, has_top, leaks, no_symbols;
	struct export_wish export;
	uint64_t mean;
	double wait;
	size_t top;
	int (*compare)(const void *a, const void *b);
};

/*
 * Options.
 */

static int compare_numbers(double a, double b)
{
	return a > b ? -1 : a < b;
}

#define SITE(p) ((const struct own_site *)(p))

static int by_made(const void *a, const void *b)
{
	return compare_numbers(SITE(a)->made.bytes, SITE(b)->made.bytes);
}

static int by_freed(const void *a, const void *b)
{
	return compare_numbers(SITE(a)->freed_bytes, SITE(b)->freed_bytes);
}

static int by_live(const void *a, const void *b)
{
	int order = compare_numbers(SITE(a)->live.bytes, SITE(b)->live.bytes);

	return order ? order : by_made(a, b);
}

static int take_rate(struct request *request, const char *value)
{
	int code;

	request->has_rate = true;
	if (strcmp(value, "off") == 0)
		return 0;
	code = target_size(&profile_command, value, &request->mean);
	if (code)
		return code;
	if (request->mean < SAMPLE_MEAN_MIN || request->mean > SAMPLE_MEAN_MAX)
		return usage_error(&profile_command, "%s: a rate is from 1 to 4G, or off", value);
	return 0;
}

static int take_sort(struct request *request, const char *value)
{
	if (strcmp(value, "live") == 0)
		request->compare = by_live;
	else if (strcmp(value, "made") == 0)
		request->compare = by_made;
	else if (strcmp(value, "freed") == 0)
		request->compare = by_freed;
	else
		return usage_error(&profile_command, "%s: sites are sorted by live, made or freed",
				   value);
	return 0;
}

static int take_top(struct request *request, const char *value)
{
	request->has_top = true;
	request->top = SIZE_MAX;
	if (strcmp(value, "all") == 0)
		return 0;
	return target_top(&profile_command, value, &request->top);
}

static int take_wait(struct request *request, const char *value)
{
	char *end;

	request->has_wait = true;
	request->wait = strtod(value, &end);
	if (*value < '0' || *value > '9' || *end || !(request->wait <= WAIT_MOST))
		return usage_error(&profile_command, "%s: not a number of seconds", value);
	return 0;
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	if (export_take_option(&request->export, option, value))
		return 0;
	request->has_filter |= option == OPT_SORT || option == OPT_TOP || option == OPT_LEAKS;
	switch (option) {
	case OPT_RATE:
		return take_rate(request, value);
	case OPT_SORT:
		return take_sort(request, value);
	case OPT_TOP:
		return take_top(request, value);
	case OPT_WAIT:
		return take_wait(request, value);
	case OPT_LEAKS:
		request->leaks = true;
		return 0;
	default:
		request->no_symbols = true;
		return 0;
	}
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read_one(options, take_option, request);

	if (code)
		return code;
	if (request->has_rate && !request->has_wait &&
	    (request->has_filter || options->json || export_is_wished(&request->export)))
		return usage_error(&profile_command,
				   "--rate shows no sites; --wait shows them after some time");
	/* Tools sort for themselves, and want all of it. */
	if (export_is_wished(&request->export) && !request->has_top)
		request->top = SIZE_MAX;
	return export_check(options, &request->export, profile_sums, NPROFILE_SUMS);
}

/*
 * The rate.
 */

#define RATE_SIZE 64

static const char *rate_words(uint64_t mean, const struct paint *paint, char *to)
{
	char size[UNITS_SIZE];

	if (mean == 0)
		return "no samples";
	snprintf(to, RATE_SIZE, "a sample each %s", units_size(mean, paint->bytes, size));
	return to;
}

static int set_rate(const struct request *request, const struct target *target,
		    const struct heap_look *look)
{
	struct poke poke = {.header = look->own->at, .number = request->mean};
	const struct paint *paint = &request->options->paint;
	char before[RATE_SIZE], now[RATE_SIZE];
	struct own_rate rate;
	struct error err;

	if (own_rate_read(look->own, &rate, &err) < 0)
		return look_error(&profile_command, "%s: %s", target->name, err.text);
	if (request->mean && look->own->canary_bytes == 0)
		return look_error(
			&profile_command,
			"%s: its allocator was built without checks, and takes no samples",
			target->name);
	poke.at = rate.at;
	if (poke_rate(&target->dir, &target->space, &poke, &err) < 0)
		return look_error(&profile_command, "%s", err.text);
	if (request->has_wait)
		return EXIT_FINE;
	printf("%s: %s; it was %s\n", target->name, rate_words(poke.number, paint, now),
	       rate_words(poke.before, paint, before));
	return EXIT_FINE;
}

/* Ends early where the process does. */
static void give_time(const struct request *request)
{
	struct timespec left = {
		.tv_sec = (time_t)request->wait,
		.tv_nsec = (long)((request->wait - (double)(time_t)request->wait) * 1e9),
	};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/*
 * The profile.
 */

static size_t drop_all_freed(struct own_profile *profile)
{
	size_t i, kept = 0;

	for (i = 0; i < profile->nsites; i++)
		if (profile->sites[i].live.nsamples)
			profile->sites[kept++] = profile->sites[i];
	return kept;
}

static int report_proofs(const struct target *target, const struct own_profile *profile)
{
	const char *whys[1] = {NULL};
	char unreadable[128];
	int code;

	if (profile->proofs.unreadable) {
		snprintf(unreadable, sizeof(unreadable),
			 "%" PRIu64 " pieces of the allocator's state could not be read",
			 profile->proofs.unreadable);
		whys[0] = unreadable;
	}
	code = report_unknown(&profile_command, target->name, whys, 1, false);
	if (!profile->proofs.broken)
		return code;
	fprintf(stderr, "plat profile: %s: the allocator's state contradicts itself: %s\n",
		target->name, profile->proofs.first);
	return worse_of(code, EXIT_FOUND);
}

/* A stack of one frame is one that could not be followed: somebody has called the caller, too. */
static bool are_stacks_cut(const struct own_profile *profile)
{
	uint64_t ncut = 0;
	size_t i;

	for (i = 0; i < profile->nsites; i++)
		if (profile->sites[i].nframes == 1)
			ncut += profile->sites[i].made.nsamples;
	return ncut > profile->sum.made.nsamples / 2;
}

/* Who asks at its start loads the unwinder; not so an allocator that is linked into the program. */
static bool would_asking_help(const struct space *space, const struct own *own)
{
	uint32_t module = own->reading.module;
	size_t i;

	for (i = 0; i < space->nmodules; i++)
		if (strstr(allocator_module_name(space, (uint32_t)i), "/libgcc_s.so"))
			return false;
	return module < space->nmodules && space->modules[module].role != MODULE_PROGRAM;
}

static void hint_at_stacks(const struct target *target, const struct heap_look *look)
{
	bool helps = would_asking_help(&target->space, look->own);

	fprintf(stderr,
		"plat profile: %s: most stacks end at the caller of malloc, for want of frame "
		"pointers: %s\n",
		target->name,
		helps ? "start it with PLAT_SAMPLE=off in its environment to have whole ones"
		      : "see Stacks in plat-profile(1)");
}

static int write_report(const struct request *request, const struct profile_report *report)
{
	const struct options *options = request->options;
	struct text text = text_to_stream(stdout);

	if (options->json)
		profile_json(report, &text);
	else
		profile_draw(report, &options->paint, &text);
	return finish_output(&profile_command, &text, 0);
}

static int name_and_write(const struct request *request, const struct target *target,
			  struct profile_report *report)
{
	const struct own_site *sites = report->profile->sites;
	int code;

	if (!request->no_symbols && sites_calls(target, sites, report->nshown, &report->calls) < 0)
		return look_error(&profile_command, "%s: %s", target->name, strerror(ENOMEM));
	if (export_is_wished(&request->export))
		code = profile_export(request->options, &request->export, target, report);
	else
		code = write_report(request, report);
	calls_fini(&report->calls);
	return code;
}

static int show(const struct request *request, const struct target *target,
		const struct heap_look *look)
{
	struct profile_report report = {.space = &target->space};
	struct own_profile profile;
	struct error err;
	bool are_cut;
	int code;

	if (sites_read(target, look, &profile, &err) < 0)
		return look_error(&profile_command, "%s: %s", target->name, err.text);
	if (profile.proofs.unreadable && proc_is_there(&target->dir, &err) < 0) {
		own_profile_fini(&profile);
		return look_error(&profile_command, "%s: %s", target->name, HEAP_GONE);
	}
	are_cut = are_stacks_cut(&profile);
	if (request->leaks)
		profile.nsites = drop_all_freed(&profile);
	if (profile.nsites)
		qsort(profile.sites, profile.nsites, sizeof(*profile.sites), request->compare);
	report.profile = &profile;
	report.nsites = profile.nsites;
	report.nshown = profile.nsites < request->top ? profile.nsites : request->top;
	code = name_and_write(request, target, &report);
	code = worse_of(code, report_proofs(target, &profile));
	if (are_cut)
		hint_at_stacks(target, look);
	own_profile_fini(&profile);
	return code;
}

/*
 * One look: the first sets the rate, the last one shows.
 */

static int look_once(const struct request *request,
		     int (*look_at)(const struct request *, const struct target *,
				    const struct heap_look *))
{
	struct target target;
	struct heap_look look;
	struct error err;
	int code = target_open(request->options, request->options->operands[0], 0, &target);

	if (code)
		return code;
	if (heap_look_open(&target.dir, &target.space, target.freeze, &look, &err) < 0) {
		code = look_error(&profile_command, "%s: %s", target.name, err.text);
	} else {
		code = look.own
			       ? look_at(request, &target, &look)
			       : look_error(&profile_command, "%s: %s", target.name, look.why.text);
		heap_look_close(&look);
	}
	target_close(&target);
	return code;
}

static int run(struct options *options)
{
	struct request request = {.options = options, .top = TOP_USUAL, .compare = by_live};
	int code = read_request(&request), pid;

	if (code == 0 && (request.has_rate || request.has_wait))
		code = target_pid(&profile_command, options->operands[0], &pid);
	if (code == 0 && request.has_rate)
		code = look_once(&request, set_rate);
	if (code || (request.has_rate && !request.has_wait))
		return code;
	if (request.has_wait)
		give_time(&request);
	return look_once(&request, show);
}
