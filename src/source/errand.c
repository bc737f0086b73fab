#include "source/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_SECONDS 10		/* of processor time */
#define PATIENCE_MS 20000		/* until the child must have ended */
#define PATIENCE_NETWORK_MS 120000	/* where the user asked for debuginfod */
#define CHILD_BYTES (UINT64_C(8) << 30) /* addresses: debug files of browsers have 2 GiB */

#if defined(__SANITIZE_ADDRESS__)
#define LIMIT_MEMORY false /* the sanitizer takes terabytes of addresses */
#else
#define LIMIT_MEMORY true
#endif

/*
 * The child.
 */

static void be_modest(void)
{
	struct rlimit time = {CHILD_SECONDS, CHILD_SECONDS + 1}, none = {0, 0};
	struct rlimit bytes = {CHILD_BYTES, CHILD_BYTES};

	setrlimit(RLIMIT_CPU, &time);
	setrlimit(RLIMIT_CORE, &none);
	if (LIMIT_MEMORY)
		setrlimit(RLIMIT_AS, &bytes);
	signal(SIGXCPU, SIG_DFL);
}

static _Noreturn void be_child(const struct errand *errand)
{
	be_modest();
	errand->work(errand, errand->context);
	_exit(0); /* the kernel tidies up faster than libraries do */
}

void errand_tell(const struct errand *errand, const void *piece)
{
	if (write(errand->pipe, piece, errand->size) != (ssize_t)errand->size)
		_exit(1);
}

/*
 * The parent.
 */

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for bytes, but not for ever. */
static ssize_t read_in_time(int fd, void *to, size_t size, int64_t until)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int64_t left = until - milliseconds();
	int r = left > 0 ? poll(&wait, 1, (int)left) : 0;

	if (r < 0 && errno == EINTR)
		return read_in_time(fd, to, size, until);
	if (r <= 0)
		return -1;
	return read(fd, to, size);
}

/* Until the child has ended or time is up. False: time was up. */
static bool listen_to(const struct errand *errand, int fd, unsigned char *piece)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	int64_t until = milliseconds() + (urls && *urls ? PATIENCE_NETWORK_MS : PATIENCE_MS);
	size_t used = 0;
	ssize_t n;

	while ((n = read_in_time(fd, piece + used, errand->size - used, until)) > 0) {
		used += (size_t)n;
		if (used < errand->size)
			continue;
		used = 0;
		errand->take(errand->context, piece);
	}
	return n == 0;
}

static int judge(const struct errand *errand, bool in_time, int status, struct error *err)
{
	if (!in_time || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
		return fail(err, -ETIMEDOUT, "%s took too long and was given up", errand->what);
	if (WIFSIGNALED(status))
		return fail(err, -EBADMSG, "%s failed: the ELF or debug file is broken (%s)",
			    errand->what, strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		return fail(err, -ECHILD, "%s failed", errand->what);
	return 0;
}

static int run(struct errand *errand, unsigned char *piece, struct error *err)
{
	int ends[2], status = 0;
	bool in_time;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(err, errno, "no pipe");
	errand->pipe = ends[1];
	child = fork();
	if (child == 0)
		be_child(errand);
	close(ends[1]);
	if (child < 0) {
		int error = errno;

		close(ends[0]);
		return fail(err, error, "no child process");
	}
	in_time = listen_to(errand, ends[0], piece);
	if (!in_time)
		kill(child, SIGKILL);
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return judge(errand, in_time, status, err);
}

int errand_run(struct errand *errand, struct error *err)
{
	unsigned char *piece = malloc(errand->size);
	int r;

	if (!piece)
		return fail(err, ENOMEM, "%s", errand->what);
	r = run(errand, piece, err);
	free(piece);
	return r;
}
