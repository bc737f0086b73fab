/*
 * What an idle thread holds: each allocates n blocks of 16 to 512 bytes, frees them, and waits.
 * Printed is what the process has grown by since the threads began to wait for their turn.
 */
#include "work.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 4096, LOW = 16, HIGH = 512 };

struct state {
	const struct job *job;
	pthread_barrier_t barrier;
};

static void work(void *arg, unsigned i)
{
	struct state *state = arg;
	struct dice dice = dice_new(400 + i);
	volatile char *blocks[MOST];
	size_t k;

	for (k = 0; k < MOST; k++)
		blocks[k] = NULL; /* the stack is present before the count begins */
	pthread_barrier_wait(&state->barrier);
	pthread_barrier_wait(&state->barrier);
	for (k = 0; k < state->job->n; k++) {
		size_t size = between(&dice, LOW, HIGH);

		blocks[k] = need(malloc(size));
		mark((char *)blocks[k], size, 1);
	}
	for (k = 0; k < state->job->n; k++)
		free((char *)blocks[k]);
	pthread_barrier_wait(&state->barrier);
	pthread_barrier_wait(&state->barrier);
}

static void *watch(void *arg)
{
	struct state *state = arg;
	uint64_t before, n = state->job->nthreads;

	pthread_barrier_wait(&state->barrier);
	before = rss_now().all;
	pthread_barrier_wait(&state->barrier);
	pthread_barrier_wait(&state->barrier);
	say("idle %.3f\n", (double)((int64_t)rss_now().all - (int64_t)before) / 1024 / (double)n);
	sleep(1);
	say("idle-later %.3f\n",
	    (double)((int64_t)rss_now().all - (int64_t)before) / 1024 / (double)n);
	pthread_barrier_wait(&state->barrier);
	return NULL;
}

uint64_t idle(const struct job *job)
{
	struct state *state = reserve(sizeof(*state));
	pthread_t watcher;

	if (job->n > MOST)
		need(NULL);
	state->job = job;
	pthread_barrier_init(&state->barrier, NULL, job->nthreads + 1);
	if (pthread_create(&watcher, NULL, watch, state) != 0)
		need(NULL);
	team(job->nthreads, work, state);
	pthread_join(watcher, NULL);
	return job->n;
}
