/* There is one variant, without vectors of our own. */
#include "mem/ops/here.h"
#include "mem/ops/portable/plain.h"

plat__find_function *plat__choose_find(void)
{
	return plat__plain_find;
}

const struct plat__ops *plat__choose_ops(void)
{
	return &plat__plain_ops;
}

const struct plat__ops *plat__ops_variant(size_t i)
{
	return i == 0 ? &plat__plain_ops : NULL;
}

bool plat__ops_can_run(size_t i)
{
	return i == 0;
}
