/*
 * Whether the model and the running kernel agree: random runs, then scripts; and whether it is
 * noticed where the model does not have a rule. `usage` below has the options.
 */
#include "corner.h"
#include "mutants.h"
#include "runs.h"
#include "speed.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FIXED_SEED UINT64_C(20250101)
#define MOST_CORNERS 256

static const char usage[] =
	"Usage: conformance [options]\n\n"
	"  --ops 200000         random runs over all profiles, then the scripts of --corner\n"
	"  --corner DIR         with the scripts of this directory\n"
	"  --profile plain      of this profile alone\n"
	"  --fixed              with the seed that is always the same\n"
	"  --seed 1             with this one\n"
	"  --mutants            and the rules of the model, each taken away in turn\n"
	"  --script FILE        instead: one script, line by line\n"
	"  --again plain:1234   instead: one process of a random run\n"
	"  --speed              instead: how fast the model alone is\n"
	"  --no-shrink          what disagrees is not made smaller\n"
	"  --jobs 2             so many processes at a time\n"
	"  --programs DIR       where child64 and child32 are; else beside this program\n"
	"  --files DIR          on a disk, for files to be mapped; else the same\n\n"
	"Exit 1 where kernel and model disagree or a mutant is not caught, 3 where nothing can be\n"
	"tested, 64 wrong usage.\n";

struct options {
	struct runs runs;
	const char *corner, *script, *again, *programs, *files;
	bool mutants, speed, help;
};

/*
 * Corner cases.
 */

struct corners {
	unsigned agree, skipped, fail;
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".script") == 0;
}

/* All scripts of the directory. With `traces` each leaves one there. */
static int run_corners(const struct options *options, const struct host *host,
		       struct mutants_trace *traces, size_t *ntraces, struct corners *ret)
{
	struct world world = WORLD_EMPTY;
	struct dirent **entries;
	int i, n = scandir(options->corner, &entries, is_script, by_name);

	if (n < 0)
		return -errno;
	must(n <= MOST_CORNERS);
	for (i = 0; i < n; i++) {
		struct trace *trace = traces ? &traces[*ntraces].trace : NULL;
		struct error why = {{0}};
		char path[4096];
		enum corner corner;

		snprintf(path, sizeof(path), "%s/%s", options->corner, entries[i]->d_name);
		corner = corner_run(&world, host, path, trace, false, &why);
		if (corner == CORNER_AGREES)
			ret->agree++;
		else if (corner == CORNER_SKIPPED)
			ret->skipped++;
		else
			ret->fail++;
		if (corner != CORNER_AGREES)
			printf("%s %s: %s\n", corner == CORNER_FAILS ? "FAILS" : "skipped",
			       entries[i]->d_name, why.text);
		if (trace && trace->nops) {
			snprintf(traces[*ntraces].name, sizeof(traces->name), "%.60s",
				 entries[i]->d_name);
			traces[(*ntraces)++].directed = true;
		}
		free(entries[i]);
	}
	free(entries);
	world_fini(&world);
	return 0;
}

/*
 * Mutants. Traces are long: the first runs leave theirs, and the others are like any other.
 */

#define TRACED_OPS 100000

static int trace_runs(const struct runs *runs, const struct host *host, struct tally *tally,
		      struct mutants_trace **traces, size_t *n)
{
	struct runs_time start = runs_time();
	struct world world = WORLD_EMPTY;
	struct job *jobs;
	size_t njobs, i;
	int r = runs_plan(runs, host, &jobs, &njobs);

	if (r < 0)
		return r;
	*traces = calloc(njobs + MOST_CORNERS, sizeof(**traces));
	for (i = 0; *traces && i < njobs; i++) {
		struct mutants_trace *trace = &(*traces)[i];

		runs_job(&world, host, &jobs[i], runs->no_shrink, &trace->trace, tally);
		snprintf(trace->name, sizeof(trace->name), "%s", jobs[i].profile->name);
	}
	*n = *traces ? njobs : 0;
	world_fini(&world);
	runs_add_time(tally, start);
	free(jobs);
	return *traces ? 0 : -ENOMEM;
}

