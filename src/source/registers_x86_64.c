/* Linux x86-64. A 32-bit program's set is shorter: registers of four bytes, and no thread pointer
 * but a selector. */
#include "source/registers_parts.h"

#include "space/space.h"

#include <elf.h>
#include <string.h>
#include <sys/user.h>

#define I386_WORDS 17
#define I386_EIP 12
#define I386_ESP 15

const int registers_vector_set = NT_X86_XSTATE;

void registers_find(struct registers *registers)
{
	struct user_regs_struct wide;
	uint32_t narrow[I386_WORDS];

	if (registers->general == sizeof(wide)) {
		memcpy(&wide, registers->bytes, sizeof(wide));
		registers->pc = wide.rip;
		registers->sp = wide.rsp;
		registers->tls = wide.fs_base;
	} else if (registers->general == sizeof(narrow)) {
		memcpy(narrow, registers->bytes, sizeof(narrow));
		registers->pc = narrow[I386_EIP];
		registers->sp = narrow[I386_ESP];
	}
}
