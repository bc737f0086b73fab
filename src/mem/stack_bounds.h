/* The stack that a thread stands on, and which those are that it may stand on. */
#ifndef MEM_STACK_BOUNDS_H
#define MEM_STACK_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plat__bounds {
	uintptr_t guard, base, end;
};

static inline bool plat__bounds_hold(const struct plat__bounds *bounds, uintptr_t p)
{
	return p - bounds->base < bounds->end - bounds->base;
}

/*
 * The main thread's stack. Its base is as far as the kernel lets it grow, `mapped` as far as it has
 * grown.
 */
int plat__bounds_of_main(struct plat__bounds *ret, uintptr_t *mapped);

/* The calling thread's own, to be remembered: who knows it says so. */
void plat__bounds_set_own(const struct plat__bounds *bounds);
/* Looked up, if it is not known, as the stack that the caller stands on. */
int plat__bounds_own(struct plat__bounds *ret);
/* Only if it is known: for signal handlers. */
bool plat__bounds_known(struct plat__bounds *ret);

/* What threads remember of stacks that were made here is wrong from now on. */
void plat__bounds_forget(void);

#endif
