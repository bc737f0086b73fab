/* Linux x86-64. A 32-bit program's set is shorter: registers of four bytes, and no thread pointer
 * but a selector. */
#include "source/registers_parts.h"

#include "base/compiler.h"
#include "space/space.h"

#include <elf.h>
#include <stdio.h>
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

/* Linux arch/x86/include/uapi/asm/ptrace-abi.h, and i386's before it. */
static const char *const wide_names[] = {
	"r15",	  "r14", "r13", "r12",	   "rbp",     "rbx", "r11",	 "r10", "r9",
	"r8",	  "rax", "rcx", "rdx",	   "rsi",     "rdi", "orig_rax", "rip", "cs",
	"eflags", "rsp", "ss",	"fs_base", "gs_base", "ds",  "es",	 "fs",	"gs",
};
static const char *const narrow_names[] = {
	"ebx", "ecx", "edx",	  "esi", "edi", "ebp",	  "eax", "ds", "es",
	"fs",  "gs",  "orig_eax", "eip", "cs",	"eflags", "esp", "ss",
};

/* Intel SDM, volume 1, 13.4: the legacy region of what XSAVE writes, and the upper halves. */
#define XMM_START 160
#define XMM_END 416
#define YMM_START 576
#define YMM_END 832
#define XMM_BYTES 16

static const char *vector_name(size_t at, char *to, size_t size)
{
	if (at >= XMM_START && at < XMM_END)
		snprintf(to, size, "xmm%zu", (at - XMM_START) / XMM_BYTES);
	else if (at >= YMM_START && at < YMM_END)
		snprintf(to, size, "ymm%zu", (at - YMM_START) / XMM_BYTES);
	else
		snprintf(to, size, "vector byte %zu", at);
	return to;
}

const char *registers_name(size_t general, size_t at, char *to, size_t size)
{
	size_t wide = at / sizeof(uint64_t), narrow = at / sizeof(uint32_t);

	if (at >= general)
		return vector_name(at - general, to, size);
	if (general == sizeof(struct user_regs_struct) && wide < ARRAY_SIZE(wide_names))
		snprintf(to, size, "%s", wide_names[wide]);
	else if (general == I386_WORDS * sizeof(uint32_t) && narrow < ARRAY_SIZE(narrow_names))
		snprintf(to, size, "%s", narrow_names[narrow]);
	else
		snprintf(to, size, "byte %zu", at);
	return to;
}
