/*
 * The allocator's logic run by several threads under ThreadSanitizer: random calls of the family,
 * and blocks that another thread resizes and frees.
 *
 *	races [SEED [STEPS [THREADS [PAGE]]]]
 *
 * PAGE: the kernel's pages are of so many bytes, as it says; they are smaller.
 *
 * A block changes hands by an atomic exchange that orders nothing beyond itself and the block's
 * contents. Contents are checked, so that a slot that two threads got is seen without a sanitizer,
 * too. A finding of TSan makes the status 66. Nothing is suppressed: what races on purpose is told
 * in alloc/atomic.h. Not in hard mode, which reads zones of neighbours that come and go.
 */
#include "alloc/malloc.h"
#include "logic.h"
#include "prop/kernel/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 16
#define NOWN 200
#define NSHARED 300

struct block {
	unsigned char *p;
	size_t size;
};

static _Atomic(struct block *) shared[NSHARED];
static unsigned long seed = 1, nsteps = 20000, nthreads = 4;

static void fail(const char *what)
{
	printf("not ok 1 - %s, seed %lu\n", what, seed);
	fflush(stdout);
	_Exit(1);
}

static void fill(const struct block *block)
{
	memset(block->p, (int)(block->size % 251 + 1), block->size);
}

static void check_fill(const struct block *block, size_t size, size_t of)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (block->p[i] != of % 251 + 1)
			fail("a block has lost its contents");
}

static size_t draw_size(struct random *random)
{
	unsigned bits = random_percent(random, 90) ? 9 : random_percent(random, 90) ? 14 : 19;

	return random_below(random, 1U << random_below(random, bits + 1));
}

static void take(struct random *random, struct block *block)
{
	block->size = draw_size(random);
	switch (random_below(random, 8)) {
	case 0:
		block->p = plat__aligned((size_t)16 << random_below(random, 9), block->size);
		break;
	case 1:
		block->p = plat__calloc(block->size);
		break;
	default:
		block->p = plat__malloc(block->size);
		break;
	}
	if (!block->p)
		fail("no memory");
	fill(block);
}

static void drop(struct block *block)
{
	check_fill(block, block->size, block->size);
	if (plat__usable(block->p) < block->size)
		fail("a block is smaller than it was asked for");
	plat__free(block->p);
	block->p = NULL;
}

static void resize(struct random *random, struct block *block)
{
	size_t before = block->size, size = draw_size(random) + 1;
	unsigned char *p = plat__realloc(block->p, size);

	if (!p)
		fail("no memory");
	block->p = p;
	block->size = size;
	check_fill(block, size < before ? size : before, before);
	fill(block);
}

/* Puts one of its own among the shared, and takes what was there. The record is libc's. */
static void swap(struct random *random, struct block *own)
{
	struct block *given = NULL, *got;

	if (own->p) {
		given = malloc(sizeof(*given));
		if (!given)
			fail("no memory");
		*given = *own;
		own->p = NULL;
	}
	got = atomic_exchange(&shared[random_below(random, NSHARED)], given);
	if (got)
		*own = *got;
	free(got);
}

static void step(struct random *random, struct block *own)
{
	unsigned p = random_below(random, 1000);

	if (p < 300)
		swap(random, own);
	else if (!own->p)
		take(random, own);
	else if (p < 450)
		resize(random, own);
	else
		drop(own);
	if (p == 999)
		plat__trim(0);
}

static void *work(void *argument)
{
	struct random random = {seed * 100 + (uintptr_t)argument};
	struct block own[NOWN] = {{NULL, 0}};
	unsigned long i;

	for (i = 0; i < nsteps; i++)
		step(&random, &own[random_below(&random, NOWN)]);
	for (i = 0; i < NOWN; i++)
		if (own[i].p)
			drop(&own[i]);
	return NULL;
}

/* Threads that begin and end, so that heaps and their slabs change hands. */
int main(int argc, char **argv)
{
	unsigned round, i;

	if (argc > 1)
		seed = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		nsteps = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		nthreads = strtoul(argv[3], NULL, 0);
	if (argc > 4)
		logic_page(strtoul(argv[4], NULL, 0));
	if (nthreads > MAX_THREADS)
		return 64;
	/* Reads the environment. Who comes meanwhile may see an option as it was before, which is
	 * known and nothing that TSan could tell from an accident: threads.c has first calls at
	 * the same instant. */
	plat__free(plat__malloc(1));
	for (round = 0; round < 4; round++) {
		pthread_t threads[MAX_THREADS];

		for (i = 0; i < nthreads; i++)
			if (pthread_create(&threads[i], NULL, work,
					   (void *)(uintptr_t)(round * MAX_THREADS + i)) != 0)
				fail("no thread");
		for (i = 0; i < nthreads; i++)
			pthread_join(threads[i], NULL);
	}
	for (i = 0; i < NSHARED; i++) {
		struct block *left = shared[i];

		if (left)
			drop(left);
		free(left);
	}
	printf("ok 1 - threads allocate, resize and free each other's blocks\n1..1\n");
	return logic_faults() != 0;
}
