/*
 * Producers and consumers: half of the threads only allocate, blocks of 64 bytes in batches of
 * 4096, the other half only frees them. Up to 100 batches are under way.
 */
#include "work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BATCH = 4096, QUEUE = 100, SIZE = 64 };

struct batch {
	struct batch *next;
	unsigned char *blocks[BATCH];
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t more, room;
	struct batch *first, **last;
	unsigned nbatches;
	int64_t to_make, to_free;
} queue = {PTHREAD_MUTEX_INITIALIZER,
	   PTHREAD_COND_INITIALIZER,
	   PTHREAD_COND_INITIALIZER,
	   NULL,
	   &queue.first,
	   0,
	   0,
	   0};

static int claim(int64_t *what)
{
	int any;

	pthread_mutex_lock(&queue.mutex);
	any = (*what)-- > 0;
	pthread_mutex_unlock(&queue.mutex);
	return any;
}

static void put(struct batch *batch)
{
	pthread_mutex_lock(&queue.mutex);
	while (queue.nbatches == QUEUE)
		pthread_cond_wait(&queue.room, &queue.mutex);
	batch->next = NULL;
	*queue.last = batch;
	queue.last = &batch->next;
	queue.nbatches++;
	pthread_cond_signal(&queue.more);
	pthread_mutex_unlock(&queue.mutex);
}

static struct batch *get(void)
{
	struct batch *batch;

	pthread_mutex_lock(&queue.mutex);
	while (!queue.first)
		pthread_cond_wait(&queue.more, &queue.mutex);
	batch = queue.first;
	queue.first = batch->next;
	if (!queue.first)
		queue.last = &queue.first;
	queue.nbatches--;
	pthread_cond_signal(&queue.room);
	pthread_mutex_unlock(&queue.mutex);
	return batch;
}

static void produce(void)
{
	struct batch *batch;
	size_t i;

	while (claim(&queue.to_make)) {
		batch = need(malloc(sizeof(*batch)));
		for (i = 0; i < BATCH; i++) {
			batch->blocks[i] = need(malloc(SIZE));
			mark(batch->blocks[i], SIZE, (unsigned char)i);
		}
		put(batch);
	}
	peak();
}

static void consume(void)
{
	struct batch *batch;
	size_t i;

	while (claim(&queue.to_free)) {
		batch = get();
		for (i = 0; i < BATCH; i++) {
			check_mark(batch->blocks[i], SIZE, (unsigned char)i);
			free(batch->blocks[i]);
		}
		free(batch);
	}
}

static void work(void *arg, unsigned i)
{
	const struct job *job = arg;

	if (i < (job->nthreads + 1) / 2)
		produce();
	else
		consume();
}

uint64_t batches(const struct job *job)
{
	struct job both = *job;

	queue.to_make = queue.to_free = (int64_t)job->n;
	both.nthreads = job->nthreads * 2; /* one of each on a processor */
	team(both.nthreads, work, &both);
	return job->n;
}
