/* Processors that nobody has taught us to read the registers of: they are bytes. */
#include "source/registers_parts.h"

#include <elf.h>
#include <stdio.h>

const int registers_vector_set = NT_PRFPREG;

void registers_find(struct registers *registers)
{
	(void)registers;
}

const char *registers_name(size_t general, size_t at, char *to, size_t size)
{
	(void)general;
	snprintf(to, size, "byte %zu", at);
	return to;
}
