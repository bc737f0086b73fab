/* What is lost in a process: what plat leaks and plat run --leaks say. */
#ifndef CLI_LEAKS_H
#define CLI_LEAKS_H

#include "cli/export.h"
#include "cli/target.h"
#include "heap/suppressions.h"

#include <stdio.h>

struct leaks_wish {
	const struct command *command; /* who complains */
	const struct paint *paint;
	bool json;
	size_t top;	    /* groups */
	bool no_interior;   /* only pointers to a block's first byte hold it */
	bool no_content;    /* nothing of what stands in blocks is shown */
	const char *looked; /* how it was looked at, in words; NULL: as target->freeze tells */
	const char *since;  /* a snapshot or a core, or NULL: only what is new since then */
	struct suppressions suppressions;
	struct export_wish export; /* files in place of the report */
};

/* Reads a file of suppressions. 0, or an exit code after a complaint. */
int leaks_suppress(struct leaks_wish *wish, const char *path);

struct leaks_finding;

/*
 * Looks at what was opened, and lets it go on. An exit code: below EXIT_NO_LOOK *ret is the
 * caller's to leaks_forget(), else there was a complaint. The wish and the target must outlive it,
 * but what is behind the target may end.
 */
int leaks_find(const struct leaks_wish *wish, struct target *target, struct leaks_finding **ret);
void leaks_forget(struct leaks_finding *finding);

/* Writes what is lost, and complains of what could not be seen. An exit code. */
int leaks_show(const struct leaks_finding *finding, FILE *to);

/* The complaints alone. */
int leaks_complain(const struct leaks_finding *finding);

/* Whether it has anything to tell: a block is lost. */
bool leaks_has_any(const struct leaks_finding *finding);

#endif
