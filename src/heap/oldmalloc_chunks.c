/*
 * A region: from chunk to chunk, up to the end mark. oldmalloc_tear.c says where each leads.
 */
#include "heap/oldmalloc_way.h"

#include <errno.h>

/* In a process that runs nothing is held against what was read at two moments. */
static void take_damage(struct old_way *way, plat_addr at, const char *what)
{
	struct old_walk *walk = way->walk;

	walk->has_moved |= old_bins_have_changed(walk) || !old_is_led_here(way);
	if (walk->has_moved)
		walk->old->reading.proofs.unsteady++;
	else
		musl_say_broken(&walk->old->reading.proofs, at, what);
}

static enum block_state count(struct old_way *way, const struct old_step *step)
{
	enum block_state state = step->csize & OLD_IN_USE ? BLOCK_LIVE : BLOCK_FREE;

	switch (step->link) {
	case OLD_LINK_CALL:
		old_take_call(way->walk, step->at, "the sizes of this chunk do not fit yet");
		return BLOCK_UNKNOWN;
	case OLD_LINK_BROKEN:
		take_damage(way, step->at, "the sizes of this chunk lead nowhere");
		return BLOCK_UNKNOWN;
	case OLD_LINK_FOOTER:
		way->walk->nchunks++;
		take_damage(way, step->at, "the sizes at both ends of this chunk differ");
		return state;
	default:
		way->walk->nchunks++;
		way->walk->nagreed++;
		way->walk->old->reading.proofs.proved++;
		return state;
	}
}

/* The first step that was not shown yet. */
static int show_one(struct old_way *way)
{
	struct old_walk *walk = way->walk;
	const struct old_step *step = old_step_at(way, 0);
	uint64_t overhead = old_overhead(walk->old), extent = step->next - step->at;
	enum block_state state = count(way, step);
	struct block block = {
		.address = step->at + overhead,
		.size = extent - overhead,
		.extent = extent,
		.before = (uint32_t)overhead,
		.state = state,
		.class = state == BLOCK_UNKNOWN ? OLD_CLASS_REGION : old_bin_of(walk->old, extent),
		.arena = OLD_ARENA_MAIN,
	};
	int r = musl_show_range(walk->visitor, step->at, step->next);

	walk->nfree += state == BLOCK_FREE;
	way->first = (way->first + 1) % OLD_STEPS;
	way->nsteps--;
	return r ? r : old_show(walk, &block);
}

static int take_step(struct old_way *way, const struct old_step *step)
{
	int r = way->nsteps == OLD_STEPS ? show_one(way) : 0;

	*old_step_at(way, way->nsteps++) = *step;
	way->at = step->next;
	return r;
}

static int show_all(struct old_way *way)
{
	int r = 0;

	while (r == 0 && way->nsteps)
		r = show_one(way);
	return r;
}

static int take_end(struct old_way *way)
{
	struct old_walk *walk = way->walk;
	uint64_t size = old_overhead(walk->old);
	struct heap_class *class = &walk->old->reading.classes[OLD_CLASS_REGION];
	plat_addr at = way->at;

	walk->nended++;
	class->slabs++;
	class->sums.held = add_capped(class->sums.held, size);
	class->sums.slack = add_capped(class->sums.slack, size);
	way->at += size;
	return musl_show_range(walk->visitor, at, at + size);
}

int old_take_region(struct old_walk *walk, plat_addr at, const struct old_span *span,
		    plat_addr *end)
{
	struct old_way way = {.walk = walk, .limit = span->limit, .end = span->end, .at = at};
	struct old_step step;
	bool has_end = false;
	int r = 0;

	walk->nregions++;
	while (r == 0 && !has_end && !way.is_over && way.at < way.limit) {
		step = old_judge(&way);
		has_end = step.link == OLD_LINK_END;
		if (!has_end)
			r = take_step(&way, &step);
	}
	if (r == 0)
		r = show_all(&way);
	if (r == 0 && has_end)
		r = take_end(&way);
	*end = way.at;
	return r;
}
