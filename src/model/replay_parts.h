/* What the files of the replay have of each other. */
#ifndef MODEL_REPLAY_PARTS_H
#define MODEL_REPLAY_PARTS_H

#include "model/replay.h"

/* A call that has not failed, or an access without a fault. */
static inline bool replay_is_fine(const struct model_result *result)
{
	return result->fault == FAULT_NONE && (result->value >= 0 || result->value <= -4096);
}

/*
 * replay.c: another program begins. What was mapped is gone, and what is mapped now is not known.
 */
void replay_exec(struct replay *replay);

/*
 * replay_follow.c: carries the call of the line out, compares, and where the line says otherwise
 * makes the model as the line says. Fills the step. 0 or -ENOMEM.
 */
int replay_call(struct replay *replay, struct replay_step *step) MUST_CHECK;

/* replay_learn.c: */
/*
 * Before the call: takes from the line's result where the mmap zone goes on, or the heap begins.
 * Why the model could not know that, or NULL where it has learnt nothing.
 */
const char *replay_learn(struct replay *replay, const struct script_line *line);
/* And which file it maps, if no line has told. 0 or -ENOMEM. */
int replay_assume_file(struct replay *replay, const struct script_line *line) MUST_CHECK;
/* Where the call was carried out, or as the line says would have been: what it shows. */
int replay_see(struct replay *replay, const struct model_request *request,
	       const struct model_result *result) MUST_CHECK;
/* Why the model could not know that the line's result would be another than its own, or NULL. */
const char *replay_excuse(const struct replay *replay, const struct script_line *line,
			  const struct model_result *result);
/*
 * Puts a mapping wherever none is, as the trace acts as if one were; not where all is known. 0 or
 * -ENOMEM.
 */
int replay_fill_holes(struct replay *replay, plat_addr start, uint64_t size) MUST_CHECK;

#endif
