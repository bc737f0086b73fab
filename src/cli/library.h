/* Where libplat-malloc is, and libplat-checked. */
#ifndef CLI_LIBRARY_H
#define CLI_LIBRARY_H

#include <limits.h>

#include "base/error.h"

/*
 * An absolute path, by the first of these that is there: the file that `named` names, if not NULL;
 * PLAT_LIBRARY in the environment; beside plat, as it was built or installed; where it was to be
 * installed. -ENOENT, or what is wrong with the one that was named; a sentence is in err.
 */
int library_find(const char *named, char ret[PATH_MAX], struct error *err) MUST_CHECK;

/*
 * libplat-checked.so.1 that belongs to this libplat-malloc: beside it, as both were built or
 * installed. -ENOENT.
 */
int library_find_checked(const char *library, char ret[PATH_MAX], struct error *err) MUST_CHECK;

#endif
