/*
 * Servers whose threads come and go: a thread replaces random blocks of the thousand it was given,
 * starts its successor, who inherits them, and dies. Chains of threads swap what they hold, so
 * that most frees are of blocks whose maker is gone or elsewhere.
 */
#include "work.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { HELD = 1000, PER_LIFE = 10000, LOW = 8, HIGH = 1000, CHAINS = 64 };

struct estate {
	unsigned char *blocks[HELD];
	uint16_t sizes[HELD];
};

struct chain {
	struct estate *estate;
	struct dice dice;
	uint64_t nlives;
	unsigned i;
};

static struct estate *_Atomic in_between;
static _Atomic uint64_t check;
static sem_t ended;

static void replace(struct estate *estate, size_t at, struct dice *dice)
{
	size_t size = between(dice, LOW, HIGH);

	if (estate->blocks[at]) {
		check_mark(estate->blocks[at], estate->sizes[at], (unsigned char)at);
		free(estate->blocks[at]);
	}
	estate->blocks[at] = need(malloc(size));
	estate->sizes[at] = (uint16_t)size;
	mark(estate->blocks[at], size, (unsigned char)at);
}

static void start_life(struct chain *chain);

static void *life(void *arg)
{
	struct chain *chain = arg;
	unsigned i;

	pin(chain->i);
	for (i = 0; i < PER_LIFE; i++)
		replace(chain->estate, below(&chain->dice, HELD), &chain->dice);
	check += roll(&chain->dice) & 0xff;
	chain->estate = atomic_exchange(&in_between, chain->estate);
	if (--chain->nlives == 0)
		sem_post(&ended);
	else
		start_life(chain);
	return NULL;
}

static void start_life(struct chain *chain)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	need(pthread_create(&thread, &attr, life, chain) == 0 ? chain : NULL);
	pthread_attr_destroy(&attr);
}

static void fill(struct estate *estate, struct dice *dice)
{
	size_t i;

	for (i = 0; i < HELD; i++)
		replace(estate, i, dice);
}

static void give_up_estate(struct estate *estate)
{
	size_t i;

	for (i = 0; i < HELD; i++)
		free(estate->blocks[i]);
}

uint64_t heirs(const struct job *job)
{
	unsigned i, nchains = job->nthreads < CHAINS ? job->nthreads : CHAINS;
	struct chain *chains = reserve(nchains * sizeof(*chains));
	struct dice dice = dice_new(5);

	sem_init(&ended, 0, 0);
	in_between = reserve(sizeof(*in_between));
	fill(in_between, &dice);
	for (i = 0; i < nchains; i++) {
		chains[i] = (struct chain){reserve(sizeof(struct estate)), dice_new(200 + i), 1, i};
		chains[i].nlives += job->n / nchains / PER_LIFE;
		fill(chains[i].estate, &dice);
	}
	for (i = 0; i < nchains; i++)
		start_life(&chains[i]);
	for (i = 0; i < nchains; i++)
		while (sem_wait(&ended) < 0)
			;
	peak();
	for (i = 0; i < nchains; i++)
		give_up_estate(chains[i].estate);
	give_up_estate(in_between);
	return check;
}
