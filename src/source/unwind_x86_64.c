/* System V ABI, AMD64 supplement, figure 3.36: register numbers of DWARF. */
#include "source/unwind_parts.h"

#include <string.h>
#include <sys/user.h>

bool unwind_registers(const void *general, size_t size, uint64_t ret[UNWIND_REGISTERS])
{
	struct user_regs_struct r;

	if (size != sizeof(r))
		return false;
	memcpy(&r, general, sizeof(r));
	memcpy(ret,
	       (const uint64_t[UNWIND_REGISTERS]){r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp,
						  r.rsp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
						  r.r14, r.r15, r.rip},
	       UNWIND_REGISTERS * sizeof(*ret));
	return true;
}
