/* The files behind mappings, where a snapshot stands for the process. */
#ifndef SOURCE_SNAPSHOT_FILES_H
#define SOURCE_SNAPSHOT_FILES_H

#include "source/procdir.h"
#include "space/space.h"

/*
 * As files_open(): the file of that name here, if it has the build-id that the kernel told when the
 * snapshot was taken, or that stands in the memory that it holds.
 */
int snapshot_file_open(const struct procdir *dir, const struct space *space,
		       const struct region *region) MUST_CHECK;

#endif
