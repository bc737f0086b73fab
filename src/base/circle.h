/*
 * Following a list in a process that we look at, which may be a circle. Brent's way to notice: a
 * mark that is set anew each time the way has doubled. It takes at most three times around.
 */
#ifndef BASE_CIRCLE_H
#define BASE_CIRCLE_H

#include "base/addr.h"

#include <stddef.h>

struct circle {
	plat_addr mark;
	size_t steps, until;
};

/* Asked once at each place. Whether the way has come back to one where it was before. */
static inline bool circle_closes(struct circle *circle, plat_addr at)
{
	if (circle->steps && at == circle->mark)
		return true;
	if (circle->steps++ == circle->until) {
		circle->until = 2 * circle->until + 1;
		circle->mark = at;
	}
	return false;
}

#endif
