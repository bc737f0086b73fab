/*
 * What threads have cached, from 2.26 on. A thread-local variable leads to a chunk of glibc's own:
 *
 *     2.26   | 64 counts of 1 byte  | 64 heads |     free blocks of one size each
 *     2.30   | 64 counts of 2 bytes | 64 heads |
 *     2.42   | 76 counts of 2 bytes | 76 heads |     of how many more there is room for
 *
 * The variable is found by what it leads to, so that neither symbols nor the place of the variable
 * are needed: each word of each thread's own memory is tried. It has the same place in all threads;
 * most of those that lead to a cache with blocks say which, for one that is empty cannot be told
 * from any other block of zeros. Stacks that are kept for later threads have such memory, too:
 * after a fork they are all that is left of the other threads.
 *
 * From 2.34 on all cached blocks hold the same number in their second word.
 */
#include "heap/ptmalloc_parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MOST (64 * 1024) /* bytes of a thread's own memory that are looked at */
#define OWN_STEP 4096
#define FIRST_CHUNKS 16 /* of a heap, that are tried as well */
#define LIST_MOST 65536
#define WRONG_MOST 1 /* bins of a cache, and of those in use an eighth */
#define TRIES 3
#define PLACES_MOST 64

static const struct form {
	unsigned nbins, count_bytes;
	bool counts_room;
} forms[] = {{64, 1, false}, {64, 2, false}, {76, 2, true}};

struct cache {
	const struct form *form;
	plat_addr chunk;
	unsigned char bytes[76 * 2 + 76 * 8];
	unsigned nused; /* bins with blocks */
	enum tcache_link link;
};

static size_t bytes_of(const struct ptmalloc *heap, const struct form *form)
{
	return form->nbins * (form->count_bytes + heap->layout.word);
}

static uint64_t chunk_bytes(const struct ptmalloc *heap, const struct form *form)
{
	return align_up(bytes_of(heap, form) + heap->layout.word, heap->layout.align);
}

static unsigned count_at(const struct cache *cache, unsigned i)
{
	const unsigned char *at = cache->bytes + i * cache->form->count_bytes;

	return cache->form->count_bytes == 1 ? *at : (unsigned)(at[0] | at[1] << 8);
}

static plat_addr head_at(const struct ptmalloc *heap, const struct cache *cache, unsigned i)
{
	return ptmalloc_word(heap, cache->bytes + cache->form->nbins * cache->form->count_bytes +
					   i * heap->layout.word);
}

/*
 * One list.
 */

static bool is_block(const struct ptmalloc *heap, plat_addr block)
{
	return block >= 2 * heap->layout.word && is_aligned(block, heap->layout.align) &&
	       ptmalloc_segment_at(heap, block - 2 * heap->layout.word);
}

/* How many blocks are on it, or -EINVAL. */
static int follow(struct ptmalloc *heap, plat_addr block, enum tcache_link link, int most)
{
	uint64_t value;
	int n;

	for (n = 0; block; n++) {
		if (n == most || !ptmalloc_may_follow(heap) || !is_block(heap, block) ||
		    ptmalloc_read_word(heap, block, &value) < 0)
			return -EINVAL;
		block = ptmalloc_follow(heap, block, value, link);
	}
	return n;
}

static int add_list(struct ptmalloc *heap, plat_addr block, enum tcache_link link)
{
	unsigned word = heap->layout.word;
	uint64_t value, key = 0;
	int r = 0, n;

	for (n = 0;
	     r == 0 && block && n < LIST_MOST && ptmalloc_may_follow(heap) && is_block(heap, block);
	     n++) {
		r = ptmalloc_add_mark(heap, block - 2 * word, true);
		if (ptmalloc_read_word(heap, block + word, &key) == 0) {
			heap->nkeys += key == heap->key;
			if (!heap->nothers++)
				heap->key = key, heap->nkeys = 1;
		}
		heap->ncached++;
		if (ptmalloc_read_word(heap, block, &value) < 0)
			break;
		block = ptmalloc_follow(heap, block, value, link);
	}
	return r;
}

/*
 * One cache.
 */

/* A head, and its count or room: of the first bins the blocks have one size. */
static bool is_bin(struct ptmalloc *heap, const struct cache *cache, unsigned i, unsigned room)
{
	plat_addr head = head_at(heap, cache, i);
	unsigned count = count_at(cache, i);
	uint64_t size;

	if (!head)
		return count == room;
	return is_block(heap, head) && (cache->form->counts_room || count) &&
	       ptmalloc_read_word(heap, head - heap->layout.word, &size) == 0 &&
	       (i >= 64 || (size & ~(uint64_t)CHUNK_FLAGS) ==
				   chunk_least(heap) + (uint64_t)i * heap->layout.align);
}

