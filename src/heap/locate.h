/* What allocators have at one address. */
#ifndef HEAP_LOCATE_H
#define HEAP_LOCATE_H

#include "heap/find.h"

struct heap_location {
	const char
		*allocator; /* that holds it, as in heap_type.name; NULL: none that can be read */
	bool has_block;	    /* the address is the block's, or of what it keeps from others */
	struct block block;
	char arena[ARENA_NAME_SIZE]; /* or "" */
	int tid;		     /* of the thread whose the arena is; or 0 */
	struct shelf shelf;	     /* of a block that is not live */
};

/* Walks until it is found. 0 or -ENOMEM. */
int heap_locate(const struct heaps *heaps, plat_addr addr, struct heap_location *ret) MUST_CHECK;

#endif
