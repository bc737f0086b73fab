/*
 * Scratch beside alloca: scratch [--check]
 *
 * A function takes memory of a size that the compiler does not know, writes its first and its last
 * byte, or all of it, and returns. Prints nanoseconds a call and ratios: by alloca; by scratch with
 * an arena that was passed in, where all is inline; with the thread's own arena, which the library
 * tells; and with every step by a call.
 *
 * Where functions of some ten instructions begin in a line of the cache makes up to a half of their
 * time. So there are eight copies of them, which begin at different places of a line, and each
 * figure is their geometric mean. Rounds of a few microseconds are taken in turns, and of each copy
 * the least of all rounds counts: what else the machine does only adds to them.
 *
 * The last lines have the geometric means. With --check the status is 1 if they are above 1.0
 * inline and 1.2 through the library, by more than 5 in a hundred. The program is there twice: as
 * gcc -O2 makes it, and as distributions have their packages built, with what looks after the stack
 * (-fstack-protector-strong -fstack-clash-protection).
 */
#include <plat/scratch.h>

#include "mem.d/rounds.h"

#include <alloca.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CALLS 100

#define NOINLINE __attribute__((noinline))

/* The compiler does not see what happens to it. */
static inline void pass(void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

static inline void touch(char *p, size_t size)
{
	p[0] = 1;
	p[size - 1] = 1;
	pass(p);
}

static inline void fill(char *p, size_t size)
{
	memset(p, 1, size);
	pass(p);
}

#define NWAYS 4

typedef void way_function(struct plat_scratch *scratch, size_t size);

#define USE(use, place)                                                                            \
	static NOINLINE void by_alloca_##use##_##place(struct plat_scratch *scratch, size_t size)  \
	{                                                                                          \
		(void)scratch;                                                                     \
		use((char *)alloca(size), size);                                                   \
	}                                                                                          \
                                                                                                   \
	static NOINLINE void inline_##use##_##place(struct plat_scratch *scratch, size_t size)     \
	{                                                                                          \
		PLAT_SCRATCH_SCOPE(scratch);                                                       \
		char *p = (char *)plat_scratch_take(scratch, size);                                \
                                                                                                   \
		if (p)                                                                             \
			use(p, size);                                                              \
	}                                                                                          \
                                                                                                   \
	static NOINLINE void by_thread_##use##_##place(struct plat_scratch *ignored, size_t size)  \
	{                                                                                          \
		struct plat_scratch *scratch = plat_scratch_mine();                                \
		PLAT_SCRATCH_SCOPE(scratch);                                                       \
		char *p = (char *)plat_scratch_take(scratch, size);                                \
                                                                                                   \
		(void)ignored;                                                                     \
		if (p)                                                                             \
			use(p, size);                                                              \
	}                                                                                          \
                                                                                                   \
	static NOINLINE void by_calls_##use##_##place(struct plat_scratch *ignored, size_t size)   \
	{                                                                                          \
		struct plat_scratch *scratch = plat_scratch_find_mine();                           \
		struct plat_scratch_mark mark = plat_scratch_mark(scratch);                        \
		char *p = (char *)plat_scratch_take_aligned(scratch, size, 16);                    \
                                                                                                   \
		(void)ignored;                                                                     \
		if (p)                                                                             \
			use(p, size);                                                              \
		plat_scratch_unwind(scratch, mark);                                                \
	}

#define USES(place)                                                                                \
	USE(touch, place)                                                                          \
	USE(fill, place)

USES(0)
USES(1)
USES(2)
USES(3)
USES(4)
USES(5)
USES(6)
USES(7)

#define NPLACES 8
#define PLACE(use, place)                                                                          \
	{                                                                                          \
		by_alloca_##use##_##place, inline_##use##_##place, by_thread_##use##_##place,      \
			by_calls_##use##_##place                                                   \
	}
#define PLACES(use)                                                                                \
	{                                                                                          \
		PLACE(use, 0), PLACE(use, 1), PLACE(use, 2), PLACE(use, 3), PLACE(use, 4),         \
			PLACE(use, 5), PLACE(use, 6), PLACE(use, 7)                                \
	}

static const struct use {
	const char *name;
	way_function *places[NPLACES][NWAYS];
} uses[] = {
	{"touched", PLACES(touch)},
	{"written", PLACES(fill)},
};

struct call {
	way_function *way;
	struct plat_scratch *scratch;
	size_t size;
};

static void many_calls(void *data)
{
	const struct call *call = data;
	int i;

	for (i = 0; i < CALLS; i++)
		call->way(call->scratch, call->size);
}

/* Adds the logarithms of the times. */
static void measure_place(way_function *const *functions, struct plat_scratch *scratch, size_t size,
			  double *logs)
{
	struct call calls[NWAYS];
	struct way ways[NWAYS];
	size_t i;

	for (i = 0; i < NWAYS; i++) {
		calls[i] = (struct call){functions[i], scratch, size};
		ways[i] = (struct way){many_calls, &calls[i], 0, 0};
	}
	take_rounds(ways, NWAYS, 1000);
	for (i = 0; i < NWAYS; i++)
		logs[i] += log(ways[i].least / CALLS) / NPLACES;
}

/* Prints a line of the table, and adds the logarithms of its times. */
static void measure(const struct use *use, struct plat_scratch *scratch, size_t size, double *sums)
{
	double logs[NWAYS] = {0};
	size_t i;

	for (i = 0; i < NPLACES; i++)
		measure_place(use->places[i], scratch, size, logs);
	printf("%-8s %6zu", use->name, size);
	for (i = 0; i < NWAYS; i++) {
		printf(" %7.2f", exp(logs[i]));
		sums[i] += logs[i];
	}
	for (i = 1; i < NWAYS; i++)
		printf(" %6.2f", exp(logs[i] - logs[0]));
	printf("\n");
}

/* Of n lines. */
static void print_means(const char *name, const double *sums, size_t n)
{
	printf("%-8s, geometric means of ratios: %.2f inline, %.2f with the thread's arena, %.2f "
	       "by "
	       "calls\n",
	       name, exp((sums[1] - sums[0]) / (double)n), exp((sums[2] - sums[0]) / (double)n),
	       exp((sums[3] - sums[0]) / (double)n));
}

#define NSIZES 9 /* 16 to 4096 */
#define NUSES (sizeof(uses) / sizeof(uses[0]))

int main(int argc, char **argv)
{
	bool must_hold = argc == 2 && strcmp(argv[1], "--check") == 0, holds;
	double sums[NUSES][NWAYS] = {{0}}, all[NWAYS] = {0};
	struct plat_scratch scratch;
	size_t i, k;

	if (plat_scratch_init(&scratch, NULL, 0, SIZE_MAX) < 0)
		return 3;
	printf("memory is  bytes  alloca  inline  thread   calls  inline thread  calls\n");
	for (i = 0; i < NUSES; i++)
		for (k = 0; k < NSIZES; k++)
			measure(&uses[i], &scratch, (size_t)16 << k, sums[i]);
	for (i = 0; i < NUSES; i++) {
		print_means(uses[i].name, sums[i], NSIZES);
		for (k = 0; k < NWAYS; k++)
			all[k] += sums[i][k] / (NSIZES * NUSES);
	}
	print_means("all", all, 1);
	holds = exp(all[1] - all[0]) <= 1.05 && exp(all[2] - all[0]) <= 1.2 * 1.05;
	if (!holds)
		printf("above 1.0 inline, or 1.2 with the thread's arena\n");
	plat_scratch_fini(&scratch);
	return must_hold && !holds;
}
