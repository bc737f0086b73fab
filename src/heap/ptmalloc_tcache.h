/* A thread's cache: how one is known, and where threads have the variable that leads to it. */
#ifndef HEAP_PTMALLOC_TCACHE_H
#define HEAP_PTMALLOC_TCACHE_H

#include "heap/ptmalloc_parts.h"

/* What differs between versions. */
struct tcache_form {
	unsigned nbins, count_bytes;
	bool counts_room;
};

struct tcache {
	const struct tcache_form *form;
	plat_addr chunk;
	unsigned char bytes[76 * 2 + 76 * 8];
	unsigned nused; /* bins with blocks */
};

/* Bytes of its counts and heads. */
size_t tcache_bytes(const struct ptmalloc *heap, const struct tcache_form *form);

/* Whether a block can begin here; and whether one has the size of a cache. */
bool tcache_is_block(const struct ptmalloc *heap, plat_addr block);
bool tcache_is_as_large(struct ptmalloc *heap, plat_addr block, const struct tcache_form *form);

/*
 * Whether a block is a cache of this form, or where it is NULL of any, by the size of its chunk and
 * what it holds; which may be nothing, if that is allowed. *ret is written in any case.
 */
bool tcache_read(struct ptmalloc *heap, plat_addr block, const struct tcache_form *form,
		 bool may_be_empty, struct tcache *ret);

/*
 * A place of the variable, counted from the threads' descriptors, and of which form the caches are
 * that it leads to. What speaks for it are the bins with blocks; for one of empty caches, how many
 * there are.
 */
struct tcache_place {
	uint64_t offset; /* it wraps */
	const struct tcache_form *form;
	uint64_t votes;
	plat_addr first; /* cache, of the first thread that has one there */
};

/* The same for all threads; it also notes which arenas they are at. 0, or -ENOENT. */
int tcache_find_place(struct ptmalloc *heap, struct tcache_place *ret);

/* What a thread has there: its cache; 0 where nothing is known of it. */
plat_addr tcache_at(struct ptmalloc *heap, const struct thread *thread,
		    const struct tcache_place *place);

#endif
