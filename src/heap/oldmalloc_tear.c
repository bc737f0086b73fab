/*
 * Where the two sizes of a chunk differ, either a call is under way, which writes them one after
 * the other, or something was overwritten.
 *
 *     split, or merged:  | size a .......................... b | next   b: the last part
 *     merged:            | size a ... a | size b ........... c |        c leads back to the first
 *     cut off:           | size a ...| no chunk ............ c |        c leads back to the first
 *     cut off:           | size a ...| size x .. x | size y .... c |    x, y: of earlier chunks
 *
 * In the last picture the way goes astray over chunks that agree. What helps is that c leads back
 * to a chunk that was passed, and that all chunks behind it agree, up to one that a bin holds.
 *
 * musl 1.1.24 src/malloc/malloc.c: trim, realloc, __bin_chunk; src/malloc/memalign.c; 1.1.9
 * src/malloc/malloc.c: free; 1.2.2 src/malloc/oldmalloc/malloc.c
 */
#include "heap/oldmalloc_way.h"

#define TRIES 3

/* What stands at a chunk, and behind it. */
struct pair {
	struct old_chunk chunk, next;
	plat_addr end; /* where its size leads; or 0 */
};

/*
 * One link of the chain.
 */

static enum old_link read_pair(const struct old_way *way, bool fresh, struct pair *ret)
{
	struct old_walk *walk = way->walk;

	*ret = (struct pair){0};
	if (old_read(walk, way->at, fresh, &ret->chunk) < 0)
		return OLD_LINK_BROKEN;
	if (ret->chunk.csize == OLD_IN_USE)
		return OLD_LINK_END;
	if (!old_is_sane(walk, way->at, ret->chunk.csize, way->limit))
		return OLD_LINK_BROKEN;
	ret->end = way->at + old_size(ret->chunk.csize);
	if (old_read(walk, ret->end, fresh, &ret->next) < 0)
		return OLD_LINK_BROKEN;
	return ret->next.psize == ret->chunk.csize ? OLD_LINK_WHOLE : OLD_LINK_FOOTER;
}

static bool is_wrong(enum old_link link)
{
	return link == OLD_LINK_FOOTER || link == OLD_LINK_BROKEN;
}

static enum old_link read_link(const struct old_way *way, struct pair *ret)
{
	enum old_link link = read_pair(way, false, ret);
	unsigned i;

	for (i = 1; i < TRIES && is_wrong(link); i++) {
		link = read_pair(way, true, ret);
		way->walk->has_moved |= !is_wrong(link);
	}
	return link;
}

