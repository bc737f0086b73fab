/* What time it is, for what takes nanoseconds. */
#ifndef BENCH_MEM_NOW_H
#define BENCH_MEM_NOW_H

#include <time.h>

/* Nanoseconds of a clock that nobody sets. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#endif
