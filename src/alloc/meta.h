/*
 * Memory for the allocator's own state, apart from every block. It is handed out in lines of 64
 * bytes, reads as zeros, and is never given back to the kernel: whoever holds an old pointer into
 * it finds a descriptor, perhaps a newer one, and never a hole.
 */
#ifndef PLAT_ALLOC_META_H
#define PLAT_ALLOC_META_H

#include <stddef.h>

#include "alloc/state.h"

#define META_LINE 64

/* Lines of zeros, or NULL when the kernel gives no memory. */
void *plat__meta_take(size_t bytes);

/* Makes sure that some of it is there. */
int plat__meta_init(void);

/* All blocks of it, the newest first. */
extern struct meta_block *plat__meta_blocks;

/* Bytes that the kernel lent for it. */
extern size_t plat__meta_lent;
size_t plat__meta_bytes(void);

#endif
