/*
 * How long the slow calls take. Each malloc and each free is timed by itself: a random one of a
 * thousand blocks is replaced, of 16 to 1024 bytes; in the mixed kind each 256th is of 32 KiB to
 * 2 MiB. What the timer itself takes is included, alike for all.
 */
#include "work.h"

#include <stdlib.h>

enum { SLOTS = 1000, EXACT = 4096, PARTS = 64, BUCKETS = EXACT + 52 * PARTS };

#ifdef __x86_64__
static uint64_t ticks(void)
{
	unsigned processor;

	return __builtin_ia32_rdtscp(&processor);
}
#else
static uint64_t ticks(void)
{
	return now_ns();
}
#endif

struct histogram {
	uint64_t counts[BUCKETS], n, longest;
};

/* Exact to 4096 ticks, from there 64 buckets for each doubling. */
static void note(struct histogram *h, uint64_t t)
{
	unsigned top;

	h->n++;
	h->longest = t > h->longest ? t : h->longest;
	if (t < EXACT) {
		h->counts[t]++;
		return;
	}
	top = 63 - (unsigned)__builtin_clzll(t);
	h->counts[EXACT + (top - 12) * PARTS + (t >> (top - 6)) % PARTS]++;
}

static double percentile(const struct histogram *h, double part)
{
	uint64_t before = 0, wanted = (uint64_t)(part * (double)h->n);
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		before += h->counts[i];
		if (before > wanted)
			break;
	}
	if (i < EXACT)
		return (double)i;
	i -= EXACT;
	return (double)((uint64_t)(PARTS + i % PARTS) << (i / PARTS + 6));
}

static size_t size_of(struct dice *dice, int mixed)
{
	if (mixed && roll(dice) % 256 == 0)
		return between(dice, 32 << 10, 2 << 20);
	return between(dice, 16, 1024);
}

static void replace(char **slots, uint64_t n, int mixed, struct histogram *h)
{
	struct dice dice = dice_new(23);
	uint64_t t0, t1, t2, t3;
	size_t at, size;

	while (n--) {
		at = below(&dice, SLOTS);
		size = size_of(&dice, mixed);
		t0 = ticks();
		free(slots[at]);
		t1 = ticks();
		t2 = ticks();
		slots[at] = malloc(size);
		t3 = ticks();
		*(volatile char *)slots[at] = 1;
		note(h, t1 - t0);
		note(h, t3 - t2);
	}
}

static uint64_t run(const struct job *job, int mixed)
{
	struct histogram *h = reserve(sizeof(*h)), *unused = reserve(sizeof(*h));
	char **slots = reserve(SLOTS * sizeof(*slots));
	uint64_t begin, begin_ticks;
	double ns;

	replace(slots, SLOTS * 10, mixed, unused);
	begin = now_ns();
	begin_ticks = ticks();
	replace(slots, job->n / 2, mixed, h);
	ns = (double)(now_ns() - begin) / (double)(ticks() - begin_ticks);
	say("p50 %.1f\np99.9 %.1f\np99.99 %.1f\nmax %.1f\n", percentile(h, 0.5) * ns,
	    percentile(h, 0.999) * ns, percentile(h, 0.9999) * ns, (double)h->longest * ns);
	return job->n;
}

uint64_t latency(const struct job *job)
{
	return run(job, 0);
}

uint64_t latency_mixed(const struct job *job)
{
	return run(job, 1);
}
