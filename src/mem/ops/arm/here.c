/* Every processor of 64 bits has NEON: there is nothing to ask. */
#include "mem/ops/here.h"
#include "mem/ops/arm/arm.h"
#include "mem/ops/portable/plain.h"

BEFORE_RELOCATION plat__find_function *plat__choose_find(void)
{
	return plat__neon_find;
}

const struct plat__ops *plat__choose_ops(void)
{
	return &plat__neon_ops;
}

const struct plat__ops *plat__ops_variant(size_t i)
{
	static const struct plat__ops *const variants[] = {&plat__plain_ops, &plat__neon_ops};

	return i < ARRAY_SIZE(variants) ? variants[i] : NULL;
}

bool plat__ops_can_run(size_t i)
{
	return i < 2;
}
