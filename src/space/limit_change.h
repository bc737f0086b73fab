/* A limit of a process that is to be changed, and what came of it. */
#ifndef SPACE_LIMIT_CHANGE_H
#define SPACE_LIMIT_CHANGE_H

#include "space/space.h"

struct limit_change {
	enum limit_name limit;
	uint64_t soft, hard; /* that were asked for: bytes or LIMIT_INFINITE */
	bool has_hard;	     /* else the hard limit stays */
	bool is_set;
	struct limit before, after; /* known if it is set; `before` also if the kernel refused */
};

#endif
