/*
 * The form of the state that libplat-malloc keeps in a process, as its header tells it: where each
 * field stands, and how wide it is. Private to heap/own*.c.
 */
#ifndef HEAP_OWN_LAYOUT_H
#define HEAP_OWN_LAYOUT_H

#include "base/error.h"
#include "base/reader.h"
#include "heap/heap.h"

#define OWN_FIELDS(X)                                                                              \
	X(STATE_PAGE_BYTES, "state.page_bytes", true)                                              \
	X(STATE_GRANULE_BYTES, "state.granule_bytes", true)                                        \
	X(STATE_CHUNK_GRANULES, "state.chunk_granules", true)                                      \
	X(STATE_LEAF_BYTES, "state.leaf_bytes", true)                                              \
	X(STATE_ROOT_ENTRIES, "state.root_entries", true)                                          \
	X(STATE_SLOT_GRAIN, "state.slot_grain", true)                                              \
	X(STATE_CANARY_BYTES, "state.canary_bytes", true)                                          \
	X(STATE_TAG_BIAS, "state.tag_bias", true)                                                  \
	X(STATE_ROOT, "state.root", true)                                                          \
	X(STATE_HEAPS, "state.heaps", false)                                                       \
	X(STATE_OPTIONS, "state.options", false)                                                   \
	X(STATE_FAULTS, "state.faults", false)                                                     \
	X(STATE_META_BYTES, "state.meta_bytes", false)                                             \
	X(STATE_META, "state.meta", false)                                                         \
	X(STATE_SAMPLES, "state.samples", false)                                                   \
	X(STATE_TRIM, "state.trim", false)                                                         \
	X(TRIM_ASKED, "trim.asked", false)                                                         \
	X(META_BLOCK, "meta_block", false)                                                         \
	X(META_BLOCK_END, "meta_block.end", false)                                                 \
	X(META_BLOCK_OLDER, "meta_block.older", false)                                             \
	X(LEAF_SLABS, "leaf.slabs", true)                                                          \
	X(LEAF_CHUNKS, "leaf.chunks", true)                                                        \
	X(CHUNK, "chunk", true)                                                                    \
	X(CHUNK_BASE, "chunk.base", true)                                                          \
	X(CHUNK_USED, "chunk.used", true)                                                          \
	X(SLAB, "slab", true)                                                                      \
	X(SLAB_BASE, "slab.base", true)                                                            \
	X(SLAB_OWNER, "slab.owner", false)                                                         \
	X(SLAB_STRIDE, "slab.stride", true)                                                        \
	X(SLAB_NSLOTS, "slab.nslots", true)                                                        \
	X(SLAB_KIND, "slab.kind", true)                                                            \
	X(SLAB_CLASS, "slab.class", true)                                                          \
	X(SLAB_NGRANULES, "slab.ngranules", true)                                                  \
	X(SLAB_SIZE, "slab.size", true)                                                            \
	X(SLAB_GENERATION, "slab.generation", true)                                                \
	X(SLAB_MAPPED, "slab.mapped", true)                                                        \
	X(SLAB_SITE, "slab.site", false)                                                           \
	X(SLAB_IS_HARD, "slab.is_hard", false)                                                     \
	X(SLAB_TAGS, "slab.tags", true)                                                            \
	X(HEAP, "heap", false)                                                                     \
	X(HEAP_BINS, "heap.bins", false)                                                           \
	X(HEAP_NEXT_HEAP, "heap.next_heap", false)                                                 \
	X(HEAP_IS_ALIVE, "heap.is_alive", false)                                                   \
	X(HEAP_TRIMMED, "heap.trimmed", false)                                                     \
	X(BIN, "bin", false)                                                                       \
	X(BIN_MASK, "bin.mask", false)                                                             \
	X(BIN_BASE, "bin.base", false)                                                             \
	X(SAMPLES, "samples", false)                                                               \
	X(SAMPLES_MEAN, "samples.mean", false)                                                     \
	X(SAMPLES_NSITES, "samples.nsites", false)                                                 \
	X(SAMPLES_NLOST, "samples.nlost", false)                                                   \
	X(SAMPLES_LOST_BYTES, "samples.lost_bytes", false)                                         \
	X(SAMPLES_SITES, "samples.sites", false)                                                   \
	X(SAMPLES_ROWS, "samples.rows", false)                                                     \
	X(SITE_BLOCK, "site_block", false)                                                         \
	X(SITE_BLOCK_SITES, "site_block.sites", false)                                             \
	X(SITE, "site", false)                                                                     \
	X(SITE_MADE, "site.made", false)                                                           \
	X(SITE_MADE_BYTES, "site.made_bytes", false)                                               \
	X(SITE_MADE_VARIANCE, "site.made_variance", false)                                         \
	X(SITE_FREED, "site.freed", false)                                                         \
	X(SITE_FREED_BYTES, "site.freed_bytes", false)                                             \
	X(SITE_NSAMPLES, "site.nsamples", false)                                                   \
	X(SITE_NFRAMES, "site.nframes", false)                                                     \
	X(SITE_FRAMES, "site.frames", false)                                                       \
	X(SAMPLE_ROW, "sample_row", false)                                                         \
	X(SAMPLE_ROW_SAMPLES, "sample_row.samples", false)                                         \
	X(SAMPLE_ROW_NEXT, "sample_row.next", false)                                               \
	X(SAMPLE, "sample", false)                                                                 \
	X(SAMPLE_ADDRESS, "sample.address", false)                                                 \
	X(SAMPLE_SIZE, "sample.size", false)                                                       \
	X(SAMPLE_WEIGHT, "sample.weight", false)                                                   \
	X(SAMPLE_SITE, "sample.site", false)

#define OWN_FIELD_NUMBER(number, name, is_needed) OWN_##number,
enum own_field { OWN_FIELDS(OWN_FIELD_NUMBER) OWN_NFIELDS };

struct own_row {
	bool is_known;
	uint32_t offset; /* of a struct itself: its size */
	uint16_t width, count;
};

/* What the program can be told by PLAT_*, and what it has been told. */
struct own_option {
	char name[24]; /* "mmap_threshold" */
	uint64_t value;
};

#define OWN_OPTIONS_MOST 64

struct own_layout {
	unsigned version, pointer_bytes;
	bool is_swapped; /* the other byte order */
	uint32_t header_bytes;
	struct own_row rows[OWN_NFIELDS];
	struct own_option
		options[OWN_OPTIONS_MOST]; /* their values are those of offset and width */
	size_t noptions;
};

/*
 * Reads the header at this address. 0; -ENOEXEC where there is none; -ENOTSUP where it is of a form
 * that cannot be read; or as the reader.
 */
int own_layout_read(struct reader *reader, plat_addr at, struct own_layout *ret,
		    struct error *err) MUST_CHECK;

/* A number from the bytes of its struct; 0 where there is no such field. */
uint64_t own_get(const struct own_layout *layout, const void *bytes, enum own_field field);

/* A number of the target's form: `width` is 1, 2, 4 or 8. */
uint64_t own_number(const struct own_layout *layout, const void *bytes, unsigned width);

/* A number of this width at an address. */
int own_read_number(struct reader *reader, const struct own_layout *layout, plat_addr at,
		    unsigned width, uint64_t *ret) MUST_CHECK;

#endif
