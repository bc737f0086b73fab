#include "runs.h"

#include "random.h"
#include "shrink.h"

#include "base/error.h"
#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The profile that is furthest behind its share. */
static const struct profile *next_profile(const struct runs *runs, const struct host *host,
					  uint64_t *done)
{
	size_t i, best = nprofiles;

	for (i = 0; i < nprofiles; i++) {
		if ((runs->profile && strcmp(runs->profile, profiles[i].name) != 0) ||
		    profile_missing(&profiles[i], host))
			continue;
		if (best == nprofiles ||
		    done[i] * profiles[best].share < done[best] * profiles[i].share)
			best = i;
	}
	if (best == nprofiles)
		return NULL;
	done[best] += profiles[best].requests;
	return &profiles[best];
}

int runs_plan(const struct runs *runs, const struct host *host, struct job **jobs, size_t *njobs)
{
	struct random random = {runs->seed};
	uint64_t done[MOST_PROFILES] = {0}, sum = 0;
	size_t room = 0;

	*jobs = NULL;
	*njobs = 0;
	while (sum < runs->ops) {
		const struct profile *profile = next_profile(runs, host, done);

		if (!profile)
			return -ENOENT;
		if (list_reserve(jobs, &room, *njobs, 1) < 0)
			return -ENOMEM;
		(*jobs)[(*njobs)++] = (struct job){profile, random_next(&random) >> 16};
		sum += profile->requests;
	}
	return 0;
}

static void report(struct world *world, const struct host *host, const struct job *job,
		   struct failure *failure, bool no_shrink)
{
	size_t size, before = failure->requests.nitems;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return;
	fprintf(stream, "\n# profile %s, seed %" PRIu64 " (--again %s:%" PRIu64 "), request %zu\n",
		job->profile->name, job->seed, job->profile->name, job->seed, before);
	fputs(failure->what, stream);
	if (no_shrink || shrink(world, host, failure))
		shrink_print(world, host, failure, stream);
	else
		fprintf(stream, "# it did not happen again\n");
	fclose(stream);
	fwrite(text, 1, size, stdout);
	fflush(stdout);
	free(text);
}

void runs_job(struct world *world, const struct host *host, const struct job *job, bool no_shrink,
	      struct trace *trace, struct tally *tally)
{
	struct failure failure = {0};
	struct error err = {{0}};
	uint64_t vmas = 0;
	int r = session_random(world, host, job->profile, job->seed, trace, &failure, &vmas, &err);

	tally->requests[job->profile - profiles] += failure.requests.nitems;
	if (!job->profile->crowd) {
		tally->vmas += vmas;
		tally->looks += failure.requests.nitems;
	}
	if (r < 0) {
		printf("%s: %s\n", job->profile->name, err.text);
		tally->disagreements++;
	} else if (failure.check != CHECK_SAME) {
		report(world, host, job, &failure, no_shrink);
		tally->disagreements++;
	}
	free(failure.requests.items);
}

/* Both processes on one processor: waking another one takes longer than the work. */
static void stay_on(unsigned n)
{
	cpu_set_t allowed, one;
	int i;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	n %= (unsigned)CPU_COUNT(&allowed);
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed) || n--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void work(const struct runs *runs, const struct host *host, const struct job *jobs,
		 size_t njobs, unsigned worker, struct tally *tally)
{
	struct world world = WORLD_EMPTY;
	size_t i;

	stay_on(worker);
	for (i = worker; i < njobs && tally->disagreements < 3; i += runs->jobs) {
		tally->now = jobs[i];
		runs_job(&world, host, &jobs[i], runs->no_shrink, NULL, tally);
	}
	tally->now = (struct job){0};
	world_fini(&world);
}

static void add_tally(struct tally *sum, const struct tally *tally)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sum->requests); i++)
		sum->requests[i] += tally->requests[i];
	sum->vmas += tally->vmas;
	sum->looks += tally->looks;
	sum->disagreements += tally->disagreements;
}

int runs_all(const struct runs *runs, const struct host *host, struct tally *sum)
{
	struct runs_time start = runs_time();
	struct tally *tallies;
	struct job *jobs;
	size_t njobs;
	unsigned i;
	int status, r = runs_plan(runs, host, &jobs, &njobs);

	if (r < 0)
		return r;
	tallies = mmap(NULL, runs->jobs * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		return -errno;
	fflush(stdout);
	for (i = 0; i < runs->jobs; i++) {
		if (fork() == 0) {
			work(runs, host, jobs, njobs, i, &tallies[i]);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		;
	for (i = 0; i < runs->jobs; i++) {
		add_tally(sum, &tallies[i]);
		if (!tallies[i].now.profile)
			continue;
		printf("the model has crashed: --again %s:%" PRIu64 "\n",
		       tallies[i].now.profile->name, tallies[i].now.seed);
		sum->disagreements++;
	}
	runs_add_time(sum, start);
	free(jobs);
	return 0;
}

static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

struct runs_time runs_time(void)
{
	struct rusage own, children;
	struct timespec clock;

	clock_gettime(CLOCK_MONOTONIC, &clock);
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return (struct runs_time){(double)clock.tv_sec + (double)clock.tv_nsec / 1e9,
				  cpu_seconds(&own) + cpu_seconds(&children)};
}

void runs_add_time(struct tally *tally, struct runs_time start)
{
	struct runs_time now = runs_time();

	tally->seconds += now.seconds - start.seconds;
	tally->cpu_seconds += now.cpu_seconds - start.cpu_seconds;
}
