/* The threads of a process: numbers, names, stack pointers. */
#ifndef SOURCE_THREADS_H
#define SOURCE_THREADS_H

#include "source/procdir.h"
#include "space/space.h"

/* Appends the threads. Those that end while we look are left out. 0 or -ENOMEM. */
int threads_load(const struct procdir *dir, struct space *space) MUST_CHECK;

/* A thread other than the first that has not ended, or 0. */
int threads_survivor(const struct procdir *dir);

#endif
