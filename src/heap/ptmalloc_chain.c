/*
 * Chunks in a row: each size leads to the next chunk.
 *
 *     | prev_size | size AMP | block ....... | prev_size | size AMP | ...      | top
 *                              fd   bk         ^           ^
 *                              of a free one   its size    P: the chunk before is in use
 *
 * P of the next chunk says whether a chunk is in use; so do the lists of fast bins and of threads'
 * caches, whose chunks are in use by P. Of free chunks the next one's prev_size is the size.
 *
 * What does not fit is read again, for the process may run. If it stays so, a chain is looked for
 * behind it, and what lies before that is unknown. If one begins in the middle of the last chunk,
 * it is that one's size that was wrong.
 */
#include "heap/ptmalloc_chunk.h"

#include <string.h>

#define TRIES 3
#define TRIES_ALL 64	 /* in a walk: reading again costs a large read */
#define BROKEN_MOST 4096 /* then the rest is unknown */

struct chain {
	struct ptmalloc_walk *walk;
	struct ptmalloc *heap;
	struct ptmalloc_arena *arena;
	const struct ptmalloc_segment *segment;
	struct heap_sums *sums;
	plat_addr stop;	      /* where it should end: top, or behind the fences */
	plat_addr free_start; /* free chunks in a row, that trimming makes one of; or 0 */
	plat_addr before;     /* the chunk before the one that is looked at; or 0 */
	unsigned nfences;
};

/*
 * Blocks.
 */

/* Of blocks that have a class; those are too many to be added up one by one. */
static void add_tallies(struct chain *chain)
{
	struct heap_class *class = chain->heap->reading.classes;
	unsigned word = chain->heap->layout.word, i, state;

	for (i = 0; i < PTMALLOC_NCLASSES; i++, class ++)
		for (state = 0; state < NBLOCK_STATES; state++) {
			const struct tally *tally = &chain->walk->tallies[i][state];
			struct heap_sums sums = {.held = tally->bytes};

			if (!tally->n)
				continue;
			switch ((enum block_state)state) {
			case BLOCK_LIVE:
				sums.live_blocks = tally->n;
				sums.slack = tally->n * word;
				sums.live_bytes = tally->bytes - sums.slack;
				break;
			case BLOCK_CACHED:
				sums.cached_blocks = tally->n;
				sums.cached_bytes = sums.free_bytes = tally->bytes;
				break;
			case BLOCK_FREE:
				sums.free_blocks = tally->n;
				sums.free_bytes = tally->bytes;
				sums.largest_free = tally->most - word;
				break;
			default:
				sums.unknown_bytes = tally->bytes;
				break;
			}
			heap_sums_add(&class->sums, &sums);
			class->slabs += tally->n;
			/* All that an arena holds is counted by its segments. */
			sums.held = sums.slack = 0;
			heap_sums_add(chain->sums, &sums);
		}
}

static int show_block(struct chain *chain, plat_addr chunk, uint64_t size, enum block_state state)
{
	unsigned word = chain->heap->layout.word;
	const struct block block = {
		.address = chunk + 2 * word,
		.size = size - word,
		.extent = size,
		.before = word,
		.state = state,
		.class = ptmalloc_class(size),
		.arena = chain->segment->arena,
	};

	return ptmalloc_show_block(chain->walk, &block);
}

static inline int take_block(struct chain *chain, plat_addr chunk, uint64_t size,
			     enum block_state state)
{
	struct tally *tally = &chain->walk->tallies[ptmalloc_class(size)][state];

	tally->n++;
	tally->bytes += size;
	tally->most = max_u64(tally->most, size);
	return chain->walk->states >> state & 1 ? show_block(chain, chunk, size, state) : 0;
}

static int take_other(struct chain *chain, const struct block *block)
{
	heap_sums_count(chain->sums, block);
	return ptmalloc_show_block(chain->walk, block);
}

