/*
 * Bursts inside bursts: for each size from small to large a burst, the smaller the more blocks; of
 * each a part lives on in a table and is freed much later, newest or oldest first in turns. With
 * several threads they exchange these tables, and each frees what another made.
 */
#include "work.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { KEPT = 4096, BURST = 240, SMALLEST = 8, LARGEST = 1000 };

struct block {
	unsigned char *start;
	uint32_t size;
};

struct table {
	struct block blocks[KEPT];
	size_t n;
};

struct state {
	const struct job *job;
	struct table *_Atomic exchange;
	_Atomic uint64_t check;
};

static struct block block_new(size_t size)
{
	struct block block = {need(malloc(size)), (uint32_t)size};

	mark(block.start, size, (unsigned char)size);
	return block;
}

static void block_free(struct block block)
{
	check_mark(block.start, block.size, (unsigned char)block.size);
	free(block.start);
}

static void empty(struct table *table, int newest_first)
{
	size_t i;

	if (newest_first)
		for (i = table->n; i-- > 0;)
			block_free(table->blocks[i]);
	else
		for (i = 0; i < table->n; i++)
			block_free(table->blocks[i]);
	table->n = 0;
}

/* Frees the newest half backwards and the oldest forwards; each fourth block lives on. */
static void burst(struct table *kept, size_t size, size_t n)
{
	struct block blocks[BURST];
	size_t i;

	for (i = 0; i < n; i++)
		blocks[i] = block_new(size + i % 8);
	for (i = n; i-- > n / 2;)
		if (i % 4 || kept->n == KEPT)
			block_free(blocks[i]);
		else
			kept->blocks[kept->n++] = blocks[i];
	for (i = 0; i < n / 2; i++)
		if (i % 4 || kept->n == KEPT)
			block_free(blocks[i]);
		else
			kept->blocks[kept->n++] = blocks[i];
}

static void work(void *arg, unsigned i)
{
	struct state *state = arg;
	struct table *kept = reserve(sizeof(*kept));
	uint64_t n = state->job->n / state->job->nthreads, k, made = 0;
	size_t size, count;

	(void)i;
	for (k = 0; k < n; k++) {
		for (size = SMALLEST; size <= LARGEST; size += size / 4 + 4) {
			count = BURST * 16 / (size + 8);
			count = count < 8 ? 8 : count > BURST ? BURST : count;
			burst(kept, size, count);
			made += count;
		}
		if (kept->n > KEPT / 2) {
			if (k % 64 < 8)
				peak();
			if (state->job->nthreads > 1)
				kept = atomic_exchange(&state->exchange, kept);
			empty(kept, k & 1);
		}
	}
	empty(kept, 1);
	state->check += made;
}

uint64_t nested(const struct job *job)
{
	struct state state = {.job = job};
	struct table *left = reserve(sizeof(*left));

	state.exchange = left;
	team(job->nthreads, work, &state);
	empty(atomic_load(&state.exchange), 0);
	return state.check;
}
