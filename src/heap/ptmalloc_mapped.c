/*
 * Chunks that have mappings of their own:
 *
 *     page                                     page                            page
 *     | padding | prev_size | size | block ................................... |
 *     '- prev_size bytes ---'      '- size - 2 words (from 2.43 on: size) ------'
 *
 * The padding is 0 but for alignments; then the chunk stands where its block is aligned. Nothing
 * leads to these chunks, and the kernel makes one mapping of neighbours: each page of anonymous
 * memory that is nothing else is looked at. Where there is very much of it, only until there are as
 * many chunks as glibc has counted: in the middle of a call they can seem to be all too early.
 *
 * A scattered main arena's pieces begin at pages, too: with a chain of chunks to fences or to top.
 */
#include "heap/ptmalloc_chunk.h"

#include <errno.h>

#define MAPPED_MOST (1u << 24)
#define LOOKS_MOST (1u << 16) /* pages; then the count is believed */
#define DEPTH 16
#define DEPTH_MOST 1024
#define HUGE_PAGE 1u /* of prev_size, from 2.43 on */

struct search {
	struct ptmalloc *heap;
	struct window window;
	uint64_t found, bytes;
	uint64_t nlooks; /* pages */
	size_t nbefore;	 /* segments, in order; those behind were found now */
	size_t known;	 /* the next one */
	uint64_t depth;	 /* pages behind a chunk in which its true header is looked for */
	bool is_doubted; /* glibc has counted others: a header may stand for more than is there */
	bool is_short;	 /* of pieces, too: their first chunks may be in somebody's hand */
	bool is_huge;	 /* the mapping that is looked at */
	bool has_fitted; /* once, what was found was as much as glibc has counted */
	plat_addr floor; /* what lies below is taken */
	plat_addr start; /* of the mapping that is looked at */
	plat_addr end;	 /* of what can be found there */
};

/* glibc 2.43 counts a header too much each time that a mapping grows (mremap_chunk). */
bool ptmalloc_is_mapped_sum(const struct ptmalloc *heap, uint64_t bytes)
{
	uint64_t more = heap->mmapped_mem - bytes, header = 2 * heap->layout.word;

	return more == 0 || (!heap->layout.nfast && heap->mmapped_mem > bytes &&
			     !is_aligned(more, heap->page_size) && is_aligned(more, header));
}

/* As many as glibc has counted, and as much. */
static bool is_enough(const struct search *search)
{
	const struct ptmalloc *heap = search->heap;

	return search->found >= heap->n_mmaps && search->has_fitted;
}

static bool is_over(const struct search *search)
{
	return search->nlooks > LOOKS_MOST && is_enough(search) &&
	       !search->heap->arenas[0].is_scattered;
}

/* A chunk here would be aligned to something: what that is stands in its padding. */
static bool is_mapped_chunk(const struct search *search, plat_addr at, const unsigned char *bytes,
			    struct ptmalloc_segment *ret)
{
	const struct ptmalloc *heap = search->heap;
	unsigned word = heap->layout.word;
	uint64_t padding = ptmalloc_word(heap, bytes), size = ptmalloc_word(heap, bytes + word);
	uint64_t total;

	if ((size & CHUNK_FLAGS) != CHUNK_MAPPED || !is_chunk_place(heap, at))
		return false;
	if (!heap->layout.nfast)
		padding &= ~(uint64_t)HUGE_PAGE;
	size &= ~(uint64_t)CHUNK_FLAGS;
	total = size + padding + (heap->layout.nfast ? 0 : 2 * word);
	if (size < chunk_least(heap) || at - search->floor < padding || total < size ||
	    !is_aligned(total, heap->page_size) || !is_aligned(at - padding, heap->page_size) ||
	    total > search->end - (at - padding))
		return false;
	*ret = (struct ptmalloc_segment){.start = at - padding,
					 .end = at - padding + total,
					 .first = at,
					 .kind = SEGMENT_MAPPED};
	return true;
}