/* What lies between is not understood. */
static int take_hole(struct chain *chain, plat_addr start, plat_addr end)
{
	struct block block = {
		.address = start,
		.size = end - start,
		.extent = end - start,
		.state = BLOCK_UNKNOWN,
		.class = NO_CLASS,
		.arena = chain->segment->arena,
	};

	if (start >= end)
		return 0;
	return take_other(chain, &block);
}

/*
 * What malloc_trim(0) gives back. It empties the fast bins first, which joins free neighbours; then
 * it gives back all whole pages of a free chunk behind its header (malloc/malloc.c, mtrim), and of
 * the main arena's top all but a little (systrim). What threads have cached stays.
 */
static int end_free_row(struct chain *chain, plat_addr end)
{
	uint64_t page = chain->heap->page_size, header = 6 * chain->heap->layout.word;
	plat_addr start = chain->free_start, low = align_up(start + header, page);

	chain->free_start = 0;
	if (!start || end - start <= page - 1 + header || low >= align_down(end, page))
		return 0;
	return ptmalloc_show_returnable(chain->walk, chain->segment->arena, low,
					align_down(end, page));
}

static int trim_top(struct chain *chain)
{
	const struct ptmalloc *heap = chain->heap;
	const struct space *space = heap->reading.space;
	plat_addr start = chain->free_start ? chain->free_start : chain->stop;
	plat_addr end = add_capped(chain->stop, chain->arena->top_size);
	uint64_t unit = heap->page_size, extra;

	if (heap->thp_pagesize != UNKNOWN && heap->thp_pagesize > unit &&
	    (heap->thp_pagesize & (heap->thp_pagesize - 1)) == 0)
		unit = heap->thp_pagesize;
	chain->free_start = 0;
	if (chain->segment->arena != 0 || (space->brk != UNKNOWN && space->brk != end) ||
	    end - start <= chunk_least(heap) + 1)
		return 0;
	extra = align_down(end - start - chunk_least(heap) - 1, unit);
	return extra ? ptmalloc_show_returnable(chain->walk, 0, end - extra, end) : 0;
}

/*
 * One chunk.
 */

/* In a list of free chunks, although its header says that it is in use. */
static const struct ptmalloc_mark *find_mark(struct ptmalloc_walk *walk, plat_addr chunk)
{
	const struct ptmalloc *heap = walk->heap;

	while (walk->mark < heap->nmarks && heap->marks[walk->mark].chunk < chunk)
		walk->mark++;
	return walk->mark < heap->nmarks && heap->marks[walk->mark].chunk == chunk
		       ? &heap->marks[walk->mark]
		       : NULL;
}

/* glibc's own: what a thread has cached is listed there. */
static bool is_cache_state(struct ptmalloc_walk *walk, plat_addr chunk)
{
	const struct ptmalloc *heap = walk->heap;

	while (walk->cache < heap->ncaches && heap->caches[walk->cache].chunk < chunk)
		walk->cache++;
	return walk->cache < heap->ncaches && heap->caches[walk->cache].chunk == chunk;
}

/* The next chunk that is in a list or is glibc's own: all others are live that are in use. */
static void find_special(struct ptmalloc_walk *walk)
{
	const struct ptmalloc *heap = walk->heap;

	walk->special = heap->are_caches_torn ? 0 : ADDR_MAX;
	if (walk->mark < heap->nmarks)
		walk->special = min_u64(walk->special, heap->marks[walk->mark].chunk);
	if (walk->cache < heap->ncaches)
		walk->special = min_u64(walk->special, heap->caches[walk->cache].chunk);
}

/* In a cache a second word says that a block is there; it goes when the block is handed out. */
static enum block_state state_in_use(struct chain *chain, const struct chunk *chunk)
{
	struct ptmalloc *heap = chain->heap;
	const struct ptmalloc_mark *mark = find_mark(chain->walk, chunk->at);

	/* Where lists are not whole, the word alone must do; some that are live still have it. */
	if (!mark)
		return heap->are_caches_torn && heap->key && chunk->backward == heap->key
			       ? BLOCK_CACHED
			       : BLOCK_LIVE;
	if (!mark->is_cached) {
		heap->fast_met++;
		return BLOCK_FREE;
	}
	heap->cached_met++;
	return heap->key && chunk->backward != heap->key ? BLOCK_LIVE : BLOCK_CACHED;
}

