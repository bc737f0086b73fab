/*
 * What threads have cached, from 2.26 on. A thread-local variable leads to a chunk of glibc's own,
 * ptmalloc_tcache_place.c says how it is found:
 *
 *     2.26   | 64 counts of 1 byte  | 64 heads |     free blocks of one size each
 *     2.30   | 64 counts of 2 bytes | 64 heads |
 *     2.42   | 76 counts of 2 bytes | 76 heads |     of how many more there is room for
 *
 * From 2.34 on all cached blocks hold the same number in their second word.
 */
#include "heap/ptmalloc_tcache.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNKS 16 /* of a heap, that are tried as well */
#define LIST_MOST 65536
#define WRONG_MOST 1 /* bins of a cache, and of those in use an eighth */
#define TRIES 3

static const struct tcache_form forms[] = {{64, 1, false}, {64, 2, false}, {76, 2, true}};

size_t tcache_bytes(const struct ptmalloc *heap, const struct tcache_form *form)
{
	return form->nbins * (form->count_bytes + heap->layout.word);
}

static uint64_t chunk_bytes(const struct ptmalloc *heap, const struct tcache_form *form)
{
	return align_up(tcache_bytes(heap, form) + heap->layout.word, heap->layout.align);
}

static unsigned count_at(const struct tcache *cache, unsigned i)
{
	const unsigned char *at = cache->bytes + i * cache->form->count_bytes;

	return cache->form->count_bytes == 1 ? *at : (unsigned)(at[0] | at[1] << 8);
}

static plat_addr head_at(const struct ptmalloc *heap, const struct tcache *cache, unsigned i)
{
	return ptmalloc_word(heap, cache->bytes + cache->form->nbins * cache->form->count_bytes +
					   i * heap->layout.word);
}

/*
 * One list.
 */

