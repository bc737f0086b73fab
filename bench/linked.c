/*
 * A process with a heap for bench/leaks-chap: linked BLOCKS [LOST]. Blocks of 32 to 176 bytes, 104
 * on average, each with a pointer to a neighbour and one to any other; one of LOST (1000) with all
 * that leads to it is forgotten. It prints "ready", and waits for the end of its input.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAST 24
#define STEPS 10

static uint64_t random_state = 1;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* While they are made. In the end the first holds the next, and so on. */
static void ***blocks;
static void **volatile first;

static void make(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		size_t size = LEAST + 16 * (draw() % STEPS);

		blocks[i] = calloc(1, size);
		if (!blocks[i])
			err(3, "block %zu", i);
	}
	for (i = 0; i < n; i++) {
		blocks[i][0] = blocks[(i + 1) % n];
		blocks[i][1] = blocks[draw() % n];
	}
}

/* Who leads to one that is to be lost leads elsewhere. */
static void lose(size_t n, size_t one_of)
{
	size_t i;

	for (i = 0; i < n; i++) {
		size_t next = (i + 1) % n;

		if (next % one_of == 0)
			blocks[i][0] = blocks[(next + 1) % n];
	}
	first = blocks[1];
	free(blocks);
	blocks = NULL;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000000;
	size_t one_of = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
	char end;

	if (n < 2 || one_of < 2)
		return 64;
	blocks = calloc(n, sizeof(*blocks));
	if (!blocks)
		err(3, "%zu blocks", n);
	make(n);
	lose(n, one_of);
	printf("ready\n");
	fflush(stdout);
	while (read(0, &end, 1) > 0)
		;
	return 0;
}
