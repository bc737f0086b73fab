/*
 * The registers of a thread that is stopped and traced by the caller: as the kernel gives them,
 * since any of them may hold the only pointer to a block, and those that say where the thread is.
 */
#ifndef SOURCE_REGISTERS_H
#define SOURCE_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

struct registers {
	plat_addr pc, sp;     /* UNKNOWN where the processor is one that we were not taught */
	plat_addr tls;	      /* what the thread pointer is: fs_base, tpidr; or UNKNOWN */
	unsigned char *bytes; /* the general ones, and behind them the vector ones */
	size_t general, size; /* bytes of the former, and of all */
};

#define REGISTERS_NONE ((struct registers){.pc = UNKNOWN, .sp = UNKNOWN, .tls = UNKNOWN})

/* 0, and *ret is the caller's to registers_fini(); -ESRCH where the thread is gone; -errno. */
int registers_take(int tid, struct registers *ret) MUST_CHECK;
void registers_fini(struct registers *registers);

/*
 * "rbx", "xmm3": the register that the byte `at` of all of a thread's bytes is of, of which the
 * general ones are `general`. "byte 24" where nobody has taught us its name. Returns `to`.
 */
const char *registers_name(size_t general, size_t at, char *to, size_t size);

#endif
