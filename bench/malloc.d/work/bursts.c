/*
 * Bursts of 25, 100, 400 and 1600 blocks: all allocated, then all freed, the newest first or the
 * oldest first. Sizes are those of real programs, where half as large is twice as frequent or more.
 */
#include "work.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { MOST = 1600, SIZES = 4096 };

struct state {
	const struct job *job;
	const uint16_t *sizes;
	_Atomic uint64_t check;
};

static uint64_t burst(unsigned char **blocks, size_t n, const uint16_t *sizes, size_t *at)
{
	uint64_t sum = 0;
	size_t i, size;

	for (i = 0; i < n; i++) {
		size = sizes[(*at)++ % SIZES];
		blocks[i] = need(malloc(size));
		mark(blocks[i], size, (unsigned char)i);
		sum += size;
	}
	return sum;
}

static void work(void *arg, unsigned i)
{
	static const size_t bursts_of[] = {25, 100, 400, MOST};
	struct state *state = arg;
	unsigned char **blocks = reserve(MOST * sizeof(*blocks));
	uint64_t n = state->job->n / state->job->nthreads, sum = 0, done = 0;
	size_t at = i * 777, kind, k, count;
	unsigned turn = 0;

	while (done < n) {
		for (kind = 0; kind < 4; kind++) {
			count = bursts_of[kind];
			sum += burst(blocks, count, state->sizes, &at);
			if (done + count >= n)
				peak();
			if (turn++ & 1)
				for (k = 0; k < count; k++)
					free(blocks[k]);
			else
				for (k = count; k-- > 0;)
					free(blocks[k]);
			done += count;
		}
		turn++;
	}
	state->check += sum;
}

uint64_t bursts(const struct job *job)
{
	uint16_t *sizes = reserve(SIZES * sizeof(*sizes));
	struct state state = {.job = job, .sizes = sizes};
	struct dice dice = dice_new(4);
	size_t i;

	for (i = 0; i < SIZES; i++)
		sizes[i] = (uint16_t)mostly_small(&dice, 16, 8192);
	team(job->nthreads, work, &state);
	return state.check;
}
