/*
 * Linux x86-64: 64-bit puppets call by syscall, 32-bit ones by int 0x80. Both are handled through
 * the 64-bit registers. int3 behind the call stops it.
 */
#include "source/puppet_parts.h"

#include "source/call_x86_64.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

static const struct puppet_machine machines[2] = {
	{.elf_machine = EM_X86_64, .code = {0x0f, 0x05, 0xcc}, .code_size = 3},
	{.elf_machine = EM_386, .code = {0xcd, 0x80, 0xcc}, .code_size = 3},
};

/* Of 64-bit and of 32-bit programs. mmap of the latter is mmap2. */
static const uint16_t numbers[NPUPPET_CALLS][2] = {
	[PUPPET_BRK] = {12, 45},      [PUPPET_CAPSET] = {126, 185},
	[PUPPET_GETCPU] = {309, 318}, [PUPPET_MADVISE] = {28, 219},
	[PUPPET_MLOCK2] = {325, 376}, [PUPPET_MLOCKALL] = {151, 152},
	[PUPPET_MMAP] = {9, 192},     [PUPPET_MPROTECT] = {10, 125},
	[PUPPET_MSYNC] = {26, 144},   [PUPPET_MUNLOCKALL] = {152, 153},
	[PUPPET_MUNMAP] = {11, 91},   [PUPPET_PERSONALITY] = {135, 136},
	[PUPPET_PRCTL] = {157, 172},
};

const struct puppet_machine *puppet_machine(unsigned bits)
{
	return &machines[bits == 32];
}

int puppet_set_registers(const struct puppet *puppet, enum puppet_call call, const uint64_t arg[6])
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, puppet->pid, NULL, &regs) < 0)
		return -errno;
	regs.rip = puppet->code;
	regs.rax = numbers[call][puppet->bits == 32];
	regs.orig_rax = -1ULL; /* no call is under way that could be done again */
	if (puppet->bits == 32) {
		regs.rbx = (uint32_t)arg[0];
		regs.rcx = (uint32_t)arg[1];
		regs.rdx = (uint32_t)arg[2];
		regs.rsi = (uint32_t)arg[3];
		regs.rdi = (uint32_t)arg[4];
		regs.rbp = (uint32_t)arg[5];
	} else {
		call_set_arguments(&regs, arg);
	}
	return ptrace(PTRACE_SETREGS, puppet->pid, NULL, &regs) < 0 ? -errno : 0;
}

int puppet_get_result(const struct puppet *puppet, int64_t *ret)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, puppet->pid, NULL, &regs) < 0)
		return -errno;
	*ret = (int64_t)regs.rax;
	/* An address of 32 bits is no negative number; an errno is. */
	if (puppet->bits == 32)
		*ret = (uint32_t)regs.rax > UINT32_C(0xfffff000) ? (int32_t)regs.rax
								 : (int64_t)(uint32_t)regs.rax;
	return 0;
}
