/*
 * Where the file system can, the file has no name until it is whole: a plat that is killed leaves
 * nothing. Else it has one that begins with a dot.
 */
#include "source/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TRIES 100

static int check_target(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return fail(err, -EEXIST, "%s: is there and no regular file: it is not replaced",
			    path);
	return 0;
}

/* A name in the same folder, so that it can be renamed. */
static char *name_beside(const char *path, unsigned number)
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash + 1 - path) : 0;
	char *name;

	return asprintf(&name, "%.*s.%s.%d-%u", length, path, slash ? slash + 1 : path,
			(int)getpid(), number) < 0
		       ? NULL
		       : name;
}

static int open_beside(struct new_file *file)
{
	unsigned i;

	for (i = 0; i < NAME_TRIES; i++) {
		file->temporary = name_beside(file->path, i);
		if (!file->temporary)
			return -ENOMEM;
		file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (file->fd >= 0)
			return 0;
		free(file->temporary);
		file->temporary = NULL;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int open_nameless(struct new_file *file)
{
	const char *slash = strrchr(file->path, '/');
	char *folder = slash ? strndup(file->path, (size_t)(slash + 1 - file->path)) : strdup(".");

	if (!folder)
		return -ENOMEM;
	file->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(folder);
	if (file->fd >= 0)
		return 0;
	/* File systems without O_TMPFILE. */
	return errno == EOPNOTSUPP || errno == EISDIR ? open_beside(file) : -errno;
}

static int give_name(struct new_file *file)
{
	char self[32];
	unsigned i;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	for (i = 0; !file->temporary && i < NAME_TRIES; i++) {
		file->temporary = name_beside(file->path, i);
		if (!file->temporary)
			return -ENOMEM;
		if (linkat(AT_FDCWD, self, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0)
			break;
		free(file->temporary);
		file->temporary = NULL;
		if (errno != EEXIST)
			return -errno;
	}
	if (!file->temporary)
		return -EEXIST;
	return rename(file->temporary, file->path) < 0 ? -errno : 0;
}

int new_file_open(const char *path, struct new_file *ret, struct error *err)
{
	struct new_file file = {.fd = -1};
	int r = check_target(path, err);

	if (r < 0)
		return r;
	file.path = strdup(path);
	r = file.path ? open_nameless(&file) : -ENOMEM;
	if (r < 0) {
		new_file_abandon(&file);
		return fail(err, -r, "%s: cannot be written", path);
	}
	*ret = file;
	return 0;
}

int new_file_keep(struct new_file *file, struct error *err)
{
	int r = give_name(file);

	if (r < 0)
		return fail(err, -r, "%s: cannot be written", file->path);
	free(file->temporary); /* it has become the path */
	file->temporary = NULL;
	return 0;
}

void new_file_abandon(struct new_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	if (file->fd >= 0)
		close(file->fd);
	free(file->temporary);
	free(file->path);
	*file = (struct new_file){.fd = -1};
}
