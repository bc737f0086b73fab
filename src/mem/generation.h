/* Who has forked: a number that tells a process from those that it came from. */
#ifndef MEM_GENERATION_H
#define MEM_GENERATION_H

#include <stdint.h>

/*
 * Never 0; another one in the child of a fork, however that was made, than in all that it came
 * from. Costs no call of the kernel, but for the first one, and where that cannot wipe pages on
 * fork (before Linux 4.14): there it is the number of the process. Any thread, and a signal
 * handler; errno may change.
 */
uint32_t plat__generation(void);

#endif
