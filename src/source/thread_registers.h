/*
 * The registers of a process's threads, wherever it is looked at: as they were taken when it was
 * stopped, as a snapshot has kept them, or as a core's notes tell them.
 */
#ifndef SOURCE_THREAD_REGISTERS_H
#define SOURCE_THREAD_REGISTERS_H

#include "source/freeze.h"
#include "source/procdir.h"
#include "source/registers.h"
#include "space/space.h"

struct thread_registers {
	struct one_thread {
		int tid;
		struct registers registers;
	} * list;
	size_t n, room;
};

/*
 * Those of all threads that can be had. 0, and *ret is the caller's to thread_registers_fini(); or
 * -ENOMEM.
 */
int thread_registers_load(const struct procdir *dir, const struct space *space,
			  const struct freeze *freeze, struct thread_registers *ret) MUST_CHECK;
void thread_registers_fini(struct thread_registers *registers);

#endif