/*
 * All counts are of lists. A thread can be between one and the other. Which is empty could be
 * anything that is zeros, unless something else says that it is a cache.
 */
static bool has_form(struct ptmalloc *heap, struct cache *cache, bool may_be_empty)
{
	unsigned room = 0, nwrong = 0, nused = 0, i;

	for (i = 0; cache->form->counts_room && i < cache->form->nbins; i++)
		if (!head_at(heap, cache, i))
			room = (unsigned)max_u64(room, count_at(cache, i));
	for (i = 0; i < cache->form->nbins; i++) {
		nwrong += !is_bin(heap, cache, i, room);
		nused += head_at(heap, cache, i) != 0;
	}
	cache->nused = nused;
	return nwrong <= WRONG_MOST + nused / 8 && (may_be_empty || nused > nwrong || room);
}

static int take_cache(struct ptmalloc *heap, struct cache *cache)
{
	unsigned i;
	int r = list_reserve(&heap->states, &heap->states_room, heap->nstates, 1);

	if (r < 0)
		return r;
	for (i = 0; i < heap->nstates; i++)
		if (heap->states[i] == cache->chunk)
			return 0;
	heap->states[heap->nstates++] = cache->chunk;
	for (i = 0; r == 0 && i < cache->form->nbins; i++) {
		plat_addr head = head_at(heap, cache, i);
		enum tcache_link link = LINK_MANGLED;

		if (!head)
			continue;
		if (follow(heap, head, LINK_MANGLED, LIST_MOST) < 0) {
			link = LINK_PLAIN;
			if (follow(heap, head, LINK_PLAIN, LIST_MOST) < 0) {
				link = heap->nothers ? LINK_MANGLED : LINK_PLAIN;
				heap->are_caches_torn = true;
			}
		}
		r = add_list(heap, head, link);
	}
	return r;
}

/* The thread may be using it: what does not fit is read again. */
static bool read_cache(struct ptmalloc *heap, struct cache *cache, bool may_be_empty)
{
	plat_addr block = cache->chunk + 2 * heap->layout.word;
	unsigned i;

	for (i = 0; i < TRIES; i++)
		if (reader_read(heap->reading.reader, block, cache->bytes,
				bytes_of(heap, cache->form)) == 0 &&
		    has_form(heap, cache, may_be_empty))
			return true;
	return false;
}

/* Whether a block is a cache, by the size of its chunk and what it holds. */
static bool is_cache(struct ptmalloc *heap, plat_addr block, bool may_be_empty, struct cache *ret)
{
	uint64_t size;
	unsigned i;

	if (!is_block(heap, block) ||
	    ptmalloc_read_word(heap, block - heap->layout.word, &size) < 0)
		return false;
	size &= ~(uint64_t)CHUNK_FLAGS;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		ret->form = &forms[i];
		ret->chunk = block - 2 * heap->layout.word;
		/* Its large bins take any size, and so nearly any block of zeros. */
		if (heap->version && ret->form->counts_room != (heap->version >= 42))
			continue;
		/* What was left was too small for a chunk; 2.43 rounds up twice (tcache_init). */
		if (size >= chunk_bytes(heap, ret->form) &&
		    size < chunk_bytes(heap, ret->form) + chunk_least(heap) + heap->layout.align &&
		    read_cache(heap, ret, may_be_empty))
			return true;
	}
	return false;
}

static int try_block(struct ptmalloc *heap, plat_addr block, bool may_be_empty)
{
	struct cache cache;

	return is_cache(heap, block, may_be_empty, &cache) ? take_cache(heap, &cache) : 0;
}

/*
 * Threads.
 */

static void note_arena(struct ptmalloc *heap, plat_addr at, int tid)
{
	size_t i;

	for (i = 0; tid && i < heap->narenas; i++)
		if (heap->arenas[i].address == at) {
			heap->arenas[i].nthreads++;
			heap->reading.arenas[i].tid = tid;
		}
}

/* Where the variable may be, counted from the threads' descriptors. */
struct places {
	struct place {
		uint64_t offset; /* it wraps */
		unsigned n;
	} list[PLACES_MOST];
	size_t n;
};

static void vote(struct places *places, uint64_t offset)
{
	size_t i = 0;

	while (i < places->n && places->list[i].offset != offset)
		i++;
	if (i == PLACES_MOST)
		return;
	if (i == places->n)
		places->list[places->n++] = (struct place){.offset = offset};
	places->list[i].n++;
}

static const struct place *most_votes(const struct places *places)
{
	const struct place *best = NULL;
	size_t i;

	for (i = 0; i < places->n; i++)
		if (!best || places->list[i].n > best->n)
			best = &places->list[i];
	return best;
}

static plat_addr origin_of(const struct thread *thread)
{
	return thread->descriptor != UNKNOWN ? thread->descriptor : thread->tls_end;
}

