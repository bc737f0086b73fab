/* Processors that nobody has taught us to make calls for. */
#include "source/inject_parts.h"

#include <errno.h>

const unsigned char inject_code[4];
const size_t inject_code_bytes;

bool inject_fits(size_t general)
{
	(void)general;
	return false;
}

bool inject_is_waiting(const struct borrowed *borrowed)
{
	(void)borrowed;
	return false;
}

bool inject_is_in_call(const struct borrowed *borrowed)
{
	(void)borrowed;
	return false;
}

plat_addr inject_stack(const struct borrowed *borrowed)
{
	(void)borrowed;
	return 0;
}

int inject_set_call(const struct borrowed *borrowed, enum inject_system_call call,
		    const uint64_t arg[3])
{
	(void)borrowed, (void)call, (void)arg;
	return -ENOTSUP;
}

int inject_set_function(const struct borrowed *borrowed, plat_addr function, uint64_t argument,
			plat_addr *ret)
{
	(void)borrowed, (void)function, (void)argument, (void)ret;
	return -ENOTSUP;
}

int inject_look(const struct borrowed *borrowed, struct inject_stop *ret)
{
	(void)borrowed, (void)ret;
	return -ENOTSUP;
}

int inject_skip(const struct borrowed *borrowed)
{
	(void)borrowed;
	return -ENOTSUP;
}
