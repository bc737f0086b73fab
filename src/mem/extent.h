/* How long files are, and how they become so. */
#ifndef MEM_EXTENT_H
#define MEM_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How many bytes the file has; UINT64_MAX of a device without length. -EISDIR a directory, -ENODEV
 * what has no bytes to map.
 */
int plat__length(int fd, uint64_t *ret);

/*
 * Makes a file as long as that, if it is shorter: then 1. Blocks are set aside unless it is to be
 * sparse. On an error it is as long as it was; -ENOMEM: of tmpfs, it is more than there is memory.
 */
int plat__lengthen(int fd, uint64_t length, bool is_sparse);

/* A file that was made longer for nothing is as long as before. What cannot be cut stays longer,
 * with nothing behind its old end. */
void plat__cut_back(int fd, uint64_t length);

#endif
