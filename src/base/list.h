/*
 * A list that grows: three fields in the caller's struct, and one function.
 *
 *	struct region *regions;		the elements
 *	size_t nregions;		how many are in use
 *	size_t regions_room;		how many there is room for
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

#include "base/compiler.h"

/*
 * Makes room for `more` elements of `size` bytes behind the `count` that are in use. `*items` may
 * move. Returns 0, or -ENOMEM with nothing changed.
 */
int list_reserve_bytes(void **items, size_t *room, size_t count, size_t more,
		       size_t size) MUST_CHECK;

#define list_reserve(items, room, count, more)                                                     \
	list_reserve_bytes((void **)(items), (room), (count), (more), sizeof(**(items)))

#endif
