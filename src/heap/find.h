/*
 * The allocators that are in a process, each opened by whoever can read it. There can be several:
 * ours beside that of the C library, which the dynamic linker or another namespace may still use.
 */
#ifndef HEAP_FIND_H
#define HEAP_FIND_H

#include "heap/allocator.h"
#include "heap/heap.h"

#define HEAPS_MOST 8 /* types */

struct heaps {
	struct allocator allocator; /* which one the program's calls lead to */

	/* Those that could be opened; the one in use is the first, where it is among them. */
	struct heap_reading *readings[HEAPS_MOST];
	size_t n;
	bool has_used;	  /* it is */
	struct error why; /* else why not, in a sentence; or "" */
};

/*
 * Finds and opens them. 0, and *ret is the caller's to heaps_close(), also where there is none;
 * -ENOMEM. The space and the reader must outlive it.
 */
int heaps_find(const struct space *space, struct reader *reader, struct heaps *ret) MUST_CHECK;
void heaps_close(struct heaps *heaps);

/* "glibc's malloc": whose it is. */
const char *heap_words(const struct heap_reading *heap);

/* The one of this type, or NULL. */
struct heap_reading *heaps_of(const struct heaps *heaps, const struct heap_type *type);

#endif
