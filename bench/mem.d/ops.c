/*
 * The operations on memory beside the C library's. Two are called in turn, many times, and the
 * fastest turn of each counts: what others do on the machine makes turns slower, never faster.
 * They are called as a program does that includes plat/ops.h.
 *
 *	ops [--turns N] [--every] [--variant NAME] [--text FILE] [--seed N] [--below RATIO]
 *	    [OPERATION...]
 *
 * OPERATION: memcpy memmove memset memcmp memchr memrchr memmem; all, if none is named. Ratios are
 * the C library's time by ours: more than 1 is faster than it. Compares are of what is the same,
 * searches for what is not there: all of memory is looked at.
 *
 * Sizes are 0 to 256, then each that is larger by 1 in 64, up to 64 KiB (--every: each, which takes
 * a minute an operation), and 1, 16 and 256 MiB; aligned to a page, and not. --variant calls that
 * variant instead of what serves.
 *
 * Needles are pieces of the text, or random bytes, that what is searched does not have: it is
 * searched to its end. With --text also every place of pieces that it has, one after the other.
 * --seed draws others, and --below shows each that is below that ratio when it is timed again.
 */
#include "now.h"

#include "mem/ops/ops.h"

#include <plat/ops.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define LARGEST (256 * MIB)

static unsigned turns = 15;
static bool every;
static const char *text_file;
static uint64_t seed = 88172645463325252u;
static double shown_below;
static const struct plat__ops *variant;

/* One call, again and again: what it is given, and where its answer goes. */
struct job {
	uint8_t *to;
	const uint8_t *from, *needle;
	size_t n, m;
	unsigned long times;
	volatile uintptr_t answer;
};

typedef void deed(struct job *job);

/* Aligned alike: where a loop of some nanoseconds lies is a tenth of it. */
#define CALLS(name, call)                                                                          \
	__attribute__((aligned(64))) static void name(struct job *job)                             \
	{                                                                                          \
		uint8_t *to = job->to;                                                             \
		const uint8_t *from = job->from, *needle = job->needle;                            \
		size_t n = job->n, m = job->m;                                                     \
		unsigned long i;                                                                   \
                                                                                                   \
		for (i = 0; i < job->times; i++) {                                                 \
			__asm__ volatile(""                                                        \
					 : "+r"(to), "+r"(from), "+r"(n), "+r"(needle), "+r"(m)    \
					 :                                                         \
					 : "memory");                                              \
			job->answer = (uintptr_t)(call);                                           \
		}                                                                                  \
	}

CALLS(libc_memcpy, memcpy(to, from, n))
CALLS(libc_memmove, memmove(to, from, n))
CALLS(libc_memset, memset(to, 7, n))
CALLS(libc_memcmp, memcmp(to, from, n))
CALLS(libc_memchr, memchr(from, 7, n))
CALLS(libc_memrchr, memrchr(from, 7, n))
CALLS(libc_memmem, memmem(from, n, needle, m))
CALLS(plat_memcpys, plat_memcpy(to, from, n))
CALLS(plat_memmoves, plat_memmove(to, from, n))
CALLS(plat_memsets, plat_memset(to, 7, n))
CALLS(plat_memcmps, plat_memcmp(to, from, n))
CALLS(plat_memchrs, plat_memchr(from, 7, n))
CALLS(plat_memrchrs, plat_memrchr(from, 7, n))
CALLS(plat_memmems, plat_memmem(from, n, needle, m))
CALLS(variant_moves, variant->move(to, from, n))
CALLS(variant_sets, variant->set(to, 7, n))
CALLS(variant_compares, variant->compare(to, from, n))
CALLS(variant_finds_byte, variant->find_byte(from, 7, n))
CALLS(variant_finds_last_byte, variant->find_last_byte(from, 7, n))
CALLS(variant_finds, variant->find(from, n, needle, m))

static const struct operation {
	const char *name;
	deed *libc, *plat, *variant;
} operations[] = {
	{"memcpy", libc_memcpy, plat_memcpys, variant_moves},
	{"memmove", libc_memmove, plat_memmoves, variant_moves},
	{"memset", libc_memset, plat_memsets, variant_sets},
	{"memcmp", libc_memcmp, plat_memcmps, variant_compares},
	{"memchr", libc_memchr, plat_memchrs, variant_finds_byte},
	{"memrchr", libc_memrchr, plat_memrchrs, variant_finds_last_byte},
	{"memmem", libc_memmem, plat_memmems, variant_finds},
};

#define NOPERATIONS (sizeof(operations) / sizeof(operations[0]))

static double time_of(deed *calls, struct job *job)
{
	double start = now();

	calls(job);
	return (now() - start) / (double)job->times;
}

struct pair {
	double libc, plat; /* ns */
};

/* As many calls a turn as take some microseconds. */
static struct pair compared(const struct operation *operation, struct job *job, unsigned nturns)
{
	deed *ours = variant ? operation->variant : operation->plat;
	struct pair best = {INFINITY, INFINITY};
	unsigned i;

