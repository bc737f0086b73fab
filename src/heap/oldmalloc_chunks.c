/*
 * A region: from chunk to chunk, up to the end mark. Where the two sizes of a chunk differ, either
 * a call is under way, which writes them one after the other, or something was overwritten.
 *
 *     split, or merged:  | size a .......................... b | next   b: the last part
 *     merged:            | size a ... a | size b ........... c |        c leads back to the first
 *     cut off:           | size a ...| no chunk ............ c |        c leads back to the first
 *
 * musl 1.1.24 src/malloc/malloc.c: trim, realloc, __bin_chunk; 1.2.2 src/malloc/oldmalloc/malloc.c
 */
#include "heap/oldmalloc_parts.h"

#include <errno.h>

#define TRIES 3
#define CHAIN_MOST 512	/* chunks in a row that agree are believed without more */
#define ANCHOR_EACH 256 /* chunks */

/* A region on its way. */
struct way {
	struct old_walk *walk;
	plat_addr limit; /* no chunk can lie behind it */
	plat_addr end;	 /* as far as it was known to go; the break of a process that runs grows */
	bool is_over;	 /* without an end mark */
	plat_addr before[2]; /* where the last chunks began; 0: nowhere */
	plat_addr anchor[2]; /* where some hundred chunks ago one began, and since then */
	unsigned nsince;     /* chunks since the second */
	plat_addr at;
	struct old_chunk chunk;
	plat_addr next;	  /* where the next one begins */
	bool may_be_call; /* its sizes differ as in the middle of a call */
};

enum link {
	LINK_WHOLE,
	LINK_END,
	LINK_CALL,   /* a call is under way */
	LINK_FOOTER, /* the size at the chunk's end was overwritten */
	LINK_BROKEN, /* it leads nowhere */
};

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

static bool is_sane(const struct old_walk *walk, plat_addr at, uint64_t csize, plat_addr limit)
{
	uint64_t size = old_size(csize), grain = old_grain(walk->old);

	return size >= grain && size % grain == 0 && size <= limit && at <= limit - size;
}

/*
 * One link of the chain.
 */

/* Reads the chunk, and the one behind it. */
static enum link read_link(struct way *way, bool fresh, struct old_chunk *next)
{
	struct old_walk *walk = way->walk;

	if (old_read(walk, way->at, fresh, &way->chunk) < 0)
		return LINK_BROKEN;
	if (way->chunk.csize == OLD_IN_USE)
		return LINK_END;
	if (!is_sane(walk, way->at, way->chunk.csize, way->limit))
		return LINK_BROKEN;
	way->next = way->at + old_size(way->chunk.csize);
	if (old_read(walk, way->next, fresh, next) < 0)
		return LINK_BROKEN;
	return next->psize == way->chunk.csize ? LINK_WHOLE : LINK_FOOTER;
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

/*
 * Whether a chunk begins here: all that follow agree with each other, up to one that a bin holds or
 * to an end mark. What is left of earlier chunks in a larger one agrees, too, but leads to neither.
 */
static bool is_chain(struct old_walk *walk, plat_addr at, plat_addr limit)
{
	struct old_chunk chunk, next;
	unsigned i;

	if (old_read(walk, at, false, &chunk) < 0)
		return false;
	for (i = 0; i < CHAIN_MOST && walk->grains_left; i++) {
		walk->grains_left--;
		if (chunk.csize == OLD_IN_USE || is_held(walk, at, &chunk))
			return true;
		if (!is_sane(walk, at, chunk.csize, limit))
			return false;
		at += old_size(chunk.csize);
		if (old_read(walk, at, false, &next) < 0 || next.psize != chunk.csize)
			return false;
		chunk = next;
	}
	return i == CHAIN_MOST;
}

bool old_is_region(struct old_walk *walk, plat_addr at, const struct old_span *span)
{
	plat_addr limit = span->limit;
	struct old_chunk first, next;
	plat_addr second;

	if (old_read(walk, at, false, &first) < 0 || first.psize != OLD_IN_USE ||
	    !is_sane(walk, at, first.csize, limit))
		return false;
	second = at + old_size(first.csize);
	return (old_read(walk, second, false, &next) == 0 &&
		old_size(next.psize) == old_size(first.csize)) ||
	       is_chain(walk, second, limit);
}

/* Both sizes are written one after the other: what stands there is one of the pictures above. */
static bool is_in_call(const struct way *way, const struct old_chunk *next)
{
	uint64_t size = old_size(next->psize);
	plat_addr from;

	if (size == old_size(way->chunk.csize))
		return true; /* it is being taken from a bin, or put into one */
	if (size == 0 || size > way->next)
		return false;
	from = way->next - size;
	/* The part may have no header yet. */
	if (from > way->at)
		return size % old_grain(way->walk->old) == 0;
	return from == way->before[0] || from == way->before[1];
}

/* Whether the chunks some way back still lead here: else the process has changed them. */
static bool is_led_here(const struct way *way)
{
	struct old_chunk chunk;
	plat_addr x = way->anchor[0];

	while (x < way->at) {
		if (old_read(way->walk, x, true, &chunk) < 0 ||
		    !is_sane(way->walk, x, chunk.csize, way->limit))
			return false;
		x += old_size(chunk.csize);
	}
	return x == way->at;
}

static void set_anchor(struct way *way, plat_addr at, bool is_new)
{
	if (!is_new && ++way->nsince < ANCHOR_EACH)
		return;
	way->anchor[0] = is_new ? at : way->anchor[1];
	way->anchor[1] = at;
	way->nsince = 0;
}

static bool is_wrong(enum link link)
{
	return link == LINK_FOOTER || link == LINK_BROKEN;
}

static enum link judge_link(struct way *way)
{
	struct old_chunk next = {0};
	enum link link = read_link(way, false, &next);
	unsigned i;

