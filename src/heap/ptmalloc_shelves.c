/*
 * On which shelf a chunk is that is not in use:
 *
 *     tcache 0 ...           of a thread: one size each, see ptmalloc_tcache.c
 *     fast bin 0 ... 9       of an arena: one size each
 *     unsorted bin           bin 1 of the arena: freed of late, in any order
 *     small bin 2 ... 63     one size each
 *     large bin 64 ... 126   a range of sizes each
 *     top                    what the arena has at its end
 *
 * The bins of an arena are rings. From a chunk on they are followed until a head comes: the size
 * alone tells which small or large bin a chunk would be in, but not whether it is sorted yet.
 */
#include "heap/ptmalloc_parts.h"

#define BIN_UNSORTED 1
#define BIN_LARGE 64 /* the first */

static bool is_marked_fast(const struct ptmalloc *heap, plat_addr chunk)
{
	size_t low = 0, high = heap->nmarks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap->marks[middle].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low < heap->nmarks && heap->marks[low].chunk == chunk && !heap->marks[low].is_cached;
}

/* The bin whose head is here, as a chunk; 0: none. */
static uint32_t bin_with_head(const struct ptmalloc *heap, const struct ptmalloc_arena *arena,
			      plat_addr head)
{
	unsigned word = heap->layout.word;
	plat_addr first = arena->address + heap->layout.bins - 2 * word;

	if (head < first || head - first >= (uint64_t)NBINS * 2 * word ||
	    (head - first) % (2 * word))
		return 0;
	return (uint32_t)((head - first) / (2 * word)) + 1;
}

/* The bin that a free chunk is in, or 0. */
static uint32_t find_bin(struct ptmalloc *heap, const struct ptmalloc_arena *arena, plat_addr chunk)
{
	uint32_t bin = 0;

	while (!bin && ptmalloc_may_follow(heap) &&
	       ptmalloc_read_word(heap, chunk + 2 * heap->layout.word, &chunk) == 0)
		bin = bin_with_head(heap, arena, chunk);
	return bin;
}

static struct shelf name_bin(uint32_t bin)
{
	if (bin == 0)
		return (struct shelf){.number = NO_NUMBER};
	if (bin == BIN_UNSORTED)
		return (struct shelf){.name = "unsorted bin", .number = NO_NUMBER};
	return (struct shelf){.name = bin < BIN_LARGE ? "small bin" : "large bin", .number = bin};
}

/* malloc/malloc.c fastbin_index: by two words a step, from the smallest chunk on. */
static struct shelf name_fast(const struct ptmalloc *heap, uint64_t size)
{
	return (struct shelf){.name = "fast bin",
			      .number = (uint32_t)(size / (2 * heap->layout.word)) - 2};
}

struct shelf ptmalloc_find_shelf(struct heap_reading *reading, const struct block *block)
{
	struct ptmalloc *heap = (struct ptmalloc *)reading; /* its first member */
	plat_addr chunk = block->address - 2 * heap->layout.word;
	struct shelf shelf = {.name = "tcache"};

	if (block->state == BLOCK_CACHED)
		return ptmalloc_find_cached(heap, chunk, &shelf.number, &shelf.tid) ? shelf
										    : name_bin(0);
	if (block->arena >= heap->narenas)
		return name_bin(0);
	if (chunk == heap->arenas[block->arena].top)
		return (struct shelf){.name = "top", .number = NO_NUMBER};
	if (is_marked_fast(heap, chunk))
		return name_fast(heap, block->extent);
	return name_bin(find_bin(heap, &heap->arenas[block->arena], chunk));
}
