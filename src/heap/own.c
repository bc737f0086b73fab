/*
 * The walk: the map from addresses to slabs is exact, so going through its leaves in order finds
 * each slab once, and each free granule.
 *
 *     root | 0 | leaf | 0 | 0 | leaf | ...                       an entry for each GiB
 *     leaf | slab | slab | slab | 0 | 0 | ... | chunk | ...      for each granule, each 4 MiB
 *
 * A hostile process cannot make this take long: leaves that overlap are left out, so that entries
 * cost memory that it must have; and a slab is read only where the granule is its first one.
 */
#include "heap/own.h"

#include "alloc/state.h"
#include "heap/own_parts.h"
#include "space/dynamic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BROKEN_MOST 65536 /* contradictions; then the walk is given up */
#define ROOT_AT_ONCE 512  /* entries */

/*
 * Finding and opening.
 */

static int check_magic(struct reader *reader, plat_addr at)
{
	uint64_t magic;
	int r = reader_read(reader, at, &magic, sizeof(magic));

	if (r < 0)
		return r;
	return magic == STATE_MAGIC || magic == __builtin_bswap64(STATE_MAGIC) ? 0 : -ENOENT;
}

int own_find(struct reader *reader, const struct module *module, plat_addr *ret)
{
	struct dynamic dynamic;
	plat_addr at, note;
	int32_t distance;
	int r = dynamic_read(reader, module, &dynamic);

	if (r == 0)
		r = dynamic_find(reader, &dynamic, "plat_malloc_state", &at);
	if (r < 0) {
		r = dynamic_note(reader, module, "plat", STATE_NOTE, &distance, sizeof(distance),
				 &note);
		at = note + (plat_addr)(int64_t)distance; /* wraps on purpose */
	}
	if (r == 0)
		r = check_magic(reader, at);
	if (r == 0)
		*ret = at;
	return r;
}

static int read_numbers(struct own *own, struct error *err)
{
	const struct own_layout *layout = &own->layout;
	unsigned char bytes[4096];
	plat_addr faults;
	int r = reader_read(own->reading.reader, own->at, bytes, layout->header_bytes);

	if (r < 0)
		return fail(err, -r, "the header of plat's malloc cannot be read");
	own->page_bytes = own_get(layout, bytes, OWN_STATE_PAGE_BYTES);
	own->granule_bytes = own_get(layout, bytes, OWN_STATE_GRANULE_BYTES);
	own->chunk_granules = (uint32_t)own_get(layout, bytes, OWN_STATE_CHUNK_GRANULES);
	own->leaf_bytes = own_get(layout, bytes, OWN_STATE_LEAF_BYTES);
	own->root_entries = (uint32_t)own_get(layout, bytes, OWN_STATE_ROOT_ENTRIES);
	own->slot_grain = (uint32_t)own_get(layout, bytes, OWN_STATE_SLOT_GRAIN);
	own->canary_bytes = (uint32_t)own_get(layout, bytes, OWN_STATE_CANARY_BYTES);
	own->tag_bias = (uint32_t)own_get(layout, bytes, OWN_STATE_TAG_BIAS);
	own->root = own_get(layout, bytes, OWN_STATE_ROOT);
	own->heaps_at = own_get(layout, bytes, OWN_STATE_HEAPS);
	own->meta_at = own_get(layout, bytes, OWN_STATE_META_BYTES);
	own->options_at = own_get(layout, bytes, OWN_STATE_OPTIONS);
	own->metas_at = own_get(layout, bytes, OWN_STATE_META);
	own->samples_at = own_get(layout, bytes, OWN_STATE_SAMPLES);
	own->trim_at = own_get(layout, bytes, OWN_STATE_TRIM);
	faults = own_get(layout, bytes, OWN_STATE_FAULTS);
	own->faults = UNKNOWN;
	if (faults && own_read_number(own->reading.reader, layout, faults, layout->pointer_bytes,
				      &own->faults) < 0)
		own->faults = UNKNOWN;
	return 0;
}

static bool is_power(uint64_t x)
{
	return x && (x & (x - 1)) == 0;
}

