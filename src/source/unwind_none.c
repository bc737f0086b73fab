/* Processors that nobody has taught us to follow the stacks of. */
#include "source/unwind_parts.h"

bool unwind_registers(const void *general, size_t size, uint64_t ret[UNWIND_REGISTERS])
{
	(void)general, (void)size, (void)ret;
	return false;
}
