/* Whether the model's exec makes what the kernel's has made. */
#ifndef EXEC_CHECK_H
#define EXEC_CHECK_H

#include "source/elf_file.h"

#include "started.h"

#include <stdio.h>

/* One exec, with all that the model is told. */
struct exec_known {
	struct elf_file file;
	uint64_t filename_size;
	struct exec_setting setting;
	struct exec_started started;
	const struct model_machine *machine;
	unsigned capabilities;
};

/* Differences are written to `out`, which may be NULL. */
bool exec_agrees(const struct exec_known *known, FILE *out);

/* The same, and *ret is what was drawn. Only where the program was started. */
bool exec_drawn(const struct exec_known *known, struct exec_random *ret, FILE *out);

/* The program as the model is told of it. */
struct exec_program exec_known_program(const struct exec_known *known);
/* A model with nothing in it, for model_fini(). */
void exec_known_model(const struct exec_known *known, struct model *ret);

#endif
