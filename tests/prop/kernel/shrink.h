/*
 * Makes a failing run as small as it gets: leaves requests out, then makes what is left plainer, as
 * long as it goes wrong in the same way. Each trial is a new process.
 */
#ifndef KERNEL_SHRINK_H
#define KERNEL_SHRINK_H

#include "session.h"

#include <stdio.h>

/* False: it did not happen again, and nothing was changed. */
bool shrink(struct world *world, const struct host *host, struct failure *failure);

/* Prints it as a script: the kernel's results, and where the model differs. */
void shrink_print(struct world *world, const struct host *host, const struct failure *failure,
		  FILE *stream);

#endif