/* The map's form is one that can be walked. */
static bool is_sound(const struct own *own)
{
	const struct own_row *slabs = &own->layout.rows[OWN_LEAF_SLABS];
	const struct own_row *chunks = &own->layout.rows[OWN_LEAF_CHUNKS];
	unsigned pointer = own->layout.pointer_bytes;

	return is_power(own->granule_bytes) && own->granule_bytes >= 4096 &&
	       own->granule_bytes <= 1 << 24 && is_power(own->leaf_bytes) &&
	       own->leaf_bytes <= UINT64_C(1) << 40 && own->chunk_granules >= 1 &&
	       own->chunk_granules <= 64 && own->root_entries >= 1 &&
	       own->root_entries <= 1 << 20 && slabs->width == pointer &&
	       chunks->width == pointer && slabs->count * own->granule_bytes == own->leaf_bytes &&
	       chunks->count * own->granule_bytes * own->chunk_granules == own->leaf_bytes &&
	       own->slot_grain >= 1 && own->slot_grain <= 4096 && own->canary_bytes <= 64 &&
	       own->tag_bias <= 255 &&
	       (own->page_bytes == 0 || (is_power(own->page_bytes) && own->page_bytes >= 4096 &&
					 own->page_bytes <= own->granule_bytes));
}

static void read_options(struct own *own)
{
	size_t i;

	for (i = 0; i < own->layout.noptions; i++) {
		struct own_option *option = &own->layout.options[i];
		unsigned width = option->value & 0xffff;
		uint64_t offset = option->value >> 16;

		option->value = UNKNOWN;
		if (own->options_at && (width == 1 || width == 2 || width == 4 || width == 8) &&
		    own_read_number(own->reading.reader, &own->layout, own->options_at + offset,
				    width, &option->value) < 0)
			option->value = UNKNOWN;
	}
}

int own_open(struct reader *reader, plat_addr at, struct own *ret, struct error *err)
{
	struct own own = {.reading = {.type = &own_type, .reader = reader, .module = NO_MODULE},
			  .at = at};
	int r = own_layout_read(reader, at, &own.layout, err);

	if (r == 0)
		r = read_numbers(&own, err);
	if (r == 0 && !is_sound(&own))
		r = fail(err, -ENOTSUP,
			 "version %u of plat's malloc cannot be read: its map is of "
			 "another form",
			 own.layout.version);
	if (r < 0)
		return r;
	own.reading.classes = calloc(OWN_NCLASSES, sizeof(*own.reading.classes));
	if (!own.reading.classes)
		return fail(err, ENOMEM, "the heap cannot be read");
	own.reading.nclasses = OWN_NCLASSES;
	own.reading.state_bytes = UNKNOWN;
	snprintf(own.reading.version, sizeof(own.reading.version), "state %u", own.layout.version);
	read_options(&own);
	*ret = own;
	return 0;
}

void own_close(struct own *own)
{
	free(own->reading.classes);
	free(own->reading.arenas);
	free(own->reading.proofs.list);
	free(own->heaps);
	free(own->windows);
	free(own->guarded);
	*own = (struct own){0};
}

void own_say_broken(struct own *own, plat_addr at, const char *what)
{
	if (own->reading.proofs.broken++ == 0)
		snprintf(own->reading.proofs.first, sizeof(own->reading.proofs.first),
			 "0x%" PRIx64 ": %s", at, what);
}

/*
 * As a type.
 */

int own_open_at(const struct space *space, struct reader *reader, uint32_t module, plat_addr at,
		struct heap_reading **ret, struct error *err)
{
	struct own *own = malloc(sizeof(*own));
	int r = own ? own_open(reader, at, own, err) : fail(err, ENOMEM, "the heap cannot be read");

	if (r < 0) {
		free(own);
		return r;
	}
	own->reading.space = space;
	own->reading.module = module;
	*ret = &own->reading;
	return 0;
}

static void close_reading(struct heap_reading *heap)
{
	struct own *own = own_of(heap);

	own_close(own);
	free(own);
}

/* A second copy of the library may serve what loads it alone, as a namespace does. */
static int open_begun(const struct space *space, struct reader *reader, struct heap_reading **ret,
		      struct error *err)
{
	struct heap_reading *heap = NULL;
	int result = -ENOENT, r;
	plat_addr at;
	uint32_t i;

