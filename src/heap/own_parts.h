/* What the files of own.c share. */
#ifndef HEAP_OWN_PARTS_H
#define HEAP_OWN_PARTS_H

#include "heap/own.h"

#include <errno.h>

/* Counts a contradiction; the first one is kept in words. */
void own_say_broken(struct own *own, plat_addr at, const char *what);

/* Reads the heaps and their windows anew, and makes the arenas. 0 or -ENOMEM. */
int own_read_heaps(struct own *own) MUST_CHECK;

/* Finds the threads whose the arenas are. 0 or -ENOMEM. */
int own_find_threads(struct own *own) MUST_CHECK;

/* Arenas of what belongs to no thread. */
static inline uint32_t own_arena_shared(const struct own *own)
{
	return (uint32_t)own->nheaps;
}

static inline uint32_t own_arena_alone(const struct own *own)
{
	return (uint32_t)own->nheaps + 1;
}

/* Tells the visitor where the allocator's own state lies. 0, or what it returned. */
int own_show_states(struct own *own, const struct heap_visitor *visitor) MUST_CHECK;

/* The first window from this address on. */
size_t own_window_from(const struct own *own, plat_addr base);

/* A walk under way. */
struct own_walk {
	struct own *own;
	const struct heap_visitor *visitor;
	plat_addr covered;		/* granules below this belong to a slab that was taken */
	plat_addr free_start, free_end; /* free granules that were not yet shown */
	unsigned char *tags;		/* of a slab; and a bit for each cached slot */
	size_t tags_room;
	unsigned char *cached;
	size_t cached_room;
};

/* What the map says of a granule. */
struct own_granule {
	plat_addr start;
	plat_addr entry; /* where the map says it */
	plat_addr slab;	 /* and what */
};

/* Takes the slab, if the granule is its first one. 0, what a visitor returned, -ENOMEM. */
int own_take_slab(struct own_walk *walk, const struct own_granule *granule) MUST_CHECK;

/* Shows a range, and a block if its state is wanted. */
int own_show_range(const struct own_walk *walk, plat_addr start, plat_addr end) MUST_CHECK;
int own_show_block(const struct own_walk *walk, const struct block *block) MUST_CHECK;
/* Nothing happens where there is nothing between start and end. */
int own_show_returnable(const struct own_walk *walk, uint32_t arena, plat_addr start,
			plat_addr end) MUST_CHECK;

#endif
