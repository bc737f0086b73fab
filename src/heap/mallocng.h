/*
 * Reads the heap of musl from 1.2.1 on, the allocator that is called mallocng.
 *
 * It needs no symbols: the allocator's state is known by what it holds, and every list of it is
 * reached from there. docs/heap-layouts.md has the drawings.
 *
 *     a group    | header | slot 0 | slot 1 | ... | slot n-1 |	  n <= 32 of one class
 *                    '--> meta, which has the masks of free slots, and leads back
 *
 * What was asked for is written down in each slot, so sizes are exact. No slot is set aside for a
 * thread: none is cached, those that are handed out next are free like all others. Nothing can be
 * trimmed: a group goes back to the kernel with its last block, at once, and no call gives back
 * more; `returnable` is never called.
 *
 * Arenas: all groups, and the blocks that have mappings of their own. Classes: the 48 of musl, by
 * number, and "mapping".
 *
 * A block in the middle of a call of malloc, realloc or free is unknown, and counts as unsteady;
 * groups with more such ones than threads can have in hand are damage.
 */
#ifndef HEAP_MALLOCNG_H
#define HEAP_MALLOCNG_H

#include "heap/heap.h"

extern const struct heap_type mallocng_type;

#endif
