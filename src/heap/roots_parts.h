/* What the files of roots.c share. */
#ifndef HEAP_ROOTS_PARTS_H
#define HEAP_ROOTS_PARTS_H

#include "heap/roots.h"

struct roots_making {
	const struct roots_input *input;
	struct roots roots;
	unsigned width;	     /* of a word */
	struct ranges taken; /* what needs no more looking at: claimed, or a thread's */
	/* Of threads that have not ended. */
	size_t nthreads, nwithout_registers, nwithout_sp;
};

#define ORIGIN_NONE                                                                                \
	((struct root_origin){.region = NO_REGION, .module = NO_MODULE, .thread = NO_THREAD})

/* Adds an origin, whose roots follow. 0 or -ENOMEM. */
int roots_begin(struct roots_making *making, const struct root_origin *origin) MUST_CHECK;
/* Adds memory, if there is any, or a word, to the last origin. As above. */
int roots_add(struct roots_making *making, plat_addr start, plat_addr end) MUST_CHECK;
/* The same, of what none of the ranges has. */
int roots_add_outside(struct roots_making *making, const struct ranges *ranges, plat_addr start,
		      plat_addr end) MUST_CHECK;
int roots_add_word(struct roots_making *making, uint64_t word) MUST_CHECK;

/* Stacks, registers and TLS of all threads; what they have is then taken. roots_threads.c */
int roots_of_threads(struct roots_making *making) MUST_CHECK;

#endif