/* Nothing is in it, and nothing behind it, where the chunk is larger. */
static bool is_blank(struct ptmalloc *heap, const struct cache *cache)
{
	unsigned word = heap->layout.word;
	plat_addr at = cache->chunk + 2 * word + bytes_of(heap, cache->form), end;
	uint64_t value;

	if (ptmalloc_read_word(heap, cache->chunk + word, &value) < 0)
		return false;
	end = cache->chunk + (value & ~(uint64_t)CHUNK_FLAGS) + word;
	for (at = align_up(at, word); at < end; at += word)
		if (ptmalloc_read_word(heap, at, &value) < 0 || value)
			return false;
	return !cache->nused;
}

/* A word of a thread's own memory. Without `places` what can be a cache and is empty is taken. */
static int try_word(struct ptmalloc *heap, const struct thread *thread, plat_addr at,
		    plat_addr value, struct places *places)
{
	struct cache cache;

	if (!value)
		return 0;
	if (!places)
		return is_cache(heap, value, true, &cache) && is_blank(heap, &cache)
			       ? take_cache(heap, &cache)
			       : 0;
	note_arena(heap, value, thread->tid);
	if (is_cache(heap, value, false, &cache))
		vote(places, at - origin_of(thread));
	return 0;
}

/* Static memory of threads ends at the descriptor; what libraries have is near that. */
static int try_thread(struct ptmalloc *heap, const struct thread *thread, struct places *places)
{
	unsigned char bytes[OWN_STEP];
	plat_addr end = thread->tls_end, at;
	unsigned i, word = heap->layout.word;
	size_t size;
	int r = 0;

	at = max_u64(thread->tls_start, sub_floored(end, OWN_MOST));
	for (at = align_up(at, word); r == 0 && at < end; at += size) {
		size = (size_t)min_u64(end - at, OWN_STEP);
		if (reader_read(heap->reading.reader, at, bytes, size) < 0)
			continue;
		for (i = 0; r == 0 && i + word <= size; i += word)
			r = try_word(heap, thread, at + i, ptmalloc_word(heap, bytes + i), places);
	}
	return r;
}

static int try_place(struct ptmalloc *heap, const struct thread *thread, const struct place *place)
{
	plat_addr at = origin_of(thread) + place->offset;
	uint64_t value;

	if (at < thread->tls_start || at >= thread->tls_end ||
	    ptmalloc_read_word(heap, at, &value) < 0)
		return 0;
	return try_block(heap, value, true);
}

static int try_threads(struct ptmalloc *heap)
{
	const struct space *space = heap->reading.space;
	struct places places = {.n = 0};
	const struct place *place;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < space->nthreads; i++)
		r = try_thread(heap, &space->threads[i], &places);
	place = most_votes(&places);
	for (i = 0; r == 0 && i < space->nthreads; i++)
		r = place ? try_place(heap, &space->threads[i], place)
			  : try_thread(heap, &space->threads[i], NULL);
	return r;
}

/* Where a thread's own memory is not known, its cache is mostly its heap's first block. */
static int try_first_chunks(struct ptmalloc *heap, const struct ptmalloc_segment *segment)
{
	plat_addr chunk = segment->first;
	uint64_t size;
	int r = 0, i;

	for (i = 0; r == 0 && i < FIRST_CHUNKS && chunk < segment->end; i++) {
		if (ptmalloc_read_word(heap, chunk + heap->layout.word, &size) < 0)
			break;
		size &= ~(uint64_t)CHUNK_FLAGS;
		if (size < chunk_least(heap) || size >= segment->end - chunk)
			break;
		r = try_block(heap, chunk + 2 * heap->layout.word, false);
		chunk += size;
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	const plat_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* An arena belongs to a thread that is alone with it. */
static void match_arenas(struct ptmalloc *heap)
{
	size_t i;

	for (i = 0; i < heap->narenas; i++)
		if (heap->arenas[i].nthreads != 1 ||
		    (heap->arenas[i].attached != UNKNOWN && heap->arenas[i].attached != 1))
			heap->reading.arenas[i].tid = 0;
}

int ptmalloc_read_caches(struct ptmalloc *heap)
{
	size_t i;
	int r;

	heap->nstates = 0;
	r = try_threads(heap);
	for (i = 0; r == 0 && i < heap->nsegments; i++)
		if (heap->segments[i].kind != SEGMENT_MAPPED)
			r = try_first_chunks(heap, &heap->segments[i]);
	/* A key that not all have is none; but for those that were taken out meanwhile. */
	if (heap->nkeys < heap->nothers - heap->nothers / 8)
		heap->key = 0;
	if (heap->are_caches_torn)
		heap->reading.proofs.unsteady++;
	match_arenas(heap);
	if (heap->nstates)
		qsort(heap->states, heap->nstates, sizeof(*heap->states), by_address);
	return r;
}
