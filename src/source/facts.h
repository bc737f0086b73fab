/*
 * The small files of /proc/PID, as text, into a space. Each function takes what it understands and
 * leaves the rest unknown: the text may come from any kernel, or from a stranger.
 */
#ifndef SOURCE_FACTS_H
#define SOURCE_FACTS_H

#include "space/space.h"

/* stat: command, state, times, and where code, stack, heap, arguments and environment lie. */
int facts_stat(struct space *space, const char *text) MUST_CHECK; /* 0 or -EINVAL */

/* status: figures, and the numbers by which inner namespaces know the process. */
void facts_status(struct space *space, const char *text);

void facts_limits(struct space *space, const char *text);
void facts_auxv(struct space *space, const void *data, size_t size);
void facts_personality(struct space *space, const char *text);

/* A thread's stat and syscall. */
int facts_thread_stat(struct thread *thread, const char *text) MUST_CHECK; /* 0 or -EINVAL */
void facts_thread_syscall(struct thread *thread, const char *text);

/* Of its status, and of its stat that was read after it: it has not ended, and is not about to. */
bool facts_thread_goes_on(const char *status, const char *stat);

/* The last number of the line NSpid in a status, or 0. */
int facts_inner_pid(const char *text);

/* meminfo: memory and swap of the machine. */
void facts_meminfo(struct space *space, const char *text);

/* The release of the kernel, "6.18.44-generic", as VERSION() makes it; 0 where it is none. */
unsigned facts_release(const char *text);

/* A number alone in a file, decimal. UNKNOWN where there is none. */
uint64_t facts_number(const char *text);

#endif
