#include "heap/block_folds.h"

#include "space/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 96

const struct fold_sum block_sums[NBLOCK_SUMS] = {
	[FOLD_LIVE_BLOCKS] = {"live_objects", "count"},
	[FOLD_LIVE_BYTES] = {"live_space", "bytes"},
	[FOLD_FREE_RESIDENT] = {"free_resident", "bytes"},
};

int block_folds_init(struct block_folds *ret, const struct space *space,
		     const struct heap_runs *runs)
{
	*ret = (struct block_folds){.space = space, .runs = runs, .prefix = ""};
	return folds_init(&ret->folds, block_sums, runs ? NBLOCK_SUMS : FOLD_FREE_RESIDENT);
}

void block_folds_fini(struct block_folds *folds)
{
	folds_fini(&folds->folds);
	free(folds->site_nodes);
}

void block_folds_begin(struct block_folds *folds, const struct heap_reading *heap,
		       const struct own_profile *profile, const char *prefix)
{
	folds->heap = heap;
	folds->profile = profile;
	folds->prefix = prefix;
	folds->at_run = folds->at_region = folds->at_site = 0;
	memset(folds->seen, 0, sizeof(folds->seen));
	free(folds->site_nodes);
	folds->site_nodes = NULL;
}

/*
 * What a block is.
 */

static enum kind kind_at(struct block_folds *folds, plat_addr addr)
{
	const struct space *space = folds->space;
	size_t i = folds->at_region;

	if (i >= space->nregions || addr < space->regions[i].start || addr >= space->regions[i].end)
		folds->at_region = i = space_at_or_above(space, addr);
	return i < space->nregions && addr >= space->regions[i].start
		       ? (enum kind)space->regions[i].kind
		       : KIND_NONE;
}

static void name_arena(const struct block_folds *folds, uint32_t arena, char *to)
{
	char name[ARENA_NAME_SIZE];

	snprintf(to, NAME_SIZE, "%s%s", folds->prefix,
		 arena < folds->heap->narenas ? arena_name(&folds->heap->arenas[arena], name)
					      : "no arena");
}

static const struct heap_class *class_at(const struct heap_reading *heap, uint32_t class)
{
	return class < heap->nclasses ? &heap->classes[class] : NULL;
}

/* Blocks that stand alone, and those of an allocator without classes, are told apart by powers of
 * two. */
static int step_class(struct block_folds *folds, const struct block_fold *what, uint32_t *node)
{
	const struct heap_class *class = class_at(folds->heap, what->class);
	char name[NAME_SIZE];
	int r = 0;

	if (class && class->name)
		r = folds_step_name(&folds->folds, *node, class->name, node);
	if (r < 0)
		return r;
	if (!class || !class->stride)
		return folds_step_size(&folds->folds, *node, what->size, node);
	snprintf(name, sizeof(name), "%" PRIu64 "-byte class", class->stride);
	return folds_step_name(&folds->folds, *node, name, node);
}

static int make_node(struct block_folds *folds, struct block_fold *what)
{
	enum kind kind = (enum kind)what->kind;
	uint32_t node = FOLD_TOP;
	char name[NAME_SIZE];
	int r = folds_step_name(&folds->folds, node,
				kind == KIND_NONE ? "not mapped" : kind_name(kind), &node);

	name_arena(folds, what->arena, name);
	if (r == 0)
		r = folds_step_name(&folds->folds, node, name, &node);
	if (r == 0)
		r = step_class(folds, what, &node);
	what->node = node;
	return r;
}

static bool is_same(const struct block_fold *a, const struct block_fold *b)
{
	return a->is_there && a->kind == b->kind && a->arena == b->arena && a->class == b->class &&
	       a->power == b->power;
}

/* Names take their time, and there are few of them for many blocks. */
static int class_node(struct block_folds *folds, const struct block *block, uint32_t *ret)
{
	struct block_fold what = {
		.is_there = true,
		.kind = (uint32_t)kind_at(folds, block->address),
		.arena = block->arena,
		.class = block->class,
		.power = folds_power(block->size),
		.size = block->size,
	};
	struct block_fold *seen =
		&folds->seen[(what.power + 7 * what.class + 31 * what.arena) % BLOCK_FOLDS_SEEN];
	int r = 0;

	if (!is_same(seen, &what)) {
		r = make_node(folds, &what);
		if (r == 0)
			*seen = what;
	}
	*ret = seen->node;
	return r;
}

int block_folds_node(struct block_folds *folds, const struct block *block, uint32_t *ret)
{
	uint16_t type = NO_TYPE;
	int r = class_node(folds, block, ret);

	if (r == 0 && folds->types)
		r = types_take(folds->types, block, &type);
	if (r < 0 || type == NO_TYPE)
		return r;
	return folds_step(&folds->folds, *ret, FOLD_TYPE, type, ret);
}

/*
 * Who made it.
 */

/* Blocks come in order, and so do those of known site. */
static const struct own_site *site_of(struct block_folds *folds, plat_addr address)
{
	const struct own_profile *profile = folds->profile;
	size_t *at = &folds->at_site;

	if (!profile)
		return NULL;
	while (*at < profile->nblocks && profile->blocks[*at].address < address)
		++*at;
	if (*at == profile->nblocks || profile->blocks[*at].address != address)
		return NULL;
	return &profile->sites[profile->blocks[*at].site];
}

/* Where every block is guarded, many are of one site. */
static int site_node(struct block_folds *folds, const struct own_site *site, uint32_t *ret)
{
	const struct own_profile *profile = folds->profile;
	uint32_t *node;
	int r = 0;

	if (!folds->site_nodes)
		folds->site_nodes = calloc(profile->nsites, sizeof(*folds->site_nodes));
	if (!folds->site_nodes)
		return -ENOMEM;
	node = &folds->site_nodes[site - profile->sites];
	if (*node == FOLD_TOP)
		r = folds_of_calls(&folds->folds, site->frames, site->nframes, node);
	*ret = *node;
	return r;
}

static int live_node(struct block_folds *folds, const struct block *block, uint32_t *ret)
{
	const struct own_site *site = site_of(folds, block->address);

	if (site && site->nframes)
		return site_node(folds, site, ret);
	return block_folds_node(folds, block, ret);
}

static uint64_t resident_of(struct block_folds *folds, const struct block *block)
{
	plat_addr start = sub_floored(block->address, block->before);

	if (!folds->runs)
		return 0;
	return heap_runs_bytes(folds->runs, &folds->at_run, start,
			       add_capped(start, block->extent));
}

int block_folds_take(void *context, const struct block *block)
{
	struct block_folds *folds = context;
	uint64_t resident;
	uint32_t node;
	int r;

	if (block->state == BLOCK_LIVE) {
		r = live_node(folds, block, &node);
		if (r < 0)
			return r;
		folds_add(&folds->folds, node, FOLD_LIVE_BLOCKS, 1);
		folds_add(&folds->folds, node, FOLD_LIVE_BYTES, block->size);
		return 0;
	}
	resident = resident_of(folds, block);
	if (resident == 0 || block->state == BLOCK_UNKNOWN)
		return 0;
	r = block_folds_node(folds, block, &node);
	if (r == 0)
		folds_add(&folds->folds, node, FOLD_FREE_RESIDENT, resident);
	return r;
}
