#include "mem/extent.h"

#include "mem/told.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

/* linux/fs.h, which not every C library can include. */
#ifndef BLKGETSIZE64
#define BLKGETSIZE64 _IOR(0x12, 114, size_t)
#endif
/* linux/magic.h, likewise. */
#define TMPFS_MAGIC 0x01021994

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

void plat__cut_back(int fd, uint64_t length)
{
	struct stat file;

	if (fstat(fd, &file) == 0 && (uint64_t)file.st_size > length &&
	    ftruncate(fd, (off_t)length) < 0)
		return;
}

static bool is_memory(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/* What can be had without killing anybody; UINT64_MAX where nobody tells. */
static uint64_t memory_left(void)
{
	char text[4096];
	uint64_t kib;

	plat__told_read("/proc/meminfo", text, sizeof(text));
	kib = plat__told_number(text, "MemAvailable:");
	return kib ? (kib + plat__told_number(text, "SwapFree:")) * 1024 : UINT64_MAX;
}

/*
 * tmpfs takes pages until its own limit, which may be all memory, or of a memfd until there are no
 * more; then the kernel kills processes. Linux mm/util.c __vm_enough_memory refuses a mapping that
 * is plainly too large, but is not asked about files. What is free is asked for first, as it is
 * most of the time enough, and a single call. What control groups leave is not asked for: to find
 * them takes the mounts, and files of each level, every time; the kernel kills there.
 */
static bool is_too_much(int fd, uint64_t bytes)
{
	struct sysinfo info;

	if (!is_memory(fd) || sysinfo(&info) < 0)
		return false;
	return bytes / info.mem_unit >= info.freeram && bytes > memory_left();
}

/* posix_fallocate of glibc would write a byte to each block where the file system cannot do it,
 * while others write there. */
static int set_aside(int fd, off_t from, off_t to)
{
	int r;

	if (is_too_much(fd, (uint64_t)(to - from)))
		return -ENOMEM;
	do
		r = fallocate(fd, 0, from, to - from) < 0 ? -errno : 0;
	while (r == -EINTR);
	if (r < 0)
		plat__cut_back(fd, (uint64_t)from); /* it may have come some of the way */
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
