#include "source/threads.h"

#include "base/list.h"
#include "source/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MOST 100000

static int read_file(const struct procdir *dir, int tid, const char *name, char **ret)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	return procdir_read(dir, path, 65536, ret, NULL);
}

static const char *why_no_sp(int r)
{
	switch (r) {
	case -EPERM:
	case -EACCES:
		return "not permitted";
	case -ENOENT:
		return "the kernel has no task/TID/syscall";
	default:
		return "the thread has ended";
	}
}

/* Fills in one thread; -ESRCH where it has ended. */
static int load_thread(const struct procdir *dir, const struct space *space, int tid,
		       struct thread *ret)
{
	struct thread thread = {
		.tid = tid,
		.inner_tid = tid,
		.is_main = tid == space->process.pid,
		.sp = UNKNOWN,
		.descriptor = UNKNOWN,
		.deepest = UNKNOWN,
	};
	char *text;
	int r = read_file(dir, tid, "stat", &text);

	if (r < 0)
		return -ESRCH;
	r = facts_thread_stat(&thread, text);
	free(text);
	if (r < 0)
		return -ESRCH;

	r = read_file(dir, tid, "syscall", &text);
	if (r < 0) {
		thread.sp_why = why_no_sp(r);
	} else {
		facts_thread_syscall(&thread, text);
		free(text);
	}
	if (space->process.inner_pid && space->process.inner_pid != space->process.pid &&
	    read_file(dir, tid, "status", &text) == 0) {
		thread.inner_tid = facts_inner_pid(text);
		free(text);
	}
	*ret = thread;
	return 0;
}

static bool goes_on(const struct procdir *dir, int tid)
{
	char *status, *stat;
	bool goes_on = false;

	if (read_file(dir, tid, "status", &status) < 0)
		return false;
	if (read_file(dir, tid, "stat", &stat) == 0) {
		goes_on = facts_thread_goes_on(status, stat);
		free(stat);
	}
	free(status);
	return goes_on;
}

int threads_survivor(const struct procdir *dir)
{
	size_t n, i;
	int *tids, found = 0;

	if (procdir_numbers(dir, "task", &tids, &n) < 0)
		return 0;
	for (i = 0; i < n && !found; i++)
		if (tids[i] != dir->pid && goes_on(dir, tids[i]))
			found = tids[i];
	free(tids);
	return found;
}

int threads_list(const struct procdir *dir, int (*take)(void *context, int tid), void *context)
{
	size_t n, i;
	int *tids, r = procdir_numbers(dir, "task", &tids, &n);

	if (r < 0)
		return r;
	for (i = 0; r == 0 && i < n; i++)
		r = take(context, tids[i]);
	free(tids);
	return r;
}

int threads_load(const struct procdir *dir, struct space *space)
{
	size_t n, i;
	int *tids, r = procdir_numbers(dir, "task", &tids, &n);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		space_why(&space->why.threads, "task: %s", strerror(-r));
		return 0;
	}
	for (i = 0; r == 0 && i < n && space->nthreads < THREADS_MOST; i++) {
		struct thread thread;

		if (load_thread(dir, space, tids[i], &thread) < 0)
			continue;
		r = list_reserve(&space->threads, &space->threads_room, space->nthreads, 1);
		if (r == 0)
			space->threads[space->nthreads++] = thread;
	}
	free(tids);
	return r;
}
