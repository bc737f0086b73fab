/*
 * step COMMAND...: counts the instructions that a program executes between the first and the second
 * SIGUSR1 that it sends itself, by stepping through them. For libraries that a simulator cannot
 * run.
 */
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Continues by request until the child has its next SIGUSR1, which it does not get. */
static uint64_t until_mark(pid_t child, enum __ptrace_request request)
{
	uintptr_t deliver = 0;
	uint64_t n = 0;
	int status;

	for (;; n++) {
		if (ptrace(request, child, NULL, (void *)deliver) < 0)
			err(1, "ptrace");
		if (waitpid(child, &status, 0) < 0)
			err(1, "waitpid");
		if (!WIFSTOPPED(status))
			errx(1, "the program ended before its marks");
		if (WSTOPSIG(status) == SIGUSR1)
			return n;
		deliver = WSTOPSIG(status) == SIGTRAP ? 0 : (uintptr_t)WSTOPSIG(status);
	}
}

int main(int argc, char **argv)
{
	uint64_t n;
	pid_t child;
	int status;

	if (argc < 2)
		errx(64, "usage: step COMMAND...");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(126);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
		errx(1, "%s: it cannot be started", argv[1]);
	ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_EXITKILL);
	until_mark(child, PTRACE_CONT);
	n = until_mark(child, PTRACE_SINGLESTEP);
	printf("instructions %llu\n", (unsigned long long)n);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return 0;
}