/* The step that began there, or `nsteps`. */
static unsigned find_step(struct old_way *way, plat_addr at)
{
	unsigned low = 0, high = way->nsteps;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (old_step_at(way, middle)->at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < way->nsteps && old_step_at(way, low)->at == at ? low : way->nsteps;
}

/* Both sizes are written one after the other: what stands there is one of the pictures above. */
static bool may_be_call(struct old_way *way, const struct pair *pair)
{
	uint64_t size = old_size(pair->next.psize);
	plat_addr from = pair->end - size;

	if (size == old_size(pair->chunk.csize))
		return true; /* it is being taken from a bin, or put into one */
	if (size == 0 || size > pair->end)
		return false;
	/* The part may have no header yet. */
	if (from > way->at)
		return size % old_grain(way->walk->old) == 0;
	return find_step(way, from) + 2 >= way->nsteps && find_step(way, from) < way->nsteps;
}

/*
 * What comes behind.
 */

struct behind {
	plat_addr at;	/* where the walk can go on; 0: nowhere */
	plat_addr from; /* where its size leads */
	bool is_chain;
};

/* Whether a chunk can begin here at all. */
static bool is_chunk(const struct old_way *way, plat_addr at, const struct old_chunk *chunk)
{
	return chunk->csize == OLD_IN_USE || old_is_sane(way->walk, at, chunk->csize, way->limit);
}

/* The step whose chunk a chunk at `x` leads back to, and that does not lead to it. */
static bool leads_back(struct old_way *way, plat_addr x, plat_addr from)
{
	unsigned i = find_step(way, from);

	return i < way->nsteps && find_step(way, x) == way->nsteps && x != way->at &&
	       old_step_at(way, i)->link == OLD_LINK_WHOLE;
}

/* The first chunk before `end` that a step which was passed should have led to. */
static struct behind find_astray(struct old_way *way, plat_addr end)
{
	struct old_walk *walk = way->walk;
	uint64_t grain = old_grain(walk->old);
	plat_addr x = (way->nsteps ? old_step_at(way, 0)->at : way->at) + grain;
	struct old_chunk chunk;

	for (; x < end && walk->grains_left; x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			break;
		if (is_chunk(way, x, &chunk) && leads_back(way, x, x - old_size(chunk.psize)) &&
		    old_is_chain(walk, x, way->limit))
			return (struct behind){x, x - old_size(chunk.psize), true};
	}
	return (struct behind){0};
}

/*
 * The chunk whose size leads to this one, or to where a call has cut this one off and not yet made
 * a chunk of the rest. What is left of earlier chunks may look so, too: the first from which a
 * chain goes on is right, else the first behind the cut.
 */
static struct behind find_back(const struct old_way *way, plat_addr cut)
{
	struct old_walk *walk = way->walk;
	uint64_t grain = old_grain(walk->old);
	struct behind found = {0};
	struct old_chunk chunk;
	plat_addr x, from;

	for (x = way->at + grain; x < way->end && walk->grains_left && !found.is_chain;
	     x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			break;
		from = x - old_size(chunk.psize);
		if (from == 0 || (from != way->at && from != cut) || !is_chunk(way, x, &chunk))
			continue;
		if (old_is_chain(walk, x, way->limit))
			found = (struct behind){x, from, true};
		else if (!found.at && x > cut)
			found = (struct behind){x, from, false};
	}
	return found;
}

/* The first chunk behind this one from which a chain goes on; or the end. */
static plat_addr find_chain(struct old_way *way)
{
	struct old_walk *walk = way->walk;
	uint64_t grain = old_grain(walk->old);
	struct old_chunk chunk;
	plat_addr x = way->at + grain;

	for (; x < way->end && walk->grains_left; x += grain) {
		walk->grains_left--;
		if (old_read(walk, x, false, &chunk) < 0)
			x = align_up(x + 1, walk->page_size) - grain / 2;
		else if (old_size(chunk.csize) != 0 && old_is_chain(walk, x, way->limit))
			return x;
	}
	way->is_over = true;
	return max_u64(way->end, way->at + grain);
}

/*
 * Judging.
 */

static struct old_step step(const struct old_way *way, const struct pair *pair, plat_addr next,
			    enum old_link link)
{
	return (struct old_step){way->at, next, pair->chunk.csize, link};
}

/* The chunk that `found` leads back to was cut, and what it led to has no size yet; or it itself.
 */
static struct old_step go_back(struct old_way *way, const struct behind *found)
{
	unsigned i = find_step(way, found->from);
	struct old_step back = *old_step_at(way, i);

	if (back.next < found->at) {
		i++;
		back.csize = 0;
		back.at = old_step_at(way, i - 1)->next;
	}
	/* What is passed once more is paid for: it ends, whatever stands in memory. */
	way->walk->grains_left = sub_floored(way->walk->grains_left, way->nsteps - i);
	way->nsteps = i;
	back.next = found->at;
	back.link = OLD_LINK_CALL;
	return back;
}

/* The break has grown, and its new end has no mark yet, or half of one. */
static bool is_being_made(const struct old_way *way, plat_addr end)
{
	struct old_walk *walk = way->walk;
	struct old_chunk mark;

	return end + old_overhead(walk->old) >= way->end &&
	       is_aligned(end + old_overhead(walk->old), walk->page_size) &&
	       old_read(walk, end, true, &mark) == 0 && mark.csize == 0;
}

/* Of the two sizes in the header of what was cut off, one was written. */
static bool is_half_made(struct old_way *way, const struct pair *pair)
{
	return way->nsteps != 0 &&
	       old_size(pair->chunk.psize) == way->at - old_step_at(way, way->nsteps - 1)->at;
}

/* free up to 1.1.10 gives back the pages of chunks that it merges before it writes the whole's
 * size. */
static bool is_given_back(const struct pair *pair)
{
	return pair->end && pair->next.psize == 0 && pair->next.csize == 0;
}

static struct old_step pass_over(struct old_way *way, const struct pair *pair, bool may_be)
{
	plat_addr cut = pair->end ? pair->end : way->at;
	struct behind found;
	bool is_call = false;

	if (is_being_made(way, cut)) {
		way->is_over = true;
		way->walk->nended++;
		return step(way, pair, cut + old_overhead(way->walk->old), OLD_LINK_CALL);
	}
	found = find_astray(way,
			    min_u64(way->end, cut + OLD_GRAINS_LARGE * old_grain(way->walk->old)));
	if (found.at)
		return go_back(way, &found);
	found = find_back(way, cut);
	/* What leads back to pages that were given back is of before, if it leads nowhere else. */
	if (is_given_back(pair) && !found.is_chain)
		found.at = 0;
	/* The neighbour is in the middle of a call, too. */
	if (!found.is_chain && may_be)
		return step(way, pair, cut, OLD_LINK_CALL);
	if (found.at)
		is_call = cut != way->at || is_half_made(way, pair);
	else
		found.at = find_chain(way);
	is_call |= is_given_back(pair) && !way->is_over;
	return step(way, pair, found.at, is_call ? OLD_LINK_CALL : OLD_LINK_BROKEN);
}

struct old_step old_judge(struct old_way *way)
{
	struct behind astray;
	struct pair pair;
	enum old_link link = read_link(way, &pair);
	bool may_be;

	if (!is_wrong(link))
		return step(way, &pair, pair.end, link);
	may_be = link == OLD_LINK_FOOTER && may_be_call(way, &pair);
	if (link == OLD_LINK_BROKEN || !old_is_chain(way->walk, pair.end, way->limit))
		return pass_over(way, &pair, may_be);
	astray = find_astray(way, pair.end);
	if (astray.at)
		return go_back(way, &astray);
	return step(way, &pair, pair.end, may_be ? OLD_LINK_CALL : OLD_LINK_FOOTER);
}

bool old_is_led_here(struct old_way *way)
{
	struct old_chunk chunk;
	unsigned i;

	for (i = 0; i < way->nsteps; i++) {
		const struct old_step *step = old_step_at(way, i);

		if (step->link == OLD_LINK_WHOLE &&
		    (old_read(way->walk, step->at, true, &chunk) < 0 || chunk.csize != step->csize))
			return false;
	}
	return true;
}
