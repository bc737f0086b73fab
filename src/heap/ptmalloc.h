/*
 * Reads the heap of glibc's malloc in a process, without symbols: what stands in memory leads to
 * all, and must agree with what else stands there. docs/heap-layouts.md has the drawings.
 *
 * The process may run meanwhile, and may be hostile: what does not fit is counted, shown as
 * unknown, and the walk goes on behind it.
 */
#ifndef HEAP_PTMALLOC_H
#define HEAP_PTMALLOC_H

#include "heap/heap.h"

/*
 * Its arenas are the main one, number 1, the further ones in the order in which they were made, and
 * last the blocks with mappings of their own. Its classes are of chunks: up to 128 bytes each size
 * is one, above there are four to a doubling; `stride` is the largest chunk of the class. Blocks
 * with mappings of their own are the class "mapping".
 *
 * `size` of a block is what the program can use; what it asked for is nowhere written down. A block
 * keeps one word more from others. What glibc itself has inside its heaps, headers, fences and the
 * threads' caches, is slack of the arena.
 */
extern const struct heap_type ptmalloc_type;

#endif
