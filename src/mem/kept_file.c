#include "mem/kept_file.h"

#include "mem/generation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `fd` is instead of a descriptor while another takes its place. */
#define BEING_CHANGED (-2)

static ssize_t read_from(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	if (n < 0)
		return -errno;
	to[n] = '\0';
	return n;
}

/* Another thread may be changing what is read here: then it fits neither file, or both are the
 * same. */
static bool is_file(const struct plat__kept_file *file, int fd)
{
	struct stat now;

	return fstat(fd, &now) == 0 &&
	       now.st_dev == __atomic_load_n(&file->device, __ATOMIC_RELAXED) &&
	       now.st_ino == __atomic_load_n(&file->inode, __ATOMIC_RELAXED);
}

static bool is_own(const struct plat__kept_file *file, int fd, uint32_t generation)
{
	return __atomic_load_n(&file->owner, __ATOMIC_RELAXED) == generation && is_file(file, fd);
}

/*
 * The new descriptor takes the place of the old one, which is closed only where it is still this
 * file: in the child of a fork it is; once a program has closed it, that number is somebody else's.
 * Who comes in between gets BEING_CHANGED, and reads from a descriptor of its own; so does for ever
 * the child of a fork that came in between.
 */
static void keep(struct plat__kept_file *file, int old, int fd, uint32_t generation)
{
	struct stat now;
	bool is_ours;

	if (old == BEING_CHANGED || fstat(fd, &now) < 0 ||
	    !__atomic_compare_exchange_n(&file->fd, &old, BEING_CHANGED, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		close(fd);
		return;
	}
	is_ours = old >= 0 && is_file(file, old);
	__atomic_store_n(&file->owner, generation, __ATOMIC_RELAXED);
	__atomic_store_n(&file->device, now.st_dev, __ATOMIC_RELAXED);
	__atomic_store_n(&file->inode, now.st_ino, __ATOMIC_RELAXED);
	__atomic_store_n(&file->fd, fd, __ATOMIC_RELEASE);
	if (is_ours)
		close(old);
}

ssize_t plat__kept_file_read(struct plat__kept_file *file, char *to, size_t size)
{
	int before = errno;
	uint32_t generation = plat__generation();
	int kept = __atomic_load_n(&file->fd, __ATOMIC_ACQUIRE);
	int fd = kept;
	ssize_t n;

	if (kept >= 0 && is_own(file, kept, generation)) {
		n = read_from(kept, to, size);
	} else {
		fd = open(file->path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -errno : read_from(fd, to, size);
		if (fd >= 0)
			keep(file, kept, fd, generation);
	}
	errno = before;
	return n;
}
