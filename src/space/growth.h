/* How far the parts of a space that grow still can, and what stops them first. */
#ifndef SPACE_GROWTH_H
#define SPACE_GROWTH_H

#include "space/space.h"

struct growth {
	uint64_t bytes;	   /* or UNKNOWN */
	char because[160]; /* what stops it, or why it is unknown */
};

/* The heap by brk. Linux mm/mmap.c brk: one page stays free below an ordinary mapping. */
struct growth growth_of_heap(const struct space *space);

/* The main stack. Linux mm: RLIMIT_STACK, and stack_guard_gap to an accessible neighbour. */
struct growth growth_of_stack(const struct space *space);

/* Any mapping that grows down; `lowest` is its lowest region. */
struct growth growth_downward(const struct space *space, size_t lowest);

/* The largest single mapping that a gap has room for. */
struct growth growth_of_mmap(const struct space *space);

#endif
