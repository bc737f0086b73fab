/*
 * How far a process has come with giving back what a tool has asked for. Each heap does it once,
 * when its thread next goes a long way to a block, or back.
 */
#ifndef HEAP_OWN_TRIM_H
#define HEAP_OWN_TRIM_H

#include "base/error.h"
#include "heap/own.h"

struct own_trim {
	plat_addr at;	/* where the wish stands */
	uint64_t asked; /* and what it is: a number */
	size_t nheaps;	/* of threads that live */
	size_t ndone;	/* of these, those that have done what is asked for */
};

/* Reads it, and the list of heaps, anew. 0; -ENOTSUP where this version has no such thing; -errno
 * with a sentence. */
int own_trim_read(struct own *own, struct own_trim *ret, struct error *err) MUST_CHECK;

#endif
