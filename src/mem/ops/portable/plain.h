/* The variant that needs no vectors. */
#ifndef MEM_OPS_PORTABLE_PLAIN_H
#define MEM_OPS_PORTABLE_PLAIN_H

#include "mem/ops/ops.h"

#pragma GCC visibility push(hidden)

extern const struct plat__ops plat__plain_ops;
void *plat__plain_find(const void *in, size_t n, const void *needle, size_t m);

#pragma GCC visibility pop

#endif
