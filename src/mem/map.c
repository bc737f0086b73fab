/* Maps are made and unmade here; every way to make one ends in make(). */
#include "mem/map.h"
#include "mem/extent.h"
#include "mem/lend.h"
#include "mem/result.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIGHTS (PLAT_MAP_SHARED | PLAT_MAP_PRIVATE)
#define EVERY (RIGHTS | PLAT_MAP_KEEP | PLAT_MAP_EXTEND | PLAT_MAP_SPARSE | PLAT_MAP_HUGE)

static bool go_together(int flags)
{
	if (flags & ~EVERY || (flags & RIGHTS) == RIGHTS)
		return false;
	return !(flags & PLAT_MAP_EXTEND) || flags & PLAT_MAP_SHARED;
}

static int protection_of(int flags)
{
	return flags & RIGHTS ? PROT_READ | PROT_WRITE : PROT_READ;
}

static int sharing_of(int flags)
{
	return flags & PLAT_MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
}

/* --- of files --- */

static int window_in(uint64_t length, uint64_t offset, size_t asked, size_t *ret)
{
	uint64_t end, rest;

	*ret = 0;
	if (asked != PLAT_MAP_ALL) {
		if (__builtin_add_overflow(offset, asked, &end) || end > INT64_MAX)
			return -EOVERFLOW;
		*ret = asked;
		return end > length ? -ERANGE : 0;
	}
	if (length == UINT64_MAX)
		return -EINVAL;
	if (offset > length)
		return -ERANGE;
	rest = length - offset;
	*ret = (size_t)rest;
	return rest >= PTRDIFF_MAX ? -EOVERFLOW : 0;
}

