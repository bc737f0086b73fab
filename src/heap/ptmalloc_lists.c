/*
 * Lists of chunks that are in use by their headers:
 *
 *     arena    | fast bins: 10 or 11 heads |         each leads to chunks of one size
 *     thread   | counts | heads |                    see ptmalloc_tcache.c
 *
 * A link lies in the first word of the block. From 2.32 on all but the heads are mangled: the
 * address of the link itself, without its low 12 bits, is mixed in.
 */
#include "heap/ptmalloc_parts.h"

#include "base/circle.h"
#include "base/list.h"

#include <errno.h>

#define MANGLE_SHIFT 12
#define LINKS_MOST (UINT64_C(1) << 26)

int ptmalloc_add_mark(struct ptmalloc *heap, plat_addr chunk, bool is_cached)
{
	int r = list_reserve(&heap->marks, &heap->marks_room, heap->nmarks, 1);

	if (r == 0)
		heap->marks[heap->nmarks++] = (struct ptmalloc_mark){chunk, is_cached};
	return r;
}

plat_addr ptmalloc_follow(const struct ptmalloc *heap, plat_addr at, uint64_t value,
			  enum tcache_link link)
{
	uint64_t mask = heap->layout.word == 8 ? UINT64_MAX : UINT32_MAX;

	return link == LINK_PLAIN ? value : (value ^ at >> MANGLE_SHIFT) & mask;
}

/* Each chunk is in one list at most, and a list is followed three times at most. */
bool ptmalloc_may_follow(struct ptmalloc *heap)
{
	return heap->nlinks++ < min_u64(LINKS_MOST, 4 * (heap->held / chunk_least(heap) + 1024));
}

/* Marks the chunks of one list. 0 where all are good, up to the end; -EINVAL, -ENOMEM. */
static int follow_fast(struct ptmalloc *heap, uint32_t arena, plat_addr chunk,
		       enum tcache_link link)
{
	unsigned word = heap->layout.word;
	struct circle circle = {0};
	uint64_t value;
	int r = 0;

	while (r == 0 && chunk) {
		const struct ptmalloc_segment *segment = ptmalloc_segment_at(heap, chunk);

		if (!ptmalloc_may_follow(heap) || circle_closes(&circle, chunk) || !segment ||
		    segment->arena != arena || !is_chunk_place(heap, chunk) ||
		    ptmalloc_read_word(heap, chunk + 2 * word, &value) < 0)
			return -EINVAL;
		r = ptmalloc_add_mark(heap, chunk, false);
		chunk = ptmalloc_follow(heap, chunk + 2 * word, value, link);
	}
	return r;
}

/* Whichever way of reading its links gets to the end; else the one that gets farther. */
static int take_fast(struct ptmalloc *heap, uint32_t arena, plat_addr head)
{
	size_t before = heap->nmarks, nmangled;
	int r = follow_fast(heap, arena, head, LINK_MANGLED);

	if (r == -EINVAL) {
		nmangled = heap->nmarks;
		heap->nmarks = before;
		r = follow_fast(heap, arena, head, LINK_PLAIN);
		if (r == -EINVAL && nmangled > heap->nmarks) {
			heap->nmarks = before;
			r = follow_fast(heap, arena, head, LINK_MANGLED);
		}
	}
	heap->nfast += heap->nmarks - before;
	if (r == -EINVAL)
		ptmalloc_doubt(heap, arena, head, "a fast bin leads to what is no chunk");
	return r == -EINVAL ? 0 : r;
}

int ptmalloc_read_fast(struct ptmalloc *heap)
{
	const struct ptmalloc_layout *layout = &heap->layout;
	uint32_t i, k;
	plat_addr head;
	int r = 0;

	for (i = 0; r == 0 && i < heap->narenas; i++)
		for (k = 0; r == 0 && k < layout->nfast; k++) {
			plat_addr at = heap->arenas[i].address + layout->fast + k * layout->word;

			if (ptmalloc_read_word(heap, at, &head) == 0 && head)
				r = take_fast(heap, i, head);
		}
	return r;
}
