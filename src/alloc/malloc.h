/* The family's inner functions, for the exported ones. */
#ifndef PLAT_ALLOC_MALLOC_H
#define PLAT_ALLOC_MALLOC_H

#include "alloc/fault.h"
#include "alloc/state.h"

#include <stdbool.h>

/* NULL and ENOMEM: there is no memory, or more is wanted than PTRDIFF_MAX. */
void *plat__malloc(size_t bytes);
void *plat__calloc(size_t bytes);
/* alignment: a power of two. */
void *plat__aligned(size_t alignment, size_t bytes);
/* p is not NULL and bytes not 0. On failure the block is as it was. */
void *plat__realloc(void *p, size_t bytes);
void plat__free(void *p);
/* The same by the long way, after every other one has failed. */
void plat__free_checked(void *p);
/* The same; a fault if the block's requested size is another one. */
void plat__free_sized(void *p, size_t bytes);
/* A fault if it is a live block, but no such alignment, or not the block's. */
void plat__check_alignment(const void *p, size_t alignment);
/* The block's requested size; of what is no block, 0 and a fault. */
size_t plat__usable(void *p);

/* Where an address lies. */
struct found {
	struct slab *slab;
	uintptr_t start; /* of the slot, or of the block that stands alone */
	uint32_t slot;
	bool is_live;
	bool is_start;
	size_t size; /* as requested */
};

/* false: in no slab of ours. */
bool plat__find(const void *p, struct found *ret);

/*
 * Gives back what is free, but pad bytes; true if something went, if only from one part of the
 * allocator to another.
 */
bool plat__trim(size_t pad);
/* The same; true if the kernel got something back. */
bool plat__purge(size_t pad);

#endif
