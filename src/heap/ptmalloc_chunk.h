/* A chunk by its header, and where chains of chunks begin again. */
#ifndef HEAP_PTMALLOC_CHUNK_H
#define HEAP_PTMALLOC_CHUNK_H

#include "heap/ptmalloc_parts.h"

/* The header of a chunk: prev_size, size, fd, bk. */
struct chunk {
	plat_addr at;
	uint64_t before, size, forward, backward;
};

static inline uint64_t chunk_size(const struct chunk *chunk)
{
	return chunk->size & ~(uint64_t)CHUNK_FLAGS;
}

static inline bool chunk_is_possible(const struct ptmalloc *heap, const struct chunk *chunk,
				     plat_addr stop)
{
	uint64_t size = chunk_size(chunk);

	return size >= chunk_least(heap) && is_aligned(size, heap->layout.align) &&
	       !(chunk->size & CHUNK_MAPPED) && size <= stop - chunk->at;
}

/* Behind the last chunk of a heap that has been left: too small for a chunk. */
static inline bool chunk_is_fence(const struct ptmalloc *heap, const struct chunk *chunk)
{
	return chunk_size(chunk) == 2 * heap->layout.word && !(chunk->size & CHUNK_MAPPED);
}

/* Where from `from` on a chain of chunks begins again, or `stop`. ptmalloc_seek.c */
plat_addr ptmalloc_seek(struct ptmalloc *heap, plat_addr from, plat_addr stop);
/*
 * Where in [from, next) a chain begins that leads past `next`, where no chunk is; or `next`. What a
 * block was before it was made still stands in it: a chain that leads to `next` is of that time.
 */
plat_addr ptmalloc_seek_inside(struct ptmalloc *heap, plat_addr from, plat_addr next,
			       plat_addr stop);
/*
 * A chain begins at `start`. Where from there on it is one for sure: before the end of a chunk
 * within which another chain begins that leads to the same place nobody knows.
 */
plat_addr ptmalloc_surely(struct ptmalloc *heap, plat_addr start, plat_addr stop);
/*
 * A free chunk is cut, and its rest is in a bin. While headers are not written yet the next chunk
 * still says how long it was:
 *
 *     | cut ....... | rest: old words ......... | prev_size: of both
 *
 * Where chunks are true again behind the rest; or `rest`, where its header may be true.
 */
plat_addr ptmalloc_behind_rest(struct ptmalloc *heap, plat_addr cut, plat_addr rest,
			       plat_addr stop);
/* Where the chain that begins here ends, at fences or at `stop`; 0: none begins here. */
plat_addr ptmalloc_chain_end(struct ptmalloc *heap, plat_addr at, plat_addr stop);
/*
 * The same of a piece of a scattered arena, where a call may have chunks in hand: no more is asked
 * than a first header with nothing before it, and behind it fences or `top`. Where top is the first
 * chunk of another piece, what was top before may have no fences yet.
 */
plat_addr ptmalloc_torn_end(struct ptmalloc *heap, plat_addr at, plat_addr top, plat_addr stop);

/*
 * Chunks that are where they are for sure: in the bins of an arena in which a thread that stands
 * still is in the middle of a call. 0 or -ENOMEM. ptmalloc_witness.c
 */
int ptmalloc_read_witnesses(struct ptmalloc *heap) MUST_CHECK;
/* The first of them in [from, to); or 0. */
plat_addr ptmalloc_witness(const struct ptmalloc *heap, plat_addr from, plat_addr to);

#endif
