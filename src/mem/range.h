/* A part of a map, as callers name it and as the kernel wants it. */
#ifndef MEM_RANGE_H
#define MEM_RANGE_H

#include "mem/ledger.h"

/* Whose map it is; NULL if it is none, or the range does not lie in it. *size of PLAT_MAP_ALL is
 * what there is. */
struct plat__entry *plat__entry_with(const struct plat_map *map, size_t at, size_t *size);

/* Whole pages: all that the range touches, or those that lie in it. Of a size of 0 there are none.
 */
struct plat__pages {
	char *start;
	size_t size;
};
struct plat__pages plat__pages_touched(const struct plat__entry *entry, size_t at, size_t size);
struct plat__pages plat__pages_inside(const struct plat__entry *entry, size_t at, size_t size);

#endif
