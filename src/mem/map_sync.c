/* What was written to a map goes to disk. */
#include "mem/range.h"
#include "mem/result.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * msync does for the range of the file what fdatasync does for all of it, journal and cache of the
 * disk included: Linux mm/msync.c calls vfs_fsync_range with datasync set.
 */
static int sync_pages(struct plat__pages pages)
{
	return pages.size && msync(pages.start, pages.size, MS_SYNC) < 0 ? -errno : 0;
}

static int sync_file(const struct plat__entry *entry)
{
	if (entry->fd < 0)
		return -EBADF;
	return fsync(entry->fd) < 0 ? -errno : 0;
}

int plat_map_sync(const struct plat_map *map, size_t at, size_t size, enum plat_sync what)
{
	const struct plat__entry *entry = plat__entry_with(map, at, &size);
	int before = errno, r;

	if (!entry || !entry->is_file || entry->sharing != MAP_SHARED)
		return -EINVAL;
	switch (what) {
	case PLAT_SYNC_DATA:
		r = sync_pages(plat__pages_touched(entry, at, size));
		break;
	case PLAT_SYNC_FILE:
		r = sync_file(entry);
		break;
	default:
		r = -EINVAL;
	}
	return plat__result(before, r);
}
