/*
 * Where a chain of chunks begins again, behind what does not fit.
 *
 * Ten chunks that fit to each other are a chain. But what stood somewhere before still stands there
 * in part, and its headers lead back to chunks that are there now, over others:
 *
 *     | true | not written yet ....... | true | true | true | true
 *                          old header ------------------^
 *
 * No block lies over a chunk to which the entries of a bin lead from both sides. So before such a
 * one has been met, what lies between two chains that lead to the same place is unknown.
 */
#include "heap/ptmalloc_chunk.h"

#define STEPS 10	       /* chunks that fit to each other are a chain */
#define STEPS_AT_PAGE 4	       /* as well, where one is expected */
#define PROBES_MOST (1u << 24) /* addresses at which a chain is looked for, in a walk */
#define RIVAL_BYTES 65536      /* of one chunk, in which another chain is looked for */
#define REST_MOST (16u << 20)  /* bytes of the rest of a chunk that is cut */

/*
 * Is it a chain?
 */

static bool is_end(const struct ptmalloc *heap, const struct chunk *chunk)
{
	return chunk->size == CHUNK_PREV_INUSE || chunk_is_fence(heap, chunk);
}

static bool probe_chunk(struct ptmalloc *heap, plat_addr at, struct chunk *ret)
{
	unsigned char bytes[32];
	unsigned word = heap->layout.word;

	if (reader_read(&heap->cache->reader, at, bytes, 2 * word) < 0)
		return false;
	*ret = (struct chunk){.at = at,
			      .before = ptmalloc_word(heap, bytes),
			      .size = ptmalloc_word(heap, bytes + word)};
	return true;
}

/* A fence is the end only where another one, or the last word, is behind it. */
static bool ends_here(struct ptmalloc *heap, const struct chunk *fence, plat_addr stop,
		      plat_addr *end)
{
	struct chunk last;

	if (!chunk_is_fence(heap, fence) ||
	    !probe_chunk(heap, fence->at + 2 * heap->layout.word, &last) || !is_end(heap, &last) ||
	    last.at >= stop)
		return false;
	*end = last.at + 2 * heap->layout.word;
	return true;
}

/* The chunk that comes next, if both fit to each other. */
static bool step(struct ptmalloc *heap, const struct chunk *chunk, struct chunk *next)
{
	return probe_chunk(heap, chunk->at + chunk_size(chunk), next) &&
	       (next->size & CHUNK_PREV_INUSE || next->before == chunk_size(chunk));
}

/*
 * Follows a chain for `most` chunks. True where it goes so far, or ends as it should; *end is how
 * far it goes.
 */
static bool follow(struct ptmalloc *heap, plat_addr at, plat_addr stop, uint64_t most,
		   plat_addr *end)
{
	struct chunk chunk, next;
	uint64_t n;

	*end = at;
	if (at >= stop || !probe_chunk(heap, at, &chunk))
		return false;
	for (n = 0; n < most; n++) {
		*end = chunk.at;
		if (chunk.at == stop)
			return n > 0;
		if (!chunk_is_possible(heap, &chunk, stop))
			return n > 0 && ends_here(heap, &chunk, stop, end);
		if (!step(heap, &chunk, &next))
			return false;
		chunk = next;
	}
	return true;
}

static bool is_chain(struct ptmalloc *heap, plat_addr at, plat_addr stop, unsigned steps)
{
	plat_addr end;

	return follow(heap, at, stop, steps, &end);
}

/*
 * Is it the right one?
 */

/* It is free, and those before and behind it in its bin lead back to it. */
static bool is_in_bin(struct ptmalloc *heap, const struct chunk *chunk, const struct chunk *next)
{
	unsigned word = heap->layout.word;
	uint64_t forward, backward, back;

	return !(next->size & CHUNK_PREV_INUSE) && next->before == chunk_size(chunk) &&
	       ptmalloc_read_word(heap, chunk->at + 2 * word, &forward) == 0 &&
	       ptmalloc_read_word(heap, chunk->at + 3 * word, &backward) == 0 &&
	       ptmalloc_read_word(heap, forward + 3 * word, &back) == 0 && back == chunk->at &&
	       ptmalloc_read_word(heap, backward + 2 * word, &back) == 0 && back == chunk->at;
}

/* From here chunks lead to `end`, and nowhere else. */
static bool leads_to(struct ptmalloc *heap, plat_addr at, plat_addr end)
{
	struct chunk chunk, next;

	if (!probe_chunk(heap, at, &chunk))
		return false;
	for (; chunk.at < end; chunk = next)
		if (heap->nprobes++ >= PROBES_MOST || !chunk_is_possible(heap, &chunk, end) ||
		    !step(heap, &chunk, &next))
			return false;
	return true;
}

