#include "heap/heap.h"

#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const state_names[NBLOCK_STATES] = {
	[BLOCK_LIVE] = "live",
	[BLOCK_FREE] = "free",
	[BLOCK_CACHED] = "cached",
	[BLOCK_UNKNOWN] = "unknown",
};

const char *block_state_name(enum block_state state)
{
	return state_names[state];
}

const char *arena_name(const struct heap_arena *arena, char to[ARENA_NAME_SIZE])
{
	static const struct {
		const char *word;
		bool is_numbered;
	} names[NARENA_KINDS] = {
		[ARENA_MAIN] = {"main", false},	    [ARENA_FURTHER] = {"arena", true},
		[ARENA_THREAD] = {"thread", true},  [ARENA_GROUPS] = {"groups", false},
		[ARENA_SHARED] = {"shared", false}, [ARENA_MAPPED] = {"mapped", false},
	};

	if (names[arena->kind].is_numbered)
		snprintf(to, ARENA_NAME_SIZE, "%s %" PRIu32, names[arena->kind].word,
			 arena->number);
	else
		snprintf(to, ARENA_NAME_SIZE, "%s", names[arena->kind].word);
	return to;
}

void heap_sums_count(struct heap_sums *sums, const struct block *block)
{
	switch (block->state) {
	case BLOCK_LIVE:
		sums->live_blocks++;
		sums->live_bytes = add_capped(sums->live_bytes, block->size);
		sums->slack = add_capped(sums->slack, sub_floored(block->extent, block->size));
		return;
	case BLOCK_CACHED:
		sums->cached_blocks++;
		sums->cached_bytes = add_capped(sums->cached_bytes, block->extent);
		break;
	case BLOCK_FREE:
		sums->free_blocks++;
		sums->largest_free = max_u64(sums->largest_free, block->size);
		break;
	default:
		sums->unknown_bytes = add_capped(sums->unknown_bytes, block->extent);
		return;
	}
	sums->free_bytes = add_capped(sums->free_bytes, block->extent);
}

void heap_sums_add(struct heap_sums *to, const struct heap_sums *more)
{
	to->held = add_capped(to->held, more->held);
	to->live_bytes = add_capped(to->live_bytes, more->live_bytes);
	to->live_blocks = add_capped(to->live_blocks, more->live_blocks);
	to->slack = add_capped(to->slack, more->slack);
	to->free_bytes = add_capped(to->free_bytes, more->free_bytes);
	to->cached_bytes = add_capped(to->cached_bytes, more->cached_bytes);
	to->free_blocks = add_capped(to->free_blocks, more->free_blocks);
	to->cached_blocks = add_capped(to->cached_blocks, more->cached_blocks);
	to->largest_free = max_u64(to->largest_free, more->largest_free);
	to->unknown_bytes = add_capped(to->unknown_bytes, more->unknown_bytes);
}

int heap_prove(struct heap_proofs *proofs, const struct heap_proof *proof)
{
	int r = list_reserve(&proofs->list, &proofs->room, proofs->n, 1);

	if (r == 0)
		proofs->list[proofs->n++] = *proof;
	return r;
}

struct shelf heap_shelf_of(struct heap_reading *heap, const struct block *block)
{
	if (!heap->type->find_shelf || (block->state != BLOCK_FREE && block->state != BLOCK_CACHED))
		return (struct shelf){.number = NO_NUMBER};
	return heap->type->find_shelf(heap, block);
}
