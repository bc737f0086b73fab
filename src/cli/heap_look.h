/* A process's allocator, found and opened: what plat heap, doctor and run look through. */
#ifndef CLI_HEAP_LOOK_H
#define CLI_HEAP_LOOK_H

#include "heap/allocator.h"
#include "heap/own.h"
#include "source/content.h"

struct heap_look {
	struct content content;
	struct allocator allocator;
	bool has_own; /* plat's malloc, read through `own`; else `why` says what is instead */
	struct own own;
	uint32_t module;  /* whose it is */
	struct error why; /* a sentence without the PID */
	int *tids;	  /* of heaps, by number; NULL: nothing was found out */
};

/*
 * 0, and *ret is the caller's to close, also where the process uses another allocator; -errno with
 * a sentence where its memory cannot be read. The content stays where *ret is.
 */
int heap_look_open(const struct procdir *dir, const struct space *space, struct heap_look *ret,
		   struct error *err) MUST_CHECK;
void heap_look_close(struct heap_look *look);

/* Which thread has which heap: a heap's address stands in its thread's own memory. */
void heap_look_threads(struct heap_look *look, const struct space *space);

#endif
