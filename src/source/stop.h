/*
 * Stops all threads of a process that is not ours for a while, so that nothing moves.
 *
 * They are traced for as long as that takes, which is their only change: no signal is sent, none is
 * lost, and who was stopped by SIGSTOP stays so. The thread that has called stop_all() is the
 * tracer: when it ends, by whatever reason, the kernel lets all of them go on.
 *
 * A process that is traced already, as by a debugger, cannot be stopped in this way.
 *
 * After a stop most system calls that were under way go on as if nothing had happened. Linux 6.18
 * returns EINTR from epoll_wait, semop, sigtimedwait and io_uring_enter, and from calls on sockets
 * with a timeout, as it does after SIGSTOP and SIGCONT; see signal(7).
 */
#ifndef SOURCE_STOP_H
#define SOURCE_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "source/procdir.h"
#include "source/registers.h"

enum stop_state {
	STOP_COMING,  /* it has been told to stop */
	STOP_STOPPED, /* it stands still */
	STOP_GONE,    /* it has ended, or been ended, meanwhile */
};

struct stop_thread {
	int tid;
	enum stop_state state;
	struct registers registers; /* after stop_take_registers(), of those that stand still */
};

struct stop {
	const struct procdir *dir;
	struct stop_thread *threads;
	size_t nthreads, threads_room;
	size_t nlate;	      /* threads that did not stop in time; `why` says which */
	uint64_t began;	      /* when the first was stopped, in ns of clock_now(); 0: none was */
	uint64_t ended;	      /* when the last was let go */
	int kept;	      /* the thread that is not let go, or 0 */
	unsigned char *known; /* a bit for each number of a thread: it is in the list */
	struct error why;
};

#define STOP_NONE ((struct stop){0})

/* How long to wait for threads to stop. A machine under load may take long for many of them. */
struct stop_wait {
	uint64_t patience; /* ns in which no further one does */
	uint64_t end;	   /* a time of clock_now(), UINT64_MAX: none */
};

/*
 * Stops them all, also those that are made meanwhile, and waits for it. 0, and *ret is to be
 * stop_release()d by this same thread; then those of `nlate` may still be running, as may be in a
 * system call that nothing interrupts. A negative errno with a sentence, and nothing is stopped:
 * -EBUSY where somebody else traces it, -ESRCH, -EPERM, -ENOMEM. `dir` must outlive it.
 */
int stop_all(const struct procdir *dir, const struct stop_wait *wait, struct stop *ret,
	     struct error *err) MUST_CHECK;

/*
 * All threads that the caller traces and that stand still already, with their registers; nothing is
 * to be released. 0, and *ret is the caller's to stop_fini(); a negative errno with a sentence.
 */
int stop_adopt(const struct procdir *dir, struct stop *ret, struct error *err) MUST_CHECK;

/* 0 or -ENOMEM. A thread that is ended meanwhile gets none. */
int stop_take_registers(struct stop *stop) MUST_CHECK;

/* This thread stays with the caller when the others are let go. */
void stop_keep(struct stop *stop, int tid);

/* Lets them go on; the list stays. Those that were late go on when this thread ends. */
void stop_release(struct stop *stop);

void stop_fini(struct stop *stop);

#endif
