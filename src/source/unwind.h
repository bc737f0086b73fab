/*
 * The frames of a thread that stands still: by the tables that its program and its libraries have
 * for exceptions.
 */
#ifndef SOURCE_UNWIND_H
#define SOURCE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

struct unwind;

/* Prepares for the threads of a process; it may still run. NULL: it cannot be done. */
struct unwind *unwind_new(int pid);
void unwind_free(struct unwind *unwind);

/*
 * Whether none of its frames, all the way to its first one, is in this range. `general` are its
 * registers as the kernel gives them. false, too, where the way cannot be found.
 */
bool unwind_avoids(struct unwind *unwind, int tid, const void *general, size_t size,
		   plat_addr start, plat_addr end);

#endif
