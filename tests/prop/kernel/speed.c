/*
 * The requests are those of a real run: recorded with the kernel, then repeated without it, and
 * without the looking that a comparison needs.
 */
#include "speed.h"

#include "session.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEAST_SECONDS 1.0

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct profile *find_profile(const char *name)
{
	size_t i;

	for (i = 0; i < nprofiles - 1 && strcmp(profiles[i].name, name) != 0;)
		i++;
	return &profiles[i];
}

/* Seconds that the trace takes, without the copy of its beginning. */
static double repeat(const struct trace *trace, uint64_t *vmas)
{
	struct model model;
	double start;
	size_t i;

	if (model_copy(&trace->beginning, &model) < 0)
		return 1e9;
	start = cpu_seconds();
	for (i = 0; i < trace->nops; i++) {
		model_do(&model, &trace->ops[i].request);
		*vmas += model.vmas.count;
	}
	start = cpu_seconds() - start;
	model_fini(&model);
	return start;
}

static int measure(struct world *world, const struct host *host, const char *name)
{
	struct trace trace = TRACE_EMPTY;
	struct failure failure = {0};
	struct error err = {{0}};
	uint64_t ignored = 0, vmas = 0, requests = 0;
	double took = 0;
	int r = session_random(world, host, find_profile(name), 1, &trace, &failure, &ignored,
			       &err);

	while (r == 0 && trace.nops && took < LEAST_SECONDS) {
		took += repeat(&trace, &vmas);
		requests += trace.nops;
	}
	if (r < 0 || !requests)
		printf("%s: %s\n", name, r < 0 ? err.text : "nothing was recorded");
	else
		printf("the model alone, %s: %.0f requests a second at %" PRIu64 " VMAs\n", name,
		       (double)requests / took, vmas / requests);
	free(failure.requests.items);
	trace_fini(&trace);
	return r < 0 || !requests;
}

int speed_run(const struct host *host)
{
	struct world world = WORLD_EMPTY;
	int r = measure(&world, host, "plain") | measure(&world, host, "crowd");

	world_fini(&world);
	return r;
}
