/*
 * Reads the heap of musl up to 1.2.0, and of later ones that were configured so: oldmalloc.
 *
 *     | - 1 | size 1 | ... | 1 size 1 | size 0 | next prev | size 0 | size 1 | ... | size 1 | 0 1 |
 *      begin  in use ......  in use ..  free ..............           in use ......         end
 *
 * Chunks follow each other from the beginning of a region to its end mark; each has its size at
 * both ends. No list of regions is kept: they are searched where the allocator can have put them,
 * behind the start of the break, in anonymous mappings, and in the gaps that the dynamic linker
 * gives away. So are large blocks, which have mappings of their own. docs/heap-layouts.md has the
 * drawings.
 *
 * Nobody writes down what was asked for: sizes are those that can be used. No chunk is set aside
 * for a thread, so none is cached, and there is nothing to trim: `returnable` is never called.
 *
 * Arenas: all regions, and the blocks that have mappings of their own. Classes: the 64 bins that a
 * chunk of this size is of, "mapping", and "region", which is what regions have beside chunks.
 *
 * A chunk in the middle of a call of malloc, realloc or free is unknown, and counts as unsteady;
 * more such ones than threads can have under way are damage. The walk goes on behind damage, with
 * the next chunks that agree with each other.
 */
#ifndef HEAP_OLDMALLOC_H
#define HEAP_OLDMALLOC_H

#include "heap/heap.h"

extern const struct heap_type oldmalloc_type;

#endif
