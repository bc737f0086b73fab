/*
 * Which pages of a process that runs are written to from now on. The kernel marks them, by a
 * userfaultfd that has the process's writable memory: each page's first write costs it a fault that
 * the kernel answers by itself, and a huge page is cut into small ones by it.
 *
 * Linux 6.7 (UFFD_FEATURE_WP_ASYNC, PAGEMAP_SCAN). It is over when it is closed, also by plat's
 * death. Soft-dirty bits would tell the same without a call in the process, but there is one of
 * them for all tools, so that clearing it would take it from others; it is not used.
 */
#ifndef SOURCE_TRACK_H
#define SOURCE_TRACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/inject.h"
#include "source/procdir.h"

struct track {
	int fd;			 /* the userfaultfd, or -1 */
	uint64_t bytes;		 /* of mappings that are watched */
	struct inject_told told; /* what making it has cost */
};

#define TRACK_NONE ((struct track){.fd = -1})

/* 0, and *ret is to be track_end()ed; a negative errno with a sentence. */
int track_begin(const struct procdir *dir, struct track *ret, struct error *err) MUST_CHECK;
void track_end(struct track *track);

#endif
