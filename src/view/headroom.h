/* How far a process can still go, as a table and as a document. */
#ifndef VIEW_HEADROOM_H
#define VIEW_HEADROOM_H

#include "model/headroom.h"
#include "space/cgroups.h"
#include "view/paint.h"

struct headroom_report {
	const struct space *space;
	const struct model *model;
	const struct headroom_request *request;
	const struct headrooms *headrooms;
	const struct headrooms *probed; /* what a probe was granted, or NULL */
	const struct cgroups *cgroups;
	uint32_t guesses; /* of enum guess, in bits */
};

/* How many of the answers were tried out, and how many of these were right. */
struct headroom_checked {
	size_t n, equal;
};

struct headroom_checked headroom_check(const struct headroom_report *report);

/* With what was probed, sizes are in bytes: what differs must be seen. */
void headroom_draw(const struct headroom_report *report, const struct paint *paint,
		   struct text *text);

int headroom_json(const struct headroom_report *report, struct text *text) MUST_CHECK;

#endif
