/* Classes, and what a visitor is shown. */
#include "heap/ptmalloc_parts.h"

uint64_t ptmalloc_class_most(uint32_t class)
{
	unsigned power = 7 + (class - NCLASSES_EXACT) / 4;

	if (class < NCLASSES_EXACT)
		return (class + 1) * CLASS_EXACT_STEP;
	if (power > 61)
		return 0;
	return (uint64_t)(5 + (class - NCLASSES_EXACT) % 4) << (power - 2);
}

int ptmalloc_show_range(const struct ptmalloc_walk *walk, plat_addr start, plat_addr end)
{
	const struct heap_visitor *visitor = walk->visitor;

	return visitor && visitor->range ? visitor->range(visitor->context, start, end) : 0;
}

int ptmalloc_show_block(const struct ptmalloc_walk *walk, const struct block *block)
{
	const struct heap_visitor *visitor = walk->visitor;

	if (!visitor || !visitor->block || !(visitor->states >> block->state & 1))
		return 0;
	return visitor->block(visitor->context, block);
}

int ptmalloc_show_returnable(const struct ptmalloc_walk *walk, uint32_t arena, plat_addr start,
			     plat_addr end)
{
	const struct heap_visitor *visitor = walk->visitor;

	if (!visitor || !visitor->returnable)
		return 0;
	return visitor->returnable(visitor->context, arena, start, end);
}
