/*
 * Named shared memory. An object is made as a file without a name (O_TMPFILE), and linked to its
 * name when it is ready; the kernel lets one link succeed. All who find a name wait for a lock on
 * what it leads to, and then look whether it still does: whoever removes a name holds that lock
 * alone.
 */
#include "../include/plat/shm.h"
#include "mem/extent.h"
#include "mem/map.h"
#include "mem/result.h"
#include "mem/shm_hold.h"
#include "mem/shm_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVERY                                                                                      \
	(PLAT_SHM_CREATE | PLAT_SHM_EXCLUSIVE | PLAT_SHM_READ | PLAT_SHM_TEMPORARY |               \
	 PLAT_SHM_OWN | PLAT_SHM_SPARSE)

/* What is to be opened, and how. */
struct request {
	int folder;
	const char *name;
	int flags;
	const struct plat_shm_new *how;
};

static bool go_together(int flags, const struct plat_shm_new *how)
{
	if (flags & ~EVERY)
		return false;
	if (flags & PLAT_SHM_CREATE)
		return !(flags & PLAT_SHM_READ) && how && how->size > 0;
	return !(flags & PLAT_SHM_EXCLUSIVE);
}

/* --- one that is there --- */

/* The name is free again, unless it has become another's. */
static void remove_name(int folder, const char *name, int fd)
{
	if (plat__shm_is_named(folder, name, fd))
		unlinkat(folder, name, 0);
}

/* Of PLAT_SHM_TEMPORARY: whether the last who had it open is gone, without having said so. */
static bool is_left_behind(const struct request *request, int fd)
{
	if (!(request->flags & PLAT_SHM_TEMPORARY))
		return false;
	if (request->flags & PLAT_SHM_READ)
		return !plat__shm_is_held(fd);
	return plat__shm_hold_alone(fd);
}

static int judge(const struct request *request, int fd)
{
	struct stat file;

	if (request->flags & PLAT_SHM_EXCLUSIVE)
		return -EEXIST;
	if (fstat(fd, &file) < 0)
		return -errno;
	if (request->flags & PLAT_SHM_OWN && file.st_uid != geteuid())
		return -EPERM;
	if (request->how && (uint64_t)file.st_size < request->how->size)
		return -ERANGE;
	return 0;
}

/* -ESTALE: the name stands for another object by now, or for none. */
static int hold(const struct request *request, int fd)
{
	int r;

	if (is_left_behind(request, fd)) {
		if (request->flags & PLAT_SHM_READ)
			return -ENOENT;
		remove_name(request->folder, request->name, fd);
		/* Who may not remove it would find it for ever. */
		return plat__shm_is_named(request->folder, request->name, fd) ? -EACCES : -ESTALE;
	}
	r = plat__shm_hold(fd);
	if (r < 0)
		return r;
	return plat__shm_is_named(request->folder, request->name, fd) ? judge(request, fd)
								      : -ESTALE;
}

/* A descriptor that holds it. */
static int open_there(const struct request *request)
{
	int access = request->flags & PLAT_SHM_READ ? O_RDONLY : O_RDWR, fd, r;

	for (;;) {
		fd = plat__shm_open_at(request->folder, request->name, access);
		if (fd < 0)
			return fd;
		r = hold(request, fd);
		if (r == 0)
			return fd;
		close(fd);
		if (r != -ESTALE)
			return r;
	}
}

/* --- a new one --- */

