/*
 * Writes into a process that we look at: one number of the state of its libplat-malloc. Nothing
 * else in plat writes into another process's memory.
 */
#ifndef SOURCE_POKE_H
#define SOURCE_POKE_H

#include "base/error.h"
#include "source/procdir.h"
#include "space/space.h"

struct poke {
	plat_addr header; /* of the allocator's state: it must lead to `at` */
	plat_addr at;	  /* where whoever has read the state found the number */
	uint64_t number;  /* the new one */
	uint64_t before;  /* filled: what it was */
};

/*
 * The rate of its sampling profile: 0, or of SAMPLE_MEAN_MIN to SAMPLE_MEAN_MAX.
 *
 * Writes it, if the process is still the one of `space`, and its allocator's header, read again,
 * says that the number is there, a word in memory of the process's own that it can write itself.
 * The process takes it up when it next takes the long way to a block. 0, or a negative errno with
 * the reason; then nothing was written.
 */
int poke_rate(const struct procdir *dir, const struct space *space, struct poke *poke,
	      struct error *err) MUST_CHECK;

/* The wish that it give back what it can: any number that is not the one before. As above. */
int poke_trim(const struct procdir *dir, const struct space *space, struct poke *poke,
	      struct error *err) MUST_CHECK;

#endif
