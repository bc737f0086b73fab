/*
 * One slab. It is read, its tags are read, and it is read again: what a running process has changed
 * meanwhile is tried anew.
 */
#include "heap/own_parts.h"

#include "alloc/state.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 8
#define NGRANULES_MOST (UINT64_C(1) << 32)
#define SLAB_BYTES_MOST 65536

/* A descriptor, as far as it matters. */
struct slab_seen {
	plat_addr base;
	uint64_t size, mapped, generation;
	uint64_t stride, nslots, ngranules, kind, class;
	uint64_t is_hard; /* so many slots, the first ones, are never handed out */
	uint64_t site;	  /* a guarded block: where it was made */
	plat_addr owner;
};

enum outcome { SLAB_WHOLE, SLAB_UNREADABLE, SLAB_CHANGES, SLAB_WRONG, SLAB_NO_MEMORY };

static bool is_alone(uint64_t kind)
{
	return kind == SLAB_RUN || kind == SLAB_MAPPING || kind == SLAB_GUARDED;
}

static bool has_slots(uint64_t kind)
{
	return kind == SLAB_SMALL || kind == SLAB_WIDE;
}

static int read_descriptor(const struct own *own, plat_addr at, struct slab_seen *ret)
{
	const struct own_layout *layout = &own->layout;
	unsigned char bytes[SLAB_BYTES_MOST];
	int r = reader_read(own->reading.reader, at, bytes, layout->rows[OWN_SLAB].offset);

	if (r < 0)
		return r;
	*ret = (struct slab_seen){
		.base = own_get(layout, bytes, OWN_SLAB_BASE),
		.size = own_get(layout, bytes, OWN_SLAB_SIZE),
		.mapped = own_get(layout, bytes, OWN_SLAB_MAPPED),
		.generation = own_get(layout, bytes, OWN_SLAB_GENERATION),
		.stride = own_get(layout, bytes, OWN_SLAB_STRIDE),
		.nslots = own_get(layout, bytes, OWN_SLAB_NSLOTS),
		.ngranules = own_get(layout, bytes, OWN_SLAB_NGRANULES),
		.kind = own_get(layout, bytes, OWN_SLAB_KIND),
		.class = own_get(layout, bytes, OWN_SLAB_CLASS),
		.is_hard = own_get(layout, bytes, OWN_SLAB_IS_HARD),
		.site = own_get(layout, bytes, OWN_SLAB_SITE),
		.owner = own_get(layout, bytes, OWN_SLAB_OWNER),
	};
	return 0;
}

/* Its owner may change at any time; of slots all that matters stands in tags. */
static bool is_same(const struct slab_seen *a, const struct slab_seen *b)
{
	if (a->base != b->base || a->kind != b->kind || a->ngranules != b->ngranules)
		return false;
	if (is_alone(a->kind))
		return a->size == b->size && a->mapped == b->mapped;
	return a->generation == b->generation && a->class == b->class && a->stride == b->stride &&
	       a->nslots == b->nslots;
}

static plat_addr first_granule(const struct own *own, const struct slab_seen *slab)
{
	return align_down(slab->base, own->granule_bytes);
}

static plat_addr end_of(const struct own *own, const struct slab_seen *slab)
{
	return add_capped(first_granule(own, slab), slab->ngranules * own->granule_bytes);
}

/* Its numbers agree with each other. */
static const char *what_is_wrong(const struct own *own, const struct slab_seen *slab)
{
	if (!is_alone(slab->kind) && !has_slots(slab->kind))
		return "the slab is of no known kind";
	if (slab->ngranules == 0 || slab->ngranules > NGRANULES_MOST)
		return "the slab has an impossible number of granules";
	if (is_alone(slab->kind))
		return NULL;
	if (slab->class >= OWN_CLASSES_MOST)
		return "the slab is of an impossible class";
	if (slab->stride < own->slot_grain || slab->stride > slab->ngranules * own->granule_bytes ||
	    slab->stride <= own->canary_bytes || slab->nslots == 0 ||
	    slab->nslots > slab->ngranules * own->granule_bytes / slab->stride ||
	    add_capped(slab->base, slab->nslots * slab->stride) > end_of(own, slab))
		return "the slots of the slab do not fit into it";
	if (slab->nslots > own->granule_bytes * 64)
		return "the slab has too many slots";
	return NULL;
}