static bool probe(const struct search *search, plat_addr at, plat_addr base,
		  struct ptmalloc_segment *ret)
{
	struct ptmalloc *heap = search->heap;
	struct ptmalloc_segment found;
	unsigned char bytes[16];

	if (at <= ret->first || at >= search->end ||
	    reader_read(&heap->cache->reader, at, bytes, 2 * heap->layout.word) < 0 ||
	    !is_mapped_chunk(search, at, bytes, &found) || found.start != base)
		return false;
	*ret = found;
	return true;
}

/*
 * A block that was to be aligned was first made without that: the header of then still stands at
 * the beginning. The true one is in a page behind it, and says how far; or in the same page, where
 * a block would be aligned. Mappings move when blocks grow: there they may not be aligned any more.
 */
static void find_aligned(const struct search *search, struct ptmalloc_segment *ret)
{
	const uint64_t page = search->heap->page_size;
	const unsigned header = 2 * search->heap->layout.word;
	const plat_addr base = ret->start;
	uint64_t place, room = search->end - base;

	for (place = 16; place <= page; place *= 2)
		if (probe(search, base + place - header, base, ret))
			return;
	for (place = 2 * page; place <= min_u64(room, search->depth * page); place += page)
		if (probe(search, base + place - header, base, ret))
			return;
	for (; place && place <= room; place *= 2)
		if (probe(search, align_up(base + header, place) - header, base, ret))
			return;
}

/* The places in a page at which a chunk can stand: its block is aligned to a power of two. */
static bool find_in_page(struct search *search, plat_addr page, struct ptmalloc_segment *ret)
{
	const struct ptmalloc *heap = search->heap;
	unsigned word = heap->layout.word;
	size_t size = (size_t)min_u64(heap->page_size, search->end - page);
	const unsigned char *bytes = window_at(&search->window, page, size);
	const uint64_t first = first_chunk(heap, 0);
	uint64_t place;

	if (!bytes)
		return false;
	if (is_mapped_chunk(search, page + first, bytes + first, ret)) {
		find_aligned(search, ret);
		return true;
	}
	for (place = 16; place <= size; place *= 2) {
		uint64_t at = place - 2 * word;

		if (is_mapped_chunk(search, page + at, bytes + at, ret))
			return true;
	}
	return false;
}

/* Where the mapping begins, from `floor` on, of a chunk in this page; or 0. */
static plat_addr mapped_start(struct search *search, plat_addr page, plat_addr floor)
{
	const plat_addr kept = search->floor;
	struct ptmalloc_segment found;
	bool is_found;

	search->floor = floor;
	is_found = find_in_page(search, page, &found);
	search->floor = kept;
	return is_found ? found.start : 0;
}

static plat_addr end_of_chain(const struct search *search, plat_addr first, plat_addr stop)
{
	struct ptmalloc *heap = search->heap;

	return search->is_short ? ptmalloc_torn_end(heap, first, heap->arenas[0].top, search->end)
				: ptmalloc_chain_end(heap, first, stop);
}

/* In the middle of a call top has no size yet: it ends where something else begins. */
static plat_addr end_of_top(struct search *search, plat_addr top)
{
	struct ptmalloc *heap = search->heap;
	plat_addr floor = align_up(top + 1, heap->page_size), at, start;

	for (at = floor; at < search->end; at += heap->page_size) {
		start = mapped_start(search, at, floor);
		if (start || end_of_chain(search, first_chunk(heap, at), search->end))
			return start ? start : at;
	}
	return search->end;
}

/* A piece of a scattered main arena. */
static bool find_piece(struct search *search, plat_addr page, struct ptmalloc_segment *ret)
{
	struct ptmalloc *heap = search->heap;
	const struct ptmalloc_arena *arena = &heap->arenas[0];
	plat_addr first = first_chunk(heap, page), end, stop = search->end;

	if (!arena->is_scattered)
		return false;
	if (arena->top >= page && arena->top < search->end)
		stop = arena->top;
	end = first == stop ? stop : end_of_chain(search, first, stop);
	if (!end)
		return false;
	*ret = (struct ptmalloc_segment){.start = page, .first = first};
	if (end != arena->top) {
		ret->end = min_u64(align_up(end, heap->page_size), search->end);
		ret->kind = SEGMENT_FENCED;
		return true;
	}
	ret->end = add_capped(end, arena->top_size);
	if (!is_aligned(ret->end, heap->page_size) || ret->end > search->end || ret->end <= end)
		ret->end = end_of_top(search, end);
	return true;
}

