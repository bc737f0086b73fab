/*
 * A slab's descriptor may become another slab's while it is read here. What was read of it counts
 * only if it led from the map, still does, and is of the same generation as before.
 */
#include "alloc/blocks.h"

#include "alloc/atomic.h"
#include "alloc/map.h"
#include "alloc/slab.h"
#include "alloc/system.h"

/* What does not change for as long as a descriptor is one slab's. */
struct cut {
	uint64_t generation;
	uintptr_t base;
	uint32_t stride;
	uint32_t nslots;
	uint32_t zone;
	uint8_t kind;
	uint8_t is_hard;
};

static bool is_cut(uint8_t kind)
{
	return kind == SLAB_SMALL || kind == SLAB_WIDE;
}

static struct cut read_cut(const struct slab *slab)
{
	struct cut cut = {.generation = load_acquire(&slab->generation)};

	cut.base = load_acquire(&slab->base);
	cut.stride = load_relaxed(&slab->stride);
	cut.nslots = load_relaxed(&slab->nslots);
	cut.kind = load_relaxed(&slab->kind);
	cut.is_hard = load_relaxed(&slab->is_hard);
	cut.zone = cut.is_hard ? ZONE_BYTES : 0;
	return cut;
}

static bool is_still(const struct slab *slab, const struct cut *cut)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return plat__map_find(cut->base) == slab &&
	       load_relaxed(&slab->generation) == cut->generation;
}

static struct block slot_block(const struct slab *slab, const struct cut *cut, uint32_t i)
{
	struct block block = {
		.start = cut->base + (uintptr_t)i * cut->stride,
		.size = cut->stride - CANARY - cut->zone,
		.room = cut->stride,
		.kind = cut->kind,
	};
	uint32_t tag = cut->kind == SLAB_WIDE ? load_acquire((const uint16_t *)slab->tags + i)
					      : load_acquire(slab->tags + i);

	block.is_live = tag_is_live(tag);
	if (block.is_live)
		block.size = cut->stride + TAG_BIAS - tag;
	return block;
}

/* The block that stands alone; false: there is none, or it changed under our eyes. */
static bool read_alone(const struct slab *slab, struct block *ret)
{
	uint64_t size = load_acquire(&slab->size);
	size_t whole = (size_t)load_relaxed(&slab->mapped), page = plat__page_bytes;

	ret->start = load_acquire(&slab->base);
	ret->kind = load_relaxed(&slab->kind);
	ret->is_live = size != 0;
	ret->size = size ? (size_t)(size - 1) : whole;
	/* Behind the pages of a mapping lie guards, and addresses without pages. */
	ret->room = whole;
	if (ret->kind == SLAB_GUARDED)
		ret->room =
			ret->size ? ((ret->start + ret->size + page - 1) & ~(page - 1)) - ret->start
				  : 1;
	else if (ret->kind != SLAB_RUN && size)
		ret->room = (ret->size + (slab->is_guarded ? 0 : CANARY) + page - 1) & ~(page - 1);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return plat__map_find(ret->start) == slab && load_relaxed(&slab->size) == size;
}

/* Not for ever: this may be a signal handler, and what it interrupted cannot go on. */
#define TRIES 8

bool plat__block_at(uintptr_t address, struct block *ret)
{
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		const struct slab *slab = plat__map_find(address);
		struct cut cut;
		uintptr_t slot;

		if (!slab)
			return false;
		cut = read_cut(slab);
		if (!is_cut(cut.kind)) {
			if (read_alone(slab, ret))
				return address - ret->start < ret->room;
			continue;
		}
		if (!is_still(slab, &cut))
			continue;
		slot = (address - cut.base) / cut.stride;
		if (slot >= cut.nslots)
			return false;
		*ret = slot_block(slab, &cut, (uint32_t)slot);
		if (is_still(slab, &cut))
			return true;
	}
	return false;
}

int plat__blocks_of(const struct slab *slab, int (*visit)(const struct block *block, void *data),
		    void *data)
{
	struct cut cut = read_cut(slab);
	struct block block;
	uint32_t i;
	int r = 0;

	if (!is_cut(cut.kind))
		return read_alone(slab, &block) ? visit(&block, data) : 0;
	/* What is visited may free the rest of the slab. */
	for (i = cut.is_hard; r == 0 && is_still(slab, &cut) && i < cut.nslots; i++) {
		block = slot_block(slab, &cut, i);
		r = visit(&block, data);
	}
	return r;
}
