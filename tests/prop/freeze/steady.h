/*
 * A process that notices whatever is done to it: threads that count in registers of all kinds, wait
 * in system calls, make and free blocks, make threads and
 * children, and take signals and timers; each compares
 * with what must be so.
 */
#ifndef PROP_FREEZE_STEADY_H
#define PROP_FREEZE_STEADY_H

#include <stdint.h>

enum steady_part {
	STEADY_INTEGERS,
	STEADY_VECTORS,
	STEADY_WAITS,
	STEADY_BLOCKS,
	STEADY_THREADS,
	STEADY_FORKS,
	STEADY_SIGNALS,
	NSTEADY_PARTS
};

/* In memory that its parent sees too. */
struct steady {
	volatile uint64_t rounds[NSTEADY_PARTS];
	volatile uint64_t wrong[NSTEADY_PARTS]; /* the line that has noticed something */
	volatile uint64_t called;		/* of steady_function() */
};

extern struct steady *steady;

/* Never returns. */
_Noreturn void steady_run(void);

/* What is called in it from outside. */
long steady_function(long argument);

#endif
