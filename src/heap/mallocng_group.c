/*
 * One group after the other, in the order of their addresses. A slot may be a smaller group, which
 * is taken where it lies:
 *
 *     | slot 0 | slot 1                          | slot 2 | ...
 *              | header | slot 0 | ... | slot 29 |
 *
 * A group's meta is read, the group is read, and the meta again: what a running process has changed
 * meanwhile is tried anew.
 */
#include "heap/mallocng_parts.h"

#include <errno.h>
#include <string.h>

#define TRIES 3
#define DEPTH_MOST 16 /* a group is at most half as large as its slot's group */

enum outcome {
	GROUP_WHOLE,
	GROUP_GONE,    /* the meta leads elsewhere now, or nowhere */
	GROUP_CHANGES, /* all the time */
	GROUP_UNREADABLE,
	GROUP_CALLED, /* being made, or given back */
	GROUP_WRONG,
};

struct seen {
	const struct ng_group *group;
	struct ng_meta meta;
	const char *wrong;
	bool is_hidden; /* its memory is there, but cannot be read */
	bool has_call;	/* a slot is in the middle of one */
	bool is_torn;	/* slots were taken and freed meanwhile: nothing is held against it */
	struct ng_slot slots[NG_SLOTS_MOST];
};

static bool is_used(const struct ng_meta *meta, unsigned i)
{
	return !((meta->avail | meta->freed) >> i & 1);
}

static unsigned count_used(const struct ng_meta *meta)
{
	return meta->nslots - (unsigned)__builtin_popcount(meta->avail | meta->freed);
}

/*
 * Reading.
 */

static int read_meta(const struct ng_walk *walk, plat_addr at, struct ng_meta *ret)
{
	const struct mallocng *ng = walk->ng;
	unsigned char bytes[64];
	int r = reader_read(ng->reading.reader, at, bytes, ng_meta_bytes(ng->word));

	if (r == 0)
		ng_meta_parse(bytes, ng->word, ret);
	return r;
}

/* But for the masks. */
static bool is_same_form(const struct ng_meta *a, const struct ng_meta *b)
{
	return a->mem == b->mem && a->nslots == b->nslots && a->class == b->class &&
	       a->freeable == b->freeable && a->maplen == b->maplen;
}

static bool has_same_masks(const struct ng_meta *a, const struct ng_meta *b)
{
	return a->avail == b->avail && a->freed == b->freed;
}

/* A small group is read at once. */
static void open_window(struct ng_walk *walk, const struct ng_meta *meta)
{
	uint64_t size = ng_slots_bytes(meta);

	walk->window_size = 0;
	if (size > NG_WINDOW_BYTES ||
	    reader_read(walk->ng->reading.reader, meta->mem, walk->window, (size_t)size) < 0)
		return;
	walk->window_at = meta->mem;
	walk->window_size = (size_t)size;
}

/* musl makes a group, and gives one back, under its lock: such a group has no block, or the last.
 */
static bool is_called(const struct ng_meta *meta, plat_addr back)
{
	if (!meta->freeable && (meta->maplen || meta->class == 0))
		return true;
	if (meta->maplen == 0 && meta->class == NG_ALONE)
		return true;
	return count_used(meta) == 0 || (back == 0 && count_used(meta) <= 1);
}

static enum outcome read_header(const struct ng_walk *walk, struct seen *seen)
{
	unsigned word = walk->ng->word;
	unsigned char bytes[8];
	plat_addr back = 0;
	int r = ng_peek(walk, seen->meta.mem, bytes, word);

	seen->is_hidden = r == -ENODATA;
	if (r < 0)
		return seen->is_hidden ? GROUP_WHOLE : GROUP_UNREADABLE;
	back = musl_word(bytes, word);
	if (back == seen->group->meta)
		return GROUP_WHOLE;
	seen->wrong = "a group does not lead back to its meta";
	return is_called(&seen->meta, back) ? GROUP_CALLED : GROUP_WRONG;
}

static void read_slots(struct ng_walk *walk, struct seen *seen)
{
	unsigned i;

	for (i = 0; i < seen->meta.nslots; i++) {
		if (!is_used(&seen->meta, i))
			continue;
		ng_slot_read(walk, &seen->meta, i, &seen->slots[i]);
		seen->has_call |= seen->slots[i].kind == NG_SLOT_CALLED || seen->slots[i].in_call;
		if (seen->slots[i].wrong && !seen->wrong)
			seen->wrong = seen->slots[i].wrong;
	}
}

static enum outcome read_once(struct ng_walk *walk, struct seen *seen)
{
	enum outcome outcome = GROUP_WHOLE;
	struct ng_meta again;

