#include "../include/plat/alloc.h" /* so that -Isrc is all that a build needs */

#include "alloc/atomic.h"
#include "alloc/blocks.h"
#include "alloc/fault.h"
#include "alloc/figures.h"
#include "alloc/line.h"
#include "alloc/malloc.h"
#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/sample.h"
#include "alloc/sites.h"

#include <errno.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void plat_malloc_stats(struct plat_malloc_stats *ret, size_t size)
{
	struct plat_malloc_stats stats;
	struct figures figures;
	size_t known = size < sizeof(stats) ? size : sizeof(stats);

	plat__figures(&figures);
	stats = (struct plat_malloc_stats){
		.live_blocks = figures.blocks,
		.live_bytes = figures.bytes,
		.mapped_blocks = figures.mappings,
		.mapped_bytes = figures.mapped,
		.heap_bytes = figures.heap,
		.free_bytes = figures.heap - figures.taken,
		.resident_bytes = figures.resident,
		.state_bytes = plat__meta_bytes(),
		.faults = plat__fault_count(),
	};
	memcpy(ret, &stats, known);
	memset((char *)ret + known, 0, size - known);
}

EXPORT int plat_malloc_purge(void)
{
	return plat__purge(0);
}

EXPORT int plat_malloc_set(const char *name, const char *value)
{
	int r = plat__options_set(name, value), saved = errno;

	if (r == 0 && strcmp(name, "PLAT_SAMPLE") == 0 && load_relaxed(&plat__samples.mean) != 0) {
		plat__sites_begin();
		errno = saved;
	}
	return r;
}

EXPORT int plat_malloc_get(const char *name, char *ret, size_t size)
{
	struct line line = {.length = 0};
	int r = plat__options_get(name, &line);
	size_t length;

	if (r < 0)
		return r;
	length = line.length < size ? line.length : size - 1;
	if (size > 0) {
		memcpy(ret, line.text, length);
		ret[length] = '\0';
	}
	return (int)line.length;
}

/* --- blocks --- */

struct visitor {
	unsigned which;
	int (*visit)(const struct plat_block *block, void *data);
	void *data;
};

static struct plat_block told(const struct block *block)
{
	return (struct plat_block){(void *)block->start, block->size, block->is_live};
}

static int visit_block(const struct block *block, void *data)
{
	struct visitor *visitor = data;
	struct plat_block found = told(block);

	if (!(visitor->which & (block->is_live ? PLAT_VISIT_LIVE : PLAT_VISIT_FREE)))
		return 0;
	return visitor->visit(&found, visitor->data);
}

static int visit_slab(struct slab *slab, void *data)
{
	return plat__blocks_of(slab, visit_block, data);
}

EXPORT int plat_malloc_visit(unsigned which,
			     int (*visit)(const struct plat_block *block, void *data), void *data)
{
	struct visitor visitor = {which, visit, data};

	return plat__map_walk(visit_slab, &visitor);
}

EXPORT int plat_block_of(const void *p, struct plat_block *ret)
{
	struct block block;
	size_t offset;

	if (!plat__block_at((uintptr_t)p, &block) || !block.is_live)
		return -ENOENT;
	offset = (uintptr_t)p - block.start;
	if (offset >= block.size && offset > 0)
		return -ENOENT;
	*ret = told(&block);
	return 0;
}

/* --- sites --- */

/* Numbers of blocks are in these, see struct site. */
#define ONE_BLOCK 65536u

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* What was freed is read first: it is never more than what was made by then. */
static void tell_site(const struct site *site, const void **frames, struct plat_site *ret)
{
	uint64_t freed = load_acquire(&site->freed), freed_bytes = load_acquire(&site->freed_bytes);
	uint64_t made = load_acquire(&site->made), made_bytes = load_acquire(&site->made_bytes);
	size_t i;

	*ret = (struct plat_site){
		.nsamples = (size_t)load_acquire(&site->nsamples),
		.made_blocks = (size_t)(made / ONE_BLOCK),
		.made_bytes = (size_t)made_bytes,
		.live_blocks = (size_t)(less(made, freed) / ONE_BLOCK),
		.live_bytes = (size_t)less(made_bytes, freed_bytes),
		.frames = frames,
		.nframes = site->nframes,
	};
	for (i = 0; i < site->nframes; i++)
		frames[i] = (const void *)(uintptr_t)site->frames[i];
}

EXPORT int plat_visit_sites(int (*visit)(const struct plat_site *site, void *data), void *data)
{
	uint32_t i, n = load_acquire(&plat__samples.nsites);
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		const void *frames[SITE_FRAMES];
		const struct site *site = plat__site(i);
		struct plat_site told;

		if (!site || load_acquire(&site->nsamples) == 0)
			continue;
		tell_site(site, frames, &told);
		r = visit(&told, data);
	}
	return r;
}
