/*
 * Stacks of callers that keep no frame pointers, by the unwinder of libgcc_s, which is not needed
 * otherwise. Only in the shared library; elsewhere both functions are NULL.
 */
#ifndef PLAT_ALLOC_UNWIND_H
#define PLAT_ALLOC_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAY_BE_MISSING __attribute__((weak, visibility("hidden")))

/*
 * Looks for the unwinder; with may_load, loads it where it is not there yet. Takes the loader's
 * lock and may allocate: not from within malloc, nor from a signal handler.
 */
void plat__unwind_begin(bool may_load) MAY_BE_MISSING;

/*
 * Return addresses, the innermost first, from the caller of the function with this frame on: so
 * many, at most n. `caller` is the first of them. 0: here it cannot be done, or not safely.
 */
uint32_t plat__unwind(const void *frame, uint64_t caller, uint64_t *ret, uint32_t n) MAY_BE_MISSING;

#endif
