/* The rows of a table of limits. A part of limits_table. */
#ifndef MODEL_LIMITS_ROWS_H
#define MODEL_LIMITS_ROWS_H

#include "model/limits_table.h"

/* Adds all of them, in their order, without ranks. 0 or -ENOMEM; then some are missing. */
int limits_rows_add(const struct space *space, const struct cgroups *cgroups,
		    struct limits_table *table) MUST_CHECK;

#endif
