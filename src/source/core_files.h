/*
 * What a process in a core would find at an address: what the core holds, and pages of mapped files
 * that it leaves out, from the file of that name here, if that is the same.
 */
#ifndef SOURCE_CORE_FILES_H
#define SOURCE_CORE_FILES_H

#include "source/core.h"
#include "space/space.h"

/*
 * Opens the file behind a region: it must have the build-id that stands in the core. A descriptor,
 * or -errno: -ENOENT where it is not there, -ESTALE where it is another one or cannot be proven.
 */
int core_file_open(const struct core *core, const struct space *space,
		   const struct region *region) MUST_CHECK;

#endif
