#include "mem/shm_name.h"
#include "mem/shm_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MOST 254

int plat__shm_name(const char *name, const char **ret)
{
	const char *rest = name + 1;

	if (name[0] != '/' || !*rest || strchr(rest, '/') || strcmp(rest, ".") == 0 ||
	    strcmp(rest, "..") == 0)
		return -EINVAL;
	if (strlen(rest) > NAME_MOST)
		return -ENAMETOOLONG;
	*ret = rest;
	return 0;
}

/* Both glibc's and musl's shm_open know this folder only. */
int plat__shm_folder(void)
{
	int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Who is about to remove an object may hold a lease on it for that moment (shm_list.c). */
static int open_unleased(int folder, const char *name, int access)
{
	int flags = access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, fd;
	unsigned nturns = 0;

	while (fd = openat(folder, name, flags), fd < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (!plat__shm_wait(&nturns))
			return -EBUSY;
	}
	return fd;
}

int plat__shm_open_at(int folder, const char *name, int access)
{
	int fd = open_unleased(folder, name, access);
	struct stat file;

	if (fd < 0)
		return fd == -ENXIO ? -ENODEV : fd;
	if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
		return fd;
	close(fd);
	return -ENODEV;
}

bool plat__shm_is_named(int folder, const char *name, int fd)
{
	struct stat named, open;

	return fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open) == 0 &&
	       named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}
