/* The variants of this processor. */
#ifndef MEM_OPS_X86_X86_H
#define MEM_OPS_X86_X86_H

#include "mem/ops/ops.h"

#pragma GCC visibility push(hidden)

extern const struct plat__ops plat__sse2_ops, plat__avx2_ops, plat__avx512_ops;
void *plat__sse2_find(const void *in, size_t n, const void *needle, size_t m);
void *plat__avx2_find(const void *in, size_t n, const void *needle, size_t m);
void *plat__avx512_find(const void *in, size_t n, const void *needle, size_t m);

#pragma GCC visibility pop

#endif
