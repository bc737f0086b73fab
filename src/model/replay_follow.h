/* What replay.c and replay_follow.c have of each other. */
#ifndef MODEL_REPLAY_FOLLOW_H
#define MODEL_REPLAY_FOLLOW_H

#include "model/replay.h"

/*
 * Carries the call of the line out, compares, and where the line says otherwise makes the model as
 * the line says. Fills the step. 0 or -ENOMEM.
 */
int replay_call(struct replay *replay, struct replay_step *step) MUST_CHECK;

/* Another program begins: nothing of what was mapped is left, and what is mapped now is not known.
 */
void replay_exec(struct replay *replay);

#endif
