/* What shared memory needs of maps besides their public functions. */
#ifndef MEM_MAP_H
#define MEM_MAP_H

#include "mem/ledger.h"

/* A map of a file whose descriptor belongs to it from now on, or is closed: also on an error. */
int plat__map_adopt(int fd, int flags, uint64_t offset, size_t size, struct plat__entry **ret);

/* plat_map_close of a map that is one, and of shared memory or not. */
int plat__map_close(struct plat_map *map, bool is_shm);

#endif
