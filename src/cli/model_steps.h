/* What plat model run says of each line of a script, and of all of them. */
#ifndef CLI_MODEL_STEPS_H
#define CLI_MODEL_STEPS_H

#include "model/replay.h"

#include <jansson.h>

struct text;

/* The line, `size` bytes of it, with what came of it; with `quiet` only where that is different. */
void model_put_step(struct text *text, const struct replay_step *step, const char *line,
		    size_t size, bool quiet);
void model_put_summary(struct text *text, const struct replay *replay);

/* Whether the JSON document has the line. */
bool model_tells_step(const struct replay_step *step, bool quiet);
/* The same as objects, for json_decref(). NULL: no memory. */
json_t *model_json_step(const struct replay_step *step);
json_t *model_json_summary(const struct replay *replay);

#endif
