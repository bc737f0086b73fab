/*
 * What lies on a stack where a signal has interrupted a thread: below the interrupted frames there
 * is a frame of the kernel's, of some KiB, and its lowest word leads to the call that ends it.
 */
#ifndef HEAP_SIGNAL_FRAME_H
#define HEAP_SIGNAL_FRAME_H

#include "base/addr.h"
#include "base/reader.h"

#include <stdbool.h>

/* Where the thread was. */
struct interrupted {
	plat_addr pc, sp;
};

/*
 * Whether such a frame begins at `at`, whose word is `value`. `width` is a word's in the process: 8
 * or 4. Of x86 alone.
 */
bool signal_frame_at(struct reader *reader, unsigned width, plat_addr at, uint64_t value,
		     struct interrupted *ret);

#endif
