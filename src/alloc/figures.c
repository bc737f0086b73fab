/*
 * Nothing is counted on malloc's and free's short ways: tags say what lives, and whoever wants a
 * sum walks. All is read while others work, so that sums of a running program are near each other,
 * and those of one that stands still are exact.
 */
#include "alloc/figures.h"

#include "alloc/atomic.h"
#include "alloc/blocks.h"
#include "alloc/granules.h"
#include "alloc/heap.h"
#include "alloc/map.h"
#include "alloc/slab.h"
#include "alloc/system.h"

#include <stdbool.h>
#include <unistd.h>

/* In pages that are not the heap's. */
static bool is_apart(const struct block *block)
{
	return block->kind == SLAB_MAPPING || block->kind == SLAB_GUARDED;
}

/* Of a guarded block room is what no other block has: it begins where the block does. */
static size_t pages_of(const struct block *block)
{
	uintptr_t page = plat__page_bytes;

	if (block->kind == SLAB_MAPPING)
		return block->room;
	return block->size == 0 ? 0 : block->start % page + block->room;
}

static void add_live(struct figures *figures, const struct block *block)
{
	figures->blocks++;
	figures->bytes += block->size;
	if (is_apart(block)) {
		figures->mappings++;
		figures->mapped += pages_of(block);
	} else {
		figures->taken += block->room;
	}
}

static void add_free(struct figures *figures, const struct block *block)
{
	figures->free_blocks++;
	if (block->kind == SLAB_RUN)
		figures->resident += block->room;
	else
		figures->slots[plat__fit(block->size).class]++;
}

static int add_block(const struct block *block, void *data)
{
	if (block->is_live)
		add_live(data, block);
	else if (!is_apart(block))
		add_free(data, block);
	return 0;
}

static int add_slab(struct slab *slab, void *data)
{
	struct figures *figures = data;
	size_t before = figures->blocks;

	plat__blocks_of(slab, add_block, figures);
	if (slab_has_slots(slab))
		figures->resident += plat__slab_idle(slab, (uint32_t)(figures->blocks - before));
	return 0;
}

static void add_windows(struct figures *figures, const struct heap *heap)
{
	uint32_t class;

	for (class = 0; class < NCLASSES; class ++) {
		const struct bin *bin = &heap->bins[class];
		unsigned n = count_bits(load_relaxed(&bin->mask));

		figures->ready += n;
		figures->ready_bytes += (size_t)n * plat__class_stride(class);
	}
}

static bool is_free(uintptr_t granule)
{
	const struct chunk *chunk = plat__map_chunk(granule);

	return chunk && !(load_relaxed(&chunk->used) >> (granule / GRANULE % CHUNK_GRANULES) & 1);
}

/* Where somebody else has moved the break there is no granule of ours below it. */
static size_t free_at_top(void)
{
	uintptr_t end = (uintptr_t)sbrk(0), at = end;

	while (at > GRANULE && is_free(at - 1))
		at -= GRANULE;
	return end - at;
}

static size_t free_rows(void)
{
	size_t i, k, n = 0;

	for (i = 0; i < ROOT_ENTRIES; i++) {
		struct leaf *leaf = load_acquire(&plat__root[i]);

		for (k = 0; leaf && k < LEAF_CHUNKS; k++) {
			const struct chunk *chunk = load_acquire(&leaf->chunks[k]);
			uint64_t used = chunk ? load_relaxed(&chunk->used) : UINT64_MAX;

			n += count_bits(~used & (used << 1 | 1));
		}
	}
	return n;
}

void plat__figures(struct figures *ret)
{
	const struct heap *heap;
	struct granule_sums sums;

	*ret = (struct figures){.free_blocks = free_rows(), .top = free_at_top()};
	plat__map_walk(add_slab, ret);
	for (heap = load_acquire(&plat__heaps); heap; heap = heap->next_heap)
		add_windows(ret, heap);
	sums = plat__granules_sums();
	ret->resident += sums.dirty;
	ret->heap = sums.taken + sums.free;
	if (ret->taken > ret->heap)
		ret->taken = ret->heap;
	if (ret->ready_bytes > ret->heap - ret->taken)
		ret->ready_bytes = ret->heap - ret->taken;
	if (ret->ready > ret->free_blocks)
		ret->ready = ret->free_blocks;
	if (ret->top > ret->heap - ret->taken)
		ret->top = ret->heap - ret->taken;
}
