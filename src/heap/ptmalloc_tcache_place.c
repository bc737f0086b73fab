/*
 * Where threads have the variable that leads to their caches.
 *
 * The variable is found by what it leads to, so that neither symbols nor the place of the variable
 * are needed: each word of each thread's own memory is tried. It has the same place in all threads.
 * Which it is say the caches with blocks: one that is empty cannot be told from any other block of
 * zeros, nor does it matter then, as zeros hold nothing. Stacks that are kept for later threads
 * have such memory, too: after a fork they are all that is left of the other threads.
 */
#include "heap/ptmalloc_tcache.h"

#include <errno.h>

#define OWN_MOST (64 * 1024) /* bytes of a thread's own memory that are looked at */
#define OWN_STEP 4096
#define PLACES_MOST 64

static void note_arena(struct ptmalloc *heap, plat_addr at, int tid)
{
	size_t i;

	for (i = 0; tid && i < heap->narenas; i++)
		if (heap->arenas[i].address == at) {
			heap->arenas[i].nthreads++;
			heap->reading.arenas[i].tid = tid;
		}
}

/* Those that were met; of empty caches only where no other is. */
struct places {
	bool are_empty;
	struct tcache_place list[PLACES_MOST];
	size_t n;
};

static void vote(struct places *places, uint64_t offset, const struct tcache *cache)
{
	struct tcache_place *place;
	size_t i = 0;

	while (i < places->n &&
	       (places->list[i].offset != offset || places->list[i].form != cache->form))
		i++;
	if (i == PLACES_MOST)
		return;
	place = &places->list[i];
	if (i == places->n) {
		places->n++;
		*place = (struct tcache_place){offset, cache->form, 0, cache->chunk};
	}
	place->votes += 1 + cache->nused;
}

static plat_addr origin_of(const struct thread *thread)
{
	return thread->descriptor != UNKNOWN ? thread->descriptor : thread->tls_end;
}

/*
 * Nothing is in it, and nothing behind it, where the chunk is larger. Its last word may be
 * anything: nobody clears it, and if the chunk was free before, as that of an earlier thread, it
 * has its size.
 */
static bool is_blank(struct ptmalloc *heap, const struct tcache *cache)
{
	unsigned word = heap->layout.word;
	plat_addr at = cache->chunk + 2 * word + tcache_bytes(heap, cache->form), end;
	uint64_t value;

	if (ptmalloc_read_word(heap, cache->chunk + word, &value) < 0)
		return false;
	end = cache->chunk + (value & ~(uint64_t)CHUNK_FLAGS);
	for (at = align_up(at, word); at < end; at += word)
		if (ptmalloc_read_word(heap, at, &value) < 0 || value)
			return false;
	return !cache->nused;
}

/* A word of a thread's own memory. */
static void try_word(struct ptmalloc *heap, const struct thread *thread, plat_addr at,
		     plat_addr value, struct places *places)
{
	struct tcache cache;

	if (!value)
		return;
	if (!places->are_empty)
		note_arena(heap, value, thread->tid);
	if (tcache_read(heap, value, NULL, places->are_empty, &cache) &&
	    (!places->are_empty || is_blank(heap, &cache)))
		vote(places, at - origin_of(thread), &cache);
}

/* Static memory of threads ends at the descriptor; what libraries have is near that. */
static void try_thread(struct ptmalloc *heap, const struct thread *thread, struct places *places)
{
	unsigned char bytes[OWN_STEP];
	plat_addr end = thread->tls_end, at;
	unsigned i, word = heap->layout.word;
	size_t size;

	at = max_u64(thread->tls_start, sub_floored(end, OWN_MOST));
	for (at = align_up(at, word); at < end; at += size) {
		size = (size_t)min_u64(end - at, OWN_STEP);
		if (reader_read(heap->reading.reader, at, bytes, size) < 0)
			continue;
		for (i = 0; i + word <= size; i += word)
			try_word(heap, thread, at + i, ptmalloc_word(heap, bytes + i), places);
	}
}

plat_addr tcache_at(struct ptmalloc *heap, const struct thread *thread,
		    const struct tcache_place *place)
{
	plat_addr at = origin_of(thread) + place->offset;
	uint64_t value;

	if (at < thread->tls_start || at >= thread->tls_end ||
	    ptmalloc_read_word(heap, at, &value) < 0)
		return 0;
	return value;
}

/*
 * In no thread that is there it leads to a block of another size. What it leads to is not asked for
 * more: a thread that runs may be using it. Nor is a word that leads to no block, as 2.43 has where
 * a thread has not made its cache yet.
 */
static bool is_place_of_all(struct ptmalloc *heap, const struct tcache_place *place)
{
	const struct space *space = heap->reading.space;
	plat_addr value;
	size_t i;

	for (i = 0; i < space->nthreads; i++) {
		value = tcache_at(heap, &space->threads[i], place);
		if (space->threads[i].tid && tcache_is_block(heap, value) &&
		    !tcache_is_as_large(heap, value, place->form))
			return false;
	}
	return true;
}

/* Of two for which as much speaks, a thread's cache is the first block that it has asked for. */
static bool is_better(const struct tcache_place *place, const struct tcache_place *than)
{
	return !than || place->votes > than->votes ||
	       (place->votes == than->votes && place->first < than->first);
}

static int find_place_of(struct ptmalloc *heap, bool are_empty, struct tcache_place *ret)
{
	const struct space *space = heap->reading.space;
	struct places places = {.are_empty = are_empty};
	const struct tcache_place *best = NULL;
	size_t i;

	for (i = 0; i < space->nthreads; i++)
		try_thread(heap, &space->threads[i], &places);
	for (i = 0; i < places.n; i++)
		if (is_better(&places.list[i], best) && is_place_of_all(heap, &places.list[i]))
			best = &places.list[i];
	if (!best)
		return -ENOENT;
	*ret = *best;
	return 0;
}

int tcache_find_place(struct ptmalloc *heap, struct tcache_place *ret)
{
	int r = find_place_of(heap, false, ret);

	return r < 0 ? find_place_of(heap, true, ret) : r;
}