	seen->has_call = seen->is_torn = false;
	seen->wrong = NULL;
	if (read_meta(walk, seen->group->meta, &seen->meta) < 0)
		return GROUP_UNREADABLE;
	if (seen->meta.mem != seen->group->mem)
		return GROUP_GONE;
	seen->wrong = ng_what_is_wrong(&seen->meta);
	if (seen->wrong) {
		outcome = is_called(&seen->meta, 1) ? GROUP_CALLED : GROUP_WRONG;
	} else {
		open_window(walk, &seen->meta);
		outcome = read_header(walk, seen);
		if (outcome == GROUP_WHOLE)
			read_slots(walk, seen);
		walk->window_size = 0;
	}
	if (read_meta(walk, seen->group->meta, &again) < 0)
		return GROUP_UNREADABLE;
	seen->is_torn = !has_same_masks(&seen->meta, &again);
	return is_same_form(&seen->meta, &again) ? outcome : GROUP_CHANGES;
}

/* What stands still says the same twice. */
static bool says_the_same(const struct seen *seen, const struct ng_meta *meta, bool has_call,
			  const char *wrong)
{
	return !seen->is_torn && is_same_form(&seen->meta, meta) &&
	       has_same_masks(&seen->meta, meta) && seen->has_call == has_call &&
	       seen->wrong == wrong;
}

static enum outcome read_group(struct ng_walk *walk, struct seen *seen)
{
	enum outcome outcome = read_once(walk, seen);
	unsigned i;

	for (i = 1; i < TRIES && outcome != GROUP_GONE && outcome != GROUP_UNREADABLE; i++) {
		struct ng_meta meta = seen->meta;
		bool has_call = seen->has_call;
		const char *wrong = seen->wrong;

		if (outcome == GROUP_WHOLE && !seen->is_torn && !has_call && !wrong)
			return GROUP_WHOLE;
		outcome = read_once(walk, seen);
		seen->is_torn |= !says_the_same(seen, &meta, has_call, wrong);
		walk->has_moved |= seen->is_torn;
	}
	return outcome;
}

/*
 * What is not as it should be.
 */

static void take_call(struct ng_walk *walk, plat_addr at, const char *what)
{
	musl_say_call(&walk->ng->reading.proofs, at, what);
	walk->ncalls++;
	walk->last_call = at;
}

/* Groups come and go in a process that runs: two that were read at different moments may overlap.
 */
static void say_misplaced(struct ng_walk *walk, plat_addr at, const char *what)
{
	walk->has_moved |= ng_has_moved(walk->ng);
	if (walk->has_moved)
		walk->ng->reading.proofs.unsteady++;
	else
		musl_say_broken(&walk->ng->reading.proofs, at, what);
}

static void pass_over(struct ng_walk *walk, const struct seen *seen, enum outcome outcome)
{
	struct heap_proofs *proofs = &walk->ng->reading.proofs;

	if (seen->is_torn && outcome != GROUP_UNREADABLE)
		outcome = GROUP_CHANGES;
	switch (outcome) {
	case GROUP_WHOLE:
		say_misplaced(walk, seen->group->mem,
			      "a group lies where another one has no room for it");
		return;
	case GROUP_GONE:
	case GROUP_CHANGES:
		walk->has_moved = true;
		proofs->unsteady++;
		return;
	case GROUP_UNREADABLE:
		proofs->unreadable++;
		return;
	case GROUP_CALLED:
		take_call(walk, seen->group->mem, "this group does not lead back to its meta");
		return;
	case GROUP_WRONG:
		walk->ngroups++;
		musl_say_broken(proofs, seen->group->mem, seen->wrong);
	}
}

/*
 * Slots.
 */

/* Where a group is to lie: in a slot, or anywhere. */
struct room {
	plat_addr start, end;
	unsigned depth; /* in so many slots */
};

static int take_nested(struct ng_walk *walk, const struct room *room, struct seen *outer,
		       plat_addr at, bool *taken);

static bool is_next_below(const struct ng_walk *walk, plat_addr end)
{
	const struct mallocng *ng = walk->ng;

	return walk->next < ng->ngroups && ng->groups[walk->next].mem < end;
}

/* Groups in a slot that is none. */
static void pass_over_below(struct ng_walk *walk, plat_addr end)
{
	while (is_next_below(walk, end)) {
		struct seen seen = {.group = &walk->ng->groups[walk->next++]};

		pass_over(walk, &seen, read_group(walk, &seen));
	}
}