	for (i = 0; i < space->nmodules; i++) {
		if (own_find(reader, &space->modules[i], &at) < 0)
			continue;
		r = own_open_at(space, reader, i, at, &heap, err);
		if (r < 0) {
			result = r;
			continue;
		}
		if (own_of(heap)->page_bytes != 0) {
			*ret = heap;
			return 0;
		}
		heap_close(heap);
	}
	return result;
}

static int walk_reading(struct heap_reading *heap, const struct heap_visitor *visitor)
{
	return own_walk(own_of(heap), visitor);
}

/* Slots that a thread's heap has in its window; all others are found by their tags alone. */
static struct shelf find_shelf(struct heap_reading *reading, const struct block *block)
{
	struct shelf shelf = {.number = NO_NUMBER};

	if (block->state != BLOCK_CACHED)
		return shelf;
	shelf.name = "window";
	if (block->arena < reading->narenas)
		shelf.tid = reading->arenas[block->arena].tid;
	return shelf;
}

const struct heap_type own_type = {
	.name = "plat",
	.open = open_begun,
	.walk = walk_reading,
	.find_shelf = find_shelf,
	.close = close_reading,
};

/*
 * Showing.
 */

int own_show_range(const struct own_walk *walk, plat_addr start, plat_addr end)
{
	const struct heap_visitor *visitor = walk->visitor;

	return visitor && visitor->range ? visitor->range(visitor->context, start, end) : 0;
}

int own_show_returnable(const struct own_walk *walk, uint32_t arena, plat_addr start, plat_addr end)
{
	const struct heap_visitor *visitor = walk->visitor;

	if (!visitor || !visitor->returnable || start >= end)
		return 0;
	return visitor->returnable(visitor->context, arena, start, end);
}

int own_show_block(const struct own_walk *walk, const struct block *block)
{
	const struct heap_visitor *visitor = walk->visitor;

	if (!visitor || !visitor->block || !(visitor->states >> block->state & 1))
		return 0;
	return visitor->block(visitor->context, block);
}

/* Free granules in a row are one free block. */
static int show_free(struct own_walk *walk)
{
	struct block block = {
		.address = walk->free_start,
		.size = walk->free_end - walk->free_start,
		.extent = walk->free_end - walk->free_start,
		.state = BLOCK_FREE,
		.class = NO_CLASS,
		.arena = own_arena_shared(walk->own),
	};
	struct heap_sums sums = {.held = block.size};
	int r;

	if (!block.size)
		return 0;
	heap_sums_count(&sums, &block);
	heap_sums_add(&walk->own->reading.arenas[block.arena].sums, &sums);
	walk->free_start = walk->free_end = 0;
	r = own_show_range(walk, block.address, block.address + block.size);
	if (r == 0)
		r = own_show_block(walk, &block);
	if (r == 0)
		r = own_show_returnable(walk, block.arena, block.address,
					block.address + block.size);
	return r;
}

static int take_free(struct own_walk *walk, plat_addr granule)
{
	int r = 0;

	if (walk->free_end != granule) {
		r = show_free(walk);
		walk->free_start = granule;
	}
	walk->free_end = granule + walk->own->granule_bytes;
	return r;
}

/*
 * A leaf.
 */

struct leaf_seen {
	plat_addr at;
	plat_addr start; /* of the addresses that it is about */
	unsigned char *slabs, *chunks;
};

static plat_addr entry_at(const struct own *own, const unsigned char *entries, size_t i)
{
	unsigned width = own->layout.pointer_bytes;

	return own_number(&own->layout, entries + i * width, width);
}

/* Which granules of a chunk are taken, or not there: all of them where nothing is known. */
static uint64_t used_granules(struct own *own, plat_addr start, plat_addr at)
{
	unsigned char bytes[65536];
	int r;

	if (!at)
		return UINT64_MAX;
	r = reader_read(own->reading.reader, at, bytes, own->layout.rows[OWN_CHUNK].offset);
	if (r < 0) {
		own->reading.proofs.unreadable++;
		return UINT64_MAX;
	}
	if (own_get(&own->layout, bytes, OWN_CHUNK_BASE) != start) {
		own_say_broken(own, at, "the map leads to a chunk that lies elsewhere");
		return UINT64_MAX;
	}
	return own_get(&own->layout, bytes, OWN_CHUNK_USED);
}

