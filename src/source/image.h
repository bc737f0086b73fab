/* A module's ELF file made anew from memory, where the file itself is out of reach. */
#ifndef SOURCE_IMAGE_H
#define SOURCE_IMAGE_H

#include "source/procdir.h"
#include "space/space.h"

/*
 * A nameless file that holds what memory has of the module: header, program headers, loaded
 * segments; section headers only of the vdso. Pages that are not there read as zeros. A descriptor,
 * or -errno.
 */
int image_open(const struct procdir *dir, const struct space *space,
	       const struct module *module) MUST_CHECK;

#endif
