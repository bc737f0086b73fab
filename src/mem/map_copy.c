/* A map is read and written, or brought into memory, with an error where there would be a signal.
 */
#include "mem/copy.h"
#include "mem/range.h"
#include "mem/result.h"

#include <errno.h>
#include <sys/mman.h>

/* linux/mman.h, since 5.14; newer than some headers. */
enum { LINUX_POPULATE_READ = 22, LINUX_POPULATE_WRITE = 23 };

/* A size is exact here: PLAT_MAP_ALL would tell nobody how much was copied. */
static struct plat__entry *entry_with(const struct plat_map *map, size_t at, size_t size)
{
	return size == PLAT_MAP_ALL ? NULL : plat__entry_with(map, at, &size);
}

int plat_map_read(const struct plat_map *map, size_t at, void *to, size_t size)
{
	const struct plat__entry *entry = entry_with(map, at, size);
	int before = errno;

	if (!entry)
		return -EINVAL;
	return plat__result(before, size ? plat__copy(to, entry->data + at, size) : 0);
}

int plat_map_write(const struct plat_map *map, size_t at, const void *from, size_t size)
{
	const struct plat__entry *entry = entry_with(map, at, size);
	int before = errno;

	if (!entry || !(entry->protection & PROT_WRITE))
		return -EINVAL;
	return plat__result(before, size ? plat__copy(entry->data + at, from, size) : 0);
}

/* --- populate --- */

static void write_to_each(char *start, size_t size, size_t page)
{
	size_t at;

	/* Nothing changes, whoever else writes there. */
	for (at = 0; at < size; at += page)
		__atomic_fetch_or(start + at, 0, __ATOMIC_RELAXED);
}

static int populate_by_hand(const struct plat__entry *entry, struct plat__pages pages, bool writes)
{
	if (entry->is_file || !writes)
		return plat__touch(pages.start, pages.size, entry->unit);
	write_to_each(pages.start, pages.size, entry->unit);
	return 0;
}

static int populate(const struct plat__entry *entry, struct plat__pages pages, bool writes)
{
	int advice = writes ? LINUX_POPULATE_WRITE : LINUX_POPULATE_READ, r;

	if (!pages.size || madvise(pages.start, pages.size, advice) == 0)
		return 0;
	r = -errno;
	if (r == -EINVAL && madvise(pages.start, 0, advice) < 0)
		return populate_by_hand(entry, pages, writes);
	return r;
}

int plat_map_populate(const struct plat_map *map, size_t at, size_t size, enum plat_populate how)
{
	const struct plat__entry *entry = plat__entry_with(map, at, &size);
	bool writes = how == PLAT_POPULATE_WRITE;
	int before = errno;

	if (!entry || (!writes && how != PLAT_POPULATE_READ) ||
	    (writes && !(entry->protection & PROT_WRITE)))
		return -EINVAL;
	return plat__result(before, populate(entry, plat__pages_touched(entry, at, size), writes));
}