static int take_granule(struct own_walk *walk, const struct own_granule *granule, bool is_free)
{
	int r;

	if (granule->start < walk->covered)
		return 0;
	if (granule->slab == 0)
		return is_free ? take_free(walk, granule->start) : 0;
	r = show_free(walk);
	return r ? r : own_take_slab(walk, granule);
}

/*
 * The leaf was read at once, to know where something is; there it is read again, so that little
 * time goes by until the slabs are read.
 */
static void read_again(struct own *own, const struct leaf_seen *leaf, size_t i)
{
	const struct own_row *slabs = &own->layout.rows[OWN_LEAF_SLABS];
	size_t size = (size_t)own->chunk_granules * slabs->width, at = i * slabs->width, k;

	for (k = 0; k < size; k++)
		if (leaf->slabs[at + k])
			break;
	if (k < size && reader_read(own->reading.reader, leaf->at + slabs->offset + at,
				    leaf->slabs + at, size) < 0)
		own->reading.proofs.unreadable++;
}

static int walk_leaf(struct own_walk *walk, const struct leaf_seen *leaf)
{
	struct own *own = walk->own;
	const struct own_row *slabs = &own->layout.rows[OWN_LEAF_SLABS];
	uint64_t used = UINT64_MAX;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < slabs->count && own->reading.proofs.broken < BROKEN_MOST; i++) {
		unsigned bit = (unsigned)(i % own->chunk_granules);
		struct own_granule granule = {
			.start = leaf->start + i * own->granule_bytes,
			.entry = leaf->at + slabs->offset + i * slabs->width,
		};

		if (bit == 0) {
			used = used_granules(own, granule.start,
					     entry_at(own, leaf->chunks, i / own->chunk_granules));
			read_again(own, leaf, i);
		}
		granule.slab = entry_at(own, leaf->slabs, i);
		r = take_granule(walk, &granule, !(used >> bit & 1));
	}
	return r;
}

static int take_leaf(struct own_walk *walk, struct leaf_seen *leaf)
{
	struct own *own = walk->own;
	const struct own_row *slabs = &own->layout.rows[OWN_LEAF_SLABS];
	const struct own_row *chunks = &own->layout.rows[OWN_LEAF_CHUNKS];

	if (reader_read(own->reading.reader, leaf->at + slabs->offset, leaf->slabs,
			(size_t)slabs->count * slabs->width) < 0 ||
	    reader_read(own->reading.reader, leaf->at + chunks->offset, leaf->chunks,
			(size_t)chunks->count * chunks->width) < 0) {
		own->reading.proofs.unreadable++;
		return 0;
	}
	return walk_leaf(walk, leaf);
}

/*
 * The root.
 */

struct root_entry {
	uint32_t i;
	plat_addr leaf;
};

static int by_leaf(const void *a, const void *b)
{
	const struct root_entry *x = a, *y = b;

	return x->leaf < y->leaf ? -1 : x->leaf > y->leaf;
}

static int by_place(const void *a, const void *b)
{
	const struct root_entry *x = a, *y = b;

	return x->i < y->i ? -1 : x->i > y->i;
}

static int read_root(struct own *own, struct root_entry *entries, size_t *ret)
{
	unsigned width = own->layout.pointer_bytes;
	unsigned char bytes[ROOT_AT_ONCE * 8];
	uint32_t i, k, n;

	*ret = 0;
	for (i = 0; i < own->root_entries; i += n) {
		n = (uint32_t)min_u64(own->root_entries - i, ROOT_AT_ONCE);
		if (reader_read(own->reading.reader, own->root + (uint64_t)i * width, bytes,
				(size_t)n * width) < 0) {
			own->reading.proofs.unreadable++;
			continue;
		}
		for (k = 0; k < n; k++)
			if (entry_at(own, bytes, k))
				entries[(*ret)++] =
					(struct root_entry){i + k, entry_at(own, bytes, k)};
	}
	return 0;
}

