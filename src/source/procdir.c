#include "source/procdir.h"

#include "source/core.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINES_MOST 65536 /* bytes of a file of lines */

int procdir_open(const char *root, int pid, struct procdir *ret, struct error *err)
{
	struct procdir dir = {.root = -1, .fd = -1, .pid = pid};
	struct statfs fs;
	char name[16];
	int r;

	dir.root = open(root ? root : "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir.root < 0)
		return fail(err, errno, "%s: cannot open it", root ? root : "/proc");
	dir.live = fstatfs(dir.root, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;

	snprintf(name, sizeof(name), "%d", pid);
	dir.fd = openat(dir.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir.fd < 0) {
		r = errno == ENOENT ? ESRCH : errno;
		close(dir.root);
		if (r == ESRCH)
			return fail(err, -ESRCH, "%d: there is no such process%s%s", pid,
				    root ? " in " : "", root ? root : "");
		return fail(err, r, "%d: cannot open its folder in /proc", pid);
	}
	*ret = dir;
	return 0;
}

void procdir_close(struct procdir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	if (dir->root >= 0)
		close(dir->root);
	core_free(dir->core);
	*dir = PROCDIR_CLOSED;
}

struct procdir procdir_of_core(struct core *core)
{
	struct procdir dir = PROCDIR_CLOSED;

	dir.core = core;
	dir.pid = core->pid;
	return dir;
}

static int read_all(int fd, size_t most, char **ret, size_t *size)
{
	size_t used = 0, room = 4096;
	char *data = malloc(room + 1);
	ssize_t n;

	if (!data)
		return -ENOMEM;
	while ((n = read(fd, data + used, room - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			free(data);
			return r;
		}
		used += (size_t)n;
		if (used > most) {
			free(data);
			return -EFBIG;
		}
		if (used == room) {
			char *moved = realloc(data, room * 2 + 1);

			if (!moved) {
				free(data);
				return -ENOMEM;
			}
			data = moved;
			room *= 2;
		}
	}
	data[used] = '\0';
	*ret = data;
	if (size)
		*size = used;
	return 0;
}

static int read_at(int dir, const char *name, size_t most, char **ret, size_t *size)
{
	/* A captured tree may hold anything: O_NONBLOCK so that a pipe cannot hold us up. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, most, ret, size);
	close(fd);
	return r;
}

int procdir_read(const struct procdir *dir, const char *name, size_t most, char **ret, size_t *size)
{
	return dir->core ? -ENODATA : read_at(dir->fd, name, most, ret, size);
}

static void find_value(const char *text, const char *name, char *to, size_t size)
{
	const char *at = strstr(text, name);

	if (!at)
		return;
	at += strlen(name);
	at += strspn(at, "\t ");
	snprintf(to, size, "%.*s", (int)strcspn(at, "\n"), at);
}

void procdir_line(const struct procdir *dir, const char *file, const char *name, char *to,
		  size_t size)
{
	char *text;

	*to = '\0';
	if (procdir_read(dir, file, LINES_MOST, &text, NULL) < 0)
		return;
	find_value(text, name, to, size);
	free(text);
}

void procdir_root_line(const struct procdir *dir, const char *file, const char *name, char *to,
		       size_t size)
{
	char *text;

	*to = '\0';
	if (procdir_read_root(dir, file, LINES_MOST, &text, NULL) < 0)
		return;
	find_value(text, name, to, size);
	free(text);
}

int procdir_read_root(const struct procdir *dir, const char *name, size_t most, char **ret,
		      size_t *size)
{
	return dir->core ? -ENODATA : read_at(dir->root, name, most, ret, size);
}

int procdir_open_file(const struct procdir *dir, const char *name)
{
	int fd;

	if (dir->core)
		return -ENODATA;
	fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
