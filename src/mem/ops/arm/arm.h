/* The variant of this processor. */
#ifndef MEM_OPS_ARM_ARM_H
#define MEM_OPS_ARM_ARM_H

#include "mem/ops/ops.h"

#pragma GCC visibility push(hidden)

extern const struct plat__ops plat__neon_ops;
void *plat__neon_find(const void *in, size_t n, const void *needle, size_t m);

#pragma GCC visibility pop

#endif
