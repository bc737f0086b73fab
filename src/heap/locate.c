#include "heap/locate.h"

struct search {
	plat_addr addr;
	struct heap_location *found;
};

/* The range comes before its blocks: the next one ends the search. */
static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct search *search = context;

	if (search->found->allocator)
		return 1;
	if (start <= search->addr && search->addr < end)
		search->found->allocator = ""; /* of the reading that is being walked */
	return 0;
}

static int take_block(void *context, const struct block *block)
{
	struct search *search = context;
	plat_addr start = sub_floored(block->address, block->before);

	/* A block of no bytes is at its address, too. */
	if (block->address != search->addr &&
	    (search->addr < start || search->addr - start >= block->extent))
		return 0;
	search->found->has_block = true;
	search->found->block = *block;
	return 1;
}

static void name_it(struct heap_reading *heap, struct heap_location *found)
{
	uint32_t arena = found->block.arena;

	found->allocator = heap->type->name;
	if (!found->has_block)
		return;
	found->shelf = heap_shelf_of(heap, &found->block);
	if (arena >= heap->narenas)
		return;
	arena_name(&heap->arenas[arena], found->arena);
	found->tid = heap->arenas[arena].tid;
}

int heap_locate(const struct heaps *heaps, plat_addr addr, struct heap_location *ret)
{
	struct search search = {.addr = addr, .found = ret};
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.context = &search,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	size_t i;
	int r = 0;

	*ret = (struct heap_location){.allocator = NULL};
	for (i = 0; i < heaps->n && !ret->allocator; i++) {
		r = heap_walk(heaps->readings[i], &visitor);
		if (r < 0)
			return r;
		if (ret->allocator || ret->has_block)
			name_it(heaps->readings[i], ret);
	}
	return 0;
}
