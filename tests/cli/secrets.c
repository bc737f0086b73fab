/*
 * A program that holds a secret, an argument of its, everywhere that it can write: in live and
 * freed blocks of many sizes and at odd addresses, in variables, on stacks. Beside each stand
 * pointers and small numbers. It says "ready", and lives until its standard input ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <wchar.h>

#define BLOCKS 2000
#define LARGE 400000

static char variable[256] = "not yet";
static wchar_t wide[64];
static void *blocks[BLOCKS];

/* As often as there is room. */
static void fill(char *to, size_t size, const char *secret)
{
	size_t length = strlen(secret), at;

	for (at = 0; at + length < size; at += length + 1)
		memcpy(to + at, secret, length + 1);
}

static void fill_blocks(const char *secret)
{
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		size_t size = 24 + i * 37 % 3000 + (i % 100 == 0 ? LARGE : 0);

		blocks[i] = malloc(size);
		if (blocks[i])
			fill((char *)blocks[i] + i % 16, size - i % 16, secret);
	}
	for (i = 0; i < BLOCKS; i++)
		if (i % 3) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
}

static void wait_for_end(const char *secret)
{
	char local[512];

	fill(local, sizeof(local), secret);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	puts(local);
}

static void *second_thread(void *secret)
{
	fill_blocks(secret);
	wait_for_end(secret);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char *own;

	if (argc < 2)
		return 64;
	own = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED)
		return 3;
	fill(own, 65536, argv[1]);
	fill(variable, sizeof(variable), argv[1]);
	swprintf(wide, sizeof(wide) / sizeof(*wide), L"%s", argv[1]);
	fill_blocks(argv[1]);
	if (pthread_create(&thread, NULL, second_thread, argv[1]) != 0)
		return 3;
	pthread_join(thread, NULL);
	puts(variable);
	return 0;
}
