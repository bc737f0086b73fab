/* The memory limits of the control groups that a process is in, versions 1 and 2. */
#ifndef SOURCE_CGROUPS_H
#define SOURCE_CGROUPS_H

#include "source/procdir.h"
#include "space/cgroups.h"

/*
 * Live: below where this process sees cgroup file systems. In a captured tree: in its folder
 * cgroup, by the names that PID/cgroup has. What cannot be learnt is said in ret->why. 0, and *ret
 * is the caller's to cgroups_fini(); or -ENOMEM.
 */
int cgroups_load(const struct procdir *dir, struct cgroups *ret) MUST_CHECK;

#endif