/* Another chain begins within a chunk, and leads to where this one does. */
static bool has_rival(struct ptmalloc *heap, plat_addr chunk, plat_addr end)
{
	plat_addr at = chunk + heap->layout.align, most = min_u64(end, chunk + RIVAL_BYTES);

	for (; at < most && heap->nprobes < PROBES_MOST; at += heap->layout.align)
		if (leads_to(heap, at, end))
			return true;
	return false;
}

/* A sure chunk within one of another chain is a better start. */
plat_addr ptmalloc_surely(struct ptmalloc *heap, plat_addr start, plat_addr stop)
{
	struct chunk chunk, next;
	plat_addr witness;
	unsigned i;

	if (!probe_chunk(heap, start, &chunk))
		return start;
	for (i = 0; i < STEPS && chunk_is_possible(heap, &chunk, stop); i++) {
		if (!step(heap, &chunk, &next) || is_in_bin(heap, &chunk, &next))
			break;
		witness = ptmalloc_witness(heap, chunk.at + 1, next.at);
		if (witness)
			return witness;
		if (has_rival(heap, chunk.at, next.at))
			start = next.at;
		chunk = next;
	}
	return start;
}

/* One chain breaks off here, and not because it is at its end. */
static bool breaks(struct ptmalloc *heap, plat_addr at, plat_addr stop, plat_addr *next)
{
	struct chunk chunk, behind;
	plat_addr end;

	*next = stop;
	if (at == stop)
		return false;
	if (heap->nprobes++ >= PROBES_MOST || !probe_chunk(heap, at, &chunk))
		return true;
	if (!chunk_is_possible(heap, &chunk, stop))
		return !ends_here(heap, &chunk, stop, &end);
	*next = at + chunk_size(&chunk);
	return !step(heap, &chunk, &behind);
}

/* Where two chains meet. If one breaks off before, it is none: where the other one begins. */
static plat_addr meet(struct ptmalloc *heap, plat_addr low, plat_addr high, plat_addr stop)
{
	const plat_addr first = low, second = high;
	plat_addr next;

	while (low != high)
		if (low < high) {
			if (breaks(heap, low, stop, &next))
				return second;
			low = next;
		} else {
			if (breaks(heap, high, stop, &next))
				return first;
			high = next;
		}
	return low;
}

plat_addr ptmalloc_behind_rest(struct ptmalloc *heap, plat_addr cut, plat_addr rest, plat_addr stop)
{
	plat_addr end = 0, at = rest + chunk_least(heap), last;
	struct chunk chunk;

	last = ptmalloc_witness(heap, rest + 1, stop);
	last = min_u64(last ? last : stop, add_capped(rest, REST_MOST));
	for (; at < last && heap->nprobes++ < PROBES_MOST; at += heap->layout.align)
		if (probe_chunk(heap, at, &chunk) && !(chunk.size & CHUNK_PREV_INUSE) &&
		    chunk.before == at - cut && chunk_is_possible(heap, &chunk, stop))
			end = at;
	return end ? meet(heap, rest, end, stop) : rest;
}

/* Ten chunks are not enough where it is known to which one a chain must lead. */
static bool leads_to_witness(struct ptmalloc *heap, plat_addr at, plat_addr stop)
{
	plat_addr witness = ptmalloc_witness(heap, at, stop);

	return !witness || leads_to(heap, at, witness);
}

/* By an old header the chunk before it would be free, and reach over what is known. */
static bool reaches_back(struct ptmalloc *heap, plat_addr at, plat_addr from)
{
	struct chunk chunk;

	return probe_chunk(heap, at, &chunk) && !(chunk.size & CHUNK_PREV_INUSE) &&
	       chunk.before > at - from + heap->layout.align;
}

plat_addr ptmalloc_seek(struct ptmalloc *heap, plat_addr from, plat_addr stop)
{
	plat_addr at = first_chunk(heap, from);

	for (; at < stop; at += heap->layout.align) {
		if (heap->nprobes++ >= PROBES_MOST)
			return stop;
		if (!reaches_back(heap, at, from) && is_chain(heap, at, stop, STEPS) &&
		    leads_to_witness(heap, at, stop))
			return ptmalloc_surely(heap, at, stop);
	}
	return stop;
}

