/*
 * All threads of a worker, held, and led on one by one: instruction by instruction, so that a heap
 * is seen in each state in which a call leaves it for a moment.
 */
#ifndef PROP_HEAP_STEPPER_H
#define PROP_HEAP_STEPPER_H

#include "log.h"

#include <stdbool.h>
#include <sys/types.h>

struct stepper {
	pid_t threads[LOG_THREADS_MOST];
	bool is_waiting[LOG_THREADS_MOST]; /* in a system call that does not return */
	unsigned n;
};

/* Holds all threads of a process. False: it cannot. */
bool stepper_begin(struct stepper *stepper, pid_t process);

/* One instruction of one thread. False where it waits for another one, or has ended. */
bool stepper_step(struct stepper *stepper, unsigned thread);

/* All go on as if nothing had been. */
void stepper_end(struct stepper *stepper);

#endif