/* What was read with other memory in between may have changed: both headers, once more. */
static bool agree_now(struct chain *chain, const struct chunk *chunk, enum block_state *state)
{
	struct ptmalloc *heap = chain->heap;
	unsigned word = heap->layout.word;
	unsigned char first[16], second[16];
	uint64_t end = chunk->at + chunk_size(chunk);
	bool is_free;

	if (reader_read(heap->reading.reader, chunk->at, first, 2 * word) < 0 ||
	    reader_read(heap->reading.reader, end, second, 2 * word) < 0 ||
	    (ptmalloc_word(heap, first + word) & ~(uint64_t)CHUNK_FLAGS) != chunk_size(chunk))
		return false;
	is_free = !(ptmalloc_word(heap, second + word) & CHUNK_PREV_INUSE);
	if (is_free && ptmalloc_word(heap, second) != chunk_size(chunk))
		return false;
	*state = is_free ? BLOCK_FREE : BLOCK_LIVE;
	heap->reading.proofs.unsteady++;
	chain->arena->is_torn = true;
	return true;
}

static enum block_state state_of_free(struct chain *chain, const struct chunk *chunk,
				      const struct chunk *next)
{
	enum block_state state;

	if (next->before != chunk_size(chunk) && agree_now(chain, chunk, &state))
		return state;
	if (next->before != chunk_size(chunk)) {
		ptmalloc_doubt(chain->heap, chain->segment->arena, chunk->at,
			       "the size of a free chunk is not what the next one says");
		return BLOCK_UNKNOWN;
	}
	chain->arena->nfree++;
	ptmalloc_link(&chain->arena->links, chunk->at, chunk->forward, chunk->backward);
	return BLOCK_FREE;
}

static enum block_state take_special(struct chain *chain, const struct chunk *chunk,
				     enum block_state state, bool *is_own)
{
	if (state == BLOCK_LIVE)
		state = state_in_use(chain, chunk);
	*is_own = is_cache_state(chain->walk, chunk->at) && state == BLOCK_LIVE;
	(void)find_mark(chain->walk, chunk->at + 1);
	(void)is_cache_state(chain->walk, chunk->at + 1);
	find_special(chain->walk);
	return state;
}

/* `next` is NULL where it cannot be told what comes next: then it was in use. */
static inline int take_chunk(struct chain *chain, const struct chunk *chunk,
			     const struct chunk *next)
{
	enum block_state state = BLOCK_LIVE;
	bool is_own = false;
	int r = 0;

	if (next && !(next->size & CHUNK_PREV_INUSE))
		state = state_of_free(chain, chunk, next);
	if (chunk->at >= chain->walk->special)
		state = take_special(chain, chunk, state, &is_own);
	if (state == BLOCK_FREE && !chain->free_start)
		chain->free_start = chunk->at;
	if (state != BLOCK_FREE && chain->free_start)
		r = end_free_row(chain, chunk->at);
	if (r || is_own)
		return r;
	return take_block(chain, chunk->at, chunk_size(chunk), state);
}

/*
 * The chain.
 */

static void take_words(const struct ptmalloc *heap, const unsigned char *bytes, struct chunk *ret)
{
	unsigned word = heap->layout.word;

	ret->before = ptmalloc_word(heap, bytes);
	ret->size = ptmalloc_word(heap, bytes + word);
	ret->forward = ptmalloc_word(heap, bytes + 2 * word);
	ret->backward = ptmalloc_word(heap, bytes + 3 * word);
}

/* The last fence has no more than a header, at most. */
static bool read_header(struct chain *chain, plat_addr at, struct chunk *ret)
{
	unsigned word = chain->heap->layout.word;
	const unsigned char *bytes = window_at(&chain->walk->window, at, 2 * word);
	unsigned char words[32] = {0};

	if (!bytes)
		return false;
	memcpy(words, bytes, 2 * word);
	take_words(chain->heap, words, ret);
	return true;
}

