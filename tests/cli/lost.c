/*
 * A program that loses blocks, and says which:
 *
 *	lost [WORD...]		does what each WORD says, and then says "ready"; for each line of
 *				its input, a WORD, does so as well, and says "done 1",
 *				"done 2" ...
 *
 * exit and abort: it ends so. For each block a line "lost ADDRESS SIZE ROOT", "kept ADDRESS SIZE"
 * or "possible ADDRESS SIZE". Sizes are such that every malloc gives just so many bytes to use.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITE __attribute__((noinline, noclone))
#define SMALL 56
#define LARGE 1000

struct block {
	struct block *left, *right;
	char text[40];
};

static struct block *volatile kept;
static char *volatile inside;

static SITE struct block *make(size_t size, const char *text)
{
	struct block *block = malloc(size);

	if (!block)
		abort();
	memset(block, 0, size);
	strcpy(block->text, text);
	return block;
}

static void say(const char *word, const void *block, size_t size, const void *root)
{
	printf("%s 0x%lx %zu", word, (unsigned long)(uintptr_t)block, size);
	if (root)
		printf(" 0x%lx", (unsigned long)(uintptr_t)root);
	printf("\n");
}

static SITE void tree(void)
{
	struct block *root = make(SMALL, "the root of a tree");

	root->left = make(SMALL, "its left leaf");
	root->right = make(LARGE, "its right leaf");
	say("lost", root, SMALL, root);
	say("lost", root->left, SMALL, root);
	say("lost", root->right, LARGE, root);
}

static SITE void cycle(void)
{
	struct block *one = make(SMALL, "one of a cycle"), *other = make(SMALL, "the other one");
	struct block *first = one < other ? one : other;

	one->left = other;
	other->left = one;
	say("lost", one, SMALL, first);
	say("lost", other, SMALL, first);
}

static SITE void single(void)
{
	struct block *block = make(LARGE, "a single one");

	say("lost", block, LARGE, block);
}

static SITE void keep(void)
{
	kept = make(SMALL, "kept");
	kept->left = make(LARGE, "kept, too");
	say("kept", kept, SMALL, NULL);
	say("kept", kept->left, LARGE, NULL);
}

static SITE void interior(void)
{
	struct block *block = make(SMALL, "in the middle");

	inside = block->text;
	say("possible", block, SMALL, NULL);
}

static void leave(void)
{
	exit(7);
}

static const struct {
	const char *name;
	void (*run)(void);
} words[] = {
	{"tree", tree},		{"cycle", cycle}, {"single", single}, {"keep", keep},
	{"interior", interior}, {"exit", leave},  {"abort", abort},
};

/* What calls have left on the stack is written over. */
static SITE void sweep(void)
{
	char bytes[16384];

	memset(bytes, 0, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

static SITE void obey(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, word) == 0)
			words[i].run();
}

int main(int argc, char **argv)
{
	char word[20];
	unsigned n = 0;
	int i;

	for (i = 1; i < argc; i++) {
		obey(argv[i]);
		sweep();
	}
	printf("ready\n");
	fflush(stdout);
	while (scanf("%19s", word) == 1) {
		obey(word);
		sweep();
		printf("done %u\n", ++n);
		fflush(stdout);
	}
	return 0;
}
