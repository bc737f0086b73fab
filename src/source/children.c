/*
 * task/TID/children would be quicker, but not every kernel has it, it misses children while others
 * end, and a captured tree may hold only stat: so all processes are listed once.
 */
#include "source/children.h"

#include "base/list.h"
#include "source/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MOST (1 << 22) /* Linux include/linux/threads.h PID_MAX_LIMIT */

struct census {
	struct descendant *all; /* every process, in order of parents and numbers */
	size_t nall, all_room;
	struct descendant *tree; /* the result */
	size_t ntree, tree_room;
	size_t *path; /* of the process under way and its ancestors: where in `all` to go on */
	size_t npath, path_room;
};

static int pid_of(const char *name)
{
	int pid = 0;

	if (*name < '1' || *name > '9')
		return 0;
	for (; *name >= '0' && *name <= '9'; name++)
		if (__builtin_mul_overflow(pid, 10, &pid) ||
		    __builtin_add_overflow(pid, *name - '0', &pid))
			return 0;
	return *name ? 0 : pid;
}

/* What stat says of a process. 0 or -ESRCH where it is gone or cannot be understood. */
static int read_process(const struct procdir *dir, int pid, struct descendant *ret)
{
	struct space space;
	char name[32], *text;
	int r;

	snprintf(name, sizeof(name), "%d/stat", pid);
	if (procdir_read_root(dir, name, 65536, &text, NULL) < 0)
		return -ESRCH;
	space_init(&space);
	r = facts_stat(&space, text);
	free(text);
	if (r == 0)
		*ret = (struct descendant){.pid = pid,
					   .ppid = space.process.ppid,
					   .start_time = space.process.start_time};
	space_fini(&space);
	return r < 0 ? -ESRCH : 0;
}

static int list_all(const struct procdir *dir, struct census *census)
{
	int fd = openat(dir->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(folder)) != NULL && census->nall < PROCESSES_MOST) {
		int pid = pid_of(entry->d_name);
		struct descendant one;

		if (pid == 0 || read_process(dir, pid, &one) < 0)
			continue;
		r = list_reserve(&census->all, &census->all_room, census->nall, 1);
		if (r == 0)
			census->all[census->nall++] = one;
	}
	closedir(folder);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct descendant *left = a, *right = b;

	if (left->ppid != right->ppid)
		return left->ppid < right->ppid ? -1 : 1;
	return (left->pid > right->pid) - (left->pid < right->pid);
}

/* The first process whose parent is `ppid`, or one with a larger parent. */
static size_t first_child(const struct census *census, int ppid)
{
	size_t low = 0, high = census->nall;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (census->all[middle].ppid < ppid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Appends a process, and makes its children the next to come. */
static int enter(struct census *census, struct descendant one)
{
	int r = list_reserve(&census->tree, &census->tree_room, census->ntree, 1);

	if (r == 0)
		r = list_reserve(&census->path, &census->path_room, census->npath, 1);
	if (r < 0)
		return r;
	one.depth = (unsigned)census->npath;
	census->tree[census->ntree++] = one;
	census->path[census->npath++] = first_child(census, one.pid);
	return 0;
}

/*
 * Each process has one parent, so that the walk meets none twice, unless the first one descends
 * from itself: a captured tree can say so, and a number given away between two reads.
 */
static int walk(struct census *census, struct descendant first)
{
	size_t *parents = NULL, parents_room = 0;
	int r = list_reserve(&parents, &parents_room, 0, census->nall + 1);

	if (r == 0)
		r = enter(census, first);
	if (r == 0)
		parents[0] = 0;
	while (r == 0 && census->npath) {
		size_t *next = &census->path[census->npath - 1];
		const struct descendant *parent = &census->tree[parents[census->npath - 1]];

		if (*next == census->nall || census->all[*next].ppid != parent->pid) {
			census->npath--;
			continue;
		}
		if (census->all[*next].pid == first.pid) {
			++*next;
			continue;
		}
		r = enter(census, census->all[(*next)++]);
		if (r == 0)
			parents[census->npath - 1] = census->ntree - 1;
	}
	free(parents);
	return r;
}

int children_find(const struct procdir *dir, struct descendant **ret, size_t *n, struct error *err)
{
	struct census census = {0};
	struct descendant first;
	int r = read_process(dir, dir->pid, &first);

	if (r < 0)
		return fail(err, r, "%d: the process is gone", dir->pid);
	r = list_all(dir, &census);
	if (r == 0) {
		qsort(census.all, census.nall, sizeof(*census.all), compare);
		r = walk(&census, first);
	}
	free(census.all);
	free(census.path);
	if (r < 0) {
		free(census.tree);
		return fail(err, -r, "%d: cannot list its children", dir->pid);
	}
	*ret = census.tree;
	*n = census.ntree;
	return 0;
}
