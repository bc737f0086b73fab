#include "source/procdir.h"

#include "base/list.h"
#include "source/core.h"
#include "source/snapshot.h"
#include "source/snapshot_scrub.h"
#include "source/snapshot_write.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINES_MOST 65536 /* bytes of a file of lines */

/*
 * In /proc/self/status NSpid has a number for each PID namespace from that of this procfs to ours
 * (Linux 4.1).
 */
static bool is_of_our_namespace(const struct procdir *dir)
{
	char numbers[64];

	procdir_root_line(dir, "self/status", "\nNSpid:", numbers, sizeof(numbers));
	return *numbers && strtol(numbers, NULL, 10) == getpid() && !strpbrk(numbers, " \t");
}

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
	dir.is_here = dir.live && is_of_our_namespace(&dir);
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
	snapshot_free(dir->snapshot);
	*dir = PROCDIR_CLOSED;
}

struct procdir procdir_of_core(struct core *core)
{
	struct procdir dir = PROCDIR_CLOSED;

	dir.core = core;
	dir.pid = core->pid;
	return dir;
}

struct procdir procdir_of_snapshot(struct snapshot *snapshot)
{
	struct procdir dir = PROCDIR_CLOSED;

	dir.snapshot = snapshot;
	dir.pid = snapshot_pid(snapshot);
	return dir;
}

const char *procdir_missing(const struct procdir *dir)
{
	return dir->core ? "a core does not hold it" : "the snapshot does not hold it";
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

/* While a snapshot is taken: what the kernel said, without what is nobody's business. */
static void note(const struct procdir *dir, enum answer_kind kind, const char *name, int r,
		 char *bytes, size_t size)
{
	if (!dir->answers)
		return;
	if (r == 0)
		size = snapshot_scrub(kind, name, bytes, size);
	snapshot_put_answer(dir->answers, kind, name, r, bytes, size);
}

/* As above, of a text that somebody else gets as it is. */
static int note_copy(const struct procdir *dir, enum answer_kind kind, const char *name, int r,
		     const char *bytes, size_t size)
{
	char *copy;

	if (!dir->answers)
		return 0;
	copy = malloc(size + 1);
	if (!copy)
		return -ENOMEM;
	if (r == 0)
		memcpy(copy, bytes, size);
	note(dir, kind, name, r, copy, size);
	free(copy);
	return 0;
}

static int read_noted(const struct procdir *dir, enum answer_kind kind, const char *name,
		      size_t most, char **ret, size_t *size)
{
	size_t got = 0;
	char *bytes = NULL;
	int r;

	if (dir->core)
		return -ENODATA;
	if (dir->snapshot)
		return snapshot_answer(dir->snapshot, kind, name, most, ret, size);
	r = read_at(kind == ANSWER_ROOT ? dir->root : dir->fd, name, most, &bytes, &got);
	if (note_copy(dir, kind, name, r, bytes, got) < 0) {
		free(bytes);
		return -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = bytes;
	if (size)
		*size = got;
	return 0;
}

int procdir_read(const struct procdir *dir, const char *name, size_t most, char **ret, size_t *size)
{
	return read_noted(dir, ANSWER_FILE, name, most, ret, size);
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
	return read_noted(dir, ANSWER_ROOT, name, most, ret, size);
}

int procdir_read_begin(const struct procdir *dir, const char *name, void *to, size_t size)
{
	char *bytes;
	size_t n;
	ssize_t got;
	int fd, r;

	if (dir->snapshot) {
		r = snapshot_answer(dir->snapshot, ANSWER_FILE, name, 4096, &bytes, &n);
		if (r == 0) {
			memcpy(to, bytes, n < size ? n : size);
			free(bytes);
		}
		return r;
	}
	fd = procdir_open_file(dir, name);
	got = fd < 0 ? 0 : pread(fd, to, size, 0);
	r = fd < 0 ? fd : got < 0 ? -errno : 0;
	note(dir, ANSWER_FILE, name, r, to, r < 0 ? 0 : (size_t)got);
	if (fd >= 0)
		close(fd);
	return r;
}

int procdir_open_file(const struct procdir *dir, const char *name)
{
	int fd;

	if (procdir_is_file(dir))
		return -ENODATA;
	fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int feed_from(const struct procdir *dir, int fd, char *bytes, size_t piece,
		     int (*take)(void *context, const char *bytes, size_t size), void *context)
{
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, bytes, piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (dir->answers)
			snapshot_put_bytes(dir->answers, bytes, (size_t)n);
		r = take(context, bytes, (size_t)n);
	}
	return r;
}

int procdir_feed(const struct procdir *dir, const char *name, size_t piece,
		 int (*take)(void *context, const char *bytes, size_t size), void *context)
{
	char *bytes;
	int fd, r;

	if (dir->snapshot)
		return snapshot_answer_pieces(dir->snapshot, ANSWER_FILE, name, take, context);
	fd = procdir_open_file(dir, name);
	bytes = malloc(piece);
	r = fd < 0 ? fd : bytes ? 0 : -ENOMEM;
	if (dir->answers)
		snapshot_begin_answer(dir->answers, ANSWER_FILE, name);
	if (r == 0)
		r = feed_from(dir, fd, bytes, piece, take, context);
	if (dir->answers)
		snapshot_end_answer(dir->answers, r < 0 ? r : 0);
	if (fd >= 0)
		close(fd);
	free(bytes);
	return r;
}

int procdir_link(const struct procdir *dir, const char *name, char *to, size_t size)
{
	char *text;
	ssize_t n;
	int r;

	if (dir->core)
		return -ENODATA;
	if (dir->snapshot) {
		r = snapshot_answer(dir->snapshot, ANSWER_LINK, name, 4096, &text, NULL);
		if (r < 0)
			return r;
		snprintf(to, size, "%s", text);
		free(text);
		return 0;
	}
	n = readlinkat(dir->fd, name, to, size - 1);
	r = n < 0 ? -errno : 0;
	to[n < 0 ? 0 : n] = '\0';
	note(dir, ANSWER_LINK, name, r, to, n < 0 ? 0 : (size_t)n);
	return r;
}

/*
 * Numbers in a folder.
 */

static int number_of(const char *name, char **end)
{
	long number = isdigit((unsigned char)name[0]) ? strtol(name, end, 10) : 0;

	return number > 0 && number <= INT32_MAX ? (int)number : 0;
}

struct numbers {
	int *items;
	size_t n, room;
};

static int add_number(struct numbers *numbers, int number)
{
	int r = list_reserve(&numbers->items, &numbers->room, numbers->n, 1);

	if (r == 0)
		numbers->items[numbers->n++] = number;
	return r;
}

static int list_folder(const struct procdir *dir, const char *name, struct numbers *numbers)
{
	int fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(folder)) != NULL) {
		char *end = NULL;
		int number = number_of(entry->d_name, &end);

		if (number && *end == '\0')
			r = add_number(numbers, number);
	}
	closedir(folder);
	return r;
}

