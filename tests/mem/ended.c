#include "ended.h"

#include "check.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int __asan_address_is_poisoned(const volatile void *p) __attribute__((weak));

bool has_sanitizer(void)
{
	return __asan_address_is_poisoned != NULL;
}

int ended(void (*run)(void), char *said, size_t size)
{
	int fds[2], status;
	pid_t child;
	ssize_t n;
	size_t length = 0;

	check(pipe(fds) == 0);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		run();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + length, size - 1 - length)) > 0)
		length += (size_t)n;
	said[length] = '\0';
	close(fds[0]);
	check(waitpid(child, &status, 0) == child);
	return status;
}