/*
 * A block is made smaller by giving back its end first, and another mapping can be there before the
 * header tells the new size: it ends where another chunk's mapping begins, whose header can stand
 * behind, where its block is aligned. Memory of mappings is new, so that what looks like a chunk is
 * hardly ever a block's content.
 *
 *     | 0, old size ............................. |
 *     | kept       | padding of another ............. | prev_size, size |
 */
static void cut_at_next(struct search *search, struct ptmalloc_segment *segment)
{
	const uint64_t page = search->heap->page_size;
	const plat_addr floor = align_up(segment->first + 1, page);
	const plat_addr end = min_u64(search->end, segment->end + search->depth * page);
	plat_addr at, start = 0;

	for (at = floor; at < end && !start; at += page)
		start = mapped_start(search, at, floor);
	if (start && start < segment->end)
		segment->end = start;
}

/*
 * realloc makes a block in huge pages smaller, and then free cannot give back a part of one: the
 * mapping stays, and glibc counts it no more.
 */
static bool may_be_left(const struct search *search, const struct ptmalloc_segment *segment)
{
	const struct ptmalloc *heap = search->heap;

	return search->is_huge && heap->hp_pagesize != UNKNOWN &&
	       heap->hp_pagesize > heap->page_size &&
	       (segment->end - segment->start) % heap->hp_pagesize != 0;
}

/*
 * Behind as many chunks as glibc has counted more can come, of threads in the middle of a call; or
 * something else that looks like one. A mapping has a beginning or an end of its own, or lies
 * beside another one. What may be left over is believed only if the count does not do without.
 */
static bool is_credible(const struct search *search, const struct ptmalloc_segment *segment)
{
	const struct ptmalloc *heap = search->heap;

	if (segment->kind != SEGMENT_MAPPED)
		return true;
	if (may_be_left(search, segment) && (!search->is_doubted || is_enough(search)))
		return false;
	return !is_enough(search) || segment->start == search->start ||
	       segment->end == search->end ||
	       (heap->nsegments && segment->start == heap->segments[heap->nsegments - 1].end);
}

static int take(struct search *search, const struct ptmalloc_segment *segment)
{
	if (segment->kind == SEGMENT_MAPPED) {
		search->found++;
		search->bytes += segment->end - segment->start;
		search->has_fitted |= search->found == search->heap->n_mmaps &&
				      ptmalloc_is_mapped_sum(search->heap, search->bytes);
	}
	return ptmalloc_add_segment(search->heap, segment);
}

/* Goes through [at, end), which no known segment touches. */
static int search_range(struct search *search, plat_addr at, plat_addr end)
{
	struct ptmalloc_segment segment;
	int r = 0;

	search->floor = at;
	search->window.limit = search->end;
	while (r == 0 && at < end && !is_over(search) && search->found < MAPPED_MOST) {
		search->nlooks++;
		if ((find_in_page(search, at, &segment) && is_credible(search, &segment)) ||
		    find_piece(search, at, &segment)) {
			if (search->is_doubted && segment.kind == SEGMENT_MAPPED)
				cut_at_next(search, &segment);
			r = take(search, &segment);
			at = search->floor = segment.end;
		} else {
			at += search->heap->page_size;
		}
	}
	return r;
}

/*
 * What lies between the segments that are known. Nothing that is found reaches over one, though the
 * memory may, which goes on up to `whole`.
 */
