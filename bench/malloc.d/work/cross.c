/* Each block is made by one thread and freed by another, which gets it through a ring of 4096. */
#include "work.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { RING = 4096, LOW = 16, HIGH = 256, SPINS = 2000 };

struct ring {
	_Alignas(128) _Atomic uint64_t made;
	_Alignas(128) _Atomic uint64_t freed;
	_Alignas(128) unsigned char *blocks[RING];
	const struct job *job;
};

/* Until *counter is above what. Both threads have a processor each, unless somebody took it. */
static uint64_t wait_above(_Atomic uint64_t *counter, uint64_t what)
{
	uint64_t is;
	unsigned spins = 0;

	while ((is = atomic_load_explicit(counter, memory_order_acquire)) <= what)
		if (++spins > SPINS)
			sched_yield();
	return is;
}

static void produce(struct ring *ring)
{
	struct dice dice = dice_new(22);
	uint64_t i, freed = 0;

	for (i = 0; i < ring->job->n; i++) {
		if (i >= freed + RING)
			freed = wait_above(&ring->freed, i - RING);
		ring->blocks[i % RING] = need(malloc(between(&dice, LOW, HIGH)));
		ring->blocks[i % RING][0] = (unsigned char)i;
		atomic_store_explicit(&ring->made, i + 1, memory_order_release);
	}
}

static void consume(struct ring *ring)
{
	uint64_t i, made = 0;

	for (i = 0; i < ring->job->n; i++) {
		if (i >= made)
			made = wait_above(&ring->made, i);
		if (ring->blocks[i % RING][0] != (unsigned char)i)
			need(NULL);
		free(ring->blocks[i % RING]);
		atomic_store_explicit(&ring->freed, i + 1, memory_order_release);
	}
}

static void work(void *arg, unsigned i)
{
	if (i)
		consume(arg);
	else
		produce(arg);
}

uint64_t cross(const struct job *job)
{
	struct ring *ring = reserve(sizeof(*ring));
	uint64_t begin;

	ring->job = job;
	begin = now_ns();
	team(2, work, ring);
	say("ns %.3f\n", (double)(now_ns() - begin) / (double)job->n);
	return job->n;
}
