/*
 * Writes into a process that we look at: one number, the rate of the sampling profile of its
 * libplat-malloc. Nothing else in plat writes into another process's memory.
 */
#ifndef SOURCE_POKE_H
#define SOURCE_POKE_H

#include "base/error.h"
#include "source/procdir.h"
#include "space/space.h"

struct poke_rate {
	plat_addr header; /* of the allocator's state: it must lead to `at` */
	plat_addr at;	  /* where whoever has read the state found the rate */
	uint64_t mean;	  /* the new one: 0, or of SAMPLE_MEAN_MIN to SAMPLE_MEAN_MAX */
	uint64_t before;  /* filled: what it was */
};

/*
 * Sets it, if the process is still the one of `space`, and its allocator's header, read again, says
 * that the rate is there, a word in memory of the process's own that it can write itself. The
 * process takes it up when it next takes the long way to a block. 0, or a negative errno with the
 * reason; then nothing was written.
 */
int poke_rate(const struct procdir *dir, const struct space *space, struct poke_rate *rate,
	      struct error *err) MUST_CHECK;

#endif
