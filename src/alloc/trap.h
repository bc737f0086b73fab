/* What touches a guard page ends in SIGSEGV; before that, we say which block it was. */
#ifndef PLAT_ALLOC_TRAP_H
#define PLAT_ALLOC_TRAP_H

/* From now on, if the program has no handler of its own. */
void plat__trap_set(void);

/* Where a guarded block was made and freed, as lines to stderr; nothing if p is in none. */
void plat__trap_explain(const void *p);

#endif