/* Asked before a file is made longer: what the kernel says then is not what mmap says. */
static bool reads_and_writes(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

/* The size of the window. 1: the file, which had this length, was made longer for it. */
static int find_window(const struct plat__entry *entry, size_t *ret, uint64_t *length)
{
	int r = plat__length(entry->fd, length);

	if (r < 0)
		return r;
	r = window_in(*length, entry->offset, entry->asked, ret);
	if (r != -ERANGE || !(entry->flags & PLAT_MAP_EXTEND))
		return r;
	if (!reads_and_writes(entry->fd))
		return -EACCES;
	return plat__lengthen(entry->fd, entry->offset + *ret, entry->flags & PLAT_MAP_SPARSE);
}

/*
 * Whether a file could be mapped if it were not empty: its rights are the same, and a file of
 * /proc, which is said to be empty, is told from one that is.
 */
static int try_empty(struct plat__entry *entry)
{
	uint64_t offset = entry->offset;
	int r;

	entry->offset = 0;
	r = plat__lend(entry, 1);
	if (r == 0)
		r = plat__give_back(entry);
	entry->offset = offset;
	return r;
}

/* What /proc says, and the others. */
static bool is_no_memory(int r)
{
	return r == -EIO || r == -ENODEV;
}

/* No window lies in what cannot be mapped at all, nor can it be made longer: that is said first. */
static int why_no_window(struct plat__entry *entry, int r)
{
	bool is_of_length = r == -ERANGE || r == -EOPNOTSUPP;

	return is_of_length && is_no_memory(try_empty(entry)) ? -ENODEV : r;
}

static int map_window(struct plat__entry *entry)
{
	uint64_t length;
	size_t size;
	int longer = find_window(entry, &size, &length), r;

	if (longer < 0)
		return why_no_window(entry, longer);
	r = size ? plat__lend(entry, size) : try_empty(entry);
	if (r < 0 && longer)
		plat__cut_back(entry->fd, length);
	return is_no_memory(r) ? -ENODEV : r;
}

/* Advice for a file may be refused; then it has none. */
static void advise_huge(struct plat__entry *entry)
{
	if (entry->flags & PLAT_MAP_HUGE && entry->base &&
	    madvise(entry->base, entry->mapped, MADV_HUGEPAGE) == 0)
		entry->huge = PLAT_HUGE_ADVISED;
}

/* The descriptor is the entry's from here on, also on an error. */
static int make_of_file(struct plat__entry *entry, int fd, int flags, uint64_t offset, size_t asked)
{
	entry->fd = fd;
	entry->flags = flags;
	entry->protection = protection_of(flags);
	entry->sharing = sharing_of(flags);
	entry->is_file = true;
	entry->asked = asked;
	entry->offset = offset;
	return offset > INT64_MAX ? -EOVERFLOW : map_window(entry);
}

/* What of a descriptor's life is whose. */
static void settle_descriptor(struct plat__entry *entry, bool is_ours)
{
	if (entry->flags & PLAT_MAP_KEEP)
		return;
	if (is_ours && entry->fd >= 0)
		close(entry->fd);
	entry->fd = -1;
}

static void undo(struct plat__entry *entry, bool is_ours)
{
	plat__give_back(entry);
	if (is_ours && entry->fd >= 0)
		close(entry->fd);
	plat__entry_free(entry);
}

/* `fd` is ours if it is to be closed, kept or not. */
static int make(int fd, bool is_ours, int flags, uint64_t offset, size_t asked,
		struct plat__entry **ret)
{
	struct plat__entry *entry;
	int r = plat__entry_new(&entry);

	if (r < 0) {
		if (is_ours)
			close(fd);
		return r;
	}
	r = make_of_file(entry, fd, flags, offset, asked);
	if (r < 0) {
		undo(entry, is_ours);
		return r;
	}
	advise_huge(entry);
	settle_descriptor(entry, is_ours);
	*ret = entry;
	return 0;
}

static int tell(int r, const struct plat__entry *entry, struct plat_map *ret)
{
	if (r == 0)
		plat__entry_tell(entry, ret);
	return r;
}

/* O_NONBLOCK: opening a FIFO, or a device, waits for somebody else. It is not for what follows. */
static int open_to_map(int dirfd, const char *path, int flags)
{
	int access = flags & PLAT_MAP_SHARED ? O_RDWR : O_RDONLY;
	int fd = openat(dirfd, path, access | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENXIO ? -ENODEV : -errno; /* a socket, or a device that is gone */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int plat__map_adopt(int fd, int flags, uint64_t offset, size_t size, struct plat__entry **ret)
{
	return make(fd, true, flags, offset, size, ret);
}

static int map_of(int fd, int flags, uint64_t offset, size_t size, struct plat__entry **ret)
{
	if (fd < 0)
		return -EBADF;
	if (!(flags & PLAT_MAP_KEEP))
		return make(fd, false, flags, offset, size, ret);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : plat__map_adopt(fd, flags, offset, size, ret);
}

int plat_map_open(int dirfd, const char *path, int flags, uint64_t offset, size_t size,
		  struct plat_map *ret)
{
	int before = errno, fd, r;
	struct plat__entry *entry;

	if (!go_together(flags))
		return -EINVAL;
	fd = open_to_map(dirfd, path, flags);
	r = fd < 0 ? fd : plat__map_adopt(fd, flags, offset, size, &entry);
	return plat__result(before, r < 0 ? r : tell(r, entry, ret));
}

int plat_map_fd(int fd, int flags, uint64_t offset, size_t size, struct plat_map *ret)
{
	int before = errno, r;
	struct plat__entry *entry;

	if (!go_together(flags))
		return -EINVAL;
	r = map_of(fd, flags, offset, size, &entry);
	return plat__result(before, r < 0 ? r : tell(r, entry, ret));
}

/* --- of memory --- */

static bool suits_memory(int flags)
{
	return go_together(flags) && flags & RIGHTS && !(flags & (PLAT_MAP_KEEP | PLAT_MAP_EXTEND));
}

static int make_of_memory(size_t size, int flags, struct plat_map *ret)
{
	struct plat__entry *entry;
	int r = plat__entry_new(&entry);

	if (r < 0)
		return r;
	entry->flags = flags;
	entry->protection = protection_of(flags);
	entry->sharing = sharing_of(flags);
	r = plat__lend(entry, size);
	if (r < 0)
		plat__entry_free(entry);
	else
		plat__entry_tell(entry, ret);
	return r;
}

int plat_map_memory(size_t size, int flags, struct plat_map *ret)
{
	int before = errno;

	if (!suits_memory(flags))
		return -EINVAL;
	return plat__result(before, make_of_memory(size, flags, ret));
}

/* --- and of nothing --- */

static bool is_none(const struct plat_map *map)
{
	return !map->data && !map->size && !map->offset && !map->token;
}

int plat__map_close(struct plat_map *map, bool is_shm)
{
	struct plat__entry *entry = plat__entry_of(map);
	int r;

	if (!entry || entry->is_shm != is_shm || !plat__entry_close(map))
		return -EINVAL;
	r = plat__give_back(entry);
	if (r < 0) {
		plat__entry_reopen(entry);
		return r;
	}
	if (entry->fd >= 0)
		close(entry->fd);
	plat__entry_free(entry);
	/* The token stays, so that a second time is seen. */
	map->data = NULL;
	map->size = 0;
	map->offset = 0;
	return 0;
}

int plat_map_close(struct plat_map *map)
{
	int before = errno;

	return is_none(map) ? 0 : plat__result(before, plat__map_close(map, false));
}

int plat_map_descriptor(const struct plat_map *map)
{
	const struct plat__entry *entry = plat__entry_of(map);

	if (!entry)
		return -EINVAL;
	return entry->fd < 0 ? -EBADF : entry->fd;
}

int plat_map_huge(const struct plat_map *map)
{
	const struct plat__entry *entry = plat__entry_of(map);

	return entry ? (int)entry->huge : -EINVAL;
}
