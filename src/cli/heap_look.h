/* A process's allocators, found and opened: what plat heap, doctor, profile and run look through.
 */
#ifndef CLI_HEAP_LOOK_H
#define CLI_HEAP_LOOK_H

#include "heap/find.h"
#include "heap/own.h"
#include "source/content.h"
#include "source/freeze.h"

struct heap_look {
	struct content content;
	struct heaps heaps;
	struct own *own;  /* plat's malloc, one of these; or NULL */
	struct error why; /* why it is NULL: what is there instead, a sentence without the PID */
};

/* What is said of a process that ended while it was looked at. */
#define HEAP_GONE "the process is gone"

/*
 * Reads it as `freeze` has it, which may be NULL. 0, and *ret is the caller's to close, also where
 * the process uses an allocator that cannot be read; -errno where its memory cannot be read, with a
 * sentence that does not name it. *ret stays where it is.
 */
int heap_look_open(const struct procdir *dir, const struct space *space, struct freeze *freeze,
		   struct heap_look *ret, struct error *err) MUST_CHECK;
void heap_look_close(struct heap_look *look);

#endif
