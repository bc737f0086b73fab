/* What the folder of each processor says: which variant serves. */
#ifndef MEM_OPS_HERE_H
#define MEM_OPS_HERE_H

#include "mem/ops/ops.h"

#include "base/compiler.h"

#pragma GCC visibility push(hidden)

typedef void *plat__find_function(const void *in, size_t n, const void *needle, size_t m);

/* Asks the processor. */
const struct plat__ops *plat__choose_ops(void);

/* The same answer as plat__choose_ops()->find, for resolvers. */
plat__find_function *plat__choose_find(void);

#pragma GCC visibility pop

#endif