static inline bool read_chunk(struct chain *chain, plat_addr at, struct chunk *ret)
{
	unsigned size = 4 * chain->heap->layout.word;
	const unsigned char *bytes;

	ret->at = at;
	if (at >= chain->segment->end || chain->segment->end - at < size)
		return read_header(chain, at, ret);
	bytes = window_at(&chain->walk->window, at, size);
	if (!bytes)
		return false;
	take_words(chain->heap, bytes, ret);
	return true;
}

/* At the end of a heap that has been left; the chunk before it is a fence, whatever its size. */
static bool is_last_word(const struct chain *chain, const struct chunk *chunk)
{
	const struct ptmalloc_layout *layout = &chain->heap->layout;

	return chain->segment->kind == SEGMENT_FENCED && chunk->size == CHUNK_PREV_INUSE &&
	       chain->segment->end - chunk->at < 2 * layout->word + layout->align;
}

/* A heap that is being left has no fence yet: what was top reaches to the end. */
static bool is_unfenced(const struct chain *chain, const struct chunk *chunk)
{
	return chain->segment->kind == SEGMENT_FENCED && !(chunk->size & CHUNK_MAPPED) &&
	       chunk_size(chunk) >= chunk_least(chain->heap) &&
	       chunk_size(chunk) == chain->segment->end - chunk->at;
}

/* It is a chunk, a fence, or where the chain ends. */
static inline bool fits(const struct chain *chain, const struct chunk *chunk)
{
	return chunk_is_possible(chain->heap, chunk, chain->stop) || chunk->at == chain->stop ||
	       chunk_is_fence(chain->heap, chunk) || is_last_word(chain, chunk) ||
	       is_unfenced(chain, chunk);
}

/* The process may have changed it meanwhile, and where top is. */
static bool is_steady_now(struct chain *chain, const struct chunk *chunk)
{
	struct ptmalloc *heap = chain->heap;
	struct ptmalloc_arena again;
	struct chunk now, next;
	unsigned i;

	for (i = 0; i < TRIES && heap->nretries < TRIES_ALL; i++, heap->nretries++) {
		window_forget(&chain->walk->window);
		if (chain->segment->kind == SEGMENT_TOP &&
		    ptmalloc_read_arena(heap, chain->arena->address, &again) == 0 &&
		    again.top > chunk->at && again.top < chain->segment->end)
			chain->stop = again.top;
		if (read_chunk(chain, chunk->at, &now) && fits(chain, &now) &&
		    now.at != chain->stop && !chunk_is_fence(heap, &now) &&
		    read_chunk(chain, now.at + chunk_size(&now), &next) && fits(chain, &next)) {
			heap->reading.proofs.unsteady++;
			chain->arena->is_torn = true;
			return true;
		}
	}
	return false;
}

/*
 * `next` is no chunk, or cannot be read. *at is where the chain goes on. If it is before `next`,
 * the chunk before lied about its size, and goes with the hole.
 */
static int take_damage(struct chain *chain, const struct chunk *chunk, plat_addr next,
		       bool is_readable, plat_addr *at)
{
	struct ptmalloc *heap = chain->heap;
	plat_addr inside = next;
	int r = 0;

	if (is_readable)
		ptmalloc_doubt(heap, chain->segment->arena, next, "no chunk begins where one must");
	else
		heap->reading.proofs.unreadable++;
	chain->before = 0;
	*at = chain->stop;
	if (chunk && heap->ndoubts < BROKEN_MOST)
		inside = ptmalloc_seek_inside(heap, chunk->at + chunk_least(heap), next,
					      chain->stop);
	if (inside != next)
		*at = inside;
	else if (heap->ndoubts < BROKEN_MOST)
		*at = ptmalloc_seek(heap, next + heap->layout.align, chain->stop);
	if (chunk && inside == next)
		r = take_chunk(chain, chunk, NULL);
	else if (chunk)
		next = chunk->at;
	if (r == 0)
		r = end_free_row(chain, next);
	return r ? r : take_hole(chain, next, *at);
}

