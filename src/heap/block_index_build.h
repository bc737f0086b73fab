/* Between blocks.c, which puts blocks in order, and block_index.c, which takes them in order. */
#ifndef HEAP_BLOCK_INDEX_BUILD_H
#define HEAP_BLOCK_INDEX_BUILD_H

#include "heap/block_index.h"

/*
 * A block behind all that were added. One that begins before their last, or with it, is counted as
 * left out. 0 or -ENOMEM.
 */
int block_index_append(struct block_index *index, const struct block_entry *block) MUST_CHECK;

/* No more blocks will come. 0 or -ENOMEM. */
int block_index_seal(struct block_index *index) MUST_CHECK;

#endif
