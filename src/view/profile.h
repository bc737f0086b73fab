/* A sampling profile: its sums, and sites with their stacks. */
#ifndef VIEW_PROFILE_H
#define VIEW_PROFILE_H

#include "heap/own_profile.h"
#include "view/calls.h"
#include "view/paint.h"

struct profile_report {
	const struct space *space;
	const struct own_profile *profile; /* its sites are in the order in which they are shown */
	size_t nshown;			   /* so many of them */
	size_t nsites;			   /* of so many */
	struct calls calls;		   /* of the sites that are shown */
};

void profile_draw(const struct profile_report *report, const struct paint *paint,
		  struct text *text);
void profile_json(const struct profile_report *report, struct text *text);

#endif
