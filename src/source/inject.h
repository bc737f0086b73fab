/*
 * Makes a process do calls that it did not ask for: a system call that only it can do, or a
 * function of its C library. Only where the user has asked for that.
 *
 * The calls are carried out by a helper, a process in a session of its own. It stops the threads,
 * borrows one of them, and gives it back as it was: registers of all kinds, the signals it blocks,
 * and what it waited for. It needs nobody for that: if plat is killed meanwhile, it finishes its
 * work first. If the helper itself is killed in the microseconds between, no process can restore
 * anything: the kernel lets the thread go on in the middle of the call, and it will most likely
 * crash. The helper tells nobody its number, and takes no signal but SIGKILL.
 *
 * Only 64-bit programs on x86-64. Refused are also threads with a shadow stack, which a call from
 * outside does not return to, and processes under seccomp, which may be killed for the call.
 */
#ifndef SOURCE_INJECT_H
#define SOURCE_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/error.h"
#include "source/procdir.h"

struct inject_told {
	int tid;	/* the thread that was borrowed */
	uint64_t pause; /* ns that threads stood still */
	int64_t value;	/* what the function has returned */
	bool is_late;	/* it had not returned in time: the helper waits for it and restores it */
};

/*
 * A userfaultfd of the process, made by itself and brought here; there it is closed again. It
 * handles faults from user mode only, so that it needs no privilege. Memory that is registered with
 * it is forgotten when it is closed, also by plat's death. A descriptor, or a negative errno with a
 * sentence; then the process is as it was.
 */
int inject_userfaultfd(const struct procdir *dir, struct inject_told *told,
		       struct error *err) MUST_CHECK;

struct inject_call {
	plat_addr function;
	uint64_t argument;
	/* A thread that was called from this range may hold what the function needs: it is not
	 * borrowed. Empty: there is nothing that it could hold. */
	plat_addr avoid_start, avoid_end;
	uint64_t most; /* ns to wait for it */
};

/*
 * Calls a function on a thread that waits in a system call. It must not wait for a time itself: the
 * kernel would forget until when the thread had waited. The other threads stand still only until it
 * has begun. 0, or a negative errno with a sentence: -EAGAIN where no thread is in a place
 * to be borrowed now.
 */
int inject_function(const struct procdir *dir, const struct inject_call *call,
		    struct inject_told *told, struct error *err) MUST_CHECK;

#endif