static void describe(const struct seen *seen, unsigned i, struct block *block)
{
	const struct ng_slot *slot = &seen->slots[i];
	plat_addr start = seen->meta.mem + NG_UNIT + i * block->extent;

	block->address = start;
	block->size = block->extent - NG_IN_BAND;
	block->before = NG_IN_BAND;
	block->is_requested = false;
	block->state = BLOCK_UNKNOWN;
	if (!is_used(&seen->meta, i)) {
		block->state = BLOCK_FREE;
	} else if (seen->is_hidden || slot->kind == NG_SLOT_HIDDEN) {
		block->state = BLOCK_LIVE;
	} else if (slot->kind == NG_SLOT_BLOCK) {
		block->state = BLOCK_LIVE;
		block->address = slot->address;
		block->size = slot->size;
		block->is_requested = slot->is_requested;
		block->before = (uint32_t)min_u64(slot->address - start + NG_IN_BAND, UINT32_MAX);
	}
}

static void judge(struct ng_walk *walk, const struct seen *seen, unsigned i)
{
	struct heap_proofs *proofs = &walk->ng->reading.proofs;
	const struct ng_slot *slot = &seen->slots[i];

	if (seen->is_hidden || slot->kind == NG_SLOT_HIDDEN) {
		proofs->unreadable++;
		return;
	}
	if (slot->kind == NG_SLOT_CALLED || seen->is_torn)
		return;
	walk->nused++;
	walk->nled += slot->kind == NG_SLOT_BLOCK || slot->kind == NG_SLOT_GROUP;
	if (slot->wrong && !seen->is_torn)
		musl_say_broken(proofs, slot->address, slot->wrong);
}

/* Also where the slot's header was overwritten. */
static bool may_be_group(const struct seen *seen, unsigned i)
{
	const struct ng_slot *slot = &seen->slots[i];

	return is_used(&seen->meta, i) &&
	       (seen->is_hidden || (slot->kind != NG_SLOT_BLOCK && slot->kind != NG_SLOT_CALLED));
}

/* Where in the slot the group lies; 0: anywhere. */
static plat_addr group_address(const struct seen *seen, unsigned i)
{
	const struct ng_slot *slot = &seen->slots[i];

	return !seen->is_hidden && slot->kind == NG_SLOT_GROUP ? slot->address : 0;
}

static int take_slot(struct ng_walk *walk, struct seen *seen, unsigned i, unsigned depth,
		     struct heap_class *class, struct block *block)
{
	plat_addr start = seen->meta.mem + NG_UNIT + i * block->extent - NG_IN_BAND;
	struct room room = {start, start + block->extent, depth + 1};
	bool is_group = false;
	int r = 0;

	if (is_used(&seen->meta, i))
		judge(walk, seen, i);
	if (may_be_group(seen, i))
		r = take_nested(walk, &room, seen, group_address(seen, i), &is_group);
	pass_over_below(walk, room.end);
	if (r != 0)
		return r;
	if (is_group) {
		class->sums.held -= block->extent;
		return 0;
	}
	describe(seen, i, block);
	heap_sums_count(&class->sums, block);
	return musl_show_block(walk->visitor, block);
}

/*
 * Groups.
 */

static int take_slots(struct ng_walk *walk, struct seen *seen, unsigned depth, uint64_t held)
{
	struct mallocng *ng = walk->ng;
	bool is_alone = seen->meta.class == NG_ALONE;
	struct block block = {
		.extent = ng_stride(&seen->meta),
		.class = is_alone ? NG_CLASS_ALONE : seen->meta.class,
		.arena = is_alone ? NG_ARENA_MAPPED : NG_ARENA_GROUPS,
	};
	struct heap_class *class = &ng->reading.classes[block.class];
	unsigned i;
	int r = 0;

	class->slabs++;
	class->sums.held = add_capped(class->sums.held, held);
	class->sums.slack = add_capped(class->sums.slack, held - seen->meta.nslots * block.extent);
	for (i = 0; r == 0 && i < seen->meta.nslots; i++)
		r = take_slot(walk, seen, i, depth, class, &block);
	return r;
}

static void note_group(struct ng_walk *walk, const struct seen *seen)
{
	struct heap_proofs *proofs = &walk->ng->reading.proofs;

	if (seen->is_hidden) {
		proofs->unreadable++;
	} else {
		walk->ngroups++;
		walk->nback++;
		proofs->proved += !seen->wrong;
	}
	/* Of its gaps musl does not count the slots. */
	if (seen->meta.class != NG_ALONE && seen->meta.freeable)
		walk->usage[seen->meta.class] += seen->meta.nslots;
}

