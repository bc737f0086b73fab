/*
 * A program that leaks, and churns, what it is told:
 *
 *	leaks			"ready"; then for each line "WORD MIB" of its input does so,
 *				and says "done 1", "done 2" ...
 *	leaks loop N		N blocks of 16 to 127 bytes, and no more
 *
 * leak_small, leak_medium, leak_large: so many MiB in blocks of 100, 1000 and 100,000 bytes.
 * churn: blocks of 1000 bytes that are freed. waste: all but one of a hundred are. deep: the same,
 * in calls without frame pointers. lie: the allocator's header names memory that is shared with
 * others.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "alloc/state.h"

#define MIB ((size_t)1 << 20)
#define SITE __attribute__((noinline, noclone))

static void *volatile sink;

static SITE void leak_small(size_t bytes)
{
	for (; bytes >= 100; bytes -= 100)
		sink = malloc(100);
}

static SITE void leak_medium(size_t bytes)
{
	for (; bytes >= 1000; bytes -= 1000)
		sink = malloc(1000);
}

static SITE void leak_large(size_t bytes)
{
	for (; bytes >= 100000; bytes -= 100000)
		sink = malloc(100000);
}

static SITE void churn(size_t bytes)
{
	for (; bytes >= 1000; bytes -= 1000) {
		sink = malloc(1000);
		free(sink);
	}
}

/* So much is made, and a block of each hundred stays. */
static SITE void waste(size_t bytes)
{
	size_t i, n = bytes / 1000;
	char **blocks = malloc(n * sizeof(*blocks));

	for (i = 0; i < n; i++) {
		blocks[i] = malloc(1000);
		memset(blocks[i], 'x', 1000);
	}
	for (i = 0; i < n; i++)
		if (i % 100)
			free(blocks[i]);
	free(blocks);
}

/* And the register is used for something else. */
static SITE __attribute__((optimize("omit-frame-pointer"))) void go_down(size_t bytes, int n)
{
#ifdef __x86_64__
	__asm__ volatile("movl $1, %%ebp" : : : "rbp");
#endif
	if (n > 0)
		go_down(bytes, n - 1);
	else
		churn(bytes);
	__asm__ volatile("" : : : "memory");
}

static void deep(size_t bytes)
{
	go_down(bytes, 5);
}

static void lie(size_t bytes)
{
	struct state *state = dlsym(RTLD_DEFAULT, "plat_malloc_state");
	void *shared =
		mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)bytes;
	if (!state || shared == MAP_FAILED)
		exit(1);
	memset(shared, 0, 2 * MIB);
	state->samples = shared;
}

static SITE void *make(size_t bytes)
{
	void *p = malloc(bytes);

	__asm__ volatile("" : "+r"(p));
	return p;
}

static SITE void loop(unsigned long n)
{
	static void *blocks[1000];
	uint32_t x = 1;

	for (; n > 0; n--) {
		unsigned i;

		x = x * 1103515245 + 12345;
		i = (x >> 8) % 1000;
		free(blocks[i]);
		blocks[i] = make(16 + (x >> 16) % 112);
	}
}

static const struct {
	const char *name;
	void (*run)(size_t bytes);
} words[] = {
	{"leak_small", leak_small},
	{"leak_medium", leak_medium},
	{"leak_large", leak_large},
	{"churn", churn},
	{"waste", waste},
	{"deep", deep},
	{"lie", lie},
};

static void obey(const char *word, size_t bytes)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, word) == 0)
			words[i].run(bytes);
}

int main(int argc, char **argv)
{
	char word[20];
	unsigned long number;
	unsigned n = 0;

	if (argc == 3 && strcmp(argv[1], "loop") == 0) {
		loop(strtoul(argv[2], NULL, 10));
		return 0;
	}
	printf("ready\n");
	fflush(stdout);
	while (scanf("%19s %lu", word, &number) == 2) {
		obey(word, number * MIB);
		printf("done %u\n", ++n);
		fflush(stdout);
	}
	return 0;
}
