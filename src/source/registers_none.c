/* Processors that nobody has taught us to read the registers of: they are bytes. */
#include "source/registers_parts.h"

#include <elf.h>

const int registers_vector_set = NT_PRFPREG;

void registers_find(struct registers *registers)
{
	(void)registers;
}
