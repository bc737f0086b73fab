/*
 * A process to be measured: fill BLOCKS. Makes blocks of the sizes that programs ask for, most of
 * them small, writes to them, frees one in eight so that so many are left, prints "ready PID" and
 * waits for the end of its input. Its malloc is the process's.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t seed = 1;

static uint64_t draw(void)
{
	uint64_t x = seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Half of them up to 48 bytes, one in a thousand up to 8 KiB. */
static size_t draw_size(void)
{
	uint64_t x = draw();

	if (x % 1000 == 0)
		return 512 + (x >> 32) % 7680;
	return (x & 4096 ? 8 : 48) + (x >> 32) % (x & 8192 ? 40 : 160);
}

int main(int argc, char **argv)
{
	size_t n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, i;
	void **blocks;

	if (n == 0)
		errx(64, "usage: fill BLOCKS");
	n += n / 7;
	blocks = calloc(n, sizeof(*blocks));
	for (i = 0; blocks && i < n; i++) {
		size_t size = draw_size();

		blocks[i] = malloc(size);
		if (!blocks[i])
			err(1, "block %zu", i);
		memset(blocks[i], 1, size);
	}
	for (i = 0; blocks && i < n; i += 8)
		free(blocks[i]);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (getchar() != EOF)
		;
	free(blocks);
	return blocks ? 0 : 1;
}
