/* What a view wants to know of a program beyond its model: names of files, and segments. */
#ifndef MODEL_EXEC_SPACE_H
#define MODEL_EXEC_SPACE_H

#include "model/exec.h"

/*
 * Adds the files to the space, and tells the program their numbers; `interpreter` may be NULL. To
 * do before model_exec(). 0 or -ENOMEM.
 */
int exec_name_files(struct exec_program *program, const char *path, const char *interpreter,
		    struct space *names) MUST_CHECK;

/*
 * Adds program and interpreter as modules of the space, which can then be handed to
 * model_to_space_of(). To do after model_exec(). 0 or -ENOMEM.
 */
int exec_name_parts(const struct model *model, const struct exec_program *program,
		    const struct exec_result *result, struct space *names) MUST_CHECK;

#endif
