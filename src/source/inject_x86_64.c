/*
 * Linux x86-64, 64-bit programs.
 *
 * A function returns to an instruction for a system call, and is noticed there before that is done:
 * unlike a trap, this needs no signal, whose handler the kernel might have to reset.
 */
#include "source/inject_parts.h"

#include "source/call_x86_64.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define CODE_64 0x33 /* cs of 64-bit programs */
#define RED_ZONE 128 /* below the stack pointer: still the program's */
#define STACK_ALIGNMENT 16
#define FLAGS 0x202 /* no direction, no single steps */

const unsigned char inject_code[4] = {0x0f, 0x05};
const size_t inject_code_bytes = 2;

bool inject_fits(size_t general)
{
	return general == sizeof(struct user_regs_struct);
}

static struct user_regs_struct registers_of(const struct borrowed *borrowed)
{
	struct user_regs_struct regs;

	memcpy(&regs, borrowed->bytes, sizeof(regs));
	return regs;
}

bool inject_is_in_call(const struct borrowed *borrowed)
{
	struct user_regs_struct regs = registers_of(borrowed);

	return regs.cs == CODE_64 && (int64_t)regs.orig_rax >= 0;
}

bool inject_is_waiting(const struct borrowed *borrowed)
{
	static const uint16_t calls[] = {
		SYS_accept,	  SYS_accept4,	     SYS_clock_nanosleep, SYS_epoll_pwait,
		SYS_epoll_pwait2, SYS_epoll_wait,    SYS_futex,		  SYS_nanosleep,
		SYS_pause,	  SYS_poll,	     SYS_ppoll,		  SYS_pselect6,
		SYS_read,	  SYS_recvfrom,	     SYS_recvmsg,	  SYS_restart_syscall,
		SYS_select,	  SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_wait4,
		SYS_waitid,
	};
	struct user_regs_struct regs = registers_of(borrowed);
	size_t i;

	/* A thread of no library has no thread pointer. */
	if (!inject_is_in_call(borrowed) || regs.fs_base == 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (regs.orig_rax == calls[i])
			return true;
	return false;
}

plat_addr inject_stack(const struct borrowed *borrowed)
{
	return registers_of(borrowed).rsp;
}

static int set(const struct borrowed *borrowed, struct user_regs_struct *regs)
{
	regs->orig_rax = -1ULL; /* what it waits for is not to be done again now */
	regs->eflags = FLAGS;
	return ptrace(PTRACE_SETREGS, borrowed->tid, NULL, regs) < 0 ? -errno : 0;
}

int inject_set_call(const struct borrowed *borrowed, enum inject_system_call call,
		    const uint64_t arg[3])
{
	static const uint16_t numbers[] = {
		[INJECT_CLOSE] = SYS_close, [INJECT_USERFAULTFD] = SYS_userfaultfd};
	struct user_regs_struct regs = registers_of(borrowed);

	call_set_arguments(&regs, (uint64_t[6]){arg[0], arg[1], arg[2]});
	regs.rip = borrowed->code;
	regs.rax = numbers[call];
	return set(borrowed, &regs);
}

int inject_set_function(const struct borrowed *borrowed, plat_addr function, uint64_t argument,
			plat_addr *ret)
{
	struct user_regs_struct regs = registers_of(borrowed);
	plat_addr sp = align_down(regs.rsp - RED_ZONE, STACK_ALIGNMENT);

	if (ptrace(PTRACE_POKEDATA, borrowed->tid, (void *)(uintptr_t)(sp - 8),
		   (void *)(uintptr_t)borrowed->code) < 0)
		return -errno;
	call_set_arguments(&regs, (uint64_t[6]){argument});
	regs.rip = function;
	regs.rsp = sp - 8;
	regs.rax = 0;
	*ret = sp;
	return set(borrowed, &regs);
}

int inject_look(const struct borrowed *borrowed, struct inject_stop *ret)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, borrowed->tid, NULL, &regs) < 0)
		return -errno;
	*ret = (struct inject_stop){.pc = regs.rip - inject_code_bytes,
				    .sp = regs.rsp,
				    .number = (int64_t)regs.orig_rax,
				    .value = (int64_t)regs.rax};
	return 0;
}

int inject_skip(const struct borrowed *borrowed)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, borrowed->tid, NULL, &regs) < 0)
		return -errno;
	return set(borrowed, &regs);
}
