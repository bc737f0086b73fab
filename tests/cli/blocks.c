/*
 * A program that allocates what it is told and says what it has:
 *
 *	blocks				some of every kind, "block ADDRESS SIZE" for each, then
 *					"ready"; until its standard input ends
 *	blocks WORD [ARGUMENT...]	does that, and ends; see below
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *have(size_t size)
{
	void *p = malloc(size);

	if (p)
		printf("block %p %zu\n", p, size);
	return p;
}

static void *second_thread(void *data)
{
	unsigned i;

	for (i = 0; i < 50; i++)
		have(64 + i);
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return data;
}

static int town(void)
{
	void *gone[1000];
	void *volatile large = malloc(900000); /* gcc must not leave it out */
	pthread_t thread;
	unsigned i;

	for (i = 0; i < 1000; i++)
		gone[i] = malloc(i);
	for (i = 0; i < 1000; i++)
		have(i);
	for (i = 0; i < 1000; i++)
		free(gone[i]);
	for (i = 0; i < 20; i++)
		have(1000 + i * 1500);
	have(100000);
	memset(have(3000000), 1, 3000000);
	free(large);
	if (pthread_create(&thread, NULL, second_thread, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return 0;
}

/* gcc must not see that it is freed twice. */
static void free_twice(void)
{
	void *volatile p = malloc(100);

	free(p);
	free(p);
}

/* gcc shall call them, and know nothing of the block. */
static void *(*volatile copy_bytes)(void *, const void *, size_t) = memcpy;
static char *(*volatile copy_string)(char *, const char *) = strcpy;

static int copy(const char *what)
{
	static char from[200];
	char *volatile p = malloc(100);

	memset(from, 'x', sizeof(from) - 1);
	if (strcmp(what, "overflow") == 0)
		copy_bytes(p, from, 101);
	else if (strcmp(what, "underflow") == 0)
		copy_bytes(p - 8, from, 50);
	else
		copy_string(p, from);
	return 0;
}

static int in_child(char **words)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (words[0])
			execvp(words[0], words);
		free_twice();
		_exit(0);
	}
	return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 1;
}

/* A library that finds its own malloc first. */
static int bind_deep(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
	void *(*make)(void) = NULL;

	if (library)
		*(void **)&make = dlsym(library, "make");
	if (!make || !make())
		return 1;
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	static char room[65536];

	setvbuf(stdout, room, _IOFBF, sizeof(room)); /* stdio shall not allocate */
	if (argc == 1)
		return town();
	if (strcmp(word, "leak") == 0)
		return have(12345) ? 0 : 1;
	if (strcmp(word, "fault") == 0)
		free_twice();
	if (strcmp(word, "fault-and-quit") == 0) {
		free_twice();
		_exit(0);
	}
	if (strcmp(word, "fault-and-die") == 0) {
		free_twice();
		kill(getpid(), SIGKILL);
	}
	if (strcmp(word, "fault-and-execute") == 0) {
		free_twice();
		execvp(argv[2], argv + 2);
		return 126;
	}
	if (strcmp(word, "execute") == 0)
		return in_child(argv + 2);
	if (strcmp(word, "overflow") == 0 || strcmp(word, "underflow") == 0 ||
	    strcmp(word, "string") == 0)
		return copy(word);
	if (strcmp(word, "exit") == 0)
		return atoi(argv[2]);
	if (strcmp(word, "kill") == 0)
		kill(getpid(), atoi(argv[2]));
	if (strcmp(word, "deep") == 0)
		return bind_deep(argv[2]);
	if (strcmp(word, "nap") == 0)
		return getchar() == EOF ? 0 : 1;
	return 0;
}
