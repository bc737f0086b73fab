/* A process and all who descend from it. */
#ifndef SOURCE_CHILDREN_H
#define SOURCE_CHILDREN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/procdir.h"

struct descendant {
	int pid, ppid;
	unsigned depth;	     /* 0: the process itself */
	uint64_t start_time; /* tells whether a number was given away since */
};

/*
 * Lists the process of `dir` and its descendants, each behind its parent, by the parents that stat
 * names. A process whose parent has ended belongs to whoever adopted it. The caller frees *ret. 0
 * or -errno: -ESRCH where the process is gone.
 */
int children_find(const struct procdir *dir, struct descendant **ret, size_t *n,
		  struct error *err) MUST_CHECK;

#endif
