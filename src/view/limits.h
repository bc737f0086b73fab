/* The limits of a process, as a table and as a document; and what was changed of them. */
#ifndef VIEW_LIMITS_H
#define VIEW_LIMITS_H

#include "model/limits_table.h"
#include "space/limit_change.h"
#include "view/paint.h"

struct limits_report {
	const struct space *space;
	const struct cgroups *cgroups;
	const struct limits_table *table; /* sorted */
};

/* Limits of control groups that do not limit are left out, unless the paint is verbose. */
void limits_draw(const struct limits_report *report, const struct paint *paint, struct text *text);

int limits_json(const struct limits_report *report, struct text *text) MUST_CHECK;

/* What was changed: "RLIMIT_AS: soft unlimited -> 4G, hard unlimited". */
void limits_draw_changes(const struct limit_change *changes, size_t n, const struct paint *paint,
			 struct text *text);

/* The same, with why the first one that is not set was refused, or NULL. */
int limits_json_changes(int pid, const struct limit_change *changes, size_t n, const char *why,
			struct text *text) MUST_CHECK;

#endif
