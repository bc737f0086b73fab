/*
 * What the workloads share. A workload is one function that does `n` units of work on `nthreads`
 * threads through malloc and its family, and returns a sum that is the same for every malloc: an
 * allocator that hands out a block twice is noticed.
 *
 * The harness itself never allocates: its tables come from reserve().
 */
#ifndef WORK_H
#define WORK_H

#include <stddef.h>
#include <stdint.h>

struct job {
	uint64_t n;
	unsigned nthreads;
};

/* Never fails: ends the program when the memory is not there. */
void *need(void *block);

/* Zeroed memory that comes from the kernel, present at once. Never given back. */
void *reserve(size_t size);

/* At its peak a workload calls this; with BENCH_VMAS set, the lines of maps are counted. */
void peak(void);
uint64_t most_vmas(void);

/* Like printf, without stdio. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(void);

/* Processor time of this process, and of its children that have ended: others cannot lengthen it.
 */
uint64_t cpu_ns(void);

/* RSS in bytes, counted page by page: the kernel's cheap counters lag behind. */
struct rss {
	uint64_t all, anon;
};
struct rss rss_now(void);

/* The i-th thread has the i-th processor we may use, in a circle. */
void pin(unsigned i);

/* Runs fn(arg, 0) to fn(arg, nthreads - 1), each in a pinned thread, and waits for them. */
void team(unsigned nthreads, void (*fn)(void *arg, unsigned i), void *arg);

/*
 * Dice that fall the same way in each run. Written here so that they are inlined: what we measure
 * are a few nanoseconds.
 */
struct dice {
	uint64_t state;
};

static inline struct dice dice_new(uint64_t seed)
{
	return (struct dice){.state = (seed + 1) * 0x9e3779b97f4a7c15u};
}

static inline uint64_t roll(struct dice *dice)
{
	uint64_t x = dice->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	dice->state = x;
	return x * 0x2545f4914f6cdd1du >> 16;
}

/* 0 to n - 1; n below 2^32. */
static inline size_t below(struct dice *dice, size_t n)
{
	return (roll(dice) & 0xffffffffu) * n >> 32;
}

static inline size_t between(struct dice *dice, size_t low, size_t high)
{
	return low + below(dice, high - low + 1);
}

/* As real programs ask: each doubling of the size is half as likely. low must not be 0. */
static inline size_t mostly_small(struct dice *dice, size_t low, size_t high)
{
	size_t base = low, span;

	while (base * 2 < high && (roll(dice) & 1))
		base *= 2;
	span = base * 2 < high ? base : high - base + 1;
	return base + below(dice, span);
}

/* The first and the last byte of a block, so that both are touched and can be looked at again. */
static inline void mark(void *block, size_t size, unsigned char stamp)
{
	((volatile unsigned char *)block)[size - 1] = stamp;
	((volatile unsigned char *)block)[0] = stamp;
}

void check_mark(const void *block, size_t size, unsigned char stamp);

/* One line each in work.c. */
uint64_t numbers(const struct job *job);
uint64_t cubes(const struct job *job);
uint64_t bodies(const struct job *job);
uint64_t lifetimes(const struct job *job);
uint64_t bursts(const struct job *job);
uint64_t heirs(const struct job *job);
uint64_t phases(const struct job *job);
uint64_t medium(const struct job *job);
uint64_t batches(const struct job *job);
uint64_t nested(const struct job *job);
uint64_t scratch(const struct job *job);
uint64_t thrash(const struct job *job);
uint64_t large(const struct job *job);
uint64_t brief(const struct job *job);
uint64_t grow(const struct job *job);
uint64_t arrays(const struct job *job);
uint64_t aligned(const struct job *job);
uint64_t cache(const struct job *job);
uint64_t text(const struct job *job);
uint64_t store(const struct job *job);
uint64_t starts(const struct job *job);
uint64_t start(const struct job *job);

uint64_t pair(const struct job *job);
uint64_t pair_random(const struct job *job);
uint64_t cross(const struct job *job);
uint64_t latency(const struct job *job);
uint64_t latency_mixed(const struct job *job);
uint64_t forks(const struct job *job);
uint64_t give_back(const struct job *job);
uint64_t idle(const struct job *job);

#endif
