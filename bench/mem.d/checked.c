/*
 * What a checked copy costs over a plain one: mem-checked LIBPLAT-CHECKED.SO [ROUNDS].
 *
 * Copies between up to 64 pairs of heap blocks, or from one place that is none into blocks: by the
 * C library's memcpy, in turns with plat_checked_memcpy; then, in a process of its own where
 * libplat-checked is preloaded, in turns with that one's memcpy. The program is linked with
 * libplat-malloc. Nanoseconds a copy, the least and the median of all rounds, and the difference of
 * the least ones. Exits 1 if a checked copy costs more than it should.
 */
#include "now.h"

#include <plat/checked.h>

#include <dlfcn.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS 64
/* Of all blocks: beyond, memory and not the check is what is measured. */
#define CACHED ((size_t)256 << 10)
#define COPIES 4096
/* So much more may a copy take: nanoseconds, or of a plain one where that takes long. */
#define MOST_NS 6.0
#define MOST_PART 0.08

typedef void *copy_function(void *to, const void *from, size_t n);

enum { PLAIN, CHECKED, NWAYS };

static copy_function *ways[NWAYS];

struct pairs {
	char *to[PAIRS];
	char *from[PAIRS];
	size_t size;
	unsigned n;
};

static double time_of(copy_function *copy, const struct pairs *pairs)
{
	double begin = now();
	unsigned i;

	for (i = 0; i < COPIES; i++)
		copy(pairs->to[i & (pairs->n - 1)], pairs->from[i & (pairs->n - 1)], pairs->size);
	return (now() - begin) / COPIES;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* false: it costs more than it should. */
static int measure(const char *name, const struct pairs *pairs, unsigned rounds)
{
	double *times[NWAYS], plain, over;
	unsigned way, i;

	for (way = 0; way < NWAYS; way++) {
		times[way] = calloc(rounds, sizeof(double));
		if (!times[way])
			err(3, "%u rounds", rounds);
	}
	for (i = 0; i < rounds; i++)
		for (way = 0; way < NWAYS; way++)
			times[way][i] = time_of(ways[way], pairs);
	printf("%-16s %7zu", name, pairs->size);
	for (way = 0; way < NWAYS; way++) {
		qsort(times[way], rounds, sizeof(double), compare);
		printf(" %8.2f %8.2f", times[way][0], times[way][rounds / 2]);
	}
	plain = times[PLAIN][0];
	over = times[CHECKED][0] - plain;
	printf(" %8.2f\n", over);
	for (way = 0; way < NWAYS; way++)
		free(times[way]);
	return over <= MOST_NS || over <= MOST_PART * plain;
}

static char *block_of(size_t size)
{
	char *p = malloc(size);

	if (!p)
		err(3, "a block of %zu bytes", size);
	memset(p, 1, size);
	return p;
}

static int measure_size(size_t size, unsigned rounds)
{
	static char elsewhere[65536];
	struct pairs pairs = {.size = size, .n = PAIRS};
	int is_fine = 1;
	unsigned i;

	while (pairs.n > 1 && 2 * pairs.n * size > CACHED)
		pairs.n /= 2;
	for (i = 0; i < pairs.n; i++) {
		pairs.to[i] = block_of(size);
		pairs.from[i] = block_of(size);
	}
	is_fine &= measure("block to block", &pairs, rounds);
	for (i = 0; i < pairs.n; i++) {
		free(pairs.from[i]);
		pairs.from[i] = elsewhere;
	}
	is_fine &= measure("static to block", &pairs, rounds);
	for (i = 0; i < pairs.n; i++)
		free(pairs.to[i]);
	return is_fine;
}

/* The second of the two, as the process was started. Returns its name. */
static const char *find_ways(bool is_preloaded)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	if (!libc)
		errx(3, "%s", dlerror());
	if (!dlsym(RTLD_DEFAULT, "plat_block_of"))
		errx(3, "libplat-malloc is not the malloc");
	ways[PLAIN] = (copy_function *)dlsym(libc, "memcpy");
	ways[CHECKED] = plat_checked_memcpy;
	if (!is_preloaded)
		return "plat_checked_memcpy";
	ways[CHECKED] = (copy_function *)dlsym(RTLD_DEFAULT, "memcpy");
	if (ways[PLAIN] == ways[CHECKED])
		errx(3, "libplat-checked is not preloaded");
	return "memcpy of libplat-checked";
}

static int measure_all(bool is_preloaded, unsigned rounds)
{
	static const size_t sizes[] = {0, 8, 16, 64, 200, 1000, 2000, 8000, 32000, 60000};
	int is_fine = 1;
	size_t i;

	printf("%-25s       plain            checked         over\n"
	       "copy              bytes    least   median    least   median    least\n",
	       find_ways(is_preloaded));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		is_fine &= measure_size(sizes[i], rounds);
	return is_fine;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 300;
	int is_fine, status;
	pid_t child;

	if (argc < 2)
		errx(64, "usage: mem-checked LIBPLAT-CHECKED.SO [ROUNDS]");
	if (getenv("LD_PRELOAD"))
		return !measure_all(true, rounds);
	is_fine = measure_all(false, rounds);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		setenv("LD_PRELOAD", argv[1], 1);
		execv("/proc/self/exe", argv);
		err(3, "it cannot be started again");
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		err(3, "the other process");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return 3;
	return is_fine ? WEXITSTATUS(status) : 1;
}
