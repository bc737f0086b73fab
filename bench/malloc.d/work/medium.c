/*
 * Blocks of 8 to 16,000 bytes, any size as likely as another, some aligned; of the blocks of a
 * round, most are freed by their thread in an order of their own, the rest by another thread.
 */
#include "work.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { BLOCKS = 1500, ROUND = 1000, PARCEL = 100, LOW = 8, HIGH = 16000, MAILBOXES = 64 };

struct block {
	unsigned char *start;
	size_t size;
};

/* What one thread leaves for another to free. */
struct parcel {
	struct block blocks[PARCEL];
};

struct state {
	const struct job *job;
	_Atomic uint64_t check;
	struct parcel *_Atomic mail[MAILBOXES];
};

static void block_fill(struct block *block, struct dice *dice)
{
	size_t size = between(dice, LOW, HIGH), k;

	if (roll(dice) % 16 == 0)
		block->start = need(aligned_alloc(64, (size + 63) & ~(size_t)63));
	else
		block->start = need(malloc(size));
	for (k = 0; k < size; k += 1024)
		((volatile unsigned char *)block->start)[k] = 1;
	mark(block->start, size, (unsigned char)size);
	block->size = size;
}

static void block_clear(struct block *block)
{
	if (block->start) {
		check_mark(block->start, block->size, (unsigned char)block->size);
		free(block->start);
	}
	block->start = NULL;
}

static void open_parcel(struct parcel *parcel)
{
	size_t i;

	for (i = 0; parcel && i < PARCEL; i++)
		block_clear(&parcel->blocks[i]);
	free(parcel);
}

static void work(void *arg, unsigned self)
{
	struct state *state = arg;
	struct block *blocks = reserve(BLOCKS * sizeof(*blocks));
	uint64_t n = state->job->n / state->job->nthreads, i, sum = 0;
	struct dice dice = dice_new(300 + self);
	unsigned next = (self + 1) % state->job->nthreads % MAILBOXES;
	struct parcel *parcel;
	size_t k, at;

	for (i = 0; i < n; i++) {
		for (k = 0; k < ROUND; k++) {
			at = below(&dice, BLOCKS);
			block_clear(&blocks[at]);
			block_fill(&blocks[at], &dice);
			sum += blocks[at].size;
		}
		parcel = need(malloc(sizeof(*parcel)));
		for (k = 0; k < PARCEL; k++) {
			at = below(&dice, BLOCKS);
			parcel->blocks[k] = blocks[at];
			blocks[at].start = NULL;
		}
		open_parcel(atomic_exchange(&state->mail[next], parcel));
		open_parcel(atomic_exchange(&state->mail[self % MAILBOXES], NULL));
	}
	peak();
	for (k = 0; k < BLOCKS; k++)
		block_clear(&blocks[k]);
	state->check += sum;
}

uint64_t medium(const struct job *job)
{
	struct state *state = reserve(sizeof(*state));
	unsigned i;

	state->job = job;
	team(job->nthreads, work, state);
	for (i = 0; i < MAILBOXES; i++)
		open_parcel(atomic_load(&state->mail[i]));
	return state->check;
}
