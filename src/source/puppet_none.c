/* Processors that nobody has taught us to make puppets for. */
#include "source/puppet_parts.h"

#include <errno.h>
#include <stddef.h>

const struct puppet_machine *puppet_machine(unsigned bits)
{
	(void)bits;
	return NULL;
}

int puppet_set_registers(const struct puppet *puppet, enum puppet_call call, const uint64_t arg[6])
{
	(void)puppet, (void)call, (void)arg;
	return -ENOTSUP;
}

int puppet_get_result(const struct puppet *puppet, int64_t *ret)
{
	(void)puppet, (void)ret;
	return -ENOTSUP;
}
