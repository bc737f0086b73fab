#include "stepper.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#define EVENT_STOP 128 /* PTRACE_EVENT_STOP, which not all headers have */

static bool is_stop(int status)
{
	return WIFSTOPPED(status) && (status >> 16) == EVENT_STOP;
}

/* A signal that comes in between is let through, but for the trap of an instruction. */
static bool await(pid_t thread)
{
	int status, signal;

	for (;;) {
		if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
			return false;
		if (is_stop(status))
			return true;
		signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		ptrace(PTRACE_CONT, thread, NULL, (void *)(intptr_t)signal);
	}
}

static bool seize(struct stepper *stepper, pid_t thread)
{
	if (stepper->n == LOG_THREADS_MOST || ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
		return false;
	ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
	if (!await(thread))
		return false;
	stepper->threads[stepper->n++] = thread;
	return true;
}

/* No thread begins or ends meanwhile: workers make theirs at the start. */
bool stepper_begin(struct stepper *stepper, pid_t process)
{
	char path[32];
	struct dirent *entry;
	DIR *dir;

	*stepper = (struct stepper){0};
	snprintf(path, sizeof(path), "/proc/%d/task", process);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && !seize(stepper, atoi(entry->d_name)))
			break;
	closedir(dir);
	return !entry && stepper->n;
}

/* In a system call that waits for something: what stands behind the name in its stat. */
static bool sleeps(pid_t thread)
{
	char path[32], text[128] = "", *name_end;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", thread);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = 0;
	name_end = strrchr(text, ')');
	return name_end && strncmp(name_end, ") S", 3) == 0;
}

bool stepper_step(struct stepper *stepper, unsigned thread)
{
	pid_t tid = stepper->threads[thread];
	int status = 0;

	/* What waits for a lock goes on by itself once somebody gives it away. */
	if (!stepper->is_waiting[thread])
		ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL);
	/* One alone waits for nobody: who asks it again and again would only keep it from running.
	 */
	while (waitpid(tid, &status, __WALL | (stepper->n > 1 ? WNOHANG : 0)) == 0) {
		if (stepper->is_waiting[thread] || sleeps(tid)) {
			stepper->is_waiting[thread] = true;
			return false;
		}
		sched_yield();
	}
	stepper->is_waiting[thread] = false;
	return WIFSTOPPED(status);
}

/*
 * Who waits is woken by the others when these go on, and traps then: a lock is handed to one after
 * the other, so that each must be let go as soon as it comes.
 */
void stepper_end(struct stepper *stepper)
{
	const struct timespec moment = {.tv_nsec = 100000};
	unsigned i, nleft = stepper->n;

	while (nleft) {
		for (i = 0; i < stepper->n; i++) {
			pid_t tid = stepper->threads[i];

			if (!tid ||
			    (stepper->is_waiting[i] && waitpid(tid, NULL, __WALL | WNOHANG) == 0))
				continue;
			ptrace(PTRACE_DETACH, tid, NULL, NULL);
			stepper->threads[i] = 0;
			nleft--;
		}
		if (nleft)
			nanosleep(&moment, NULL);
	}
	stepper->n = 0;
}
