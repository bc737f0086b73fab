/* Linux x86-64: where a system call of a 64-bit program has its arguments. */
#ifndef SOURCE_CALL_X86_64_H
#define SOURCE_CALL_X86_64_H

#include <stdint.h>
#include <sys/user.h>

static inline void call_set_arguments(struct user_regs_struct *regs, const uint64_t arg[6])
{
	regs->rdi = arg[0];
	regs->rsi = arg[1];
	regs->rdx = arg[2];
	regs->r10 = arg[3];
	regs->r8 = arg[4];
	regs->r9 = arg[5];
}

#endif
