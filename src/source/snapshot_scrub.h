/*
 * What of a file goes into a snapshot, where plat needs few lines of it and the rest would tell
 * more of the machine than its user may want to pass on.
 */
#ifndef SOURCE_SNAPSHOT_SCRUB_H
#define SOURCE_SNAPSHOT_SCRUB_H

#include <stddef.h>

#include "source/snapshot_format.h"

/* Takes away what is not kept of an answer, in place. How many bytes are left. */
size_t snapshot_scrub(enum answer_kind kind, const char *name, char *bytes, size_t size);

#endif
