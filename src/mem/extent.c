#include "mem/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/fs.h, which not every C library can include. */
#ifndef BLKGETSIZE64
#define BLKGETSIZE64 _IOR(0x12, 114, size_t)
#endif

int plat__length(int fd, uint64_t *ret)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return -errno;
	if (S_ISREG(file.st_mode))
		*ret = (uint64_t)file.st_size;
	else if (S_ISBLK(file.st_mode))
		return ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
	else if (S_ISCHR(file.st_mode))
		*ret = UINT64_MAX;
	else
		return S_ISDIR(file.st_mode) ? -EISDIR : -ENODEV;
	return 0;
}

/* fallocate may have come some of the way before it failed. */
static void cut_back(int fd, off_t length)
{
	struct stat file;

	/* What cannot be cut back stays longer, with nothing behind its old end. */
	if (fstat(fd, &file) == 0 && file.st_size > length && ftruncate(fd, length) < 0)
		return;
}

/* posix_fallocate of glibc would write a byte to each block where the file system cannot do it,
 * while others write there. */
static int set_aside(int fd, off_t from, off_t to)
{
	int r;

	do
		r = fallocate(fd, 0, from, to - from) < 0 ? -errno : 0;
	while (r == -EINTR);
	if (r < 0)
		cut_back(fd, from);
	return r;
}

int plat__lengthen(int fd, uint64_t length, bool is_sparse)
{
	struct stat file;
	int r;

	if (fstat(fd, &file) < 0)
		return -errno;
	if (length <= (uint64_t)file.st_size)
		return 0;
	if (!S_ISREG(file.st_mode))
		return -ERANGE;
	if (length > INT64_MAX)
		return -EOVERFLOW;
	if (is_sparse)
		r = ftruncate(fd, (off_t)length) < 0 ? -errno : 0;
	else
		r = set_aside(fd, file.st_size, (off_t)length);
	return r < 0 ? r : 1;
}
