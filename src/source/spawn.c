/*
 * The child tells through a pipe what failed. The pipe closes when a program is executed, so its
 * end without a word is the good news.
 */
#include "source/spawn.h"

#include "space/space.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child may have to say. */
struct report {
	unsigned setting; /* that was refused, or 0: executing failed */
	int error;	  /* positive errno */
};

static int set_personality(unsigned long flag)
{
	int now = personality(0xffffffff); /* asks only */

	return now < 0 || personality((unsigned)now | flag) < 0 ? errno : 0;
}

/* The hard limit is only touched where it is in the way: lowering it could not be undone. */
static int set_stack(uint64_t size)
{
	rlim_t wanted = size == LIMIT_INFINITE ? RLIM_INFINITY : (rlim_t)size;
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0)
		return errno;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	return setrlimit(RLIMIT_STACK, &limit) < 0 ? errno : 0;
}

static struct report take_settings(const struct spawn *spawn)
{
	struct report report = {0};

	if (spawn->settings & SPAWN_LEGACY) {
		report.setting = SPAWN_LEGACY;
		report.error = set_personality(ADDR_COMPAT_LAYOUT);
	}
	if (!report.error && (spawn->settings & SPAWN_NO_ASLR)) {
		report.setting = SPAWN_NO_ASLR;
		report.error = set_personality(ADDR_NO_RANDOMIZE);
	}
	if (!report.error && (spawn->settings & SPAWN_STACK)) {
		report.setting = SPAWN_STACK;
		report.error = set_stack(spawn->stack);
	}
	return report;
}

static void send(int fd, const struct report *report)
{
	ssize_t n = write(fd, report, sizeof(*report));

	(void)n; /* nobody is left to tell */
}

static int exit_status(int error)
{
	return error == ENOENT ? 127 : 126; /* POSIX.1-2017 XCU 2.8.2 */
}

_Noreturn static void be_command(const struct spawn *spawn, const struct spawned *spawned)
{
	struct report report;
	char go;
	ssize_t n;

	do
		n = read(spawned->go, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(EXIT_FAILURE); /* plat is gone */

	report = take_settings(spawn);
	if (!report.error) {
		sigaction(SIGCHLD, &spawn->on_child, NULL);
		sigprocmask(SIG_SETMASK, &spawn->mask, NULL);
		execvpe(spawn->argv[0], spawn->argv,
			spawn->environment ? spawn->environment : environ);
		report = (struct report){.error = errno};
	}
	send(spawned->report, &report);
	_exit(exit_status(report.error));
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

int spawn_start(const struct spawn *spawn, struct spawned *ret, struct error *err)
{
	int go[2], report[2], error;

	if (pipe2(go, O_CLOEXEC) < 0)
		return fail(err, errno, "%s: cannot start it", spawn->argv[0]);
	if (pipe2(report, O_CLOEXEC) < 0) {
		error = errno;
		close_pipe(go);
		return fail(err, error, "%s: cannot start it", spawn->argv[0]);
	}
	ret->pid = fork();
	if (ret->pid == 0) {
		close(go[1]);
		close(report[0]);
		be_command(spawn, &(struct spawned){.go = go[0], .report = report[1]});
	}
	error = errno;
	close(go[0]);
	close(report[1]);
	ret->go = go[1];
	ret->report = report[0];
	if (ret->pid < 0) {
		spawn_fini(ret);
		return fail(err, error, "%s: cannot start it", spawn->argv[0]);
	}
	return 0;
}

void spawn_go(struct spawned *spawned)
{
	ssize_t n = write(spawned->go, "", 1);

	(void)n; /* a child that was killed is seen by waiting for it */
	close(spawned->go);
	spawned->go = -1;
}

void spawn_fini(struct spawned *spawned)
{
	if (spawned->go >= 0)
		close(spawned->go);
	if (spawned->report >= 0)
		close(spawned->report);
	spawned->go = spawned->report = -1;
}

static int refused(const struct spawn *spawn, const struct report *report, struct error *err)
{
	struct rlimit limit;

	if (report->setting == SPAWN_LEGACY)
		return fail(err, report->error, "the legacy layout was refused");
	if (report->setting == SPAWN_NO_ASLR)
		return fail(err, report->error, "doing without randomisation was refused");
	if (report->error == EPERM && getrlimit(RLIMIT_STACK, &limit) == 0 &&
	    spawn->stack > limit.rlim_max)
		return fail(err, -EPERM,
			    "the stack limit was refused: above the hard limit of %llu bytes, "
			    "which only CAP_SYS_RESOURCE may raise",
			    (unsigned long long)limit.rlim_max);
	return fail(err, report->error, "the stack limit was refused");
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

int spawn_ask(struct spawned *spawned, const struct spawn *spawn, struct error *err)
{
	const char *name = spawn->argv[0];
	struct report report;
	int r;

	if (!is_readable(spawned->report))
		return SPAWN_WAITING;
	if (read(spawned->report, &report, sizeof(report)) != sizeof(report))
		return SPAWN_RUNS;
	if (report.setting)
		return refused(spawn, &report, err);
	if (report.error == ENOENT && !strchr(name, '/'))
		r = fail(err, -ENOENT, "%s: command not found", name);
	else
		r = fail(err, report.error, "%s: cannot execute it", name);
	return r == -ENOENT ? SPAWN_NOT_FOUND : SPAWN_NOT_EXECUTABLE;
}

int spawn_check(const struct spawn *spawn, struct error *err)
{
	struct report report = {0};
	int ends[2], pid, error;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(err, errno, "cannot start a process");
	pid = fork();
	if (pid == 0) {
		report = take_settings(spawn);
		send(ends[1], &report);
		_exit(EXIT_SUCCESS);
	}
	error = errno;
	close(ends[1]);
	n = pid < 0 ? 0 : read(ends[0], &report, sizeof(report));
	close(ends[0]);
	if (pid < 0)
		return fail(err, error, "cannot start a process");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return n == sizeof(report) && report.error ? refused(spawn, &report, err) : 0;
}
