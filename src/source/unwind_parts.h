/* What of unwinding differs by processor. */
#ifndef SOURCE_UNWIND_PARTS_H
#define SOURCE_UNWIND_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNWIND_REGISTERS 17

/* The general registers in the order of DWARF, from those of the kernel. false: not these. */
bool unwind_registers(const void *general, size_t size, uint64_t ret[UNWIND_REGISTERS]);

#endif