static int show_foreign(const struct chain *chain, plat_addr start, plat_addr end)
{
	const struct heap_visitor *visitor = chain->walk->visitor;

	return visitor && visitor->foreign && start < end
		       ? visitor->foreign(visitor->context, start, end)
		       : 0;
}

/* A fence, or the last word. What lies behind two of them in the main arena is somebody else's. */
static int pass_fence(struct chain *chain, const struct chunk *fence, plat_addr *ret)
{
	struct ptmalloc *heap = chain->heap;
	plat_addr next = fence->at + 2 * heap->layout.word;

	*ret = chain->stop;
	if (chunk_size(fence) == 0 || chain->segment->end - next < 2 * heap->layout.word)
		return 0;
	*ret = next;
	if (++chain->nfences % 2 || chain->segment->arena != 0)
		return 0;
	*ret = ptmalloc_seek(heap, next, chain->stop);
	return show_foreign(chain, next, *ret);
}

static int take_unfenced(struct chain *chain, const struct chunk *chunk)
{
	int r = end_free_row(chain, chunk->at);

	ptmalloc_doubt(chain->heap, chain->segment->arena, chunk->at,
		       "a heap ends without a fence");
	return r ? r : take_hole(chain, chunk->at, chain->stop);
}

/* Headers of before have led here: from `sure` on they are true again. */
static int pass_over(struct chain *chain, plat_addr at, plat_addr sure, const char *what,
		     plat_addr *ret)
{
	int r = end_free_row(chain, at);

	ptmalloc_doubt(chain->heap, chain->segment->arena, at, what);
	chain->before = 0;
	*ret = sure;
	return r ? r : take_hole(chain, at, sure);
}

/* The first chunk within this one that cannot be there, or 0. */
static inline plat_addr find_contradiction(const struct chain *chain, plat_addr at, plat_addr end)
{
	return chain->heap->nwitnesses ? ptmalloc_witness(chain->heap, at + 1, end) : 0;
}

/*
 * What is in a bin is free, and the next chunk says so. If not, it is being taken, or is the rest
 * of one that is cut: links come before headers, and the one that stands there is of before. Where
 * chunks are true again; or `chunk`.
 */
static plat_addr find_sure(const struct chain *chain, const struct chunk *chunk,
			   const struct chunk *next)
{
	struct ptmalloc *heap = chain->heap;
	plat_addr behind = chunk->at;

	if (!heap->nwitnesses || !(next->size & CHUNK_PREV_INUSE) ||
	    !ptmalloc_witness(heap, chunk->at, chunk->at + 1))
		return chunk->at;
	if (chain->before)
		behind = ptmalloc_behind_rest(heap, chain->before, chunk->at, chain->stop);
	return behind != chunk->at ? behind : ptmalloc_surely(heap, chunk->at, chain->stop);
}

static int walk_chain(struct chain *chain)
{
	struct chunk chunk, next;
	plat_addr at = chain->segment->first, end, witness, sure;
	bool is_readable;
	int r = 0;

	is_readable = read_chunk(chain, at, &chunk);
	while (r == 0 && at < chain->stop) {
		if (is_readable && is_unfenced(chain, &chunk)) {
			r = take_unfenced(chain, &chunk);
			break;
		}
		if (!is_readable || !fits(chain, &chunk)) {
			r = take_damage(chain, NULL, at, is_readable, &at);
			is_readable = read_chunk(chain, at, &chunk);
			continue;
		}
		if (!chunk_is_possible(chain->heap, &chunk, chain->stop)) {
			r = end_free_row(chain, at);
			if (r == 0)
				r = pass_fence(chain, &chunk, &at);
			is_readable = read_chunk(chain, at, &chunk);
			continue;
		}
		end = at + chunk_size(&chunk);
		witness = find_contradiction(chain, at, end);
		if (witness) {
			sure = ptmalloc_behind_rest(chain->heap, at, witness, chain->stop);
			r = pass_over(chain, at, sure, "a chunk lies over one that is in a bin",
				      &at);
			is_readable = read_chunk(chain, at, &chunk);
			continue;
		}
		is_readable = read_chunk(chain, end, &next);
		sure = is_readable ? find_sure(chain, &chunk, &next) : at;
		if (sure != at) {
			r = pass_over(chain, at, sure, "a chunk in a bin is in use", &at);
			is_readable = read_chunk(chain, at, &chunk);
			continue;
		}
		if (is_readable && fits(chain, &next)) {
			if (!is_last_word(chain, &next))
				r = take_chunk(chain, &chunk, &next);
			chain->before = at;
			chunk = next;
			at = end;
			continue;
		}
		if (!is_steady_now(chain, &chunk))
			r = take_damage(chain, &chunk, end, is_readable, &at);
		is_readable = read_chunk(chain, at, &chunk);
	}
	if (chain->segment->kind == SEGMENT_TOP)
		chain->arena->ended = at;
	return r;
}

