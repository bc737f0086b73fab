/*
 * A program whose blocks are held by what is known: it says "NAME ADDRESS" for some of them, then
 * "ready", and lives until its standard input ends.
 *
 *     cellar          a list of 20 barrels of 40 bytes, with 2000 bytes of wine each
 *     attic[2]        points into the middle of 600 bytes
 *     pocket          thread-local, of the thread "cook": 3000 bytes
 *     serve()         has a variable in the stack of the cook: 5000 bytes
 *     nobody          700 bytes that are lost
 *     glibc           blocks that the cook has freed, each on another of the allocator's shelves
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BARRELS 20

struct barrel {
	struct barrel *next;
	void *wine;
	char label[24];
};

extern struct barrel *cellar;
extern char *attic[4];
struct barrel *cellar;
char *attic[4];
static _Thread_local void *volatile pocket;

static void say(const char *name, const void *block)
{
	printf("%s %p\n", name, block);
	fflush(stdout);
}

#define OF_EACH 8 /* of which glibc caches seven */

struct eight {
	void *volatile made[OF_EACH], *volatile between[OF_EACH];
};

/* None of them, nor what comes next, has a free neighbour. */
static void make_eight(struct eight *eight, size_t size)
{
	unsigned i;

	for (i = 0; i < OF_EACH; i++) {
		eight->made[i] = malloc(size);
		eight->between[i] = malloc(24);
	}
}

static void free_eight(struct eight *eight)
{
	unsigned i;

	for (i = 0; i < OF_EACH; i++)
		free(eight->made[i]);
}

/* What asks for much sorts what has been freed before, and joins what is small. */
static __attribute__((noinline)) void clear_away(void)
{
	static struct eight small, fast;
	void *volatile cached = malloc(200), *volatile large = malloc(5000), *volatile much;
	void *volatile unsorted;

	make_eight(&small, 500);
	unsorted = malloc(3000);
	make_eight(&fast, 100);
	say("tidied", small.made[OF_EACH - 1]);
	free_eight(&small);
	free(large);
	much = malloc(20000);
	free(much); /* it is cut from top, and becomes a part of it again */
	say("large", large);
	say("fast", fast.made[OF_EACH - 1]);
	free_eight(&fast);
	say("cached", cached);
	free(cached);
	say("unsorted", unsorted);
	free(unsorted);
}

static __attribute__((noinline)) void serve(void)
{
	void *volatile dish = malloc(5000);
	char byte;

	say("dish", dish);
	pocket = malloc(3000);
	say("pocket", pocket);
	clear_away();
	say("ready", NULL);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	free(dish);
}

static void *cook(void *context)
{
	pthread_setname_np(pthread_self(), "cook");
	serve();
	return context;
}

static __attribute__((noinline)) void fill_cellar(void)
{
	unsigned i;

	for (i = 0; i < BARRELS; i++) {
		struct barrel *barrel = calloc(1, sizeof(*barrel));

		barrel->next = cellar;
		barrel->wine = calloc(1, 2000);
		strcpy(barrel->label, "red");
		cellar = barrel;
	}
	say("barrel", cellar->next);
	say("wine", cellar->next->wine);
	attic[2] = calloc(1, 600);
	say("attic", attic[2]);
	attic[2] += 100;
}

static __attribute__((noinline)) void lose(void)
{
	say("lost", calloc(1, 700));
}

/* What calls have left in the stack and in registers is written over. */
static __attribute__((noinline)) void forget(void)
{
	volatile unsigned char stack[16384];
	size_t i;

	for (i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

int main(void)
{
	pthread_t thread;

	fill_cellar();
	lose();
	forget();
	if (pthread_create(&thread, NULL, cook, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}
