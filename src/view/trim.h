/* What a process was asked to give back, and what it has given. */
#ifndef VIEW_TRIM_H
#define VIEW_TRIM_H

#include "heap/allocator.h"
#include "view/paint.h"

enum trim_way {
	TRIM_ASKED,  /* by the word that plat's malloc looks at */
	TRIM_CALLED, /* malloc_trim(0), on one of its threads */
};

struct trim_report {
	const struct space *space;
	enum allocator_kind allocator;
	enum trim_way way;
	uint64_t before, now;	   /* bytes of anonymous memory that are there; or UNKNOWN */
	uint64_t predicted;	   /* what could go, as the heap was before; or UNKNOWN */
	const char *predicted_why; /* why it is not known, or NULL */
	size_t nheaps, ndone;	   /* TRIM_ASKED: heaps of threads, and those that have given */
	uint64_t pause;		   /* TRIM_CALLED: ns that its threads stood still */
	bool is_late;		   /* it has not come back yet */
};

/* What has gone back so far; UNKNOWN where it was not measured, or the process grew meanwhile. */
uint64_t trim_returned(const struct trim_report *report);

void trim_draw(const struct trim_report *report, const struct paint *paint, struct text *text);
void trim_json(const struct trim_report *report, struct text *text);

#endif