/* Nothing to do is tried, too: what we cannot map does not get a name. */
static int prepare(int fd, const struct plat_shm_new *how)
{
	void *data;
	int r = 0;

	if (how->size >= PTRDIFF_MAX)
		return -EOVERFLOW;
	data = mmap(NULL, how->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	if (how->prepare)
		r = how->prepare(data, how->size, how->arg);
	munmap(data, how->size);
	return r;
}

/* By its descriptor, which needs a privilege before Linux 6.10, else by the link in /proc. */
static int link_to_name(const struct request *request, int fd)
{
	char path[32];

	if (linkat(fd, "", request->folder, request->name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, request->folder, request->name, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

static int make_ready(const struct request *request, int fd)
{
	const struct plat_shm_new *how = request->how;
	int r = fchmod(fd, how->mode) < 0 ? -errno : 0;

	if (r == 0)
		r = plat__lengthen(fd, how->size, request->flags & PLAT_SHM_SPARSE);
	if (r >= 0)
		r = prepare(fd, how);
	if (r >= 0)
		r = plat__shm_hold(fd); /* before it has a name, so that nobody finds it unheld */
	return r < 0 ? r : link_to_name(request, fd);
}

/*
 * What was opened without a name has none in /proc/PID/maps for ever. So it is opened once more;
 * where that is not possible, by its mode or since somebody has already removed it, the first
 * descriptor does.
 */
static int open_by_name(const struct request *request, int fd)
{
	int named = plat__shm_open_at(request->folder, request->name, O_RDWR);

	if (named < 0)
		return fd;
	if (plat__shm_is_named(request->folder, request->name, fd) && plat__shm_hold(named) == 0 &&
	    plat__shm_is_named(request->folder, request->name, named)) {
		close(fd);
		return named;
	}
	close(named);
	return fd;
}

static int make_new(const struct request *request)
{
	int fd = openat(request->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0), r;

	if (fd < 0)
		return errno == EISDIR ? -EOPNOTSUPP : -errno;
	r = make_ready(request, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return open_by_name(request, fd);
}

/* --- either --- */

/* *ret is a descriptor that holds the object. 1: it is new. */
static int find_or_make(const struct request *request, int *ret)
{
	bool is_mine = request->flags & PLAT_SHM_EXCLUSIVE;
	int fd;

	for (;;) {
		/* A temporary one that nobody holds any more is in nobody's way. */
		fd = is_mine && !(request->flags & PLAT_SHM_TEMPORARY) ? -ENOENT
								       : open_there(request);
		if (fd >= 0 || fd != -ENOENT || !(request->flags & PLAT_SHM_CREATE)) {
			*ret = fd;
			return fd < 0 ? fd : 0;
		}
		fd = make_new(request);
		if (fd != -EEXIST || is_mine) {
			*ret = fd;
			return fd < 0 ? fd : 1;
		}
	}
}

static int map_flags(int flags)
{
	return PLAT_MAP_KEEP | (flags & PLAT_SHM_READ ? PLAT_MAP_READ : PLAT_MAP_SHARED) |
	       (flags & PLAT_SHM_SPARSE ? PLAT_MAP_SPARSE : 0);
}

static int open_and_map(const struct request *request, struct plat_shm *ret)
{
	struct plat__entry *entry;
	int fd, is_new = find_or_make(request, &fd), r;

	if (is_new < 0)
		return is_new;
	r = plat__map_adopt(fd, map_flags(request->flags), 0, PLAT_MAP_ALL, &entry);
	if (r < 0)
		return r;
	entry->is_shm = true;
	entry->is_temporary = request->flags & PLAT_SHM_TEMPORARY;
	plat__entry_tell(entry, &ret->map);
	ret->name[0] = '/';
	memmove(ret->name + 1, request->name, strlen(request->name) + 1);
	return is_new;
}

static int shm_open_as(const char *name, int flags, const struct plat_shm_new *how,
		       struct plat_shm *ret)
{
	struct request request = {-1, NULL, flags, how};
	int r = plat__shm_name(name, &request.name);

	if (r < 0)
		return r;
	request.folder = plat__shm_folder();
	if (request.folder < 0)
		return request.folder;
	r = open_and_map(&request, ret);
	close(request.folder);
	return r;
}

int plat_shm_open(const char *name, int flags, const struct plat_shm_new *how, struct plat_shm *ret)
{
	int before = errno;

	if (!go_together(flags, how))
		return -EINVAL;
	return plat__result(before, shm_open_as(name, flags, how, ret));
}

/* --- closing --- */

/* Another description of the same object, which does not hold it; negative: it cannot be had. */
static int open_again(int folder, const char *name, const struct plat__entry *entry)
{
	int fd = plat__shm_open_at(folder, name, O_RDWR);

	if (fd >= 0 && !plat__shm_is_named(folder, name, entry->fd)) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/*
 * Our own hold has to be gone before it is seen whether others' are left; a child of ours has the
 * same one, and would not be seen by a lock that only became another. Of two that are the last, one
 * finds nobody, because each lets go before it looks.
 */
static int close_temporary(struct plat_shm *shm, const struct plat__entry *entry, const char *name)
{
	int folder = plat__shm_folder();
	int again = folder < 0 ? folder : open_again(folder, name, entry);
	int r = plat__map_close(&shm->map, true);

	if (r == 0 && again >= 0 && plat__shm_hold_alone(again))
		remove_name(folder, name, again);
	if (again >= 0)
		close(again);
	if (folder >= 0)
		close(folder);
	return r;
}

static bool is_none(const struct plat_shm *shm)
{
	return !shm->map.data && !shm->map.size && !shm->map.token;
}

int plat_shm_close(struct plat_shm *shm)
{
	const struct plat__entry *entry = plat__entry_of(&shm->map);
	int before = errno, r;
	const char *name;

	if (is_none(shm))
		return 0;
	if (!entry || !entry->is_shm)
		return -EINVAL;
	if (entry->is_temporary && plat__shm_name(shm->name, &name) == 0)
		r = close_temporary(shm, entry, name);
	else
		r = plat__map_close(&shm->map, true);
	return plat__result(before, r);
}

static int remove_named(const char *name)
{
	int r = plat__shm_name(name, &name), folder;

	if (r < 0)
		return r;
	folder = plat__shm_folder();
	if (folder < 0)
		return folder;
	r = unlinkat(folder, name, 0) < 0 ? -errno : 0;
	close(folder);
	return r;
}

int plat_shm_unlink(const char *name)
{
	int before = errno;

	return plat__result(before, remove_named(name));
}
