#include "alloc/meta.h"

#include "alloc/atomic.h"
#include "alloc/granules.h"
#include "alloc/system.h"

#include <errno.h>
#include <string.h>

/* A heap, and leaves of the map for the break and for mappings, fit into the first one. */
#define BLOCK_BYTES ((size_t)512 << 10)

/* Its cursor moves by single additions; who is pushed over the end asks for the next block. */
static struct meta_block *newest;
struct meta_block *plat__meta_blocks;
size_t plat__meta_lent;

static uintptr_t take_from(struct meta_block *block, size_t bytes)
{
	uintptr_t at;

	if (load_relaxed(&block->cursor) + bytes > block->end)
		return 0;
	at = fetch_add(&block->cursor, bytes);
	return at + bytes <= block->end ? at : 0;
}

/* Where the kernel gives no more, what is free for blocks serves, for good. */
static int take_granules(size_t bytes, uintptr_t *ret)
{
	uint64_t pages;
	int r = plat__granules_take_free((bytes + GRANULE - 1) / GRANULE, ret, &pages);

	if (r == 0 && pages)
		memset((void *)*ret, 0, bytes);
	return r;
}

static struct meta_block *block_new(size_t bytes)
{
	uintptr_t start;
	struct meta_block *block;

	if (plat__system_map(bytes, &start) < 0 && take_granules(bytes, &start) < 0)
		return NULL;
	fetch_add(&plat__meta_lent, bytes);
	block = (struct meta_block *)start;
	block->cursor = start + META_LINE;
	/*
	 * The kernel puts mappings below each other: what runs out of the next block stops here.
	 * Not by a guard of the kernel's own: gdb 13 ends a mapping in a core at the first page
	 * that it cannot read, and what tells of all blocks would be missing.
	 */
	block->end = start + bytes - plat__page_bytes;
	if (plat__system_protect(block->end, plat__page_bytes, true) < 0)
		plat__system_guard(block->end, plat__page_bytes);
	return block;
}

/* Who reads the allocator from outside finds it. */
static void enlist(struct meta_block *block)
{
	struct meta_block *seen = load_relaxed(&plat__meta_blocks);

	do
		block->older = seen;
	while (!compare_exchange(&plat__meta_blocks, &seen, block));
}

/* What does not fit into a block gets one of its own, and leaves the newest as it is. */
static void *take_alone(size_t bytes)
{
	struct meta_block *block =
		block_new((bytes + META_LINE + plat__page_bytes + 0xffff) & ~(size_t)0xffff);

	if (!block)
		return NULL;
	enlist(block);
	return (void *)take_from(block, bytes);
}

void *plat__meta_take(size_t bytes)
{
	bytes = (bytes + META_LINE - 1) & ~(size_t)(META_LINE - 1);
	if (bytes > BLOCK_BYTES / 3)
		return take_alone(bytes);

	for (;;) {
		struct meta_block *block = load_acquire(&newest);
		uintptr_t at = block ? take_from(block, bytes) : 0;
		struct meta_block *next;

		if (at)
			return (void *)at;
		next = block_new(BLOCK_BYTES);
		if (!next)
			return NULL;
		if (!compare_exchange(&newest, &block, next)) {
			/* Another thread was faster; its block is as good. */
			fetch_sub(&plat__meta_lent, BLOCK_BYTES);
			plat__system_unmap((uintptr_t)next, BLOCK_BYTES);
			continue;
		}
		enlist(next);
	}
}

int plat__meta_init(void)
{
	struct meta_block *none = NULL, *block;

	if (load_acquire(&newest))
		return 0;
	block = block_new(BLOCK_BYTES);
	if (!block)
		return -ENOMEM;
	if (!compare_exchange(&newest, &none, block))
		plat__system_unmap((uintptr_t)block, BLOCK_BYTES);
	else
		enlist(block);
	return 0;
}

size_t plat__meta_bytes(void)
{
	return load_relaxed(&plat__meta_lent);
}
