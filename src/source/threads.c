#include "source/threads.h"

#include "base/list.h"
#include "source/facts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int tid_of(const char *name)
{
	char *end;
	long tid = isdigit((unsigned char)name[0]) ? strtol(name, &end, 10) : 0;

	return tid > 0 && tid <= INT32_MAX && *end == '\0' ? (int)tid : 0;
}

static DIR *open_tasks(const struct procdir *dir)
{
	int fd = openat(dir->fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder && fd >= 0)
		close(fd);
	return folder;
}

int threads_survivor(const struct procdir *dir)
{
	DIR *folder = open_tasks(dir);
	struct dirent *entry;
	int found = 0;

	while (folder && !found && (entry = readdir(folder)) != NULL) {
		struct thread thread;
		int tid = tid_of(entry->d_name);
		char *text;

		if (tid == 0 || tid == dir->pid || read_file(dir, tid, "stat", &text) < 0)
			continue;
		if (facts_thread_stat(&thread, text) == 0 && thread.state != 'Z' &&
		    thread.state != 'X')
			found = tid;
		free(text);
	}
	if (folder)
		closedir(folder);
	return found;
}

int threads_list(const struct procdir *dir, int (*take)(void *context, int tid), void *context)
{
	DIR *folder = open_tasks(dir);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return -errno;
	while (r == 0 && (entry = readdir(folder)) != NULL) {
		int tid = tid_of(entry->d_name);

		if (tid)
			r = take(context, tid);
	}
	closedir(folder);
	return r;
}

int threads_load(const struct procdir *dir, struct space *space)
{
	DIR *folder = open_tasks(dir);
	struct dirent *entry;
	int r = 0;

	if (!folder) {
		space_why(&space->why.threads, "task: %s", strerror(errno));
		return 0;
	}
	while ((entry = readdir(folder)) != NULL && space->nthreads < THREADS_MOST) {
		int tid = tid_of(entry->d_name);
		struct thread thread;

		if (tid == 0 || load_thread(dir, space, tid, &thread) < 0)
			continue;
		r = list_reserve(&space->threads, &space->threads_room, space->nthreads, 1);
		if (r < 0)
			break;
		space->threads[space->nthreads++] = thread;
	}
	closedir(folder);
	return r;
}
