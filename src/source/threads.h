/* The threads of a process: numbers, names, stack pointers. */
#ifndef SOURCE_THREADS_H
#define SOURCE_THREADS_H

#include "source/procdir.h"
#include "space/space.h"

/* Appends the threads. Those that end while we look are left out. 0 or -ENOMEM. */
int threads_load(const struct procdir *dir, struct space *space) MUST_CHECK;

/*
 * Lists their numbers, in no order; some that begin or end meanwhile may be missing. 0; what `take`
 * returned, if not 0; or -errno where they cannot be listed.
 */
int threads_list(const struct procdir *dir, int (*take)(void *context, int tid),
		 void *context) MUST_CHECK;

/* A thread other than the first that has not ended and is not about to, or 0. */
int threads_survivor(const struct procdir *dir);

#endif
