/* Advice that has to be taken. */
#ifndef MEM_ADVICE_H
#define MEM_ADVICE_H

#include <stddef.h>

/* Linux 6.13, newer than the headers we build with: pages that fault whatever their rights. */
#define PLAT__GUARD_INSTALL 102
#define PLAT__GUARD_REMOVE 103

/*
 * madvise(2): 0, or a negative errno; errno changes. -EINVAL where the kernel does not know this
 * advice, also where it says of any advice that it has taken it, as emulators do.
 */
int plat__advise(void *start, size_t size, int advice);

#endif
