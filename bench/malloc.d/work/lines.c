/*
 * False sharing. Each thread writes to a block of 8 bytes many times, frees it and takes another:
 * if two threads get parts of one cache line, both crawl. In scratch the first blocks lie side by
 * side, made by one thread, and the freed ones invite the allocator to hand them out again.
 */
#include "work.h"

#include <stdlib.h>

enum { WRITES = 2000, SIZE = 8, MOST = 1024 };

struct state {
	const struct job *job;
	char *first[MOST];
};

static void work(void *arg, unsigned i)
{
	struct state *state = arg;
	uint64_t n = state->job->n / state->job->nthreads;
	volatile char *block;
	unsigned k;

	free(state->first[i]);
	while (n--) {
		block = need(malloc(SIZE));
		for (k = 0; k < WRITES; k++)
			block[k % SIZE] = (char)(block[k % SIZE] + 1);
		free((char *)block);
	}
}

static uint64_t run(const struct job *job, int side_by_side)
{
	struct state *state = reserve(sizeof(*state));
	unsigned i;

	state->job = job;
	for (i = 0; side_by_side && i < job->nthreads; i++)
		state->first[i] = need(malloc(SIZE));
	team(job->nthreads, work, state);
	peak();
	return job->n;
}

uint64_t scratch(const struct job *job)
{
	return run(job, 1);
}

uint64_t thrash(const struct job *job)
{
	return run(job, 0);
}
