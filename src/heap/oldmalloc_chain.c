/*
 * Chunks that lead to each other, and whether they are to be believed.
 *
 *     | psize csize | block ... | psize csize | next prev ... | psize csize | ...
 *             '-------- agree -----'    ^--- free, and held by a bin
 */
#include "heap/oldmalloc_way.h"

#include <errno.h>

#define CHAIN_MOST 512 /* chunks in a row that agree are believed without more */

int old_read(struct old_walk *walk, plat_addr at, bool fresh, struct old_chunk *ret)
{
	unsigned word = walk->old->word;
	struct reader *reader = walk->old->reading.reader;
	unsigned char bytes[16];
	const unsigned char *from = bytes;
	int r = 0;

	if (!fresh && (at < walk->window_at || at - walk->window_at + 16 > walk->window_size)) {
		walk->window_at = at;
		walk->window_size = OLD_WINDOW_BYTES - (at & (OLD_WINDOW_BYTES / 4 - 1));
		if (reader_read(reader, at, walk->window, walk->window_size) < 0)
			walk->window_size = 0;
	}
	if (!fresh && walk->window_size)
		from = walk->window + (at - walk->window_at);
	else
		r = reader_read(reader, at, bytes, (size_t)2 * word);
	if (r == 0)
		*ret = (struct old_chunk){musl_word(from, word), musl_word(from + word, word)};
	return r;
}

bool old_is_sane(const struct old_walk *walk, plat_addr at, uint64_t csize, plat_addr limit)
{
	uint64_t size = old_size(csize), grain = old_grain(walk->old);

	return size >= grain && size % grain == 0 && size <= limit && at <= limit - size;
}

/* A free chunk's links: `next` and `prev` stand where the pair of sizes of its block would be. */
static bool read_links(struct old_walk *walk, plat_addr at, plat_addr *next, plat_addr *prev)
{
	struct old_chunk pair;

	if (at == 0 || old_read(walk, at + old_overhead(walk->old), true, &pair) < 0)
		return false;
	*next = pair.psize;
	*prev = pair.csize;
	return true;
}

/* Whether a free chunk is in a list. In the middle of a call one of its links is not returned. */
static bool is_held(struct old_walk *walk, plat_addr at, const struct old_chunk *chunk)
{
	plat_addr next, prev, other, back;

	if ((chunk->csize & OLD_IN_USE) || !read_links(walk, at, &next, &prev))
		return false;
	return (read_links(walk, next, &other, &back) && back == at) ||
	       (read_links(walk, prev, &back, &other) && back == at);
}

/* Regions end with a page; what is there by chance does not. */
static bool is_end(const struct old_walk *walk, plat_addr at, const struct old_chunk *chunk)
{
	return chunk->csize == OLD_IN_USE &&
	       is_aligned(at + old_overhead(walk->old), walk->page_size);
}

/*
 * What is left of earlier chunks in a larger one agrees, too, but it leads neither to a chunk that
 * a bin holds nor to an end mark.
 */
bool old_is_chain(struct old_walk *walk, plat_addr at, plat_addr limit)
{
	struct old_chunk chunk, next;
	unsigned i;

	if (old_read(walk, at, false, &chunk) < 0)
		return false;
	for (i = 0; i < CHAIN_MOST && walk->grains_left; i++) {
		walk->grains_left--;
		if (is_end(walk, at, &chunk) || is_held(walk, at, &chunk))
			return true;
		if (!old_is_sane(walk, at, chunk.csize, limit))
			return false;
		at += old_size(chunk.csize);
		if (old_read(walk, at, false, &next) < 0 || next.psize != chunk.csize)
			return false;
		chunk = next;
	}
	return i == CHAIN_MOST;
}

/* Whether a call is cutting the first chunk in two: what follows leads back to it, and goes on. */
static bool is_cut(struct old_walk *walk, plat_addr at, const struct old_span *span)
{
	uint64_t grain = old_grain(walk->old);
	struct old_chunk chunk;
	plat_addr x = at + grain, end = min_u64(span->end, at + OLD_GRAINS_LARGE * grain);

	for (; x < end && walk->grains_left; x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			return false;
		if (x - old_size(chunk.psize) == at && old_is_chain(walk, x, span->limit))
			return true;
	}
	return false;
}

/*
 * Or it is merged with what follows, whose pages were given back, and the header with them. At the
 * break there is hardly anything else.
 */
static bool is_merged(const struct old_span *span, const struct old_chunk *next)
{
	return span->kind == OLD_BREAK && next->psize == 0 && next->csize == 0;
}

bool old_is_region(struct old_walk *walk, plat_addr at, const struct old_span *span)
{
	plat_addr limit = span->limit;
	struct old_chunk first, next;
	plat_addr second;

	if (old_read(walk, at, false, &first) < 0 || first.psize != OLD_IN_USE ||
	    !old_is_sane(walk, at, first.csize, limit))
		return false;
	second = at + old_size(first.csize);
	if (old_read(walk, second, false, &next) == 0 &&
	    (old_size(next.psize) == old_size(first.csize) || is_merged(span, &next)))
		return true;
	return old_is_chain(walk, second, limit) || is_cut(walk, at, span);
}
