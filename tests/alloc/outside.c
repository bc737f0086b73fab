/*
 * What the allocator's logic asks of its surroundings and does not get in tests of the logic alone:
 * no code, no report, no family.
 */
#include "alloc/malloc.h"
#include "alloc/outside.h"
#include "alloc/system.h"

#include <unistd.h>

bool plat__system_is_readable(uintptr_t at)
{
	(void)at;
	return false;
}

bool plat__system_module(uintptr_t address, struct code_module *ret)
{
	(void)address;
	(void)ret;
	return false;
}

int plat__system_pid(void)
{
	return 1;
}

void plat__system_write(int fd, const char *text, size_t length)
{
	if (write(fd, text, length) < 0)
		_exit(2);
}

void plat__report_begin(void)
{
}

void plat__report_open(const char *value)
{
	(void)value;
}

void plat__free_sized(void *p, size_t bytes)
{
	(void)bytes;
	plat__free(p);
}
