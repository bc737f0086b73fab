/*
 * Which pages of a process that runs are written to from now on. The kernel marks them, each at the
 * cost of a fault that it answers by itself, and a huge page may be cut into small ones by it.
 *
 *     TRACK_SOFT_DIRTY  a bit of each page, that is cleared now (CONFIG_MEM_SOFT_DIRTY, as Debian's
 *                       kernels have it). There is one for all tools: whoever else reads it, as
 *                       CRIU between two dumps of one process, misses what was written before
 *     TRACK_BY_FAULTS   a userfaultfd that has the process's writable memory, for plat alone
 *                       (Linux 6.7: UFFD_FEATURE_WP_ASYNC, PAGEMAP_SCAN). Making it takes calls in
 *                       the process, inject.h; it is over when it is closed, also by plat's death
 */
#ifndef SOURCE_TRACK_H
#define SOURCE_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/inject.h"
#include "source/procdir.h"

enum track_how { TRACK_NOT, TRACK_SOFT_DIRTY, TRACK_BY_FAULTS };

struct track {
	enum track_how how;
	int fd;			 /* the userfaultfd, or -1 */
	uint64_t bytes;		 /* of mappings that are watched */
	struct inject_told told; /* what making it has cost */
};

#define TRACK_NONE ((struct track){.fd = -1})

/* Whether the kernel has a soft-dirty bit. */
bool track_has_soft_dirty(void);

/*
 * By faults where it may `inject`, else, or where that cannot be done, by the soft-dirty bit; or
 * not at all, where it may not inject and there is none. 0, and *ret is to be track_end()ed; a
 * negative errno with a sentence.
 */
int track_begin(const struct procdir *dir, bool inject, struct track *ret,
		struct error *err) MUST_CHECK;
void track_end(struct track *track);

#endif