	job->times = 1;
	while (job->times < 1024 && time_of(operation->libc, job) * (double)job->times < 4000)
		job->times *= 2;
	for (i = 0; i < nturns; i++) {
		best.libc = fmin(best.libc, time_of(operation->libc, job));
		best.plat = fmin(best.plat, time_of(ours, job));
	}
	return best;
}

/* --- sums of ratios --- */

struct sum {
	double logs, least;
	size_t n, least_at, nlow;
};

#define LOW 0.92

#define NO_SUM ((struct sum){.least = INFINITY})

static void add(struct sum *sum, double ratio, size_t at)
{
	sum->logs += log(ratio);
	sum->n++;
	sum->nlow += ratio < LOW;
	if (ratio < sum->least) {
		sum->least = ratio;
		sum->least_at = at;
	}
}

static double mean(const struct sum *sum)
{
	return exp(sum->logs / (double)sum->n);
}

/* --- by size --- */

static uint8_t *memory(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED) {
		perror("memory");
		exit(1);
	}
	return p;
}

static struct job job_of(uint8_t *to, uint8_t *from, bool aligned, size_t n)
{
	return (struct job){
		.to = to + (aligned ? 0 : 3), .from = from + (aligned ? 0 : 13), .n = n};
}

static void by_size(const struct operation *operation, bool aligned, uint8_t *to, uint8_t *from)
{
	struct sum all = NO_SUM, powers = NO_SUM;
	struct pair pair;
	struct job job;
	size_t n;

	for (n = 0; n <= 64 * KIB; n += every || n < 256 ? 1 : n / 64) {
		job = job_of(to, from, aligned, n);
		pair = compared(operation, &job, turns);
		add(&all, pair.libc / pair.plat, n);
	}
	printf("%-8s %-9s 0 to 64 KiB: %6.3f, least %.2f at %zu, %zu of %zu below %.2f;  powers:",
	       operation->name, aligned ? "aligned" : "unaligned", mean(&all), all.least,
	       all.least_at, all.nlow, all.n, LOW);
	for (n = 1; n <= LARGEST; n *= n < 64 * KIB ? 2 : 16) {
		job = job_of(to, from, aligned, n);
		pair = compared(operation, &job, n < MIB ? 4 * turns : turns);
		printf(" %.2f", pair.libc / pair.plat);
		add(&powers, pair.libc / pair.plat, n);
	}
	printf(", least %.2f at %zu\n", powers.least, powers.least_at);
	fflush(stdout);
}

/* --- needles --- */

#define HAYSTACK (64 * KIB)
#define NNEEDLES 60

static uint64_t drawn(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 11;
}

static bool is_in(const uint8_t *in, size_t n, const uint8_t *needle, size_t m)
{
	return memmem(in, n, needle, m) != NULL;
}

/* A piece of the rest that the haystack does not have; short ones are put together from two. */
static void draw_absent(uint8_t *needle, size_t m, const uint8_t *all, size_t size)
{
	unsigned tries = 0;

	do {
		size_t at = HAYSTACK + drawn() % (size - HAYSTACK - m);
		size_t other = HAYSTACK + drawn() % (size - HAYSTACK - m), cut = drawn() % (m + 1);

		memcpy(needle, all + at, m);
		if (++tries > 20)
			memcpy(needle, all + other, cut);
	} while (is_in(all, HAYSTACK, needle, m));
}

static void show(const struct job *job, size_t offset, double ratio)
{
	size_t i;

	printf("\n%.2f: %zu bytes at %zu, for", ratio, job->n, offset);
	for (i = 0; i < job->m; i++)
		printf(job->needle[i] > ' ' && job->needle[i] < 0x7f && job->needle[i] != '\\'
			       ? "%c"
			       : "\\x%02x",
		       job->needle[i]);
	printf("\n");
}

/* What is low is timed again: what others do beside it is no finding. */
static double ratio_of(const struct operation *operation, struct job *job, const uint8_t *all)
{
	struct pair pair = compared(operation, job, turns);

	if (pair.libc / pair.plat < shown_below) {
		pair = compared(operation, job, 16 * turns);
		if (pair.libc / pair.plat < shown_below)
			show(job, (size_t)(job->from - all), pair.libc / pair.plat);
	}
	return pair.libc / pair.plat;
}

/* Needles of one length, in haystacks of one size. Answers their mean. */
static double add_needles(const struct operation *operation, size_t n, size_t m, const uint8_t *all,
			  size_t size, struct sum *sizes)
{
	uint8_t needle[512];
	struct sum sum = NO_SUM;
	unsigned i;

	for (i = 0; i < NNEEDLES; i++) {
		struct job job = {.from = all + drawn() % (HAYSTACK - n + 1),
				  .n = n,
				  .needle = needle,
				  .m = m};
		double ratio;

		draw_absent(needle, m, all, size);
		ratio = ratio_of(operation, &job, all);
		add(&sum, ratio, m);
		add(sizes, ratio, m);
	}
	return mean(&sum);
}