static size_t tag_bytes(const struct slab_seen *slab)
{
	return slab->kind == SLAB_WIDE ? 2 : 1;
}

static enum outcome read_once(struct own_walk *walk, plat_addr at, struct slab_seen *ret,
			      const char **wrong)
{
	const struct own *own = walk->own;
	struct slab_seen again;
	size_t size;

	if (read_descriptor(own, at, ret) < 0)
		return SLAB_UNREADABLE;
	if (has_slots(ret->kind) && (ret->generation & 1))
		return SLAB_CHANGES;
	*wrong = what_is_wrong(own, ret);
	if (!*wrong && has_slots(ret->kind)) {
		size = (size_t)ret->nslots * tag_bytes(ret);
		if (list_reserve(&walk->tags, &walk->tags_room, 0, size) < 0)
			return SLAB_NO_MEMORY;
		if (reader_read(own->reading.reader, at + own->layout.rows[OWN_SLAB_TAGS].offset,
				walk->tags, size) < 0)
			return SLAB_UNREADABLE;
	}
	if (read_descriptor(own, at, &again) < 0)
		return SLAB_UNREADABLE;
	if (!is_same(ret, &again))
		return SLAB_CHANGES;
	return *wrong ? SLAB_WRONG : SLAB_WHOLE;
}

/*
 * Blocks that stand alone.
 */

static struct heap_class *class_of(struct own *own, const struct slab_seen *slab, uint32_t *ret)
{
	static const char *const names[] = {"run", "mapping", "guarded"};
	static const uint32_t alone[] = {
		[SLAB_RUN] = OWN_RUN, [SLAB_MAPPING] = OWN_MAPPING, [SLAB_GUARDED] = OWN_GUARDED};
	struct heap_class *class;

	*ret = is_alone(slab->kind) ? alone[slab->kind] : (uint32_t)slab->class;
	class = &own->reading.classes[*ret];
	class->number = *ret;
	class->slabs++;
	if (is_alone(slab->kind))
		class->name = names[*ret - OWN_RUN];
	else
		class->stride = slab->stride;
	return class;
}

/* What the kernel lent for it: of a guarded block, its pages. */
static uint64_t bytes_held(const struct own *own, const struct slab_seen *slab, uint64_t size)
{
	uint64_t all = end_of(own, slab) - slab->base;

	if (slab->kind == SLAB_MAPPING)
		return min_u64(slab->mapped, all);
	if (slab->kind == SLAB_GUARDED)
		return min_u64(align_up(slab->base + size, own->page_bytes), end_of(own, slab)) -
		       align_down(slab->base, own->page_bytes);
	return all;
}

static void add_sums(struct own *own, struct heap_class *class, uint32_t arena,
		     const struct heap_sums *sums)
{
	heap_sums_add(&class->sums, sums);
	heap_sums_add(&own->reading.arenas[arena].sums, sums);
}

static int take_free_alone(struct own_walk *walk, const struct slab_seen *slab,
			   struct heap_class *class, uint32_t number)
{
	uint64_t held = bytes_held(walk->own, slab, 0);
	struct block block = {
		.address = slab->base,
		.size = held,
		.extent = held,
		.state = BLOCK_FREE,
		.class = number,
		.arena = own_arena_alone(walk->own),
	};
	struct heap_sums sums = {.held = held};
	int r;

	/* Its pages are gone; only the addresses are kept. */
	if (slab->kind != SLAB_RUN) {
		class->sums.free_blocks++;
		walk->own->kept_bytes = add_capped(walk->own->kept_bytes, held);
		return 0;
	}
	heap_sums_count(&sums, &block);
	add_sums(walk->own, class, block.arena, &sums);
	r = own_show_range(walk, slab->base, slab->base + held);
	if (r == 0)
		r = own_show_block(walk, &block);
	return r ? r : own_show_returnable(walk, block.arena, slab->base, slab->base + held);
}

static int note_guarded(struct own *own, const struct slab_seen *slab)
{
	if (list_reserve(&own->guarded, &own->guarded_room, own->nguarded, 1) < 0)
		return -ENOMEM;
	own->guarded[own->nguarded++] = (struct own_guarded){
		.address = slab->base,
		.site = slab->site < UINT32_MAX ? (uint32_t)slab->site : 0,
	};
	return 0;
}