plat_addr ptmalloc_seek_inside(struct ptmalloc *heap, plat_addr from, plat_addr next,
			       plat_addr stop)
{
	plat_addr start = first_chunk(heap, from), at;
	struct chunk chunk;

	for (; start < next; start += heap->layout.align) {
		for (at = start; at < next; at += chunk_size(&chunk))
			if (heap->nprobes++ >= PROBES_MOST || !probe_chunk(heap, at, &chunk) ||
			    !chunk_is_possible(heap, &chunk, stop))
				break;
		if (at > next && is_chain(heap, at, stop, STEPS) &&
		    leads_to_witness(heap, start, stop))
			return start;
	}
	return next;
}

/*
 * Pieces.
 */

/* Where the first of two fences stands in a page that ends here. */
static plat_addr fence_place(const struct ptmalloc *heap, plat_addr end)
{
	const unsigned word = heap->layout.word;

	return align_down(end - 2 * word, heap->layout.align) - 2 * word;
}

/* Where the first two fences are over that stand at the end of a page, up to `stop`; or 0. */
static plat_addr fences_behind(struct ptmalloc *heap, plat_addr from, plat_addr stop)
{
	plat_addr end = align_up(from + 1, heap->page_size), fence, place;
	struct chunk chunk;

	for (; end <= stop && heap->nprobes++ < PROBES_MOST; end += heap->page_size) {
		place = fence_place(heap, end);
		if (place >= from && probe_chunk(heap, place, &chunk) &&
		    ends_here(heap, &chunk, stop, &fence))
			return end;
	}
	return 0;
}

plat_addr ptmalloc_chain_end(struct ptmalloc *heap, plat_addr at, plat_addr stop)
{
	plat_addr end, fences;

	if (!is_chain(heap, at, stop, STEPS_AT_PAGE))
		return 0;
	/* A place in it may be damaged; it does not reach over fences. */
	while (at < stop && !follow(heap, at, stop, UINT64_MAX, &end)) {
		fences = fences_behind(heap, end, stop);
		stop = fences ? fences : stop;
		at = ptmalloc_seek(heap, end + heap->layout.align, stop);
	}
	return at < stop ? end : stop;
}

/* Where the page ends in which fences are to stand here; 0 where they do not. */
static plat_addr end_of_fences(const struct ptmalloc *heap, plat_addr at)
{
	plat_addr end = align_up(at + 1, heap->page_size);

	return at == fence_place(heap, end) ? end : 0;
}

/*
 * What was top until now has no fences for a moment: it ends with a page, or is shorter already by
 * what they take, and there may be one of them. Nothing that follows a chunk is behind it.
 */
static plat_addr unfenced_end(struct ptmalloc *heap, plat_addr at, plat_addr stop)
{
	struct chunk last, next;
	plat_addr end;

	if (!probe_chunk(heap, at, &last) || !(last.size & CHUNK_PREV_INUSE) ||
	    (last.size & CHUNK_MAPPED) || chunk_size(&last) > stop - at)
		return 0;
	end = at;
	if (!chunk_is_fence(heap, &last)) {
		if (chunk_size(&last) < chunk_least(heap))
			return 0;
		end = at + chunk_size(&last);
	}
	if (!is_aligned(end, heap->page_size))
		end = end_of_fences(heap, end);
	if (!end || end > stop)
		return 0;
	if (end == stop || !probe_chunk(heap, first_chunk(heap, end), &next) || !next.size ||
	    (next.size & CHUNK_FLAGS) == CHUNK_MAPPED ||
	    (!next.before && (next.size & CHUNK_PREV_INUSE)))
		return end;
	return 0;
}

plat_addr ptmalloc_torn_end(struct ptmalloc *heap, plat_addr at, plat_addr top, plat_addr stop)
{
	bool has_top = top >= at && top < stop;
	bool is_new = top == first_chunk(heap, align_down(top, heap->page_size));
	plat_addr last = has_top ? top : stop, end = at, after;
	struct chunk chunk;

	if (!probe_chunk(heap, at, &chunk) || chunk.before || !(chunk.size & CHUNK_PREV_INUSE) ||
	    !chunk_size(&chunk) || (chunk.size & CHUNK_MAPPED) || chunk_size(&chunk) > stop - at)
		return 0;
	if (follow(heap, at, last, UINT64_MAX, &end))
		return end;
	after = is_new && !has_top ? unfenced_end(heap, end, last) : 0;
	if (!after)
		after = fences_behind(heap, end, last);
	return !after && has_top ? top : after;
}