static void needles_in(const struct operation *operation, const char *what, const uint8_t *all,
		       size_t size)
{
	static const size_t lengths[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256};
	static const size_t sizes[] = {16, 64, 256, KIB, 4 * KIB, 64 * KIB};
	size_t i, j;

	printf("memmem in %s: needles of 2 3 4 6 8 12 16 24 32 48 64 96 128 192 256 bytes\n", what);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sum sum = NO_SUM;

		printf("%8zu:", sizes[i]);
		for (j = 0; j < sizeof(lengths) / sizeof(lengths[0]) && lengths[j] <= sizes[i]; j++)
			printf(" %.1f",
			       add_needles(operation, sizes[i], lengths[j], all, size, &sum));
		printf("; mean %.2f, least %.2f of %zu bytes\n", mean(&sum), sum.least,
		       sum.least_at);
		fflush(stdout);
	}
}

/* Every place where a piece of the text is, one after the other: short searches, many answers. */
#define EVERY_PLACE(find)                                                                          \
	({                                                                                         \
		const uint8_t *at = from, *end = from + n;                                         \
		while ((at = find(at, (size_t)(end - at), needle, m)))                             \
			at++;                                                                      \
		to;                                                                                \
	})

CALLS(libc_all, EVERY_PLACE(memmem))
CALLS(plat_all, EVERY_PLACE(plat_memmem))

static void every_place(const uint8_t *all)
{
	static const struct operation every_one = {"all", libc_all, plat_all, plat_all};
	struct sum sum = NO_SUM;
	size_t m;
	unsigned i;

	printf("memmem, every place of pieces of the text itself:");
	for (m = 2; m <= 256; m *= 2) {
		struct sum these = NO_SUM;

		for (i = 0; i < NNEEDLES; i++) {
			struct job job = {.from = all,
					  .n = HAYSTACK,
					  .m = m,
					  .needle = all + drawn() % (HAYSTACK - m)};
			struct pair pair = compared(&every_one, &job, turns);

			add(&these, pair.libc / pair.plat, m);
			add(&sum, pair.libc / pair.plat, m);
		}
		printf(" %.1f (%.2f)", mean(&these), these.least);
	}
	printf("; mean %.2f, least %.2f\n", mean(&sum), sum.least);
}

static uint8_t *read_text(size_t *size)
{
	FILE *file = fopen(text_file, "re");
	uint8_t *text = memory(4 * MIB);

	if (!file) {
		perror(text_file);
		exit(1);
	}
	*size = fread(text, 1, 4 * MIB, file);
	fclose(file);
	if (*size < 2 * HAYSTACK) {
		fprintf(stderr, "%s: too short\n", text_file);
		exit(1);
	}
	return text;
}

static void needles(const struct operation *operation)
{
	uint8_t *random = memory(MIB), *text;
	size_t size, i;

	for (i = 0; i < MIB; i++)
		random[i] = (uint8_t)drawn();
	if (text_file) {
		text = read_text(&size);
		needles_in(operation, "text", text, size);
		if (!variant)
			every_place(text);
	}
	needles_in(operation, "random bytes", random, MIB);
}

/* --- the program --- */

static void run(const struct operation *operation)
{
	static uint8_t *to, *from;

	if (strcmp(operation->name, "memmem") == 0) {
		needles(operation);
		return;
	}
	if (!to) {
		to = memory(LARGEST + 4096);
		from = memory(LARGEST + 4096);
	}
	memset(to, 1, LARGEST + 4096);
	memset(from, 1, LARGEST + 4096);
	by_size(operation, true, to, from);
	memset(to, 1, LARGEST + 4096);
	by_size(operation, false, to, from);
}

static const struct plat__ops *variant_named(const char *name)
{
	size_t i;

	for (i = 0; plat__ops_variant(i); i++) {
		if (strcmp(plat__ops_variant(i)->name, name) == 0 && plat__ops_can_run(i))
			return plat__ops_variant(i);
	}
	fprintf(stderr, "%s: no such variant here\n", name);
	exit(64);
}

static bool is_named(const char *name, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return n == 0;
}

int main(int argc, char **argv)
{
	size_t i;
	int a;

	for (a = 1; a < argc && argv[a][0] == '-'; a++) {
		if (strcmp(argv[a], "--every") == 0)
			every = true;
		else if (strcmp(argv[a], "--turns") == 0 && a + 1 < argc)
			turns = (unsigned)strtoul(argv[++a], NULL, 10);
		else if (strcmp(argv[a], "--variant") == 0 && a + 1 < argc)
			variant = variant_named(argv[++a]);
		else if (strcmp(argv[a], "--text") == 0 && a + 1 < argc)
			text_file = argv[++a];
		else if (strcmp(argv[a], "--seed") == 0 && a + 1 < argc)
			seed = strtoul(argv[++a], NULL, 10);
		else if (strcmp(argv[a], "--below") == 0 && a + 1 < argc)
			shown_below = strtod(argv[++a], NULL);
		else
			return 64;
	}
	printf("variant: %s%s\n", variant ? variant->name : plat__ops_here()->name,
	       variant ? "" : ", which serves here");
	for (i = 0; i < NOPERATIONS; i++) {
		if (is_named(operations[i].name, argv + a, argc - a))
			run(&operations[i]);
	}
	return 0;
}
