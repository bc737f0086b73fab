/*
 * Blocks in any order become an index.
 *
 * Readers show blocks in order, mostly; several readers show what lies between each other's. Some
 * thousand are gathered and sorted. If they then follow what is there they are appended to it, else
 * they begin a new run, an index of its own; and runs are merged as in a merge sort, so that each
 * is at least twice as large as the next. However they come, n blocks cost n log n.
 */
#include "heap/block_index.h"

#include "base/assert.h"
#include "heap/block_index_build.h"

#include <errno.h>
#include <stdlib.h>

int blocks_init(struct blocks *blocks, unsigned word)
{
	*blocks = (struct blocks){.grain_shift = word == 8 ? 4 : 3};
	blocks->buffer = malloc(BLOCKS_BUFFER * sizeof(*blocks->buffer));
	return blocks->buffer ? 0 : -ENOMEM;
}

void blocks_fini(struct blocks *blocks)
{
	while (blocks->nruns > 0)
		block_index_fini(&blocks->runs[--blocks->nruns]);
	free(blocks->buffer);
	blocks->buffer = NULL;
}

/* Of two blocks at one address that of `low` stays. */
static int take_lower(struct block_index *to, struct block_cursor *a, struct block_cursor *b,
		      bool *has_a, bool *has_b, const struct block_index *low,
		      const struct block_index *high)
{
	int r;

	if (*has_a && (!*has_b || a->block.address <= b->block.address)) {
		r = block_index_append(to, &a->block);
		*has_a = block_cursor_next(a, low);
	} else {
		r = block_index_append(to, &b->block);
		*has_b = block_cursor_next(b, high);
	}
	return r;
}

static int merge(struct block_index *low, struct block_index *high, struct block_index *ret)
{
	struct block_index merged = {
		.grain_shift = low->grain_shift,
		.noverlapping = low->noverlapping + high->noverlapping,
		.nleft_out = low->nleft_out + high->nleft_out,
	};
	struct block_cursor a, b;
	bool has_a, has_b;
	int r = 0;

	block_cursor_init(&a, low, 0);
	block_cursor_init(&b, high, 0);
	has_a = block_cursor_next(&a, low);
	has_b = block_cursor_next(&b, high);
	while (r == 0 && (has_a || has_b))
		r = take_lower(&merged, &a, &b, &has_a, &has_b, low, high);
	if (r == 0)
		r = block_index_seal(&merged);
	if (r < 0) {
		block_index_fini(&merged);
		return r;
	}
	block_index_fini(low);
	block_index_fini(high);
	*ret = merged;
	return 0;
}

/* The last two become one. */
static int merge_last(struct blocks *blocks)
{
	struct block_index *low = &blocks->runs[blocks->nruns - 2];
	int r = merge(low, low + 1, low);

	if (r == 0)
		blocks->nruns--;
	return r;
}

/* The last run has all it will have; those before may be too small for it to stand behind them. */
static int end_run(struct blocks *blocks)
{
	int r;

	if (blocks->nruns == 0)
		return 0;
	r = block_index_seal(&blocks->runs[blocks->nruns - 1]);
	while (r == 0 && blocks->nruns >= 2 &&
	       blocks->runs[blocks->nruns - 2].n / 2 < blocks->runs[blocks->nruns - 1].n)
		r = merge_last(blocks);
	return r;
}

static int begin_run(struct blocks *blocks)
{
	int r = end_run(blocks);

	if (r < 0)
		return r;
	must(blocks->nruns < BLOCKS_RUNS);
	blocks->runs[blocks->nruns++] = (struct block_index){.grain_shift = blocks->grain_shift};
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct block_entry *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* The larger one stays; and qsort() may turn around what is equal. */
	return x->size > y->size ? -1 : x->size < y->size;
}

static bool is_in_order(const struct blocks *blocks)
{
	size_t i;

	for (i = 1; i < blocks->nbuffer; i++)
		if (blocks->buffer[i - 1].address >= blocks->buffer[i].address)
			return false;
	return true;
}

static bool follows(const struct blocks *blocks)
{
	const struct block_index *last;

	if (blocks->nruns == 0)
		return false;
	last = &blocks->runs[blocks->nruns - 1];
	return last->pending.is_there && last->pending.address < blocks->buffer[0].address;
}

static int empty_buffer(struct blocks *blocks)
{
	size_t i;
	int r = 0;

	if (blocks->nbuffer == 0)
		return 0;
	if (!is_in_order(blocks))
		qsort(blocks->buffer, blocks->nbuffer, sizeof(*blocks->buffer), by_address);
	if (!follows(blocks))
		r = begin_run(blocks);
	for (i = 0; r == 0 && i < blocks->nbuffer; i++)
		r = block_index_append(&blocks->runs[blocks->nruns - 1], &blocks->buffer[i]);
	blocks->nbuffer = 0;
	return r;
}

int blocks_add(struct blocks *blocks, plat_addr address, uint64_t size, enum block_state state)
{
	blocks->buffer[blocks->nbuffer++] = (struct block_entry){address, size, state};
	return blocks->nbuffer < BLOCKS_BUFFER ? 0 : empty_buffer(blocks);
}

int blocks_take(void *context, const struct block *block)
{
	return blocks_add(context, block->address, block->size, block->state);
}

int blocks_finish(struct blocks *blocks, struct block_index *ret)
{
	int r = empty_buffer(blocks);

	if (r == 0 && blocks->nruns == 0)
		r = begin_run(blocks);
	if (r == 0)
		r = end_run(blocks);
	while (r == 0 && blocks->nruns >= 2)
		r = merge_last(blocks);
	if (r < 0)
		return r;
	*ret = blocks->runs[0];
	blocks->nruns = 0;
	assert(block_index_valid(ret));
	return 0;
}
