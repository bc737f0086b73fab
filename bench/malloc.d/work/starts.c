/*
 * Many short programs, as make starts them: each loads, allocates two hundred blocks and ends
 * without freeing them. What counts is what an allocator does before main() and at the end.
 */
#include "work.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t start(const struct job *job)
{
	struct dice dice = dice_new(13);
	uint64_t i, check = 0;
	size_t size;

	for (i = 0; i < job->n; i++) {
		size = mostly_small(&dice, 16, 4096);
		mark(need(malloc(size)), size, 1);
		check += size;
	}
	peak();
	return check;
}

uint64_t starts(const struct job *job)
{
	char *arguments[] = {(char *)"work", (char *)"start", (char *)"200", NULL};
	posix_spawn_file_actions_t actions;
	uint64_t i, good = 0;
	pid_t child;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
	for (i = 0; i < job->n; i++) {
		if (posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ) != 0)
			need(NULL);
		waitpid(child, &status, 0);
		good += status == 0;
	}
	posix_spawn_file_actions_destroy(&actions);
	peak();
	return good;
}