static int run_mutants(const struct runs *runs, const struct options *options,
		       const struct host *host, struct tally *tally, struct corners *corners,
		       struct mutants_result *ret)
{
	struct mutants_trace *traces = NULL;
	size_t n = 0, i;
	int r = trace_runs(runs, host, tally, &traces, &n);

	if (r == 0 && options->corner)
		r = run_corners(options, host, traces, &n, corners);
	if (r == 0)
		r = mutants_run(traces, n, host, runs->jobs, ret);
	for (i = 0; i < n; i++)
		trace_fini(&traces[i].trace);
	free(traces);
	return r;
}

#ifndef MODEL_MUTANTS
/* The model with mutants is another program, beside this one. */
static _Noreturn void become_mutants(const char *programs, char **argv)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/conformance-mutants", programs);
	execv(path, argv);
	fprintf(stderr, "conformance: %s: %s\n", path, strerror(errno));
	exit(64);
}
#endif

/*
 * The command.
 */

static void print_skipped(const struct options *options, const struct host *host)
{
	size_t i;

	for (i = 0; i < nprofiles; i++) {
		const char *why = profile_missing(&profiles[i], host);

		if (why && (!options->runs.profile ||
			    strcmp(options->runs.profile, profiles[i].name) == 0))
			printf("skipped: profile %s: %s\n", profiles[i].name, why);
	}
	if (host->why_no_set_mm)
		printf("skipped: PR_SET_MM_MAP: %s\n", host->why_no_set_mm);
	if (host->why_no_noexec)
		printf("skipped: files on a mount without exec: %s\n", host->why_no_noexec);
}

static void print_tally(const struct options *options, const struct tally *tally)
{
	uint64_t sum = 0;
	unsigned used = 0;
	size_t i;

	for (i = 0; i < nprofiles; i++) {
		sum += tally->requests[i];
		used += tally->requests[i] != 0;
	}
	if (!sum)
		return;
	for (i = 0; i < nprofiles; i++) {
		if (tally->requests[i])
			printf("  %-18s %9" PRIu64 "\n", profiles[i].name, tally->requests[i]);
	}
	printf("operations: %" PRIu64 " in %u profiles, seed %" PRIu64 "\n", sum, used,
	       options->runs.seed);
	printf("speed: %.0f a second in all, %.0f per second of one processor, at %.0f VMAs\n",
	       (double)sum / tally->seconds, (double)sum / tally->cpu_seconds,
	       tally->looks ? (double)tally->vmas / (double)tally->looks : 0);
	printf("disagreements: %" PRIu64 "\n", tally->disagreements);
}

static int run_again(const struct options *options, const struct host *host)
{
	struct runs_time start = runs_time();
	struct world world = WORLD_EMPTY;
	struct tally tally = {0};
	const char *colon = strchr(options->again, ':');
	size_t i;

	for (i = 0; i < nprofiles && colon; i++) {
		struct job job = {&profiles[i], strtoull(colon + 1, NULL, 10)};

		if (strncmp(profiles[i].name, options->again, (size_t)(colon - options->again)) ==
			    0 &&
		    !profiles[i].name[colon - options->again])
			runs_job(&world, host, &job, options->runs.no_shrink, NULL, &tally);
	}
	world_fini(&world);
	runs_add_time(&tally, start);
	print_tally(options, &tally);
	return tally.disagreements != 0;
}

static int run_script(const struct options *options, const struct host *host)
{
	struct world world = WORLD_EMPTY;
	struct error why = {{0}};
	enum corner corner = corner_run(&world, host, options->script, NULL, true, &why);

	world_fini(&world);
	if (corner != CORNER_AGREES)
		printf("%s\n", why.text);
	return corner == CORNER_FAILS;
}

