/*
 * Thread stacks, found in the C library's thread descriptors without its symbols.
 */
#ifndef SPACE_STACKS_H
#define SPACE_STACKS_H

#include "base/reader.h"
#include "space/space.h"

/*
 * Sets guard, stack, TLS and descriptor of the space's threads, as far as memory tells, and appends
 * stacks that the C library keeps for later threads (tid 0). Needs modules and stack pointers.
 * 0 or -ENOMEM.
 */
int stacks_find(struct space *space, struct reader *reader) MUST_CHECK;

/*
 * How many bytes of its stack a thread uses now, and how many it ever did, to the page: measured
 * from where its stack began, below static TLS or the program's arguments. UNKNOWN where it cannot
 * be told.
 */
uint64_t stack_used(const struct space *space, const struct thread *thread);
uint64_t stack_high_water(const struct space *space, const struct thread *thread);

#endif