static int walk_arena(struct chain *chain)
{
	const struct ptmalloc *heap = chain->heap;
	plat_addr end = chain->segment->end;
	int r;

	chain->stop = end;
	if (chain->segment->kind == SEGMENT_TOP)
		chain->stop = chain->arena->top;
	r = walk_chain(chain);
	if (r || chain->segment->kind != SEGMENT_TOP)
		return r ? r : end_free_row(chain, chain->stop);
	r = trim_top(chain);
	/* Behind its last word there is no chunk that it shares one with. */
	if (r == 0 && end - chain->stop >= chunk_least(heap)) {
		struct block block = {
			.address = chain->stop + 2 * heap->layout.word,
			.size = end - chain->stop - 2 * heap->layout.word,
			.extent = end - chain->stop - heap->layout.word,
			.before = heap->layout.word,
			.state = BLOCK_FREE,
			.class = NO_CLASS,
			.arena = chain->segment->arena,
		};

		r = take_other(chain, &block);
	}
	return r;
}

/* All of its mapping is kept from others. */
static int walk_mapped(struct chain *chain)
{
	const struct ptmalloc *heap = chain->heap;
	const struct ptmalloc_segment *segment = chain->segment;
	unsigned word = heap->layout.word;
	plat_addr address = segment->first + 2 * word;
	struct heap_class *class = &heap->reading.classes[PTMALLOC_MAPPED_CLASS];
	struct chunk chunk;
	struct block block = {
		.address = address,
		.size = segment->end - address,
		.extent = segment->end - segment->start,
		.before = (uint32_t)min_u64(address - segment->start, UINT32_MAX),
		.state = BLOCK_LIVE,
		.class = PTMALLOC_MAPPED_CLASS,
		.arena = segment->arena,
	};

	/* From 2.43 on it keeps a header at its end, of which the block has a word. */
	if (!heap->layout.nfast)
		block.size -= word;
	if (read_chunk(chain, segment->first, &chunk))
		block.state = state_in_use(chain, &chunk);
	chain->heap->reading.proofs.proved++;
	class->slabs++;
	class->sums.held += block.extent;
	heap_sums_count(&class->sums, &block);
	return take_other(chain, &block);
}

int ptmalloc_walk_segment(struct ptmalloc_walk *walk, const struct ptmalloc_segment *segment)
{
	struct ptmalloc *heap = walk->heap;
	uint64_t ndoubts = heap->ndoubts;
	struct chain chain = {
		.walk = walk,
		.heap = heap,
		.segment = segment,
		.sums = &heap->reading.arenas[segment->arena].sums,
	};
	int r;

	walk->window.limit = segment->end;
	window_forget(&walk->window);
	find_special(walk);
	r = ptmalloc_show_range(walk, segment->start, segment->end);
	chain.sums->held = add_capped(chain.sums->held, segment->end - segment->start);
	if (r || segment->kind == SEGMENT_MAPPED)
		return r ? r : walk_mapped(&chain);
	chain.arena = &heap->arenas[segment->arena];
	memset(walk->tallies, 0, sizeof(walk->tallies));
	r = walk_arena(&chain);
	add_tallies(&chain);
	heap->reading.proofs.proved += heap->ndoubts == ndoubts;
	return r;
}
