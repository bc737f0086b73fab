/* The space of a model as plain data, for the views that show live processes. */
#ifndef MODEL_TO_SPACE_H
#define MODEL_TO_SPACE_H

#include "model/model.h"

struct error;

/*
 * Regions with kinds, gaps, limits, and those figures that the model counts; pages it does not
 * count. Files are called by their number. 0, and *ret is the caller's to space_fini(); or -ENOMEM
 * and a sentence.
 */
int model_to_space(const struct model *model, struct space *ret, struct error *err) MUST_CHECK;

/*
 * The same for a model that came from a space, or whose files are named by one: paths, the process,
 * its modules and threads are those of `from`.
 */
int model_to_space_of(const struct model *model, const struct space *from, struct space *ret,
		      struct error *err) MUST_CHECK;

#endif