static int search_region(struct search *search, const struct region *region, plat_addr whole)
{
	const struct ptmalloc *heap = search->heap;
	plat_addr at = max_u64(align_up(region->start, heap->page_size), search->floor), end;
	int r = 0;

	while (r == 0 && at < region->end) {
		while (search->known < search->nbefore && heap->segments[search->known].end <= at)
			search->known++;
		search->end = whole;
		if (search->known < search->nbefore)
			search->end = min_u64(whole, heap->segments[search->known].start);
		end = min_u64(region->end, search->end);
		if (at < end)
			r = search_range(search, at, end);
		if (end == region->end)
			break;
		at = align_up(heap->segments[search->known].end, heap->page_size);
	}
	return r;
}

/* Where the memory ends that a chunk in this region can have: the kernel joins mappings. */
static plat_addr end_of(const struct space *space, size_t i)
{
	plat_addr end = space->regions[i].end;

	for (i++; i < space->nregions && space->regions[i].start == end; i++) {
		const struct region *region = &space->regions[i];

		if (region->kind != KIND_ANON && region->kind != KIND_HUGETLB)
			break;
		end = region->end;
	}
	return end;
}

/* The kernel lists what lies beside the break as one with it. */
static bool can_hold(const struct region *region)
{
	return (region->kind == KIND_ANON || region->kind == KIND_HUGETLB ||
		region->kind == KIND_HEAP) &&
	       (region->rights & RIGHT_WRITE) && !(region->rights & RIGHT_SHARED);
}

static int search_all(struct search *search)
{
	const struct space *space = search->heap->reading.space;
	size_t i;
	int r = 0;

	search->found = search->bytes = search->nlooks = 0;
	search->has_fitted = search->heap->n_mmaps == 0 && search->heap->mmapped_mem == 0;
	search->known = 0;
	search->floor = 0;
	search->heap->nsegments = search->nbefore;
	for (i = 0; r == 0 && i < space->nregions && !is_over(search); i++)
		if (can_hold(&space->regions[i])) {
			search->start = space->regions[i].start;
			search->is_huge = space->regions[i].kind == KIND_HUGETLB;
			r = search_region(search, &space->regions[i], end_of(space, i));
		}
	return r;
}

static bool adds_up(const struct search *search)
{
	return search->found == search->heap->n_mmaps &&
	       ptmalloc_is_mapped_sum(search->heap, search->bytes);
}

/* What is missing of the pieces that glibc has counted, or too much. */
static uint64_t piece_error(const struct ptmalloc *heap)
{
	uint64_t sum = 0, told = heap->arenas[0].system_mem;
	size_t i;

	for (i = 0; i < heap->nsegments; i++)
		if (heap->segments[i].kind != SEGMENT_MAPPED && heap->segments[i].arena == 0)
			sum += heap->segments[i].end - heap->segments[i].start;
	return sum < told ? told - sum : sum - told;
}

/* A call may have a piece in hand, or has made one, of which top has no size yet. */
static bool is_piece_in_hand(const struct ptmalloc *heap)
{
	const struct ptmalloc_arena *arena = &heap->arenas[0];

	return arena->is_scattered && (piece_error(heap) || (arena->top && !arena->top_size));
}

/*
 * What a call has in hand may hide a piece, or its beginning. That something is a piece is believed
 * more easily then, if it adds up as well or better.
 */
static int search_short(struct search *search)
{
	uint64_t error = piece_error(search->heap);
	int r;

	search->is_short = true;
	r = search_all(search);
	if (r < 0 || piece_error(search->heap) <= error)
		return r;
	search->is_short = false;
	return search_all(search);
}

int ptmalloc_find_mapped(struct ptmalloc *heap)
{
	struct search search = {.heap = heap, .nbefore = heap->nsegments, .depth = DEPTH};
	int r = window_init(&search.window, heap->reading.reader, heap->page_size);

	if (r == 0)
		r = search_all(&search);
	if (r == 0 && !adds_up(&search)) {
		search.is_doubted = true;
		search.depth = DEPTH_MOST;
		r = search_all(&search);
	}
	if (r == 0 && is_piece_in_hand(heap))
		r = search_short(&search);
	window_fini(&search.window);
	if (r == 0 && search.found > heap->n_mmaps)
		ptmalloc_drop_excess(heap, search.nbefore);
	if (r == 0)
		ptmalloc_sort_segments(heap);
	return r;
}
