/*
 * records MIB: a heap of blocks whose content packs as that of real programs does: texts made of
 * words and numbers, pointers, prices, small numbers. A fifth of all blocks is freed again. It says
 * "ready PID", and lives until its standard input ends.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECENT 1024

static void *recent[RECENT];

static uint64_t draw(uint64_t below)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void put_words(char *to, size_t size)
{
	static const char *const words[] = {
		"alpha ",  "customer_id=", "2026-11-21T", "/usr/lib/", "true",	   "{\"name\": \"",
		"error: ", "value ",	   "GET /index",  "order ",    "session ", "0x"};
	size_t at = 0;

	while (at + 32 < size) {
		at += (size_t)sprintf(to + at, "%s", words[draw(sizeof(words) / sizeof(*words))]);
		if (draw(3) == 0)
			at += (size_t)sprintf(to + at, "%u", (unsigned)draw(100000));
	}
}

static void put_pointers(void **to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = draw(3) ? recent[draw(RECENT)] : (void *)(uintptr_t)draw(1000);
}

static void put_prices(double *to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = (double)draw(100000) / 100;
}

static void put_numbers(unsigned *to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = (unsigned)draw(5000);
}

static void fill(void *block, size_t size)
{
	switch (draw(4)) {
	case 0:
		put_words(block, size);
		break;
	case 1:
		put_pointers(block, size / sizeof(void *));
		break;
	case 2:
		put_prices(block, size / sizeof(double));
		break;
	default:
		put_numbers(block, size / sizeof(unsigned));
	}
}

static void free_one(void)
{
	size_t i = draw(RECENT);

	free(recent[i]);
	recent[i] = NULL;
}

int main(int argc, char **argv)
{
	uint64_t left = argc > 1 ? strtoull(argv[1], NULL, 10) << 20 : 0;

	while (left) {
		size_t size = draw(64) ? 16 + draw(200) : 16 + draw(8192);
		void *block = malloc(size);

		if (!block)
			return 3;
		fill(block, size);
		recent[draw(RECENT)] = block;
		if (draw(5) == 0)
			free_one();
		left -= left < size ? left : size;
	}
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