static int take_alone(struct own_walk *walk, const struct slab_seen *slab)
{
	struct own *own = walk->own;
	uint64_t held, size = slab->size - 1;
	struct heap_sums sums = {0};
	struct heap_class *class;
	struct block block;
	uint32_t number;
	int r;

	class = class_of(own, slab, &number);
	if (slab->size == 0)
		return take_free_alone(walk, slab, class, number);
	if (slab->kind == SLAB_GUARDED && note_guarded(own, slab) < 0)
		return -ENOMEM;
	if (size > end_of(own, slab) - slab->base) {
		/* A stopped process can be in the middle of making it smaller. */
		own->reading.proofs.unsteady++;
		size = end_of(own, slab) - slab->base;
	}
	held = max_u64(bytes_held(own, slab, size), size);
	block = (struct block){
		.address = slab->base,
		.size = size,
		.extent = held,
		.is_requested = true,
		.state = BLOCK_LIVE,
		.class = number,
		.arena = own_arena_alone(own),
	};
	sums.held = held;
	heap_sums_count(&sums, &block);
	add_sums(own, class, block.arena, &sums);
	r = own_show_range(walk, slab->base, slab->base + held);
	return r ? r : own_show_block(walk, &block);
}

/*
 * Slots.
 */

/* Marks the slots that a window has set aside. */
static int mark_cached(struct own_walk *walk, const struct slab_seen *slab)
{
	const struct own *own = walk->own;
	size_t size = (size_t)slab->nslots / 8 + 1, i = own_window_from(own, slab->base);
	plat_addr end = slab->base + slab->nslots * slab->stride;

	if (list_reserve(&walk->cached, &walk->cached_room, 0, size) < 0)
		return -ENOMEM;
	memset(walk->cached, 0, size);
	for (; i < own->nwindows && own->windows[i].base < end; i++) {
		uint64_t first = (own->windows[i].base - slab->base) / slab->stride, bit;

		for (bit = 0; bit < 64 && first + bit < slab->nslots; bit++)
			if (own->windows[i].mask >> bit & 1)
				walk->cached[(first + bit) / 8] |=
					(unsigned char)(1u << (first + bit) % 8);
	}
	return 0;
}

static uint64_t tag_at(const struct own_walk *walk, const struct slab_seen *slab, uint64_t i)
{
	size_t width = tag_bytes(slab);

	return own_number(&walk->own->layout, walk->tags + i * width, (unsigned)width);
}

/* In hard mode a freed slot waits. */
static bool is_taken(uint64_t tag, const struct slab_seen *slab)
{
	return tag != TAG_FREE && !(tag == TAG_WAITS && slab->is_hard);
}

/* Fills in what the tag says of a slot. False: nothing that can be. */
static bool read_slot(struct own_walk *walk, const struct slab_seen *slab, uint64_t i,
		      struct block *block)
{
	const struct own *own = walk->own;
	uint64_t tag = tag_at(walk, slab, i), room = slab->stride - own->canary_bytes;

	block->address = slab->base + i * slab->stride;
	if (!is_taken(tag, slab)) {
		block->size = room;
		block->is_requested = false;
		block->state = walk->cached[i / 8] >> i % 8 & 1 ? BLOCK_CACHED : BLOCK_FREE;
		return true;
	}
	block->state = BLOCK_LIVE;
	block->size = slab->stride + own->tag_bias - tag;
	block->is_requested = true;
	return block->size <= room;
}

static void doubt_slot(struct own *own, const struct slab_seen *slab, struct block *block)
{
	own_say_broken(own, block->address, "the tag of the slot is impossible");
	block->size = slab->stride - own->canary_bytes;
	block->is_requested = false;
	block->state = BLOCK_UNKNOWN;
}

static int show_slots(struct own_walk *walk, const struct slab_seen *slab, uint64_t first,
		      struct block *block, struct heap_sums *sums)
{
	uint64_t i;
	int r = 0;

	for (i = first; r == 0 && i < slab->nslots; i++) {
		if (!read_slot(walk, slab, i, block))
			doubt_slot(walk->own, slab, block);
		heap_sums_count(sums, block);
		r = own_show_block(walk, block);
	}
	return r;
}

