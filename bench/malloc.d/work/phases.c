/*
 * A program that lives in phases. In each, new threads build up lists that grow by realloc, mostly
 * of small blocks, rarely of 80 KiB and very rarely of some MiB; they free half, swap some with
 * each other, and end. A part survives into later phases.
 */
#include "work.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SHARED = 1024, STEPS = 20000 };

struct item {
	size_t nwords;
	uint64_t words[];
};

struct state {
	unsigned phase;
	_Atomic uint64_t check;
	struct item *_Atomic shared[SHARED];
};

/* Each word says which it is, so that a block used twice is noticed. */
static struct item *item_new(struct dice *dice)
{
	uint64_t chance = roll(dice) % 100000;
	size_t nwords = between(dice, 1, 16), i;
	struct item *item;

	if (chance == 0)
		nwords = between(dice, 1, 4) << 17;
	else if (chance < 50)
		nwords = between(dice, 1, 5) << 11;
	else if (chance < 2000)
		nwords *= 16;
	item = need(malloc(sizeof(*item) + nwords * sizeof(item->words[0])));
	item->nwords = nwords;
	for (i = 0; i < nwords; i++)
		item->words[i] = nwords ^ i;
	return item;
}

static uint64_t item_free(struct item *item)
{
	uint64_t sum = 0;
	size_t i;

	if (!item)
		return 0;
	for (i = 0; i < item->nwords; i++)
		sum |= item->words[i] ^ item->nwords ^ i;
	if (sum)
		need(NULL);
	free(item);
	return 1;
}

static void one_phase(void *arg, unsigned i)
{
	struct state *state = arg;
	struct dice dice = dice_new(state->phase * 1000 + i);
	struct item **list = NULL;
	size_t nlist = 0, room = 0, at, k;
	uint64_t made = 0;

	for (k = 0; k < STEPS; k++) {
		if (nlist == room) { /* as a vector does */
			room = room ? room + room / 2 : 8;
			list = need(realloc(list, room * sizeof(struct item *)));
		}
		list[nlist++] = item_new(&dice);
		made++;
		if (roll(&dice) & 1) {
			at = below(&dice, nlist);
			item_free(list[at]);
			list[at] = list[--nlist];
		}
		if (k % 4 == 0 && nlist) {
			at = below(&dice, nlist);
			list[at] = atomic_exchange(&state->shared[below(&dice, SHARED)], list[at]);
			if (!list[at])
				list[at] = list[--nlist];
		}
	}
	peak();
	while (nlist)
		item_free(list[--nlist]);
	free(list);
	state->check += made;
}

uint64_t phases(const struct job *job)
{
	struct state *state = reserve(sizeof(*state));
	size_t i;

	for (state->phase = 0; state->phase < job->n; state->phase++) {
		team(job->nthreads, one_phase, state);
		for (i = state->phase % 2; i < SHARED; i += 2)
			item_free(atomic_exchange(&state->shared[i], NULL));
	}
	for (i = 0; i < SHARED; i++)
		item_free(atomic_exchange(&state->shared[i], NULL));
	return state->check;
}
