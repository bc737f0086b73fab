/*
 * Chunks that are where they are for sure. A bin is a ring: both neighbours of an entry lead to it,
 * and nobody's block lies there. Where a call has left headers unfinished, old ones lead from chunk
 * to chunk over these.
 *
 * To follow all bins costs a read anywhere in memory for each free chunk: only what a call under
 * way may have torn is worth that, and some thousands of chunks are enough to find the place.
 */
#include "heap/ptmalloc_chunk.h"

#include "base/list.h"
#include "base/search.h"

#include <stdlib.h>

#define WITNESSES_MOST 65536 /* of an arena */

/* Follows a bin until it comes back to its head, or an entry does not lead back. */
static int follow_bin(struct ptmalloc *heap, uint32_t arena, plat_addr head, size_t most)
{
	unsigned word = heap->layout.word;
	plat_addr before = head, at;
	uint64_t back;
	int r = ptmalloc_read_word(heap, head + 2 * word, &at) < 0;

	while (r == 0 && at != head && heap->nwitnesses < most && ptmalloc_may_follow(heap)) {
		const struct ptmalloc_segment *segment = ptmalloc_segment_at(heap, at);

		if (!segment || segment->arena != arena || !is_chunk_place(heap, at) ||
		    ptmalloc_read_word(heap, at + 3 * word, &back) < 0 || back != before)
			return 0;
		r = list_reserve(&heap->witnesses, &heap->witnesses_room, heap->nwitnesses, 1);
		if (r < 0)
			return r;
		heap->witnesses[heap->nwitnesses++] = before = at;
		r = ptmalloc_read_word(heap, at + 2 * word, &at) < 0;
	}
	return 0;
}

static int read_arena(struct ptmalloc *heap, uint32_t number)
{
	const struct ptmalloc_layout *layout = &heap->layout;
	plat_addr bins = heap->arenas[number].address + layout->bins;
	size_t most = heap->nwitnesses + WITNESSES_MOST;
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && i < NBINS; i++) /* a head is taken for a chunk */
		r = follow_bin(heap, number, bins + 2 * i * layout->word - 2 * layout->word, most);
	return r;
}

static int by_address(const void *a, const void *b)
{
	const plat_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int ptmalloc_read_witnesses(struct ptmalloc *heap)
{
	uint32_t i;
	int r = 0;

	heap->nwitnesses = 0;
	for (i = 0; r == 0 && i < heap->narenas; i++)
		if (heap->arenas[i].top && ptmalloc_is_arena_stopped(heap, &heap->arenas[i]))
			r = read_arena(heap, i);
	if (heap->nwitnesses)
		qsort(heap->witnesses, heap->nwitnesses, sizeof(*heap->witnesses), by_address);
	return r;
}

static bool is_below(const void *witness, uint64_t at)
{
	return *(const plat_addr *)witness < at;
}

plat_addr ptmalloc_witness(const struct ptmalloc *heap, plat_addr from, plat_addr to)
{
	size_t i = search_count(heap->witnesses, heap->nwitnesses, sizeof(*heap->witnesses), from,
				is_below);

	return i < heap->nwitnesses && heap->witnesses[i] < to ? heap->witnesses[i] : 0;
}