/* However many of its slots one call has in hand, as when it makes all those ready that were freed.
 */
static void note_call(struct ng_walk *walk, const struct seen *seen)
{
	if (seen->is_torn)
		walk->ng->reading.proofs.unsteady++;
	else if (seen->has_call)
		take_call(walk, seen->group->mem,
			  "slots of this group have no header, or half of one");
}

/* In a slot a group lacks what would be the header of the slot behind its last one. */
static bool fits(const struct ng_walk *walk, const struct seen *seen, const struct room *room)
{
	plat_addr start = seen->meta.mem;
	plat_addr end = start + ng_held(&seen->meta) - (room->depth ? NG_IN_BAND : 0);

	return start >= walk->covered && start >= room->start && end <= room->end &&
	       room->depth <= DEPTH_MOST && (room->depth == 0 || seen->meta.maplen == 0);
}

/* A group without a mapping of its own lies in another one's slot, or in a gap. */
static void judge_place(struct ng_walk *walk, const struct seen *seen, const struct room *room)
{
	if (room->depth == 0 && seen->meta.maplen == 0 && seen->meta.freeable &&
	    seen->meta.mem >= walk->doubtful)
		say_misplaced(walk, seen->meta.mem, "a group lies in no slot of another one");
}

static int take_whole(struct ng_walk *walk, struct seen *seen, const struct room *room)
{
	plat_addr start = seen->meta.mem, end = start + ng_held(&seen->meta);
	uint64_t held = room->depth ? room->end - room->start : end - start;
	int r = 0;

	judge_place(walk, seen, room);
	note_group(walk, seen);
	if (room->depth == 0)
		r = musl_show_range(walk->visitor, start, end);
	if (r == 0)
		r = take_slots(walk, seen, room->depth, held);
	note_call(walk, seen);
	pass_over_below(walk, end);
	walk->covered = end;
	return r;
}

/* The next group has a mapping of its own, which leads back: one is there. */
static bool is_next_mapped(const struct ng_walk *walk)
{
	const struct ng_group *next = &walk->ng->groups[walk->next];
	unsigned word = walk->ng->word;
	unsigned char bytes[8];
	struct ng_meta meta;

	return read_meta(walk, next->meta, &meta) == 0 && meta.mem == next->mem && meta.maplen &&
	       !ng_what_is_wrong(&meta) && ng_peek(walk, next->mem, bytes, word) == 0 &&
	       musl_word(bytes, word) == next->meta;
}

/*
 * A block with a mapping is made smaller without a lock: its end goes back to the kernel before the
 * meta says so (realloc), and somebody else's group may be there by then.
 */
static void cut_at_next(struct ng_walk *walk, struct seen *seen)
{
	struct ng_meta *meta = &seen->meta;
	plat_addr next;

	if (meta->class != NG_ALONE || !meta->maplen ||
	    !is_next_below(walk, meta->mem + ng_held(meta)))
		return;
	next = walk->ng->groups[walk->next].mem;
	if (next == meta->mem || !is_aligned(next - meta->mem, NG_MAP_UNIT) ||
	    !is_next_mapped(walk))
		return;
	meta->maplen = (next - meta->mem) / NG_MAP_UNIT;
	seen->slots[0].kind = NG_SLOT_CALLED;
	seen->has_call = true;
}

static int take_group(struct ng_walk *walk, const struct room *room, bool *taken)
{
	struct seen seen = {.group = &walk->ng->groups[walk->next++]};
	enum outcome outcome = read_group(walk, &seen);

	if (outcome == GROUP_WHOLE)
		cut_at_next(walk, &seen);
	*taken = outcome == GROUP_WHOLE && fits(walk, &seen, room);
	if (*taken)
		return take_whole(walk, &seen, room);
	pass_over(walk, &seen, outcome);
	if (outcome != GROUP_WHOLE && !ng_what_is_wrong(&seen.meta))
		walk->doubtful = max_u64(walk->doubtful, seen.group->mem + ng_held(&seen.meta));
	return 0;
}

static int take_nested(struct ng_walk *walk, const struct room *room, struct seen *outer,
		       plat_addr at, bool *taken)
{
	if (is_next_below(walk, room->end) && (at == 0 || walk->ng->groups[walk->next].mem == at))
		return take_group(walk, room, taken);
	/* A group that is being made: its slot is marked first. Of one that is gone the mark stays.
	 */
	outer->has_call |= at != 0;
	return 0;
}

int ng_take_group(struct ng_walk *walk)
{
	const struct room anywhere = {0, ADDR_MAX, 0};
	bool taken;

	return take_group(walk, &anywhere, &taken);
}
