/*
 * Workers that do one job together. The pure rooms have no threads: who wants them to be quick
 * hands in a crew, and a test one whose workers come one after the other.
 */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stddef.h>

#define CREW_MOST 16 /* workers */

struct crew {
	unsigned nworkers; /* 1 to CREW_MOST */
	/*
	 * Calls work(context, i) for each i below nworkers, at the same time where it can, and
	 * returns when all have returned. What they have written is then to be seen by the caller.
	 */
	void (*run)(struct crew *crew, void (*work)(void *context, unsigned worker), void *context);
	/*
	 * Memory that nobody has written to yet will be written from its beginning on. NULL: there
	 * is no kernel that gives pages when they are written, and room costs as much as what is in
	 * it.
	 */
	void (*expect)(void *memory, size_t size);
};

static inline void crew_run(struct crew *crew, void (*work)(void *context, unsigned worker),
			    void *context)
{
	crew->run(crew, work, context);
}

/* Says so, if there is a crew, and it wants to know. */
static inline void crew_expect(const struct crew *crew, void *memory, size_t size)
{
	if (crew && crew->expect)
		crew->expect(memory, size);
}

/* One after the other. */
static inline void crew_run_in_turn(struct crew *crew, void (*work)(void *context, unsigned worker),
				    void *context)
{
	unsigned i;

	for (i = 0; i < crew->nworkers; i++)
		work(context, i);
}

#endif
