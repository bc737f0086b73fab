#include "heap/heap.h"

#include "base/list.h"

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
