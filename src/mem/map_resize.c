/* Maps become longer and shorter, with their file or after it. */
#include "mem/extent.h"
#include "mem/lend.h"
#include "mem/result.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* A window of a fixed size is of this size from now on. */
static void ask_for(struct plat__entry *entry, size_t size)
{
	if (entry->asked != PLAT_MAP_ALL)
		entry->asked = size;
}

static int cut(const struct plat__entry *entry, uint64_t end, uint64_t length)
{
	return length > end && ftruncate(entry->fd, (off_t)end) < 0 ? -errno : 0;
}

/* A device cannot be made longer, and what one without a length has behind the map nobody knows. */
static int make_room(const struct plat__entry *entry, uint64_t end, uint64_t length)
{
	if (length == UINT64_MAX)
		length = entry->offset + entry->size;
	if (end <= length)
		return 0;
	return plat__lengthen(entry->fd, end, entry->flags & PLAT_MAP_SPARSE);
}

/* The file first: a map must not be longer than its file, not even for a moment. */
static int lengthen_and_lend(struct plat__entry *entry, size_t size, uint64_t end, bool stays)
{
	uint64_t length;
	int r = plat__length(entry->fd, &length), longer;

	if (r < 0)
		return r;
	longer = make_room(entry, end, length);
	if (longer < 0)
		return longer;
	r = plat__lend_again(entry, size, stays);
	if (r < 0 && longer)
		plat__cut_back(entry->fd, length);
	return r;
}

static bool may_be_cut(const struct plat__entry *entry)
{
	int seals = fcntl(entry->fd, F_GET_SEALS);

	return seals < 0 || !(seals & F_SEAL_SHRINK);
}

/*
 * What is cut off is lost: what can fail comes before it. A map that grows may get no memory, and
 * one that becomes smaller cannot fail any more.
 */
static int resize_and_cut(struct plat__entry *entry, size_t size, uint64_t end, bool stays)
{
	size_t old_size = entry->size;
	uint64_t length;
	int r = plat__length(entry->fd, &length), moved;

	if (r == 0 && length > end && !may_be_cut(entry))
		r = -EPERM;
	if (r == 0 && size <= old_size)
		r = cut(entry, end, length);
	if (r < 0)
		return r;
	moved = lengthen_and_lend(entry, size, end, stays);
	if (moved < 0 || size <= old_size)
		return moved;
	r = cut(entry, end, length);
	if (r < 0)
		plat__lend_again(entry, old_size, true);
	return r < 0 ? r : moved;
}

static int resize_shared(struct plat__entry *entry, size_t size, uint64_t end, int flags)
{
	bool stays = flags & PLAT_RESIZE_STAY;

	if (flags & PLAT_RESIZE_CUT)
		return resize_and_cut(entry, size, end, stays);
	return lengthen_and_lend(entry, size, end, stays);
}

static int resize_within(struct plat__entry *entry, size_t size, uint64_t end, int flags)
{
	uint64_t length;
	int r = plat__length(entry->fd, &length);

	if (r < 0)
		return r;
	if (length < end)
		return -ERANGE;
	return plat__lend_again(entry, size, flags & PLAT_RESIZE_STAY);
}

static int resize_with_file(struct plat__entry *entry, size_t size, int flags)
{
	uint64_t end;
	int r;

	if (entry->fd < 0)
		return -EBADF;
	if (size > PTRDIFF_MAX || __builtin_add_overflow(entry->offset, size, &end) ||
	    end > INT64_MAX)
		return -EOVERFLOW;
	if (entry->flags & PLAT_MAP_SHARED)
		r = resize_shared(entry, size, end, flags);
	else
		r = resize_within(entry, size, end, flags);
	if (r >= 0)
		ask_for(entry, size);
	return r;
}

static bool suits(const struct plat__entry *entry, int flags)
{
	if (flags & ~(PLAT_RESIZE_STAY | PLAT_RESIZE_CUT))
		return false;
	return !(flags & PLAT_RESIZE_CUT) || (entry->is_file && entry->flags & PLAT_MAP_SHARED);
}

int plat_map_resize(struct plat_map *map, size_t size, int flags)
{
	struct plat__entry *entry = plat__entry_of(map);
	int before = errno, r;

	if (!entry || !suits(entry, flags))
		return -EINVAL;
	if (entry->is_file)
		r = resize_with_file(entry, size, flags);
	else
		r = plat__lend_again(entry, size, flags & PLAT_RESIZE_STAY);
	/* Also on an error: a file that cannot be cut after all may have moved its map. */
	plat__entry_tell(entry, map);
	return plat__result(before, r);
}

/* --- after the file --- */

static int refresh(struct plat__entry *entry)
{
	uint64_t length, rest;
	int r = plat__length(entry->fd, &length);

	if (r < 0)
		return r;
	rest = length > entry->offset ? length - entry->offset : 0;
	if (rest > entry->asked)
		rest = entry->asked;
	if (rest > PTRDIFF_MAX)
		return -EOVERFLOW;
	return plat__lend_again(entry, (size_t)rest, false);
}

int plat_map_refresh(struct plat_map *map)
{
	struct plat__entry *entry = plat__entry_of(map);
	int before = errno, r;

	if (!entry)
		return -EINVAL;
	if (entry->fd < 0)
		return -EBADF;
	r = refresh(entry);
	plat__entry_tell(entry, map);
	return plat__result(before, r);
}
