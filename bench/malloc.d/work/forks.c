/* What a fork costs in a program with 64 MiB of heap: the child ends at once. */
#include "work.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAP = 64 << 20 };

uint64_t forks(const struct job *job)
{
	struct dice dice = dice_new(24);
	size_t size, made = 0, k;
	uint64_t i, begin;
	char *block;
	pid_t child;

	while (made < HEAP) {
		size = mostly_small(&dice, 16, 16384);
		block = need(malloc(size));
		for (k = 0; k < size; k += 1024)
			((volatile char *)block)[k] = 1;
		made += size;
	}
	begin = cpu_ns();
	for (i = 0; i < job->n; i++) {
		child = fork();
		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) < 0)
			need(NULL);
	}
	say("us %.3f\n", (double)(cpu_ns() - begin) / (double)job->n / 1000);
	return job->n;
}
