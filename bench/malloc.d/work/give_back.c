/*
 * Memory return. Two threads fill n MiB with blocks of 64 to 1024 bytes, and free 95 % of their
 * own in random order. What is resident then, at once and without a pause, stands beside the count
 * of pages in which a byte is still alive, which we know from what survived. Then all is freed.
 *
 * The harness's own tables are taken off what is printed.
 */
#include "work.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 2, LOW = 64, HIGH = 1024, PAGE_SHIFT = 12 };

struct block {
	unsigned char *start;
	size_t size;
};

struct share {
	struct block *blocks;
	size_t room, n;
};

struct state {
	const struct job *job;
	struct share shares[THREADS];
	pthread_barrier_t barrier;
	uint64_t *pages; /* a table of hashes; 0 is empty */
	size_t npages;	 /* a power of two */
	uint64_t ours, base;
};

static void fill(struct share *share, size_t bytes, struct dice *dice)
{
	struct block *block;
	size_t made = 0;

	while (made < bytes) {
		block = &share->blocks[share->n++];
		block->size = between(dice, LOW, HIGH);
		block->start = need(malloc(block->size));
		memset(block->start, 1, block->size);
		made += block->size;
	}
}

static void shuffle(struct share *share, struct dice *dice)
{
	struct block swap;
	size_t i, k;

	for (i = share->n - 1; i > 0; i--) {
		k = below(dice, i + 1);
		swap = share->blocks[i];
		share->blocks[i] = share->blocks[k];
		share->blocks[k] = swap;
	}
}

static void free_down_to(struct share *share, size_t n)
{
	while (share->n > n)
		free(share->blocks[--share->n].start);
}

static void work(void *arg, unsigned i)
{
	struct state *state = arg;
	struct share *share = &state->shares[i];
	struct dice dice = dice_new(25 + i);

	fill(share, (state->job->n << 20) / THREADS, &dice);
	shuffle(share, &dice);
	pthread_barrier_wait(&state->barrier); /* filled */
	pthread_barrier_wait(&state->barrier);
	free_down_to(share, share->n / 20);
	pthread_barrier_wait(&state->barrier); /* 95 % freed */
	pthread_barrier_wait(&state->barrier);
	free_down_to(share, 0);
	pthread_barrier_wait(&state->barrier); /* all freed */
	pthread_barrier_wait(&state->barrier);
}

static uint64_t note_page(struct state *state, uint64_t page)
{
	size_t at = page * 0x9e3779b97f4a7c15u >> 20 & (state->npages - 1);

	for (; state->pages[at]; at = (at + 1) & (state->npages - 1))
		if (state->pages[at] == page)
			return 0;
	state->pages[at] = page;
	return 1;
}

static uint64_t pages_alive(struct state *state)
{
	uint64_t n = 0, page, last;
	struct block *block;
	size_t i, k;

	for (i = 0; i < THREADS; i++)
		for (k = 0; k < state->shares[i].n; k++) {
			block = &state->shares[i].blocks[k];
			page = (uintptr_t)block->start >> PAGE_SHIFT;
			last = ((uintptr_t)block->start + block->size - 1) >> PAGE_SHIFT;
			for (; page <= last; page++)
				n += note_page(state, page);
		}
	return n;
}

static void say_rss(const char *name, const struct state *state)
{
	say("%s %lld\n", name, (long long)rss_now().all - (long long)state->ours);
}

static void *watch(void *arg)
{
	struct state *state = arg;

	pthread_barrier_wait(&state->barrier);
	say_rss("filled", state);
	pthread_barrier_wait(&state->barrier);
	pthread_barrier_wait(&state->barrier);
	say_rss("partly", state);
	say("pages %llu\n", (unsigned long long)pages_alive(state) << PAGE_SHIFT);
	sleep(1);
	say_rss("partly-later", state);
	pthread_barrier_wait(&state->barrier);
	pthread_barrier_wait(&state->barrier);
	say_rss("freed", state);
	sleep(1);
	say_rss("freed-later", state);
	pthread_barrier_wait(&state->barrier);
	return NULL;
}

uint64_t give_back(const struct job *job)
{
	uint64_t base = rss_now().all;
	struct state *state = reserve(sizeof(*state));
	pthread_t watcher;
	size_t i, size;

	state->job = job;
	for (i = 0; i < THREADS; i++) {
		/* a twentieth more than the mean */
		state->shares[i].room = (job->n << 20) / THREADS / 544 * 21 / 20 + 1000;
		size = state->shares[i].room * sizeof(struct block);
		state->shares[i].blocks = reserve(size);
		state->ours += size;
	}
	for (state->npages = 1 << 12; state->npages < (job->n << 20) / 544 / 5;)
		state->npages *= 2;
	state->pages = reserve(state->npages * sizeof(uint64_t));
	state->ours += state->npages * sizeof(uint64_t);
	say("base %llu\n", (unsigned long long)base);

	pthread_barrier_init(&state->barrier, NULL, THREADS + 1);
	if (pthread_create(&watcher, NULL, watch, state) != 0)
		need(NULL);
	team(THREADS, work, state);
	pthread_join(watcher, NULL);
	return job->n;
}