	for (i = 1; i < TRIES && is_wrong(link); i++) {
		link = read_link(way, true, &next);
		way->walk->has_moved |= !is_wrong(link);
	}
	way->may_be_call = link == LINK_FOOTER && is_in_call(way, &next);
	if (link == LINK_FOOTER && !is_chain(way->walk, way->next, way->limit))
		link = LINK_BROKEN;
	else if (way->may_be_call)
		link = LINK_CALL;
	if (is_wrong(link) && !is_led_here(way))
		way->walk->has_moved = true;
	return link;
}

/*
 * Damage.
 */

/* Whether a chunk can begin here at all. */
static bool is_chunk(const struct way *way, plat_addr at, const struct old_chunk *chunk)
{
	return chunk->csize == OLD_IN_USE || is_sane(way->walk, at, chunk->csize, way->limit);
}

/* Of the two sizes in the header of what was cut off, one was written. */
static bool is_half_made(const struct way *way)
{
	return way->before[0] != 0 && old_size(way->chunk.psize) == way->at - way->before[0];
}

/* Behind the chunk: what a search has found. */
struct behind {
	plat_addr at; /* 0: nothing */
	bool is_call, is_chain;
};

static bool is_near(const struct way *way, plat_addr from, plat_addr cut)
{
	return from != 0 && (from == way->at || from == cut || from == way->before[0]);
}

/* Whether the way went over a chunk that begins here, not long ago. */
static bool was_passed(const struct way *way, plat_addr from)
{
	struct old_chunk chunk;
	plat_addr x = way->anchor[0];

	while (x < from && old_read(way->walk, x, true, &chunk) == 0 &&
	       is_sane(way->walk, x, chunk.csize, way->limit))
		x += old_size(chunk.csize);
	return x == from;
}

static void judge_behind(struct way *way, plat_addr x, plat_addr from, plat_addr cut,
			 struct behind *found)
{
	bool near = is_near(way, from, cut), is_chain_here;

	if (!near && (from < way->anchor[0] || from >= way->at))
		return;
	is_chain_here = is_chain(way->walk, x, way->limit);
	if (is_chain_here ? !near && !was_passed(way, from) : !near || found->at || x <= cut)
		return;
	*found = (struct behind){
		.at = x,
		.is_call = from < way->at || cut != way->at || is_half_made(way),
		.is_chain = is_chain_here,
	};
}

/*
 * Looks for the chunk whose size leads to this one, to where a call has cut this one off and not
 * yet made a chunk of the rest, or to one before: headers of earlier chunks may have led here from
 * it. They may look right behind this one, too: the first from which a chain goes on is, else the
 * first behind the cut.
 */
static struct behind find_back(struct way *way, plat_addr cut)
{
	struct old_walk *walk = way->walk;
	uint64_t grain = old_grain(walk->old);
	struct behind found = {0};
	struct old_chunk chunk;
	plat_addr x;

