/*
 *	misuse CASE	does it
 *	misuse --list	the cases, a line for each mode: CASE MODE SIGNALS PATTERN, with tabs
 */
#include "misuse.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct misuse *const tables[] = {frees, writes, reads, many, copies, asking, correct};
static const char *const mode_names[NMODES] = {
	"default", "hard", "guard", "sampled", "checked", "hard-sampled",
};

void expect_address(const void *low, const void *high)
{
	char line[80];
	int size = snprintf(line, sizeof(line), "address %#lx %#lx\n", (unsigned long)low,
			    (unsigned long)high);

	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		_exit(99);
}

void had_its_effect(const char *what)
{
	char line[100];
	int size = snprintf(line, sizeof(line), "effect: %s\n", what);

	_exit(write(STDOUT_FILENO, line, (size_t)size) == size ? 3 : 99);
}

void *function(const char *name)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (!found)
		_exit(77);
	return found;
}

void *hidden(const volatile void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return (void *)(uintptr_t)p;
}

void *must_malloc(size_t size)
{
	void *p = malloc(size);

	if (!p)
		_exit(99);
	return hidden(p);
}

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

void free_in_a_thread(void *p)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, free_it, p) != 0 || pthread_join(thread, NULL) != 0)
		_exit(99);
}

void allocate_until_reused(const void *p, size_t size, unsigned allowed)
{
	size_t most = size > 2000 ? ((size_t)100 << 20) / size : 50000, i;
	unsigned times = 0;

	for (i = 0; i < most; i++) {
		void *kept = must_malloc(size), *freed = must_malloc(size);

		times += kept == p;
		times += freed == p && kept != p;
		if (times > allowed)
			had_its_effect("the block was given again");
		if (freed != p)
			free(freed);
	}
}

/*
 * The list.
 */

static void name_of(const struct misuse *misuse, size_t size, char name[100])
{
	if (misuse->sizes)
		snprintf(name, 100, "%s-of-%zu", misuse->name, size);
	else
		snprintf(name, 100, "%s", misuse->name);
}

/* Of the last three modes a case says something only if it is about them. */
static bool is_done_in(const struct misuse *misuse, enum mode mode, bool is_correct)
{
	return mode < SAMPLED || is_correct || misuse->expected[mode].kind;
}

#define ADDRESS "0x[0-9a-f]+"

/* WORDS, as a regular expression. */
static void print_words(const struct expectation *expected, size_t size)
{
	char number[20] = "[0-9]+";

	if (expected->sized)
		printf(".*\\b%zu bytes?\\b.*", size);
	else
		printf(".+");
	if (expected->more != ANY_NUMBER)
		snprintf(number, sizeof(number), "%zu", size + expected->more);
	if (expected->access)
		printf(", %s: %s bytes?( from " ADDRESS " to| at) " ADDRESS, expected->access,
		       number);
}

static void list_one(const struct misuse *misuse, size_t size, bool is_correct)
{
	static const char *const signals[] = {
		[SURVIVES] = "none",	    [ABORTS] = "SIGABRT",
		[FAULTS] = "SIGSEGV",	    [FAULTS_PERHAPS_SILENTLY] = "SIGSEGV?",
		[ENDS] = "SIGABRT,SIGSEGV", [ANYTHING] = "any",
	};
	enum mode mode;

	for (mode = 0; mode < NMODES; mode++) {
		const struct expectation *expected = &misuse->expected[mode];
		char name[100];

		if (!is_done_in(misuse, mode, is_correct))
			continue;
		name_of(misuse, size, name);
		printf("%s\t%s\t%s\t", name, mode_names[mode], signals[expected->outcome]);
		if (expected->kind) {
			printf("plat-malloc: (%s): (" ADDRESS "), ", expected->kind);
			print_words(expected, size);
		}
		putchar('\n');
	}
}

/* All of them, or the one of this name: false if there is none. */
static bool for_each(const char *wanted)
{
	const struct misuse *misuse;
	size_t i, j;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (misuse = tables[i]; misuse->name; misuse++) {
			for (j = 0; j == 0 || (misuse->sizes && misuse->sizes[j]); j++) {
				size_t size = misuse->sizes ? misuse->sizes[j] : 0;
				char name[100];

				name_of(misuse, size, name);
				if (!wanted) {
					list_one(misuse, size, tables[i] == correct);
				} else if (strcmp(name, wanted) == 0) {
					misuse->act(size);
					return true;
				}
			}
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	struct rlimit no_core = {0, 0};

	if (argc != 2)
		return 64;
	if (strcmp(argv[1], "--list") == 0) {
		for_each(NULL);
		return 0;
	}
	setrlimit(RLIMIT_CORE, &no_core);
	if (!for_each(argv[1])) {
		fprintf(stderr, "misuse: there is no case %s\n", argv[1]);
		return 64;
	}
	puts("survived");
	return 0;
}
