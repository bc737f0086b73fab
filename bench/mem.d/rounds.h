/*
 * Ways of doing the same thing, timed in turns: what the machine does beside them meets all of them
 * alike, and only adds to the least.
 */
#ifndef BENCH_MEM_ROUNDS_H
#define BENCH_MEM_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

struct way {
	void (*run)(void *data);
	void *data;
	double least; /* of the rounds, in nanoseconds */
	double median;
};

/* Ends the program if there is no memory for the times. */
void take_rounds(struct way *ways, size_t nways, size_t nrounds);

#endif
