/* The ties of a block, as JSON. */
#ifndef VIEW_TIES_JSON_H
#define VIEW_TIES_JSON_H

#include <jansson.h>

#include "view/ties.h"

/* Sets type, made_by, content, pointed_to, path, holds and looked; of what is not known, why. */
void ties_set(json_t *object, const struct ties *ties, const struct space *space);

#endif