/* A slot in use keeps all its pages; in hard mode, also those of the zone in front of it. */
static int show_idle_pages(struct own_walk *walk, const struct slab_seen *slab, uint32_t arena)
{
	struct own *own = walk->own;
	uint64_t page = own->page_bytes, zone = slab->is_hard ? ZONE_BYTES : 0, i;
	plat_addr from = first_granule(own, slab), at;
	int r = 0;

	for (i = 0; r == 0 && i < slab->nslots; i++) {
		if (!is_taken(tag_at(walk, slab, i), slab))
			continue;
		at = slab->base + i * slab->stride;
		r = own_show_returnable(walk, arena, from, align_down(sub_floored(at, zone), page));
		from = align_up(at + slab->stride, page);
	}
	return r ? r : own_show_returnable(walk, arena, from, end_of(own, slab));
}

static int take_slots(struct own_walk *walk, const struct slab_seen *slab)
{
	struct own *own = walk->own;
	const struct own_heap *owner = own_heap_at(own, slab->owner);
	plat_addr start = first_granule(own, slab), end = end_of(own, slab);
	uint64_t first = min_u64(slab->is_hard, slab->nslots);
	struct heap_sums sums = {.held = end - start};
	struct block block = {.extent = slab->stride};
	struct heap_class *class;
	int r = mark_cached(walk, slab);

	if (r < 0)
		return r;
	class = class_of(own, slab, &block.class);
	block.arena = owner ? owner->number - 1 : own_arena_shared(own);
	sums.slack = sums.held - (slab->nslots - first) * slab->stride;
	r = own_show_range(walk, start, end);
	if (r == 0)
		r = show_slots(walk, slab, first, &block, &sums);
	add_sums(own, class, block.arena, &sums);
	if (r == 0 && walk->visitor && walk->visitor->returnable)
		r = show_idle_pages(walk, slab, block.arena);
	return r;
}

/*
 * Either.
 */

static bool is_named(const struct own *own, const struct own_granule *granule)
{
	plat_addr now = 0;

	return own_read_number(own->reading.reader, &own->layout, granule->entry,
			       own->layout.pointer_bytes, &now) == 0 &&
	       now == granule->slab;
}

static bool lies_there(const struct own *own, const struct own_granule *granule,
		       const struct slab_seen *slab)
{
	return granule->start >= first_granule(own, slab) && granule->start < end_of(own, slab);
}

/*
 * A slab is given back while its process runs, may serve elsewhere, and even come back: it is wrong
 * if it is so twice, and the map leads there all the time.
 */
static void doubt(struct own_walk *walk, const struct own_granule *granule, const char *wrong)
{
	struct slab_seen again;
	const char *what;
	enum outcome outcome = SLAB_CHANGES;

	if (is_named(walk->own, granule))
		outcome = read_once(walk, granule->slab, &again, &what);
	if ((outcome == SLAB_WRONG ||
	     (outcome == SLAB_WHOLE && !lies_there(walk->own, granule, &again))) &&
	    is_named(walk->own, granule))
		own_say_broken(walk->own, granule->slab, wrong);
	else
		walk->own->reading.proofs.unsteady++;
}

static int take_whole(struct own_walk *walk, const struct own_granule *granule,
		      const struct slab_seen *slab)
{
	struct own *own = walk->own;

	if (!lies_there(own, granule, slab)) {
		doubt(walk, granule, "the map leads to a slab that lies elsewhere");
		return 0;
	}
	walk->covered = end_of(own, slab);
	/* One that is being given back is no longer named by its first granule. */
	if (granule->start != first_granule(own, slab))
		return 0;
	own->reading.proofs.proved++;
	return is_alone(slab->kind) ? take_alone(walk, slab) : take_slots(walk, slab);
}

int own_take_slab(struct own_walk *walk, const struct own_granule *granule)
{
	enum outcome outcome = SLAB_CHANGES;
	struct slab_seen slab;
	const char *wrong = NULL;
	int i;

	for (i = 0; i < TRIES && outcome == SLAB_CHANGES; i++)
		outcome = read_once(walk, granule->slab, &slab, &wrong);
	switch (outcome) {
	case SLAB_WHOLE:
		return take_whole(walk, granule, &slab);
	case SLAB_UNREADABLE:
		walk->own->reading.proofs.unreadable++;
		return 0;
	case SLAB_CHANGES:
		walk->own->reading.proofs.unsteady++;
		return 0;
	case SLAB_WRONG:
		doubt(walk, granule, wrong);
		return 0;
	case SLAB_NO_MEMORY:
		return -ENOMEM;
	}
	return 0;
}
