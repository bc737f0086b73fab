/*
 * What a process in a core would find at an address: what the core holds, and pages of mapped files
 * that it leaves out, from the file of that name here, if that is the same.
 */
#ifndef SOURCE_CORE_FILES_H
#define SOURCE_CORE_FILES_H

#include "base/reader.h"
#include "space/space.h"

/*
 * Opens the file behind a region: it must have the build-id that stands in memory, as the core
 * holds it. A descriptor, or -errno: -ENOENT where it is not there, -ESTALE where it is another one
 * or cannot be proven.
 */
int core_file_open(struct reader *memory, const struct space *space,
		   const struct region *region) MUST_CHECK;

/* The same where the build-id is known, in hexadecimal. */
int core_file_open_by_id(const struct space *space, const struct region *region,
			 const char *build_id) MUST_CHECK;

#endif
