/*
 * A quarter of a million slots per process; each step frees a random one and fills it anew. Sizes
 * are small mostly, to 1 KiB; the lifetime of a block has no end to its tail. Each free is a cache
 * miss: what counts is how many.
 */
#include "work.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 1 << 18, LOW = 8, HIGH = 1000 };

struct slot {
	unsigned char *block;
	size_t size;
};

struct state {
	const struct job *job;
	_Atomic uint64_t check;
};

static void live(void *arg, unsigned i)
{
	struct state *state = arg;
	size_t nslots = SLOTS / state->job->nthreads, at, k;
	struct slot *slots = reserve(nslots * sizeof(*slots));
	struct dice dice = dice_new(100 + i);
	uint64_t n = state->job->n / state->job->nthreads, sum = 0;

	while (n--) {
		at = below(&dice, nslots);
		if (slots[at].block) {
			check_mark(slots[at].block, slots[at].size, (unsigned char)at);
			free(slots[at].block);
		}
		slots[at].size = mostly_small(&dice, LOW, HIGH);
		slots[at].block = need(malloc(slots[at].size));
		for (k = 0; k < slots[at].size; k += 64)
			((volatile unsigned char *)slots[at].block)[k] = 1;
		mark(slots[at].block, slots[at].size, (unsigned char)at);
		sum += slots[at].size;
	}
	peak();
	for (at = 0; at < nslots; at++)
		free(slots[at].block);
	state->check += sum;
}

uint64_t lifetimes(const struct job *job)
{
	struct state state = {.job = job};

	team(job->nthreads, live, &state);
	return state.check;
}
