#include "mem.d/rounds.h"
#include "mem.d/now.h"

#include <err.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void take_rounds(struct way *ways, size_t nways, size_t nrounds)
{
	double *times = calloc(nways * nrounds, sizeof(*times));
	size_t i, round;

	if (!times)
		err(3, "no memory");
	for (i = 0; i < nways; i++)
		ways[i].run(ways[i].data);
	for (round = 0; round < nrounds; round++) {
		for (i = 0; i < nways; i++) {
			double start = now();

			ways[i].run(ways[i].data);
			times[i * nrounds + round] = now() - start;
		}
	}
	for (i = 0; i < nways; i++) {
		qsort(&times[i * nrounds], nrounds, sizeof(*times), compare);
		ways[i].least = times[i * nrounds];
		ways[i].median = times[i * nrounds + nrounds / 2];
	}
	free(times);
}
