/* The variables that addresses lie in: many addresses at once, without lines of sources. */
#ifndef SOURCE_OBJECTS_H
#define SOURCE_OBJECTS_H

#include <stddef.h>

#include "base/compiler.h"
#include "source/procdir.h"
#include "space/space.h"

#define OBJECTS_MOST 65536 /* of one module; further ones are not told */

struct object {
	plat_addr start, end;
	char *name; /* a stranger's; plain where it could be demangled */
};

struct objects {
	struct object *list; /* by address; where two overlap, one of them is here */
	size_t n, room;
};

/*
 * Those in which any of the addresses lie; these are in order. What no symbol covers has none, nor
 * has a module whose symbols cannot be read. A module takes an errand each (errand.h). 0, and *ret
 * is the caller's to objects_fini(); or -ENOMEM.
 */
int objects_find(const struct procdir *dir, const struct space *space, const plat_addr *addrs,
		 size_t n, struct objects *ret) MUST_CHECK;
void objects_fini(struct objects *objects);

/* The one that `at` lies in, or NULL. */
const struct object *objects_at(const struct objects *objects, plat_addr at);

#endif
