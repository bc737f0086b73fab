/* What of unwinding differs by processor, and what all who unwind have in common. */
#ifndef SOURCE_UNWIND_PARTS_H
#define SOURCE_UNWIND_PARTS_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNWIND_REGISTERS 17
#define UNWIND_SP 7
#define UNWIND_PC 16

/* The general registers in the order of DWARF, from those of the kernel. false: not these. */
bool unwind_registers(const void *general, size_t size, uint64_t ret[UNWIND_REGISTERS]);

/* Tables for exceptions are in what is loaded: libdwfl need not look for anything else. */
int unwind_no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **path);

#endif