	for (x = way->at + grain; x < way->end && walk->grains_left && !found.is_chain;
	     x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			break;
		if (is_chunk(way, x, &chunk))
			judge_behind(way, x, x - old_size(chunk.psize), cut, &found);
	}
	return found;
}

/* The first chunk from `x` on from which a chain goes on; or the limit. */
static plat_addr find_chain(struct way *way, plat_addr x)
{
	struct old_walk *walk = way->walk;
	uint64_t grain = old_grain(walk->old);
	struct old_chunk chunk;

	for (; x < way->end && walk->grains_left; x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			x = align_up(x + 1, walk->page_size) - grain / 2;
		else if (old_size(chunk.csize) != 0 && is_chain(walk, x, way->limit))
			return x;
	}
	way->is_over = true;
	return max_u64(way->end, way->at + grain);
}

static void take_call(struct way *way)
{
	old_take_call(way->walk, way->at);
}

/* In a process that runs nothing is held against what was read at two moments. */
static void take_damage(struct way *way, const char *what)
{
	way->walk->has_moved |= old_bins_have_changed(way->walk);
	if (way->walk->has_moved)
		way->walk->old->reading.proofs.unsteady++;
	else
		musl_say_broken(&way->walk->old->reading.proofs, way->at, what);
}

/* The break has grown, and its new end has no mark yet, or half of one. */
static bool is_being_made(const struct way *way, plat_addr end)
{
	struct old_walk *walk = way->walk;
	struct old_chunk mark;

	return end + old_overhead(walk->old) >= way->end &&
	       is_aligned(end + old_overhead(walk->old), walk->page_size) &&
	       old_read(walk, end, true, &mark) == 0 && mark.csize == 0;
}

static void pass_over(struct way *way)
{
	bool is_cut = is_sane(way->walk, way->at, way->chunk.csize, way->limit);
	plat_addr cut = is_cut ? way->at + old_size(way->chunk.csize) : way->at;
	struct behind behind;

	if (is_being_made(way, cut)) {
		way->next = cut + old_overhead(way->walk->old);
		way->is_over = true;
		way->walk->nended++;
		take_call(way);
		return;
	}
	behind = find_back(way, cut);
	/* The neighbour is in the middle of a call, too. */
	if (!behind.is_chain && way->may_be_call)
		behind = (struct behind){.at = cut, .is_call = true};
	if (behind.is_call) {
		way->next = behind.at;
		take_call(way);
		return;
	}
	way->next = behind.at ? behind.at : find_chain(way, way->at + old_grain(way->walk->old));
	take_damage(way, "the sizes of this chunk lead nowhere");
}

/*
 * Chunks.
 */

static int show(struct way *way, enum block_state state)
{
	struct old_walk *walk = way->walk;
	uint64_t overhead = old_overhead(walk->old), extent = way->next - way->at;
	struct block block = {
		.address = way->at + overhead,
		.size = extent - overhead,
		.extent = extent,
		.before = (uint32_t)overhead,
		.state = state,
		.class = state == BLOCK_UNKNOWN ? OLD_CLASS_REGION : old_bin_of(walk->old, extent),
		.arena = OLD_ARENA_MAIN,
	};
	int r = musl_show_range(walk->visitor, way->at, way->next);

	walk->nfree += state == BLOCK_FREE;
	return r ? r : old_show(walk, &block);
}

static int take_chunk(struct way *way, enum link link)
{
	enum block_state state = way->chunk.csize & OLD_IN_USE ? BLOCK_LIVE : BLOCK_FREE;

	switch (link) {
	case LINK_CALL:
		take_call(way);
		state = BLOCK_UNKNOWN;
		break;
	case LINK_BROKEN:
		pass_over(way);
		state = BLOCK_UNKNOWN;
		break;
	case LINK_FOOTER:
		way->walk->nchunks++;
		take_damage(way, "the sizes at both ends of this chunk differ");
		break;
	default:
		way->walk->nchunks++;
		way->walk->nagreed++;
		way->walk->old->reading.proofs.proved++;
	}
	return show(way, state);
}

static int take_end(struct way *way)
{
	struct old_walk *walk = way->walk;
	uint64_t size = old_overhead(walk->old);
	struct heap_class *class = &walk->old->reading.classes[OLD_CLASS_REGION];

	walk->nended++;
	class->slabs++;
	class->sums.held = add_capped(class->sums.held, size);
	class->sums.slack = add_capped(class->sums.slack, size);
	return musl_show_range(walk->visitor, way->at, way->at + size);
}

int old_take_region(struct old_walk *walk, plat_addr at, const struct old_span *span,
		    plat_addr *end)
{
	struct way way = {
		.walk = walk,
		.limit = span->limit,
		.end = span->end,
		.at = at,
		.anchor = {at, at},
	};
	int r = 0;

	walk->nregions++;
	while (r == 0 && !way.is_over && way.at < way.limit) {
		enum link link = judge_link(&way);

		if (link == LINK_END) {
			*end = way.at + old_overhead(walk->old);
			return take_end(&way);
		}
		r = take_chunk(&way, link);
		way.before[1] = way.before[0];
		way.before[0] = way.at;
		way.at = way.next;
		set_anchor(&way, way.next, link == LINK_BROKEN);
	}
	*end = way.at;
	return r;
}
