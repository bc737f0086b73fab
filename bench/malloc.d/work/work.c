/*
 * work NAME N [THREADS]: does one workload and prints its sum, what else it has to say, and with
 * BENCH_VMAS set its count of mappings at the peak. The list below is all there is.
 */
#include "work.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint64_t (*run)(const struct job *job);
} works[] = {
	/* timed from outside: the sections time and checks */
	{"numbers", numbers},
	{"cubes", cubes},
	{"bodies", bodies},
	{"lifetimes", lifetimes},
	{"bursts", bursts},
	{"heirs", heirs},
	{"phases", phases},
	{"medium", medium},
	{"batches", batches},
	{"nested", nested},
	{"scratch", scratch},
	{"thrash", thrash},
	{"large", large},
	{"brief", brief},
	{"grow", grow},
	{"arrays", arrays},
	{"aligned", aligned},
	{"cache", cache},
	{"text", text},
	{"store", store},
	{"starts", starts},
	{"start", start},
	/* measure themselves */
	{"pair", pair},
	{"pair-random", pair_random},
	{"cross", cross},
	{"latency", latency},
	{"latency-mixed", latency_mixed},
	{"forks", forks},
	{"give-back", give_back},
	{"idle", idle},
};

int main(int argc, char **argv)
{
	struct job job = {.n = 0, .nthreads = 1};
	uint64_t sum;
	size_t i;

	if (argc < 3 || argc > 4)
		errx(64, "usage: work NAME N [THREADS]");
	job.n = strtoull(argv[2], NULL, 10);
	if (argc == 4)
		job.nthreads = (unsigned)strtoul(argv[3], NULL, 10);
	if (job.nthreads < 1 || job.nthreads > 1024)
		errx(64, "threads: 1 to 1024");

	for (i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(argv[1], works[i].name) != 0)
			continue;
		sum = works[i].run(&job);
		say("sum %llu\n", (unsigned long long)sum);
		if (most_vmas())
			say("vmas %llu\n", (unsigned long long)most_vmas());
		return 0;
	}
	errx(64, "%s: no such workload", argv[1]);
}