bool tcache_is_block(const struct ptmalloc *heap, plat_addr block)
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
		if (n == most || !ptmalloc_may_follow(heap) || !tcache_is_block(heap, block) ||
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

	for (n = 0; r == 0 && block && n < LIST_MOST && ptmalloc_may_follow(heap) &&
		    tcache_is_block(heap, block);
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

/*
 * A head, and its count or room: of the first bins the blocks have one size. In a bin with blocks
 * there is less room than in one without.
 */
static bool is_bin(struct ptmalloc *heap, const struct tcache *cache, unsigned i, unsigned room)
{
	plat_addr head = head_at(heap, cache, i);
	unsigned count = count_at(cache, i);
	uint64_t size;

	if (!head)
		return count == room;
	return tcache_is_block(heap, head) &&
	       (cache->form->counts_room ? count < room : count > 0) &&
	       ptmalloc_read_word(heap, head - heap->layout.word, &size) == 0 &&
	       (i >= 64 || (size & ~(uint64_t)CHUNK_FLAGS) ==
				   chunk_least(heap) + (uint64_t)i * heap->layout.align);
}

/*
 * All counts are of lists. A thread can be between one and the other. Which is empty could be
 * anything that is zeros, unless something else says that it is a cache.
 */
static bool has_form(struct ptmalloc *heap, struct tcache *cache, bool may_be_empty)
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

static int take_cache(struct ptmalloc *heap, struct tcache *cache, int tid)
{
	unsigned i;
	int r = list_reserve(&heap->caches, &heap->caches_room, heap->ncaches, 1);

	if (r < 0)
		return r;
	for (i = 0; i < heap->ncaches; i++)
		if (heap->caches[i].chunk == cache->chunk)
			return 0;
	heap->caches[heap->ncaches++] =
		(struct ptmalloc_cache){cache->chunk, (unsigned)(cache->form - forms), tid};
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
static bool read_cache(struct ptmalloc *heap, struct tcache *cache, bool may_be_empty)
{
	plat_addr block = cache->chunk + 2 * heap->layout.word;
	unsigned i;

	for (i = 0; i < TRIES; i++)
		if (reader_read(heap->reading.reader, block, cache->bytes,
				tcache_bytes(heap, cache->form)) == 0 &&
		    has_form(heap, cache, may_be_empty))
			return true;
	return false;
}

bool tcache_is_as_large(struct ptmalloc *heap, plat_addr block, const struct tcache_form *form)
{
	uint64_t least = chunk_bytes(heap, form), size;

	if (ptmalloc_read_word(heap, block - heap->layout.word, &size) < 0)
		return false;
	size &= ~(uint64_t)CHUNK_FLAGS;
	/* What was left was too small for a chunk; 2.43 rounds up twice (tcache_init). */
	return size >= least && size < least + chunk_least(heap) + heap->layout.align;
}

bool tcache_read(struct ptmalloc *heap, plat_addr block, const struct tcache_form *form,
		 bool may_be_empty, struct tcache *ret)
{
	unsigned i;

	if (!tcache_is_block(heap, block))
		return false;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		ret->form = &forms[i];
		ret->chunk = block - 2 * heap->layout.word;
		if ((form && ret->form != form) ||
		    (heap->version && ret->form->counts_room != (heap->version >= 42)))
			continue;
		if (tcache_is_as_large(heap, block, ret->form) &&
		    read_cache(heap, ret, may_be_empty))
			return true;
	}
	return false;
}

static int try_block(struct ptmalloc *heap, plat_addr block, const struct tcache_form *form,
		     bool may_be_empty, int tid)
{
	struct tcache cache;

	return tcache_read(heap, block, form, may_be_empty, &cache) ? take_cache(heap, &cache, tid)
								    : 0;
}

/*
 * All of them.
 */

/* The caches of all threads; *ret is their form where there are any, or NULL. 0 or -ENOMEM. */
static int try_threads(struct ptmalloc *heap, const struct tcache_form **ret)
{
	const struct space *space = heap->reading.space;
	struct tcache_place place;
	size_t i;
	int r = 0;

	*ret = NULL;
	if (tcache_find_place(heap, &place) < 0)
		return 0;
	for (i = 0; r == 0 && i < space->nthreads; i++)
		r = try_block(heap, tcache_at(heap, &space->threads[i], &place), place.form, true,
			      space->threads[i].tid);
	*ret = place.form;
	return r;
}

static bool is_own_memory_known(const struct space *space)
{
	size_t i = 0;

	while (i < space->nthreads && space->threads[i].tls_end)
		i++;
	return i == space->nthreads;
}

/* Where a thread's own memory is not known, its cache is mostly its heap's first block. */
static int try_first_chunks(struct ptmalloc *heap, const struct ptmalloc_segment *segment,
			    const struct tcache_form *form)
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
		r = try_block(heap, chunk + 2 * heap->layout.word, form, false, 0);
		chunk += size;
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	const struct ptmalloc_cache *x = a, *y = b;

	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
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
	const struct tcache_form *form;
	bool is_all;
	size_t i;
	int r;

	heap->ncaches = 0;
	r = try_threads(heap, &form);
	is_all = form && is_own_memory_known(heap->reading.space);
	for (i = 0; r == 0 && !is_all && i < heap->nsegments; i++)
		if (heap->segments[i].kind != SEGMENT_MAPPED)
			r = try_first_chunks(heap, &heap->segments[i], form);
	/* A key that not all have is none; but for those that were taken out meanwhile. */
	if (heap->nkeys < heap->nothers - heap->nothers / 8)
		heap->key = 0;
	if (heap->are_caches_torn)
		heap->reading.proofs.unsteady++;
	match_arenas(heap);
	if (heap->ncaches)
		qsort(heap->caches, heap->ncaches, sizeof(*heap->caches), by_address);
	return r;
}

/*
 * Which one a chunk is in.
 */

static bool is_in_list(struct ptmalloc *heap, plat_addr head, plat_addr block,
		       enum tcache_link link)
{
	plat_addr at = head;
	uint64_t value;
	int n;

	for (n = 0; at && at != block; n++) {
		if (n == LIST_MOST || !ptmalloc_may_follow(heap) || !tcache_is_block(heap, at) ||
		    ptmalloc_read_word(heap, at, &value) < 0)
			return false;
		at = ptmalloc_follow(heap, at, value, link);
	}
	return at == block;
}

static bool is_in_cache(struct ptmalloc *heap, const struct tcache *cache, plat_addr block,
			uint32_t *bin)
{
	uint32_t i;

	for (i = 0; i < cache->form->nbins; i++) {
		plat_addr head = head_at(heap, cache, i);

		if (head && (is_in_list(heap, head, block, LINK_MANGLED) ||
			     is_in_list(heap, head, block, LINK_PLAIN))) {
			*bin = i;
			return true;
		}
	}
	return false;
}

bool ptmalloc_find_cached(struct ptmalloc *heap, plat_addr chunk, uint32_t *bin, int *tid)
{
	size_t i;

	for (i = 0; i < heap->ncaches; i++) {
		struct tcache cache = {.form = &forms[heap->caches[i].form],
				       .chunk = heap->caches[i].chunk};

		if (read_cache(heap, &cache, true) &&
		    is_in_cache(heap, &cache, chunk + 2 * heap->layout.word, bin)) {
			*tid = heap->caches[i].tid;
			return true;
		}
	}
	return false;
}
