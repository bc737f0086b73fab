/* plat owners: who holds how much, as tables or as JSON. */
#ifndef VIEW_OWNERS_H
#define VIEW_OWNERS_H

#include "base/text.h"
#include "space/space.h"
#include "view/owner_list.h"
#include "view/paint.h"

struct owners_report {
	const struct owner_list *list;
	const char *looked;
	const char *since;	  /* what it is compared with, or NULL */
	const char *since_looked; /* how that was looked at */
	size_t top;		  /* of each sort; 0: all */
};

/* 0 or -ENOMEM. */
int owners_draw(const struct owners_report *report, const struct paint *paint,
		struct text *text) MUST_CHECK;

/* One document. 0 or a negative errno. */
int owners_json(const struct owners_report *report, struct text *text) MUST_CHECK;

#endif
