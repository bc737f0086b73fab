/* What of puppets differs by processor. */
#ifndef SOURCE_PUPPET_PARTS_H
#define SOURCE_PUPPET_PARTS_H

#include "source/puppet.h"

struct puppet_machine {
	uint16_t elf_machine; /* EM_... */
	/* A system call, and then a trap that stops it again. */
	unsigned char code[8];
	unsigned code_size;
};

/* The machine of these bits, or NULL. */
const struct puppet_machine *puppet_machine(unsigned bits);

/* Sets all registers so that the call is done next. 0 or -errno. */
int puppet_set_registers(const struct puppet *puppet, enum puppet_call call,
			 const uint64_t arg[6]) MUST_CHECK;

/* What the call has returned. 0 or -errno. */
int puppet_get_result(const struct puppet *puppet, int64_t *ret) MUST_CHECK;

#endif
