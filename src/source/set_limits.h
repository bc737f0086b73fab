/* Changes limits of a running process: prlimit(2). */
#ifndef SOURCE_SET_LIMITS_H
#define SOURCE_SET_LIMITS_H

#include "base/error.h"
#include "space/limit_change.h"

/*
 * Changes them one after the other, and says in each what it was and is. Before the first one all
 * are read. 0, or a negative errno with the kernel's reason: then the first change that is not
 * is_set was refused, and those behind it were not tried.
 */
int set_limits(int pid, struct limit_change *changes, size_t n, struct error *err) MUST_CHECK;

#endif
