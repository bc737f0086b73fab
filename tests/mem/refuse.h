/* Calls of the kernel that fail from now on, in this process: what an older kernel does. */
#ifndef TESTS_MEM_REFUSE_H
#define TESTS_MEM_REFUSE_H

#include <stdint.h>

/* Of the call only where its argument, from 0 on, has this value in its lower 32 bits; -1: always.
 * The test is skipped where there are no filters. */
void refuse(long call, int argument, uint32_t value, int error);

#endif
