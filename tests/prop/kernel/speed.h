/* How many requests the model alone does in a second, at 64 VMAs and near vm.max_map_count. */
#ifndef KERNEL_SPEED_H
#define KERNEL_SPEED_H

#include "host.h"

/* 0, or 1 where it could not be measured. */
int speed_run(const struct host *host);

#endif