static int run(const struct options *options, const struct host *host)
{
	struct runs traced = options->runs, others = options->runs;
	struct corners corners = {0};
	struct tally tally = {0};
	struct mutants_result mutants = {0};
	int r;

	traced.ops = options->mutants ? min_u64(TRACED_OPS, traced.ops) : 0;
	others.ops -= traced.ops;
	others.seed += options->mutants;
	r = runs_all(&others, host, &tally);
	if (r == 0 && options->mutants)
		r = run_mutants(&traced, options, host, &tally, &corners, &mutants);
	else if (r == 0 && options->corner)
		r = run_corners(options, host, NULL, NULL, &corners);
	if (r < 0) {
		fprintf(stderr, "conformance: %s\n", strerror(-r));
		return 1;
	}
	print_skipped(options, host);
	print_tally(options, &tally);
	if (options->corner)
		printf("corner cases: %u agree, %u fail, %u skipped\n", corners.agree, corners.fail,
		       corners.skipped);
	if (options->mutants)
		printf("mutants: %u of %u caught; %u that cannot be noticed here, see above\n",
		       mutants.caught, mutants.caught + mutants.missed, mutants.apart);
	return tally.disagreements || corners.fail || mutants.missed;
}

static const struct option long_options[] = {
	{"ops", required_argument, NULL, 'o'},
	{"seed", required_argument, NULL, 's'},
	{"profile", required_argument, NULL, 'p'},
	{"fixed", no_argument, NULL, 'f'},
	{"mutants", no_argument, NULL, 'm'},
	{"corner", required_argument, NULL, 'c'},
	{"script", required_argument, NULL, 'S'},
	{"again", required_argument, NULL, 'a'},
	{"jobs", required_argument, NULL, 'j'},
	{"programs", required_argument, NULL, 'P'},
	{"files", required_argument, NULL, 'F'},
	{"speed", no_argument, NULL, 'v'},
	{"no-shrink", no_argument, NULL, 'n'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'o':
			options->runs.ops = strtoull(optarg, NULL, 0);
			break;
		case 's':
			options->runs.seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			options->runs.profile = optarg;
			break;
		case 'f':
			options->runs.seed = FIXED_SEED;
			break;
		case 'm':
			options->mutants = true;
			break;
		case 'c':
			options->corner = optarg;
			break;
		case 'S':
			options->script = optarg;
			break;
		case 'a':
			options->again = optarg;
			break;
		case 'j':
			options->runs.jobs = (unsigned)strtoul(optarg, NULL, 0);
			break;
		case 'P':
			options->programs = optarg;
			break;
		case 'F':
			options->files = optarg;
			break;
		case 'v':
			options->speed = true;
			break;
		case 'n':
			options->runs.no_shrink = true;
			break;
		case 'h':
			options->help = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && options->runs.jobs > 0;
}

/* Where this program lies, its children lie too. */
static void own_directory(char *to, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", to, size - 1);
	char *slash;

	to[n < 0 ? 0 : n] = '\0';
	slash = strrchr(to, '/');
	if (slash)
		*slash = '\0';
}

int main(int argc, char **argv)
{
	char directory[4096];
	struct options options = {
		.runs = {.ops = 100000}, .programs = directory, .files = directory};
	struct host host;
	struct error err = {{0}};
	int r;

	own_directory(directory, sizeof(directory));
	options.runs.jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (getrandom(&options.runs.seed, sizeof(options.runs.seed), 0) < 0)
		options.runs.seed = (uint64_t)time(NULL);
	options.runs.seed >>= 32;
	if (!parse(argc, argv, &options)) {
		fputs(usage, stderr);
		return 64;
	}
	if (options.help) {
		fputs(usage, stdout);
		return 0;
	}
#ifndef MODEL_MUTANTS
	if (options.mutants)
		become_mutants(options.programs, argv);
#endif
	if (host_init(&host, options.programs, options.files, &err) < 0) {
		fprintf(stderr, "conformance: %s\n", err.text);
		return 3;
	}
	if (options.script)
		r = run_script(&options, &host);
	else if (options.again)
		r = run_again(&options, &host);
	else if (options.speed)
		r = speed_run(&host);
	else
		r = run(&options, &host);
	host_fini(&host);
	return r;
}
