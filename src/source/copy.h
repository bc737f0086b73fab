/*
 * plat's own copy of the memory that a process has for itself, of one moment.
 *
 *     copy_new()        all pages are copied while it runs
 *     copy_finish()     it stands still: those that have changed are copied again
 *     copy_reader()     ... and is read through this, while it runs on
 *
 * What lies in files and in shared memory is not copied: that is read where it is, and may be
 * newer. A page of a private mapping that was not there at that moment reads as it would then have
 * been.
 */
#ifndef SOURCE_COPY_H
#define SOURCE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "source/procdir.h"

struct copy;

struct copy_told {
	uint64_t bytes;	  /* that plat holds */
	uint64_t changed; /* of these, copied in the stop */
};

/*
 * Where it can be tracked, which takes `inject` or a kernel that has a bit for it (see track.h),
 * only what is written to meanwhile is copied again; else all is. 0, and *ret is the caller's to
 * copy_free(); -ENOMEM with a sentence where it would take more than half of the memory that there
 * is; -errno. `dir` must outlive it.
 */
int copy_new(const struct procdir *dir, bool inject, struct copy **ret,
	     struct error *err) MUST_CHECK;
int copy_finish(struct copy *copy, struct error *err) MUST_CHECK;
void copy_free(struct copy *copy);

/* Reads what was copied, and all else through `live`. */
struct reader *copy_reader(struct copy *copy, struct reader *live);

struct copy_told copy_told(const struct copy *copy);

/* ns that copying all of its pages takes, measured by some of them; UNKNOWN: it cannot be. */
uint64_t copy_estimate(const struct procdir *dir);

#endif
