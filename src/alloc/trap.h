/* What touches a guard page ends in SIGSEGV; before that, we say which block it was. */
#ifndef PLAT_ALLOC_TRAP_H
#define PLAT_ALLOC_TRAP_H

#include <stdbool.h>

/* From now on, if the program has no handler of its own. */
void plat__trap_set(void);

/* Where a guarded block was made and freed, as lines to stderr; nothing if p is in none. */
void plat__trap_explain(const void *p);

/*
 * For libplat's handler of faults, which asks by a weak name: if it was there first, ours is not,
 * and the lines are said here. true: the page is open now, and the program can go on. Nothing, and
 * false, if the address is of no guard page, or our own handler will be asked.
 */
bool plat_tell_fault(const void *p);

#endif
