/*
 * A region on its way. Chunks are shown some steps later than they were passed: until then it can
 * turn out that a call has led the way astray.
 */
#ifndef HEAP_OLDMALLOC_WAY_H
#define HEAP_OLDMALLOC_WAY_H

#include "heap/oldmalloc_parts.h"

#define OLD_STEPS 256

enum old_link {
	OLD_LINK_WHOLE,
	OLD_LINK_END,
	OLD_LINK_CALL,	 /* a call is under way */
	OLD_LINK_FOOTER, /* the size at the chunk's end was overwritten */
	OLD_LINK_BROKEN, /* it leads nowhere */
};

/* A chunk that was passed. */
struct old_step {
	plat_addr at, next;
	uint64_t csize;
	enum old_link link;
};

struct old_way {
	struct old_walk *walk;
	plat_addr limit; /* no chunk can lie behind it */
	plat_addr end;	 /* as far as it was known to go; the break of a process that runs grows */
	bool is_over;	 /* without an end mark */
	plat_addr at;
	struct old_step steps[OLD_STEPS]; /* a ring */
	unsigned first, nsteps;
};

/* The i-th step that was not shown yet. */
static inline struct old_step *old_step_at(struct old_way *way, unsigned i)
{
	return &way->steps[(way->first + i) % OLD_STEPS];
}

/*
 * Judges the chunk at `way->at`. Where it is in the middle of a call or damaged, the step says how
 * far it reaches; and where the way went astray before, the last steps are taken back, and the step
 * is what the first of these should have been.
 */
struct old_step old_judge(struct old_way *way);

/* Whether the steps that were not shown yet are as they were read: else the process runs. */
bool old_is_led_here(struct old_way *way);

#endif
