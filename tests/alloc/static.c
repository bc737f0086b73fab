/*
 * What makes libc need its allocator in a static program: threads, forks, lines, exits. It must get
 * ours everywhere, and no second one beside it.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a block of ours, the library knows its start. */
extern int plat_block_of(const void *p, void *ret);

static void is_ours(void *p)
{
	void *block[8];

	if (!p || plat_block_of(p, block) != 0 || block[0] != p) {
		fprintf(stderr, "a block is not ours\n");
		_exit(1);
	}
	free(p);
}

static void *allocate(void *data)
{
	size_t i;

	for (i = 0; i < 2000; i++)
		is_ours(memset(malloc(100 + i), 1, 100 + i));
	return data;
}

static void fork_and_allocate(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		allocate(NULL);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		_exit(2);
}

static void read_lines(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0)
		;
	is_ours(line);
	fclose(file);
}

static void at_exit(void)
{
	is_ours(malloc(10));
}

int main(void)
{
	pthread_t threads[4];
	void *p = NULL;
	char *text;
	size_t i;

	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, allocate, NULL);
	fork_and_allocate();
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	read_lines();
	dlerror();
	for (i = 0; i < 100; i++)
		atexit(at_exit);
	if (asprintf(&text, "%0500d", 1) == 500)
		is_ours(text);
	is_ours(strdup("text"));
	is_ours(calloc(3, 5));
	is_ours(realloc(malloc(5), 5000));
	is_ours(reallocarray(NULL, 3, 5));
	is_ours(aligned_alloc(64, 100));
	is_ours(memalign(64, 100));
	is_ours(valloc(100));
	if (posix_memalign(&p, 64, 100) == 0 && malloc_usable_size(p) >= 100)
		is_ours(p);
#ifdef __GLIBC__
	is_ours(pvalloc(100));
	mallopt(M_MMAP_MAX, 10);
	malloc_trim(0);
	malloc_stats();
	malloc_info(0, stdout);
	return mallinfo2().arena == 0;
#else
	return 0;
#endif
}
