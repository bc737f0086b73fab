/*
 * The short ways of malloc and free know nothing of this: they do not serve. A window is closed
 * when its first slot has been taken, so that malloc finds none open, and a slab whose reach is 0
 * is not found by free's guess.
 */
#include "alloc/perturb.h"

#include "alloc/atomic.h"
#include "alloc/heap.h"
#include "alloc/map.h"
#include "alloc/options.h"
#include "alloc/process.h"
#include "alloc/slab.h"

#include <string.h>

static int hide(struct slab *slab, void *data)
{
	(void)data;
	plat__slab_hide(slab);
	return 0;
}

void plat__perturb_set(int byte)
{
	store_relaxed(&plat__options.perturb, byte);
	if (byte == 0)
		return;
	plat__map_walk(hide, NULL);
	if (plat__thread_heap() != &plat__no_heap)
		plat__heap_flush(plat__thread_heap());
}

void plat__perturb_block(struct bin *bin, void *p, size_t bytes)
{
	if (bin) {
		bin->current->used -= count_bits(bin->mask);
		store_relaxed(&bin->mask, 0);
		plat__slab_hide(bin->current);
	}
	memset(p, ~load_relaxed(&plat__options.perturb), bytes);
}

void plat__perturb_free(void *p, size_t bytes)
{
	/* A free block begins with zeros. */
	if (bytes > sizeof(uint64_t))
		memset((char *)p + sizeof(uint64_t), load_relaxed(&plat__options.perturb),
		       bytes - sizeof(uint64_t));
}
