#include "mem/range.h"

struct plat__entry *plat__entry_with(const struct plat_map *map, size_t at, size_t *size)
{
	struct plat__entry *entry = plat__entry_of(map);

	if (!entry || at > entry->size)
		return NULL;
	if (*size == PLAT_MAP_ALL)
		*size = entry->size - at;
	return *size <= entry->size - at ? entry : NULL;
}

/* A mapping begins and ends with a unit, so rounding does not lead out of it. */
static size_t down(const struct plat__entry *entry, size_t distance)
{
	return distance & ~(entry->unit - 1);
}

static size_t up(const struct plat__entry *entry, size_t distance)
{
	return down(entry, distance + entry->unit - 1);
}

static struct plat__pages pages(const struct plat__entry *entry, size_t start, size_t end)
{
	struct plat__pages pages = {entry->base, 0};

	if (entry->base && start < end) {
		pages.start = entry->base + start;
		pages.size = end - start;
	}
	return pages;
}

struct plat__pages plat__pages_touched(const struct plat__entry *entry, size_t at, size_t size)
{
	size_t start = (size_t)(entry->data - entry->base) + at;

	return size ? pages(entry, down(entry, start), up(entry, start + size))
		    : pages(entry, 0, 0);
}

struct plat__pages plat__pages_inside(const struct plat__entry *entry, size_t at, size_t size)
{
	size_t start = (size_t)(entry->data - entry->base) + at;

	return pages(entry, up(entry, start), down(entry, start + size));
}