static int list_answer(const struct procdir *dir, const char *name, struct numbers *numbers)
{
	char *text, *at, *end = NULL;
	int r = snapshot_answer(dir->snapshot, ANSWER_LIST, name, 16 << 20, &text, NULL);

	if (r < 0)
		return r;
	for (at = text; r == 0 && *at; at = end + 1) {
		int number = number_of(at, &end);

		if (!number || *end != '\n')
			break;
		r = add_number(numbers, number);
	}
	free(text);
	return r;
}

static void note_numbers(const struct procdir *dir, const char *name, int r,
			 const struct numbers *numbers)
{
	char line[16];
	size_t i;

	if (!dir->answers)
		return;
	snapshot_begin_answer(dir->answers, ANSWER_LIST, name);
	for (i = 0; i < numbers->n; i++)
		snapshot_put_bytes(dir->answers, line,
				   (size_t)snprintf(line, sizeof(line), "%d\n", numbers->items[i]));
	snapshot_end_answer(dir->answers, r);
}

int procdir_numbers(const struct procdir *dir, const char *name, int **ret, size_t *n)
{
	struct numbers numbers = {0};
	int r;

	if (dir->core)
		return -ENODATA;
	if (dir->snapshot) {
		r = list_answer(dir, name, &numbers);
	} else {
		r = list_folder(dir, name, &numbers);
		note_numbers(dir, name, r, &numbers);
	}
	if (r < 0) {
		free(numbers.items);
		return r;
	}
	*ret = numbers.items;
	*n = numbers.n;
	return 0;
}

/*
 * Files that are only looked at.
 */

static int stat_answer(const struct procdir *dir, const char *name, struct procdir_stat *ret)
{
	struct snapshot_stat st;
	char *bytes;
	size_t size;
	int r = snapshot_answer(dir->snapshot, ANSWER_STAT, name, sizeof(st), &bytes, &size);

	if (r < 0)
		return r;
	if (size == sizeof(st)) {
		memcpy(&st, bytes, sizeof(st));
		*ret = (struct procdir_stat){st.inode, st.file_system, st.mode};
	}
	free(bytes);
	return size == sizeof(st) ? 0 : -EIO;
}

static int stat_file(const struct procdir *dir, const char *name, struct procdir_stat *ret)
{
	struct statfs fs = {0};
	struct stat st;
	int fd, r;

	if (fstatat(dir->fd, name, &st, 0) < 0)
		return -errno;
	fd = openat(dir->fd, name, O_PATH | O_CLOEXEC);
	r = fd < 0 || fstatfs(fd, &fs) < 0;
	if (fd >= 0)
		close(fd);
	*ret = (struct procdir_stat){
		.inode = st.st_ino,
		.file_system = r ? 0 : (uint64_t)fs.f_type,
		.mode = st.st_mode,
	};
	return 0;
}

int procdir_stat(const struct procdir *dir, const char *name, struct procdir_stat *ret)
{
	struct snapshot_stat noted = {0};
	int r;

	if (dir->core)
		return -ENODATA;
	if (dir->snapshot)
		return stat_answer(dir, name, ret);
	r = stat_file(dir, name, ret);
	if (r == 0) {
		noted.inode = ret->inode;
		noted.file_system = ret->file_system;
		noted.mode = ret->mode;
	}
	note(dir, ANSWER_STAT, name, r, (char *)&noted, sizeof(noted));
	return r;
}
