/* What is lost in a process: what plat leaks and plat run --leaks say. */
#ifndef CLI_LEAKS_H
#define CLI_LEAKS_H

#include "cli/target.h"
#include "heap/suppressions.h"

#include <stdio.h>

struct leaks_wish {
	const struct command *command; /* who complains */
	const struct paint *paint;
	bool json;
	size_t top;	   /* groups */
	bool no_interior;  /* only pointers to a block's first byte hold it */
	bool no_content;   /* nothing of what stands in blocks is shown */
	const char *since; /* a snapshot or a core, or NULL: only what is new since then */
	struct suppressions suppressions;
};

/* Reads a file of suppressions. 0, or an exit code after a complaint. */
int leaks_suppress(struct leaks_wish *wish, const char *path);

/* Looks at what was opened, lets it go on, and writes what is lost. An exit code. */
int leaks_show(const struct leaks_wish *wish, struct target *target, FILE *to);

#endif
