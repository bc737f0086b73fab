#include "source/files.h"

#include "source/core.h"
#include "source/core_files.h"
#include "source/snapshot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Opens a regular file if it is the one with this inode. Looks before it opens: devices react. */
static int open_same(const struct procdir *dir, const char *path, uint64_t inode)
{
	struct stat st;
	int fd;

	if (fstatat(dir->fd, path, &st, 0) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_ino != inode)
		return -ENOENT;
	fd = openat(dir->fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != inode) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* The file by its name as we see it: who may not follow the process's root can often read /usr. */
static int open_ours(const struct file *file)
{
	struct stat st;
	int fd;

	if (stat(file->name, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_ino != file->inode ||
	    st.st_dev != makedev(file->major, file->minor))
		return -ENOENT;
	fd = open(file->name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_ino != file->inode ||
	    st.st_dev != makedev(file->major, file->minor)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

int files_open(const struct procdir *dir, const struct space *space, const struct region *region)
{
	const struct file *file = region_file(space, region);
	char path[4200];
	plat_addr start, end;
	int fd;

	if (dir->core)
		return core_file_open(&dir->core->reader, space, region);
	if (dir->snapshot)
		return snapshot_file_open(dir, space, region);
	if (!file || !dir->live || file->name[0] != '/')
		return -ENOENT;
	if (!file->deleted) {
		snprintf(path, sizeof(path), "root%s", file->name);
		fd = open_same(dir, path, file->inode);
		if (fd >= 0)
			return fd;
	}
	/* Needs CAP_CHECKPOINT_RESTORE, and then reaches deleted and replaced files too. */
	space_mapping_range(space, (size_t)(region - space->regions), &start, &end);
	snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64, start, end);
	fd = open_same(dir, path, file->inode);
	if (fd >= 0 || file->deleted)
		return fd;
	return open_ours(file);
}

bool files_on_hugetlbfs(const struct procdir *dir, const struct space *space, size_t i)
{
	plat_addr start, end;
	char path[64];
	struct procdir_stat st;

	space_mapping_range(space, i, &start, &end);
	snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64, start, end);
	return procdir_stat(dir, path, &st) == 0 && st.file_system == HUGETLBFS_MAGIC;
}

static int read_file(struct file_reader *reader, const struct space *space,
		     const struct region *region, uint64_t offset, void *to, size_t size)
{
	const struct files *files = (const struct files *)reader;
	int fd = files_open(files->dir, space, region);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = offset > INT64_MAX ? -1 : pread(fd, to, size, (off_t)offset);
	close(fd);
	return n == (ssize_t)size ? 0 : -ENOEXEC;
}

void files_init(struct files *files, const struct procdir *dir)
{
	*files = (struct files){.reader = {.read = read_file}, .dir = dir};
}

/* Whether the file is there under this name, and what it is. */
static bool look(const struct procdir *dir, const struct file *file, const char *suffix,
		 struct procdir_stat *ret)
{
	char path[4200];

	if (file->name[0] != '/')
		return false;
	snprintf(path, sizeof(path), "root%s%s", file->name, suffix);
	return procdir_stat(dir, path, ret) == 0 && ret->inode == file->inode;
}

/* A name may really end in " (deleted)": then the file is there under it. */
static void undelete(struct file *file)
{
	char *name;

	if (asprintf(&name, "%s (deleted)", file->name) < 0)
		return;
	free(file->name);
	file->name = name;
	file->deleted = false;
}

/* The devices of file systems of huge pages, from "ID PARENT MAJOR:MINOR ... - hugetlbfs ...". */
static bool is_on_hugetlbfs(const char *mountinfo, const struct file *file)
{
	char device[32];
	const char *line = mountinfo;

	snprintf(device, sizeof(device), " %u:%u ", file->major, file->minor);
	while (line && *line) {
		const char *end = strchr(line, '\n');
		size_t length = end ? (size_t)(end - line) : strlen(line);

		if (memmem(line, length, " - hugetlbfs ", 13) &&
		    memmem(line, length, device, strlen(device)))
			return true;
		line = end ? end + 1 : NULL;
	}
	return false;
}

void files_identify(const struct procdir *dir, struct space *space)
{
	char *mountinfo = NULL;
	bool asked = false;
	size_t i;

	for (i = 0; i < space->nfiles; i++) {
		struct file *file = &space->files[i];
		struct procdir_stat st;

		if (file->type == FILE_ORDINARY && file->deleted &&
		    look(dir, file, " (deleted)", &st))
			undelete(file);
		if (file->type == FILE_DEVICE && look(dir, file, "", &st) && S_ISREG(st.mode))
			file->type = FILE_ORDINARY;
		/*
		 * File systems without a device have major 0, and few programs map files of them.
		 */
		if (file->type != FILE_ORDINARY || file->major != 0 || file->name[0] != '/')
			continue;
		if (!asked && procdir_read(dir, "mountinfo", 1 << 20, &mountinfo, NULL) < 0)
			mountinfo = NULL;
		asked = true;
		if (mountinfo && is_on_hugetlbfs(mountinfo, file))
			file->type = FILE_HUGETLB;
	}
	free(mountinfo);
}
