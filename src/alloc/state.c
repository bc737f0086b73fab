/*
 * The header's rows, and how it is found: as a symbol that the library exports, and through a note,
 * which stays where a static program is stripped of its symbols.
 */
#include "alloc/outside.h"

#include "alloc/fault.h"
#include "alloc/heap.h"
#include "alloc/map.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/sample.h"
#include "alloc/slab.h"
#include "alloc/system.h"
#include "base/assert.h"

#define ROW(...)                                                                                   \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define WIDTH(type, name) sizeof(((struct type *)0)->name)
#define SIZE(type) ROW(#type, sizeof(struct type), 0, 1)
#define FIELD(type, name) ROW(#type "." #name, offsetof(struct type, name), WIDTH(type, name), 1)
#define ARRAY(type, name, n)                                                                       \
	ROW(#type "." #name, offsetof(struct type, name), WIDTH(type, name[0]), n)

static_assert(sizeof(struct state_field) == 32, "the form of a row never changes");
static_assert(offsetof(struct state, page_bytes) == 24, "nor does the head");
static_assert(sizeof(void *) != 8 || offsetof(struct slab, state) == 64,
	      "what free and ranges.c read of a slab is one line");
static_assert(offsetof(struct bin, none) == offsetof(struct bin, mask) + HEAP_AWAY,
	      "whose heap is away finds this mask in each bin");

#define ROWS                                                                                       \
	SIZE(state), FIELD(state, page_bytes), FIELD(state, granule_bytes),                        \
		FIELD(state, chunk_granules), FIELD(state, leaf_bytes),                            \
		FIELD(state, root_entries), FIELD(state, window), FIELD(state, slot_grain),        \
		FIELD(state, canary_bytes), FIELD(state, tag_bias), FIELD(state, wide_class),      \
		FIELD(state, root), FIELD(state, heaps), FIELD(state, options),                    \
		FIELD(state, faults), FIELD(state, meta_bytes), FIELD(state, meta),                \
		FIELD(state, samples), FIELD(state, trim),                                         \
                                                                                                   \
		SIZE(meta_block), FIELD(meta_block, end), FIELD(meta_block, older),                \
                                                                                                   \
		SIZE(leaf), ARRAY(leaf, slabs, LEAF_ENTRIES), ARRAY(leaf, chunks, LEAF_CHUNKS),    \
                                                                                                   \
		SIZE(chunk), FIELD(chunk, base), FIELD(chunk, used), FIELD(chunk, dirty),          \
		FIELD(chunk, source),                                                              \
                                                                                                   \
		SIZE(slab), FIELD(slab, base), FIELD(slab, owner), FIELD(slab, stride),            \
		FIELD(slab, nslots), FIELD(slab, kind), FIELD(slab, class),                        \
		FIELD(slab, ngranules), FIELD(slab, size), FIELD(slab, generation),                \
		FIELD(slab, mapped), FIELD(slab, state), FIELD(slab, site),                        \
		FIELD(slab, freed_site), FIELD(slab, is_hard), ARRAY(slab, tags, 0),               \
                                                                                                   \
		SIZE(heap), ARRAY(heap, bins, NCLASSES), FIELD(heap, next_heap),                   \
		FIELD(heap, is_alive), FIELD(heap, trimmed),                                       \
                                                                                                   \
		SIZE(bin), FIELD(bin, mask), FIELD(bin, base), FIELD(bin, current),                \
                                                                                                   \
		SIZE(trim), FIELD(trim, asked),                                                    \
                                                                                                   \
		SIZE(samples), FIELD(samples, mean), FIELD(samples, nsites),                       \
		FIELD(samples, nlost), FIELD(samples, lost_bytes),                                 \
		ARRAY(samples, sites, SITE_BLOCKS), ARRAY(samples, rows, SAMPLE_BUCKETS),          \
                                                                                                   \
		SIZE(site_block), ARRAY(site_block, sites, SITES_BLOCK),                           \
                                                                                                   \
		SIZE(site), FIELD(site, made), FIELD(site, made_bytes), FIELD(site, freed),        \
		FIELD(site, freed_bytes), FIELD(site, nsamples), FIELD(site, made_variance),       \
		FIELD(site, nframes), ARRAY(site, frames, SITE_FRAMES),                            \
                                                                                                   \
		SIZE(sample_row), ARRAY(sample_row, samples, SAMPLES_ROW),                         \
		FIELD(sample_row, next),                                                           \
                                                                                                   \
		SIZE(sample), FIELD(sample, address), FIELD(sample, size), FIELD(sample, weight),  \
		FIELD(sample, site),                                                               \
                                                                                                   \
		SIZE(options), FIELD(options, mmap_threshold), FIELD(options, trim_threshold),     \
		FIELD(options, top_pad), FIELD(options, mmap_max), FIELD(options, on_error),       \
		FIELD(options, perturb), FIELD(options, is_dynamic), FIELD(options, is_hard),      \
		FIELD(options, is_guard_all), FIELD(options, is_guard_off), FIELD(options, huge)

#define NFIELDS (sizeof((const struct state_field[]){ROWS}) / sizeof(struct state_field))

struct whole {
	struct state state;
	struct state_field fields[NFIELDS];
};

/* It can be written, so that its pages are in core files. */
extern struct whole plat__state __attribute__((visibility("hidden")));

__attribute__((used)) struct whole plat__state = {
	.state =
		{
			.magic = STATE_MAGIC,
			.byte_order = STATE_BYTE_ORDER,
			.version = STATE_VERSION,
			.pointer_bytes = sizeof(void *),
			.nfields = NFIELDS,
			.field_bytes = sizeof(struct state_field),
			.fields_at = offsetof(struct whole, fields),
			.granule_bytes = GRANULE,
			.chunk_granules = CHUNK_GRANULES,
			.leaf_bytes = (uint64_t)1 << ROOT_SHIFT,
			.root_entries = ROOT_ENTRIES,
			.window = WINDOW,
			.slot_grain = SLOT_GRAIN,
			.canary_bytes = CANARY,
			.tag_bias = TAG_BIAS,
			.wide_class = SMALL_CLASSES,
			.root = plat__root,
			.heaps = &plat__heaps,
			.options = &plat__options,
			.faults = &plat__nfaults,
			.meta_bytes = &plat__meta_lent,
			.meta = &plat__meta_blocks,
			.samples = &plat__samples,
			.trim = &plat__trim_wish,
		},
	.fields = {ROWS},
};

extern struct whole plat_malloc_state __attribute__((alias("plat__state"), visibility("default")));

/* Distances are from the word they stand in. */
__asm__(".pushsection .note.plat, \"a\", %note\n"
	".balign 4\n"
	".long 5, 4, 1\n" /* lengths of name and words, STATE_NOTE */
	".asciz \"plat\"\n"
	".balign 4\n"
	".long plat__state - .\n"
	".popsection\n");

static_assert(STATE_NOTE == 1, "the note says so");

void plat__state_init(void)
{
	struct state_field *last = &plat__state.fields[NFIELDS - 1];

	__atomic_store_n(&last->count, last->count, __ATOMIC_RELAXED);
	__atomic_store_n(&plat__state.state.page_bytes, plat__page_bytes, __ATOMIC_RELEASE);
}
