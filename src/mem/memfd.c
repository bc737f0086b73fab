/* Shared memory without a name, and seals. */
#include "../include/plat/shm.h"
#include "mem/extent.h"
#include "mem/map.h"
#include "mem/result.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* linux/memfd.h, since 6.3; newer than some headers. */
#define LINUX_NOEXEC_SEAL 8u
#define LINUX_EXEC 16u

static_assert(PLAT_SEAL_SEAL == F_SEAL_SEAL && PLAT_SEAL_SHRINK == F_SEAL_SHRINK &&
		      PLAT_SEAL_GROW == F_SEAL_GROW && PLAT_SEAL_WRITE == F_SEAL_WRITE,
	      "seals have the kernel's numbers");

/* An older kernel refuses flags that it does not know; there all memory can be executed. */
static int make_memfd(const char *name, int flags)
{
	unsigned common = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(
		name, common | (flags & PLAT_SHM_EXECUTABLE ? LINUX_EXEC : LINUX_NOEXEC_SEAL));

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, common);
	return fd < 0 ? -errno : fd;
}

static int map_flags(int flags)
{
	return PLAT_MAP_SHARED | PLAT_MAP_KEEP | (flags & PLAT_SHM_SPARSE ? PLAT_MAP_SPARSE : 0);
}

static int make_memory(const char *name, size_t size, int flags, struct plat_map *ret)
{
	int fd = make_memfd(name, flags), r;
	struct plat__entry *entry;

	if (fd < 0)
		return fd;
	r = plat__lengthen(fd, size, flags & PLAT_SHM_SPARSE);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = plat__map_adopt(fd, map_flags(flags), 0, PLAT_MAP_ALL, &entry);
	if (r == 0)
		plat__entry_tell(entry, ret);
	return r;
}

int plat_shm_memory(const char *name, size_t size, int flags, struct plat_map *ret)
{
	int before = errno;

	if (flags & ~(PLAT_SHM_SPARSE | PLAT_SHM_EXECUTABLE))
		return -EINVAL;
	return plat__result(before, make_memory(name, size, flags, ret));
}

/* --- seals --- */

/*
 * Puts a map of other rights in the place of the one that is there. A private one to read shows the
 * same, and is none that could write, now or by mprotect.
 */
static int map_over(const struct plat__entry *entry, int protection, int sharing)
{
	off_t offset = (off_t)(entry->offset - (uint64_t)(entry->data - entry->base));

	if (entry->base && mmap(entry->base, entry->mapped, protection, sharing | MAP_FIXED,
				entry->fd, offset) == MAP_FAILED)
		return -errno;
	return 0;
}

static int add_seals(const struct plat__entry *entry, int seals)
{
	return fcntl(entry->fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

static void now_to_read(struct plat__entry *entry)
{
	entry->protection = PROT_READ;
	entry->flags &= ~PLAT_MAP_SHARED;
}

static int seal_and_read(struct plat__entry *entry, int seals)
{
	int r = map_over(entry, PROT_READ, MAP_PRIVATE);

	if (r == 0)
		r = add_seals(entry, seals);
	/* Where it cannot be put back, it is at least known for what it is. */
	if (r == 0 || map_over(entry, entry->protection, MAP_SHARED) < 0)
		now_to_read(entry);
	return r;
}

int plat_shm_seal(struct plat_map *map, int seals)
{
	struct plat__entry *entry = plat__entry_of(map);
	int before = errno, r;

	if (!entry)
		return -EINVAL;
	if (entry->fd < 0)
		return -EBADF;
	if (seals & PLAT_SEAL_WRITE && entry->sharing == MAP_SHARED)
		r = seal_and_read(entry, seals);
	else
		r = add_seals(entry, seals);
	return plat__result(before, r);
}

int plat_shm_seals(int fd)
{
	int before = errno, seals = fcntl(fd, F_GET_SEALS);

	return plat__result(before, seals < 0 ? -errno : seals);
}
