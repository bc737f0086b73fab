/* What libplat-checked asks: the one function that the allocator exports for it. */
#ifndef PLAT_ALLOC_RANGES_H
#define PLAT_ALLOC_RANGES_H

#include <stddef.h>

/*
 * A fault if p lies where the allocator puts blocks, and the bytes from there on in no live one.
 * Addresses of others are not judged.
 */
void plat_check_range(const void *p, size_t bytes);

#endif
