/* What a snapshot has in it, in words and as a document. */
#ifndef VIEW_SNAPSHOT_H
#define VIEW_SNAPSHOT_H

#include "base/text.h"
#include "space/space.h"
#include "view/paint.h"

struct snapshot_report {
	const struct space *space;
	const char *path;
	const char *content; /* "none", "pointers", "full" */
	bool environment;
	bool is_stopped;    /* it stood still all the time */
	const char *looked; /* how: "stopped for 3.2 ms" */
	uint64_t pause;	    /* ns that plat held it */
	uint64_t nanoseconds;
	uint64_t file_bytes;
	/* Of memory: kept; of that zeros; not to be read; kept out by the program. */
	uint64_t kept, zeros, unread, left_out;
};

void snapshot_draw(const struct snapshot_report *report, const struct paint *paint,
		   struct text *text);
void snapshot_json(const struct snapshot_report *report, struct text *text);

#endif
