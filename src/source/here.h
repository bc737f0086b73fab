/* What a program would find that was started from here: the machine's settings and our limits. */
#ifndef SOURCE_HERE_H
#define SOURCE_HERE_H

#include "base/error.h"
#include "model/exec.h"

/*
 * A model with nothing mapped, for model_exec(). What cannot be read is as model_init() has it. 0,
 * and *ret is the caller's to model_fini(); or a negative errno and a sentence.
 */
int here_model(struct model *ret, struct error *err) MUST_CHECK;

/* Strings as a shell would hand them on: the path as the only argument, and our environment. */
void here_strings(struct exec_program *program, const char *path);

#endif
