/*
 * Threads that live shortly: each allocates a little, frees it or leaves one block for the main
 * thread to free, and ends. What counts is what a thread's first malloc and its end cost.
 */
#include "work.h"

#include <pthread.h>
#include <stdlib.h>

enum { BLOCKS = 20 };

static void *life(void *arg)
{
	struct dice dice = dice_new((uintptr_t)arg);
	void *blocks[BLOCKS];
	size_t i, size;

	for (i = 0; i < BLOCKS; i++) {
		size = mostly_small(&dice, 16, 2000);
		blocks[i] = need(malloc(size));
		mark(blocks[i], size, 1);
	}
	for (i = 1; i < BLOCKS; i++)
		free(blocks[i]);
	return blocks[0];
}

uint64_t brief(const struct job *job)
{
	pthread_t threads[2];
	void *left;
	uint64_t i;
	int k;

	for (i = 0; i < job->n; i += 2) {
		for (k = 0; k < 2; k++)
			if (pthread_create(&threads[k], NULL, life, (void *)(uintptr_t)(i + k)) !=
			    0)
				need(NULL);
		for (k = 0; k < 2; k++) {
			pthread_join(threads[k], &left);
			free(left);
		}
	}
	peak();
	return job->n;
}