/* Leaves out those that overlap the one before. */
static size_t keep_apart(struct own *own, struct root_entry *entries, size_t n)
{
	const struct own_row *slabs = &own->layout.rows[OWN_LEAF_SLABS];
	uint64_t size = (uint64_t)slabs->count * slabs->width;
	size_t i, kept = 0;

	if (n == 0)
		return 0;
	qsort(entries, n, sizeof(*entries), by_leaf);
	for (i = 0; i < n; i++) {
		if (kept && entries[i].leaf - entries[kept - 1].leaf < size) {
			own_say_broken(own, entries[i].leaf, "two leaves of the map overlap");
			continue;
		}
		entries[kept++] = entries[i];
	}
	qsort(entries, kept, sizeof(*entries), by_place);
	return kept;
}

static int walk_leaves(struct own_walk *walk, struct root_entry *entries, struct leaf_seen *leaf)
{
	struct own *own = walk->own;
	size_t n, i;
	int r = read_root(own, entries, &n);

	n = keep_apart(own, entries, n);
	for (i = 0; r == 0 && i < n && own->reading.proofs.broken < BROKEN_MOST; i++) {
		leaf->at = entries[i].leaf;
		leaf->start = entries[i].i * own->leaf_bytes;
		r = take_leaf(walk, leaf);
	}
	return r ? r : show_free(walk);
}

static int walk_map(struct own_walk *walk)
{
	const struct own_row *slabs = &walk->own->layout.rows[OWN_LEAF_SLABS];
	const struct own_row *chunks = &walk->own->layout.rows[OWN_LEAF_CHUNKS];
	struct root_entry *entries = calloc(walk->own->root_entries, sizeof(*entries));
	struct leaf_seen leaf = {
		.slabs = malloc((size_t)slabs->count * slabs->width),
		.chunks = malloc((size_t)chunks->count * chunks->width),
	};
	int r = -ENOMEM;

	if (entries && leaf.slabs && leaf.chunks)
		r = walk_leaves(walk, entries, &leaf);
	free(entries);
	free(leaf.slabs);
	free(leaf.chunks);
	return r;
}

static void forget_last(struct own *own)
{
	struct heap_reading *reading = &own->reading;

	reading->sums = (struct heap_sums){0};
	reading->proofs =
		(struct heap_proofs){.list = reading->proofs.list, .room = reading->proofs.room};
	reading->narenas = 0;
	reading->state_bytes = UNKNOWN;
	memset(reading->classes, 0, OWN_NCLASSES * sizeof(*reading->classes));
	own->kept_bytes = 0;
	own->nguarded = 0;
}

static int prove(struct own *own)
{
	const struct heap_proofs *proofs = &own->reading.proofs;
	struct heap_proof proof = {
		.result = PROOF_HOLDS,
		.words = "slabs lie where the map leads, and their numbers agree",
		.found = proofs->proved,
		.told = proofs->proved + proofs->broken,
	};

	if (proofs->broken) {
		proof.result = PROOF_FAILS;
		snprintf(proof.why, sizeof(proof.why), "%.*s", (int)sizeof(proof.why) - 1,
			 proofs->first);
	} else if (proofs->unreadable) {
		proof.result = PROOF_NOT_MADE;
		snprintf(proof.why, sizeof(proof.why), "not all of them could be read");
	}
	return heap_prove(&own->reading.proofs, &proof);
}

int own_walk(struct own *own, const struct heap_visitor *visitor)
{
	struct own_walk walk = {.own = own, .visitor = visitor};
	struct heap_reading *reading = &own->reading;
	size_t i;
	int r;

	forget_last(own);
	if (own->page_bytes == 0)
		return 0;
	if (own->meta_at && own_read_number(reading->reader, &own->layout, own->meta_at,
					    own->layout.pointer_bytes, &reading->state_bytes) < 0)
		reading->state_bytes = UNKNOWN;
	r = own_read_heaps(own);
	if (r == 0)
		r = walk_map(&walk);
	if (r == 0)
		r = own_show_states(own, visitor);
	for (i = 0; i < reading->narenas; i++)
		heap_sums_add(&reading->sums, &reading->arenas[i].sums);
	free(walk.tags);
	free(walk.cached);
	return r ? r : prove(own);
}
