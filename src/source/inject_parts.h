/* What of injected calls differs by processor. All of it is for a thread that stands still in a
 * trap of PTRACE_INTERRUPT, and is traced by the caller. */
#ifndef SOURCE_INJECT_PARTS_H
#define SOURCE_INJECT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

#define BORROWED_BYTES 20480

enum inject_system_call { INJECT_CLOSE, INJECT_USERFAULTFD };

struct borrowed {
	int tid;
	plat_addr code;			     /* of a system call instruction in the process */
	uint64_t mask;			     /* signals that it blocks */
	size_t general, vector;		     /* bytes of each set */
	unsigned char bytes[BORROWED_BYTES]; /* both, one behind the other */
};

/* The instruction's bytes; 0: there is nothing for this processor. */
extern const unsigned char inject_code[4];
extern const size_t inject_code_bytes;

/* A thread's set of registers is one of a program that can be borrowed. */
bool inject_fits(size_t general);

/* It waits in a system call which no allocator makes while it changes its own state. */
bool inject_is_waiting(const struct borrowed *borrowed);
/* In any system call: so in no sequence that the kernel would have it begin anew (rseq). */
bool inject_is_in_call(const struct borrowed *borrowed);

plat_addr inject_stack(const struct borrowed *borrowed);

/* Sets registers so that the call is done next. 0 or -errno. */
int inject_set_call(const struct borrowed *borrowed, enum inject_system_call call,
		    const uint64_t arg[3]) MUST_CHECK;
/* The same for a function, which returns to `borrowed->code`. *ret: its stack pointer then. */
int inject_set_function(const struct borrowed *borrowed, plat_addr function, uint64_t argument,
			plat_addr *ret) MUST_CHECK;

/* In a stop at a system call: where, and what it is; and what it has returned. */
struct inject_stop {
	plat_addr pc, sp;
	int64_t number, value;
};
int inject_look(const struct borrowed *borrowed, struct inject_stop *ret) MUST_CHECK;
/* At its entry: it is not done. */
int inject_skip(const struct borrowed *borrowed) MUST_CHECK;

#endif
