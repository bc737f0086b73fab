/* What the model must be told of the machine that the tests run on. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "model/model.h"

void machine_here(struct model_machine *ret);

/* Ours that are effective, a bit each, numbered as in <linux/capability.h>. */
uint64_t machine_capabilities(void);
/* Of enum model_capability. */
unsigned machine_capabilities_of_model(uint64_t bits);

#endif
