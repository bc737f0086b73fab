/*
 * Heaps made by hand, in a form that no libplat-malloc has: the reader must take all it needs from
 * the header.
 *
 *     a granule    64 KiB, as always            root   8 entries of 1 MiB
 *     a leaf       16 granules, 4 chunks        BASE   the header, then all else
 */
#include "heap/own.h"
#include "heap/own_profile.h"

#include "alloc/state.h"
#include "seen.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000)
#define IMAGE_BYTES (48 * 1024)
#define HEADER BASE
#define ROOT (BASE + 0x4000)
#define LEAF (BASE + 0x4100)
#define OTHER_LEAF (BASE + 0x4300)
#define CHUNK_AT (BASE + 0x4500)
#define SLABS (BASE + 0x5000)
#define HEAP_AT (BASE + 0x7000)
#define OTHERS (BASE + 0x7c00) /* heaps' head, faults, meta, options */
#define SAMPLES (BASE + 0x8000)
#define SITES (BASE + 0x9000)
#define ROWS_AT (BASE + 0xa000)

#define SITES_IN_BLOCK 4
#define SAMPLES_IN_ROW 2
#define BUCKETS 8

#define GRANULES 16
#define LEAF_SPAN (GRANULES * GRANULE)
#define CHUNK_SPAN 4
#define START (3 * LEAF_SPAN) /* of the addresses that LEAF is about */
#define CANARY 8
#define NBINS 3

static struct array array;
static unsigned char memory[IMAGE_BYTES];

/* How the allocator that we pretend writes its numbers. */
static struct {
	unsigned pointer;
	bool is_swapped;
	unsigned gap; /* bytes before each field */
} form;

/*
 * The image.
 */

static void put(plat_addr at, uint64_t value, unsigned width)
{
	unsigned i;

	for (i = 0; i < width; i++) {
		unsigned shift = form.is_swapped ? (width - 1 - i) * 8 : i * 8;

		memory[at - BASE + i] = (unsigned char)(value >> shift);
	}
}

static struct {
	char name[24];
	uint32_t offset;
	uint16_t width, count;
} fields[120];
static size_t nfields;

static void add_field(const char *name, uint32_t offset, unsigned width, unsigned count)
{
	memset(fields[nfields].name, 0, sizeof(fields[nfields].name));
	strcpy(fields[nfields].name, name);
	fields[nfields].offset = offset;
	fields[nfields].width = (uint16_t)width;
	fields[nfields++].count = (uint16_t)count;
}

/* Fields of a struct, one behind the other: "name:width"; "p" is a pointer. */
static void add_struct(const char *name, const char *const *members, uint32_t at)
{
	char whole[48];

	for (; *members; members++) {
		const char *colon = strchr(*members, ':');
		unsigned width = colon[1] == 'p' ? form.pointer : (unsigned)(colon[1] - '0');

		at += form.gap;
		at = (uint32_t)align_up(at, width ? width : 1);
		snprintf(whole, sizeof(whole), "%s.%.*s", name, (int)(colon - *members), *members);
		add_field(whole, at, width, 1);
		at += width;
	}
	add_field(name, at + form.gap, 0, 1);
}

static uint32_t offset_of(const char *name)
{
	size_t i;

	for (i = 0; i < nfields; i++)
		if (strcmp(fields[i].name, name) == 0)
			return fields[i].offset;
	fail_msg("no field %s", name);
	return 0;
}

static unsigned width_of(const char *name)
{
	size_t i;

	for (i = 0; i < nfields; i++)
		if (strcmp(fields[i].name, name) == 0)
			return fields[i].width;
	return 0;
}

static void set(plat_addr at, const char *name, uint64_t value)
{
	put(at + offset_of(name), value, width_of(name));
}

static void alter(const char *name, uint32_t offset, unsigned width, unsigned count)
{
	size_t i;

	for (i = 0; i < nfields; i++)
		if (strcmp(fields[i].name, name) == 0) {
			fields[i].offset = offset;
			fields[i].width = (uint16_t)width;
			fields[i].count = (uint16_t)count;
		}
}

static void forget_field(const char *name)
{
	size_t i;

	for (i = 0; i < nfields; i++)
		if (strcmp(fields[i].name, name) == 0)
			strcpy(fields[i].name, "?");
}

static void write_header(void)
{
	size_t i;

	put(HEADER, STATE_MAGIC, 8);
	put(HEADER + 8, STATE_BYTE_ORDER, 4);
	put(HEADER + 12, 7, 2);
	put(HEADER + 14, form.pointer, 1);
	put(HEADER + 16, nfields, 2);
	put(HEADER + 18, 40, 2); /* rows are longer than they need be */
	put(HEADER + 20, 1024, 4);
	for (i = 0; i < nfields; i++) {
		plat_addr at = HEADER + 1024 + i * 40;

		memcpy(memory + (at - BASE), fields[i].name, 24);
		put(at + 24, fields[i].offset, 4);
		put(at + 28, fields[i].width, 2);
		put(at + 30, fields[i].count, 2);
	}
}

/* An array at the end of a struct, which grows by it. */
static void add_array(const char *whole, const char *name, unsigned width, unsigned count)
{
	uint32_t at = (uint32_t)align_up(offset_of(whole), 8);
	size_t i;

	for (i = 0; i < nfields; i++)
		if (strcmp(fields[i].name, whole) == 0)
			fields[i].offset = at + width * count;
	add_field(name, at, width, count);
}

static void describe_profile(void)
{
	static const char *const samples[] = {"mean:8", "nsites:4", "nlost:8", "lost_bytes:8",
					      NULL};
	static const char *const site[] = {
		"nframes:4",	 "made:8",	    "made_bytes:8", "freed:8",
		"freed_bytes:8", "made_variance:8", "nsamples:8",   NULL};
	static const char *const sample[] = {"site:4", "address:8", "weight:8", "size:8", NULL};
	static const char *const row[] = {"next:p", NULL};
	static const char *const none[] = {NULL};

	add_struct("samples", samples, 0);
	add_array("samples", "samples.sites", form.pointer, 4);
	add_array("samples", "samples.rows", form.pointer, BUCKETS);
	add_struct("site", site, 0);
	add_array("site", "site.frames", 8, 4);
	add_struct("site_block", none, 0);
	add_array("site_block", "site_block.sites", (unsigned)align_up(offset_of("site"), 8),
		  SITES_IN_BLOCK);
	add_struct("sample", sample, 0);
	add_struct("sample_row", row, 0);
	add_array("sample_row", "sample_row.samples", (unsigned)align_up(offset_of("sample"), 8),
		  SAMPLES_IN_ROW);
}

static void describe(void)
{
	static const char *const state[] = {"page_bytes:8",   "granule_bytes:4", "chunk_granules:4",
					    "leaf_bytes:8",   "root_entries:4",	 "slot_grain:4",
					    "canary_bytes:4", "tag_bias:4",	 "root:p",
					    "heaps:p",	      "options:p",	 "faults:p",
					    "meta_bytes:p",   "samples:p",	 NULL};
	static const char *const slab[] = {"owner:p",	  "size:8",   "generation:8", "base:p",
					   "stride:4",	  "nslots:4", "kind:1",	      "class:2",
					   "ngranules:8", "mapped:8", "is_hard:1",    "site:4",
					   NULL};
	static const char *const chunk[] = {"used:8", "base:p", NULL};
	static const char *const bin[] = {"base:p", "mask:8", NULL};
	static const char *const heap[] = {"next_heap:p", "is_alive:1", NULL};

	nfields = 0;
	add_struct("state", state, 24);
	add_struct("slab", slab, 0);
	add_field("slab.tags", offset_of("slab"), 1, 0);
	add_struct("chunk", chunk, 0);
	add_struct("bin", bin, 0);
	add_struct("heap", heap, 0);
	add_field("heap.bins", (uint32_t)align_up(offset_of("heap"), 8),
		  (unsigned)align_up(offset_of("bin"), 8), NBINS);
	fields[nfields - 2].offset = fields[nfields - 1].offset + NBINS * fields[nfields - 1].width;
	add_field("leaf.chunks", 0, form.pointer, GRANULES / CHUNK_SPAN);
	add_field("leaf.slabs", 64, form.pointer, GRANULES);
	add_field("options.mmap_threshold", 8, 8, 1);
	add_field("future.field", 3, 3, 3);
	describe_profile();
}

static void write_numbers(void)
{
	set(HEADER, "state.page_bytes", 4096);
	set(HEADER, "state.granule_bytes", GRANULE);
	set(HEADER, "state.chunk_granules", CHUNK_SPAN);
	set(HEADER, "state.leaf_bytes", LEAF_SPAN);
	set(HEADER, "state.root_entries", 8);
	set(HEADER, "state.slot_grain", 16);
	set(HEADER, "state.canary_bytes", CANARY);
	set(HEADER, "state.tag_bias", 0);
	set(HEADER, "state.root", ROOT);
	set(HEADER, "state.heaps", OTHERS);
	set(HEADER, "state.faults", OTHERS + 8);
	set(HEADER, "state.meta_bytes", OTHERS + 16);
	set(HEADER, "state.options", OTHERS + 24);
	set(HEADER, "state.samples", SAMPLES);
	put(OTHERS + 8, 2, form.pointer);
	put(OTHERS + 16, 4096, form.pointer);
	put(OTHERS + 32, 131072, 8);
	put(ROOT + 3 * form.pointer, LEAF, form.pointer);
}

static void begin(unsigned pointer, bool is_swapped, unsigned gap)
{
	memset(memory, 0, sizeof(memory));
	array = array_at(BASE, memory, sizeof(memory));
	form.pointer = pointer;
	form.is_swapped = is_swapped;
	form.gap = gap;
	describe();
	write_header();
	write_numbers();
}

static int set_up(void **state)
{
	(void)state;
	begin(8, false, 0);
	return 0;
}

/* The map: a granule leads to a slab. */
static void lead(unsigned granule, plat_addr slab)
{
	put(LEAF + 64 + granule * form.pointer, slab, form.pointer);
}

/* Slab number i: descriptors are far enough apart for 1024 tags. */
static plat_addr slab_at(unsigned i)
{
	return SLABS + i * 0x800u;
}

static plat_addr add_slots(unsigned i, unsigned granule, unsigned kind, unsigned class,
			   unsigned stride, unsigned nslots)
{
	plat_addr at = slab_at(i);

	set(at, "slab.base", START + granule * GRANULE);
	set(at, "slab.kind", kind);
	set(at, "slab.class", class);
	set(at, "slab.stride", stride);
	set(at, "slab.nslots", nslots);
	set(at, "slab.ngranules", 1);
	set(at, "slab.generation", 4);
	lead(granule, at);
	return at;
}

static plat_addr add_alone(unsigned i, unsigned granule, unsigned kind, unsigned n, uint64_t size)
{
	plat_addr at = slab_at(i);
	unsigned k;

	set(at, "slab.base", START + granule * GRANULE);
	set(at, "slab.kind", kind);
	set(at, "slab.ngranules", n);
	set(at, "slab.mapped", n * GRANULE);
	set(at, "slab.size", size + 1);
	for (k = 0; k < n; k++)
		lead(granule + k, at);
	return at;
}

static void set_tag(plat_addr slab, unsigned i, unsigned tag, unsigned width)
{
	put(slab + offset_of("slab.tags") + i * width, tag, width);
}

static void add_chunk(unsigned i, uint64_t used)
{
	plat_addr at = CHUNK_AT + i * 64;

	set(at, "chunk.base", START + i * CHUNK_SPAN * GRANULE);
	set(at, "chunk.used", used);
	put(LEAF + i * form.pointer, at, form.pointer);
}

/*
 * Reading it.
 */

static const struct heap_visitor visitor = {
	.block = take_block,
	.range = take_range,
	.states = 1u << BLOCK_LIVE | 1u << BLOCK_FREE | 1u << BLOCK_CACHED,
};

static int walk_by(struct reader *reader, struct own *own)
{
	struct error err;

	forget_seen();
	assert_int_equal(own_open(reader, HEADER, own, &err), 0);
	return own_walk(own, &visitor);
}

static void walk(struct own *own)
{
	assert_int_equal(walk_by(&array.reader, own), 0);
	assert_int_equal(own->reading.sums.held, sum_of(&own->reading.sums));
	assert_int_equal(own->reading.sums.held, held);
}

static void assert_live(plat_addr address, uint64_t size)
{
	const struct block *block = block_at(address);

	assert_non_null(block);
	assert_int_equal(block->state, BLOCK_LIVE);
	assert_int_equal(block->size, size);
}

/* Nothing is believed, and the reason is said. */
static void assert_broken(const char *what)
{
	struct own own;

	walk(&own);
	assert_int_equal(own.reading.sums.live_blocks, 0);
	assert_int_equal(own.reading.proofs.broken, 1);
	assert_non_null(strstr(own.reading.proofs.first, what));
	own_close(&own);
}

/*
 * Tests.
 */

static void make_town(void)
{
	plat_addr small = add_slots(0, 0, SLAB_SMALL, 2, 32, 1000);
	plat_addr wide = add_slots(1, 1, SLAB_WIDE, 70, 4096, 16);

	set_tag(small, 0, CANARY, 1); /* full */
	set_tag(small, 3, 32, 1);     /* of no bytes */
	set_tag(small, 999, 12, 1);
	set_tag(wide, 15, 4096 - 3000, 2);
	add_alone(2, 4, SLAB_RUN, 2, 100000);
	add_alone(3, 8, SLAB_MAPPING, 3, 140000);
}

static void assert_town(struct own *own)
{
	walk(own);
	assert_int_equal(own->reading.sums.live_blocks, 6);
	assert_live(START, 24);
	assert_live(START + 3 * 32, 0);
	assert_live(START + 999 * 32, 20);
	assert_live(START + GRANULE + 15 * 4096, 3000);
	assert_live(START + 4 * GRANULE, 100000);
	assert_live(START + 8 * GRANULE, 140000);
	assert_int_equal(own->reading.sums.held, 7 * GRANULE);
	assert_int_equal(own->reading.proofs.broken, 0);
	assert_int_equal(own->reading.proofs.proved, 4);
	assert_int_equal(own->faults, 2);
	assert_int_equal(own->reading.state_bytes, 4096);
	assert_int_equal(own->layout.version, 7);
}

static void every_block_is_found(void **state)
{
	struct own own;

	(void)state;
	make_town();
	assert_town(&own);
	assert_int_equal(own.reading.classes[2].sums.live_blocks, 3);
	assert_int_equal(own.reading.classes[2].sums.free_blocks, 997);
	assert_int_equal(own.reading.classes[70].stride, 4096);
	assert_string_equal(own.reading.classes[OWN_RUN].name, "run");
	own_close(&own);
}

static void another_form_says_the_same(void **state)
{
	static const struct {
		unsigned pointer;
		bool is_swapped;
		unsigned gap;
	} forms[] = {{8, false, 5}, {4, false, 0}, {4, true, 3}, {8, true, 0}};
	struct own own;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		begin(forms[i].pointer, forms[i].is_swapped, forms[i].gap);
		make_town();
		assert_town(&own);
		own_close(&own);
	}
}

static void options_are_read_by_name(void **state)
{
	struct own own;

	(void)state;
	walk(&own);
	assert_int_equal(own.layout.noptions, 1);
	assert_string_equal(own.layout.options[0].name, "mmap_threshold");
	assert_int_equal(own.layout.options[0].value, 131072);
	own_close(&own);
}

static void free_granules_in_a_row_are_one_block(void **state)
{
	struct own own;

	(void)state;
	add_slots(0, 1, SLAB_SMALL, 2, 64, 1024);
	add_chunk(0, ~UINT64_C(0xc)); /* 2 and 3 */
	add_chunk(1, ~UINT64_C(0x1)); /* 4 */
	walk(&own);
	assert_int_equal(block_at(START + 2 * GRANULE)->size, 3 * GRANULE);
	assert_int_equal(block_at(START + 2 * GRANULE)->state, BLOCK_FREE);
	assert_int_equal(own.reading.sums.held, 4 * GRANULE);
	assert_int_equal(own.reading.sums.free_bytes, 4 * GRANULE);
	own_close(&own);
}

static void a_freed_mapping_holds_addresses_only(void **state)
{
	struct own own;

	(void)state;
	set(add_alone(0, 2, SLAB_MAPPING, 3, 1), "slab.size", 0);
	set(add_alone(1, 6, SLAB_RUN, 1, 1), "slab.size", 0);
	walk(&own);
	assert_int_equal(own.kept_bytes, 3 * GRANULE);
	assert_int_equal(own.reading.sums.held, GRANULE);
	assert_int_equal(own.reading.sums.free_bytes, GRANULE);
	assert_int_equal(own.reading.sums.live_blocks, 0);
	own_close(&own);
}

static void a_block_that_is_being_cut_ends_where_its_granules_end(void **state)
{
	struct own own;

	(void)state;
	add_alone(0, 2, SLAB_RUN, 2, 3 * GRANULE);
	walk(&own);
	assert_live(START + 2 * GRANULE, 2 * GRANULE);
	assert_int_equal(own.reading.proofs.unsteady, 1);
	assert_int_equal(own.reading.proofs.broken, 0);
	own_close(&own);
}

static void a_slab_that_is_being_given_back_is_passed_over(void **state)
{
	struct own own;

	(void)state;
	add_alone(0, 2, SLAB_RUN, 3, 5);
	lead(2, 0);
	add_alone(1, 6, SLAB_RUN, 1, 5);
	walk(&own);
	assert_int_equal(own.reading.sums.live_blocks, 1);
	assert_int_equal(own.reading.proofs.broken, 0);
	own_close(&own);
}

static void make_heap(plat_addr at, plat_addr next, plat_addr base, uint64_t mask)
{
	set(at, "heap.next_heap", next);
	set(at, "heap.is_alive", 1);
	set(at + offset_of("heap.bins"), "bin.base", base);
	set(at + offset_of("heap.bins"), "bin.mask", mask);
}

static void slots_in_a_window_are_cached(void **state)
{
	plat_addr slab = add_slots(0, 0, SLAB_SMALL, 2, 32, 1000);
	struct own own;

	(void)state;
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, HEAP_AT + 0x400, START + 64 * 32, 0x7);
	make_heap(HEAP_AT + 0x400, 0, 0, 0);
	set(slab, "slab.owner", HEAP_AT);
	set_tag(slab, 65, 9, 1); /* a signal handler took it */
	walk(&own);
	assert_int_equal(own.nheaps, 2);
	assert_int_equal(block_at(START + 64 * 32)->state, BLOCK_CACHED);
	assert_int_equal(block_at(START + 65 * 32)->state, BLOCK_LIVE);
	assert_int_equal(block_at(START + 66 * 32)->state, BLOCK_CACHED);
	assert_int_equal(block_at(START + 67 * 32)->state, BLOCK_FREE);
	assert_string_equal(own_type.find_shelf(&own.reading, block_at(START + 64 * 32)).name,
			    "window");
	assert_null(own_type.find_shelf(&own.reading, block_at(START + 67 * 32)).name);
	assert_int_equal(block_at(START)->arena, 1); /* the newest of two */
	assert_int_equal(own.reading.classes[2].sums.cached_blocks, 2);
	own_close(&own);
}

/* One heap, that has a slab; another slab, a free granule and two blocks alone of none. */
static void make_arenas(void)
{
	make_town();
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, 0, 0, 0);
	set(slab_at(0), "slab.owner", HEAP_AT);
	add_chunk(0, ~UINT64_C(0x4));
}

static void arenas_add_up_to_the_heap(void **state)
{
	static const enum arena_kind kinds[] = {ARENA_THREAD, ARENA_SHARED, ARENA_MAPPED};
	static const unsigned live[] = {3, 1, 2};
	struct heap_sums all = {0};
	struct own own;
	size_t i;

	(void)state;
	make_arenas();
	walk(&own);
	assert_int_equal(own.reading.narenas, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(own.reading.arenas[i].kind, kinds[i]);
		assert_int_equal(own.reading.arenas[i].sums.live_blocks, live[i]);
		heap_sums_add(&all, &own.reading.arenas[i].sums);
	}
	assert_memory_equal(&all, &own.reading.sums, sizeof(all));
	assert_int_equal(own.reading.arenas[1].sums.largest_free, GRANULE);
	own_close(&own);
}

/*
 * What trimming gives back.
 */

static struct {
	uint32_t arena;
	plat_addr start, end;
} returnable[16];
static size_t nreturnable;

static int take_returnable(void *context, uint32_t arena, plat_addr start, plat_addr end)
{
	(void)context;
	assert_true(nreturnable < ARRAY_SIZE(returnable));
	returnable[nreturnable].arena = arena;
	returnable[nreturnable].start = start - START;
	returnable[nreturnable++].end = end - START;
	return 0;
}

static void walk_returnable(struct own *own)
{
	const struct heap_visitor wanted = {.returnable = take_returnable};

	nreturnable = 0;
	assert_int_equal(own_open(&array.reader, HEADER, own, NULL), 0);
	assert_int_equal(own_walk(own, &wanted), 0);
}

static void assert_returnable(size_t i, uint32_t arena, plat_addr start, plat_addr end)
{
	assert_true(i < nreturnable);
	assert_int_equal(returnable[i].arena, arena);
	assert_int_equal(returnable[i].start, start);
	assert_int_equal(returnable[i].end, end);
}

static void pages_without_a_live_slot_can_be_returned(void **state)
{
	struct own own;

	(void)state;
	make_arenas();
	walk_returnable(&own);
	assert_int_equal(nreturnable, 4);
	assert_returnable(0, 0, 0x1000, 0x7000);  /* slot 999 ends in page 7 */
	assert_returnable(1, 0, 0x8000, GRANULE); /* behind it */
	assert_returnable(2, 1, GRANULE, GRANULE + 15 * 0x1000);
	assert_returnable(3, 1, 2 * GRANULE, 3 * GRANULE); /* the free granule */
	own_close(&own);
}

static void in_hard_mode_a_zone_keeps_the_page_before(void **state)
{
	plat_addr slab = add_slots(0, 0, SLAB_SMALL, 2, 4096, 16);
	struct own own;

	(void)state;
	set(slab, "slab.is_hard", 1);
	set_tag(slab, 4, 9, 1);
	set_tag(slab, 8, TAG_WAITS, 1);
	walk_returnable(&own);
	assert_int_equal(nreturnable, 2);
	assert_returnable(0, 0, 0, 0x3000);
	assert_returnable(1, 0, 0x5000, GRANULE);
	own_close(&own);
}

static void an_empty_slab_can_be_returned_as_a_whole(void **state)
{
	struct own own;

	(void)state;
	add_slots(0, 0, SLAB_SMALL, 2, 32, 1000);
	walk_returnable(&own);
	assert_int_equal(nreturnable, 1);
	assert_returnable(0, 0, 0, GRANULE);
	own_close(&own);
}

/* What a thread has of a heap is its address, somewhere in its own memory. */
static void a_heap_is_of_the_thread_that_has_its_address(void **state)
{
	struct thread threads[] = {
		{.tid = 10},
		{.tid = 11, .tls_start = OTHERS + 0x200, .tls_end = OTHERS + 0x300},
	};
	const struct space space = {.threads = threads, .nthreads = 2};
	struct heap_reading *reading;

	(void)state;
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, HEAP_AT + 0x400, 0, 0);
	make_heap(HEAP_AT + 0x400, 0, 0, 0);
	put(OTHERS + 0x248, HEAP_AT, form.pointer);
	assert_int_equal(own_open_at(&space, &array.reader, 0, HEADER, &reading, NULL), 0);
	assert_int_equal(heap_walk(reading, NULL), 0);
	assert_int_equal(reading->arenas[1].tid, 11);
	assert_int_equal(reading->arenas[0].tid, 10); /* one is left of each */
	heap_close(reading);
}

static void nothing_is_there_before_it_begins(void **state)
{
	struct own own;

	(void)state;
	make_town();
	set(HEADER, "state.page_bytes", 0);
	walk(&own);
	assert_int_equal(nseen, 0);
	own_close(&own);
}

/*
 * Hostile.
 */

static void a_list_of_heaps_without_end_ends(void **state)
{
	struct own own;

	(void)state;
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, HEAP_AT, 0, 0);
	walk(&own);
	assert_int_equal(own.reading.proofs.broken, 1);
	assert_int_equal(own.nheaps, 1);
	own_close(&own);
}

/* Two, of which the second leads to itself: no thread has a heap twice. */
static void a_circle_of_heaps_behind_the_first_is_met(void **state)
{
	struct own own;

	(void)state;
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, HEAP_AT + 0x400, 0, 0);
	make_heap(HEAP_AT + 0x400, HEAP_AT + 0x400, 0, 0);
	walk(&own);
	assert_int_equal(own.reading.proofs.broken, 1);
	assert_int_equal(own.nheaps, 2);
	own_close(&own);
}

/* Bins of one byte each, which overlap, in heaps that follow each other by as much. */
static void heaps_have_no_more_windows_than_can_be(void **state)
{
	const uint32_t size = IMAGE_BYTES - (HEAP_AT - BASE) - 4096;
	struct own own;
	plat_addr at;

	(void)state;
	memset(memory + (HEAP_AT - BASE), 1, IMAGE_BYTES - (HEAP_AT - BASE));
	alter("heap", size, 0, 1);
	alter("heap.bins", 0, 1, size);
	alter("bin", 1, 0, 1);
	alter("bin.mask", 0, 1, 1);
	alter("bin.base", 0, 1, 1);
	write_header();
	put(OTHERS, HEAP_AT, form.pointer);
	for (at = HEAP_AT; at < OTHERS - 256; at += 8)
		set(at, "heap.next_heap", at + 8);
	walk(&own);
	assert_true(own.nheaps > 128);
	assert_true(own.nwindows <= 1 << 22);
	assert_true(own.reading.proofs.broken > 0);
	own_close(&own);
}

static void leaves_that_overlap_are_left_out(void **state)
{
	struct own own;

	(void)state;
	make_town();
	put(ROOT + 4 * form.pointer, LEAF, form.pointer);
	put(ROOT + 5 * form.pointer, LEAF + 8, form.pointer);
	walk(&own);
	assert_int_equal(own.reading.sums.live_blocks, 6);
	assert_int_equal(own.reading.proofs.broken, 2);
	own_close(&own);
}

static void a_slab_that_lies_elsewhere_is_not_believed(void **state)
{
	(void)state;
	set_tag(add_slots(0, 0, SLAB_SMALL, 2, 32, 100), 0, 9, 1);
	lead(0, 0);
	lead(7, slab_at(0));
	assert_broken("lies elsewhere");
}

static void impossible_numbers_are_not_believed(void **state)
{
	static const struct {
		const char *field;
		uint64_t value;
		const char *what;
	} cases[] = {
		{"slab.kind", 9, "no known kind"},
		{"slab.kind", 0, "no known kind"},
		{"slab.stride", 0, "do not fit"},
		{"slab.stride", 8, "do not fit"},
		{"slab.stride", UINT32_MAX, "do not fit"},
		{"slab.nslots", 0, "do not fit"},
		{"slab.nslots", UINT32_MAX, "do not fit"},
		{"slab.ngranules", 0, "number of granules"},
		{"slab.ngranules", UINT64_MAX, "number of granules"},
		{"slab.class", 600, "impossible class"},
		{"slab.base", UINT64_MAX - 15, "lies elsewhere"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		plat_addr slab;

		begin(8, false, 0);
		slab = add_slots(0, 0, SLAB_SMALL, 2, 32, 100);
		set_tag(slab, 0, 9, 1);
		set(slab, cases[i].field, cases[i].value);
		assert_broken(cases[i].what);
	}
}

static void an_impossible_tag_is_no_block(void **state)
{
	plat_addr slab = add_slots(0, 0, SLAB_SMALL, 2, 32, 100);
	struct own own;

	(void)state;
	set_tag(slab, 0, CANARY - 1, 1);
	set_tag(slab, 1, 33, 1);
	set_tag(slab, 2, 20, 1);
	walk(&own);
	assert_int_equal(own.reading.sums.live_blocks, 1);
	assert_int_equal(own.reading.sums.unknown_bytes, 64);
	assert_int_equal(own.reading.proofs.broken, 2);
	assert_int_equal(own.reading.proofs.list[0].result, PROOF_FAILS);
	own_close(&own);
}

static void a_chunk_that_lies_elsewhere_is_not_believed(void **state)
{
	(void)state;
	add_chunk(0, 0);
	set(CHUNK_AT, "chunk.base", START + GRANULE);
	assert_broken("lies elsewhere");
}

static void what_cannot_be_read_is_counted(void **state)
{
	struct own own;

	(void)state;
	lead(3, BASE + sizeof(memory));
	put(ROOT, BASE + sizeof(memory), form.pointer);
	put(OTHERS, BASE + sizeof(memory) - 8, form.pointer);
	walk(&own);
	assert_int_equal(own.reading.proofs.unreadable, 3);
	own_close(&own);
}

/* Each read of a descriptor finds another generation. */
static unsigned nreads;

static int read_restless(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from == slab_at(0))
		set(slab_at(0), "slab.generation", nreads += 2);
	return reader_read(&array.reader, from, to, size);
}

static void a_slab_that_changes_all_the_time_is_given_up(void **state)
{
	struct reader restless = {.read = read_restless};
	struct own own;

	(void)state;
	make_town();
	assert_int_equal(walk_by(&restless, &own), 0);
	assert_int_equal(own.reading.proofs.unsteady, 1);
	assert_int_equal(own.reading.sums.live_blocks, 3);
	own_close(&own);
}

static void a_slab_in_the_making_has_no_blocks(void **state)
{
	plat_addr slab = add_slots(0, 0, SLAB_SMALL, 2, 32, 100);
	struct own own;

	(void)state;
	set(slab, "slab.generation", 5);
	set_tag(slab, 0, 9, 1);
	walk(&own);
	assert_int_equal(own.reading.sums.live_blocks, 0);
	assert_int_equal(own.reading.proofs.unsteady, 1);
	own_close(&own);
}

static void assert_refused(int error, const char *what)
{
	struct error err = {""};
	struct own own;

	assert_int_equal(own_open(&array.reader, HEADER, &own, &err), error);
	assert_non_null(strstr(err.text, what));
}

static void what_is_no_header_is_refused(void **state)
{
	(void)state;
	put(HEADER, 1, 8);
	assert_refused(-ENOEXEC, "no header");
}

static void a_header_that_lacks_a_field_is_refused(void **state)
{
	(void)state;
	forget_field("slab.tags");
	write_header();
	assert_refused(-ENOTSUP, "slab.tags of its state is not told");
}

static void a_field_outside_of_its_struct_is_refused(void **state)
{
	static const char *const names[] = {"slab.base", "chunk.used", "state.root",
					    "bin.mask",	 "heap.bins",  "slab.tags"};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		begin(8, false, 0);
		for (k = 0; k < nfields; k++)
			if (strcmp(fields[k].name, names[i]) == 0)
				fields[k].offset = 60000;
		write_header();
		assert_refused(-ENOTSUP, names[i]);
	}
}

static void a_map_of_another_form_is_refused(void **state)
{
	static const struct {
		const char *field;
		uint64_t value;
	} cases[] = {
		{"state.granule_bytes", 0},    {"state.granule_bytes", 65537},
		{"state.leaf_bytes", 1 << 30}, {"state.root_entries", UINT32_MAX},
		{"state.chunk_granules", 65},  {"state.slot_grain", 0},
		{"state.page_bytes", 3},       {"state.canary_bytes", 4000},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(8, false, 0);
		set(HEADER, cases[i].field, cases[i].value);
		assert_refused(-ENOTSUP, "its map is of another form");
	}
}

/* Whatever bytes there are: no crash, no end of memory, sums that agree. */
static void any_bytes_can_be_read(void **state)
{
	struct own own;
	unsigned n, k;

	(void)state;
	srand(1);
	for (n = 0; n < 3000; n++) {
		begin(n % 2 ? 8 : 4, n % 3 == 0, n % 4);
		make_town();
		add_chunk(0, UINT64_MAX << 3);
		put(OTHERS, HEAP_AT, form.pointer);
		make_heap(HEAP_AT, 0, START, 0xff);
		for (k = 0; k < 1 + n % 20; k++)
			memory[(size_t)rand() % IMAGE_BYTES] = (unsigned char)rand();
		if (own_open(&array.reader, HEADER, &own, NULL) < 0)
			continue;
		assert_int_equal(own_walk(&own, NULL), 0);
		assert_int_equal(own.reading.sums.held, sum_of(&own.reading.sums));
		own_close(&own);
	}
}

static void every_allocation_can_fail(void **state)
{
	struct error err;
	struct own own;
	size_t n;
	int r;

	(void)state;
	make_town();
	put(OTHERS, HEAP_AT, form.pointer);
	make_heap(HEAP_AT, 0, START, 0xff);
	FOR_EACH_ALLOCATION(n)
	{
		r = own_open(&array.reader, HEADER, &own, &err);
		if (r == 0) {
			r = own_walk(&own, NULL);
			own_close(&own);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

/*
 * The profile.
 */

static plat_addr item_at(plat_addr at, const char *items, unsigned i)
{
	return at + offset_of(items) + i * width_of(items);
}

/* Three sites: number 0 has no frames, 1 and 2 the same. */
static void make_profile(void)
{
	unsigned i;

	set(SAMPLES, "samples.mean", 4096);
	set(SAMPLES, "samples.nsites", 4);
	set(SAMPLES, "samples.nlost", 3);
	set(SAMPLES, "samples.lost_bytes", 12288);
	put(item_at(SAMPLES, "samples.sites", 0), SITES, form.pointer);
	for (i = 0; i < 3; i++) {
		plat_addr site = item_at(SITES, "site_block.sites", i);

		set(site, "site.made", 10 * 65536);
		set(site, "site.made_bytes", 40960);
		set(site, "site.freed", 9 * 65536);
		set(site, "site.freed_bytes", 36864);
		set(site, "site.made_variance", 100);
		set(site, "site.nsamples", 10);
		set(site, "site.nframes", i ? 2 : 0);
		put(item_at(site, "site.frames", 0), 0x401000, 8);
		put(item_at(site, "site.frames", 1), 0x402000, 8);
	}
}

static void add_sample(unsigned bucket, plat_addr row, unsigned i, unsigned number)
{
	plat_addr sample = item_at(row, "sample_row.samples", i);

	put(item_at(SAMPLES, "samples.rows", bucket), row, form.pointer);
	set(sample, "sample.site", number);
	set(sample, "sample.address", START + i * 16);
	set(sample, "sample.weight", 2 * 65536);
	set(sample, "sample.size", 1000);
}

static void read_profile(struct own_profile *profile)
{
	struct own own;

	assert_int_equal(own_open(&array.reader, HEADER, &own, NULL), 0);
	assert_int_equal(own_profile_read(&own, profile, NULL), 0);
	own_close(&own);
}

static void sites_and_live_samples_are_added(void **state)
{
	struct own_profile profile;
	unsigned n;

	(void)state;
	for (n = 0; n < 8; n++) {
		begin(n % 2 ? 8 : 4, n & 2, n & 4 ? 3 : 0);
		make_profile();
		add_sample(0, ROWS_AT, 0, 1);
		add_sample(0, ROWS_AT, 1, 2);
		add_sample(5, ROWS_AT + 0x200, 0, 0);
		read_profile(&profile);
		assert_int_equal(profile.rate.mean, 4096);
		assert_int_equal(profile.rate.at, SAMPLES + offset_of("samples.mean"));
		assert_int_equal(profile.lost, 3);
		assert_int_equal(profile.lost_bytes, 12288);
		assert_int_equal(profile.nsites, 2);
		assert_int_equal(profile.sites[0].nframes, 0);
		assert_int_equal(profile.sites[1].nframes, 2);
		assert_int_equal(profile.sites[1].frames[1], 0x402000);
		assert_int_equal(profile.sites[1].made.bytes, 81920);
		assert_int_equal(profile.sites[1].made.blocks, 20);
		assert_int_equal(profile.sites[1].freed_blocks, 18);
		assert_int_equal(profile.sites[1].live.blocks, 4);
		assert_int_equal(profile.sites[1].live.bytes, 4000);
		assert_int_equal(profile.sites[1].live.nsamples, 2);
		/* Twice 2 * (2 - 1) * 1000^2, whose root is 2000. */
		assert_int_equal(own_estimate_error(&profile.sites[1].live), 3920);
		assert_int_equal(profile.sum.made.nsamples, 30);
		assert_int_equal(profile.sum.live.nsamples, 3);
		assert_int_equal(profile.proofs.broken, 0);
		own_profile_fini(&profile);
	}
}

static void assert_made_at(const struct own_profile *profile, plat_addr address, double weight)
{
	const struct own_sited *block = own_sited_find(profile, address);

	assert_non_null(block);
	assert_int_equal(block->weight, weight);
	assert_true(block->site < profile->nsites);
	assert_int_equal(profile->sites[block->site].nframes, 2);
	assert_int_equal(profile->sites[block->site].frames[0], 0x401000);
}

static void a_live_sample_is_found_by_its_address(void **state)
{
	struct own_profile profile;

	(void)state;
	make_profile();
	add_sample(0, ROWS_AT, 0, 1);
	add_sample(0, ROWS_AT, 1, 2);
	add_sample(5, ROWS_AT + 0x200, 0, 0); /* where another one is */
	set(ROWS_AT + 0x200, "sample_row.next", ROWS_AT + 0x400);
	set(item_at(ROWS_AT + 0x400, "sample_row.samples", 0), "sample.address", 1);
	read_profile(&profile);
	assert_int_equal(profile.nblocks, 2);
	assert_made_at(&profile, START + 16, 2);
	assert_non_null(own_sited_find(&profile, START));
	assert_null(own_sited_find(&profile, START + 1));
	assert_null(own_sited_find(&profile, START + 32));
	own_profile_fini(&profile);
}

static plat_addr add_guarded(unsigned i, unsigned granule, unsigned site)
{
	plat_addr slab = add_alone(i, granule, SLAB_GUARDED, 1, 100);

	set(slab, "slab.site", site);
	return START + granule * GRANULE;
}

static void a_guarded_block_is_no_sample_and_tells_its_site(void **state)
{
	struct own_profile profile;
	struct own own;
	plat_addr known, unknown, sampled;
	unsigned i;

	(void)state;
	make_profile();
	for (i = 0; i < 3; i++)
		set(item_at(SITES, "site_block.sites", i), "site.nsamples", i == 2 ? 7 : 0);
	known = add_guarded(0, 0, 1);
	unknown = add_guarded(1, 1, 0);
	sampled = add_guarded(2, 2, 2);
	add_guarded(3, 3, UINT32_MAX);
	set(add_alone(4, 4, SLAB_GUARDED, 1, 0), "slab.size", 0); /* it is free */
	add_sample(0, ROWS_AT, 0, 2);
	set(item_at(ROWS_AT, "sample_row.samples", 0), "sample.address", sampled);
	walk(&own);
	assert_int_equal(own.nguarded, 4);
	assert_int_equal(own_profile_read(&own, &profile, NULL), 0);
	assert_int_equal(profile.nsites, 1);
	assert_int_equal(profile.nblocks, 2);
	assert_made_at(&profile, known, 0);
	assert_made_at(&profile, sampled, 2);
	assert_null(own_sited_find(&profile, unknown));
	assert_int_equal(profile.sum.made.nsamples, 7);
	own_profile_fini(&profile);
	own_close(&own);
}

static void a_chain_of_samples_without_end_ends(void **state)
{
	struct own_profile profile;

	(void)state;
	make_profile();
	add_sample(0, ROWS_AT, 0, 1);
	set(ROWS_AT, "sample_row.next", ROWS_AT);
	read_profile(&profile);
	assert_int_equal(profile.proofs.broken, 1);
	assert_int_equal(profile.nblocks, 1);
	own_profile_fini(&profile);
}

static void a_sample_of_no_site_is_left_out(void **state)
{
	struct own_profile profile;

	(void)state;
	make_profile();
	add_sample(0, ROWS_AT, 0, UINT32_MAX);
	add_sample(0, ROWS_AT, 1, 3);
	read_profile(&profile);
	assert_int_equal(profile.proofs.unsteady, 2);
	assert_int_equal(profile.sum.live.nsamples, 0);
	own_profile_fini(&profile);
}

static void more_sites_and_frames_than_can_be_are_cut(void **state)
{
	struct own_profile profile;

	(void)state;
	make_profile();
	set(SAMPLES, "samples.nsites", UINT32_MAX);
	set(item_at(SITES, "site_block.sites", 2), "site.nframes", UINT32_MAX);
	read_profile(&profile);
	assert_int_equal(profile.proofs.broken, 1);
	assert_int_equal(profile.nsites, 3);
	assert_int_equal(profile.sites[2].nframes, 4);
	own_profile_fini(&profile);
}

static void a_profile_of_another_form_is_refused(void **state)
{
	static const struct {
		const char *name;
		uint32_t offset;
		uint16_t count;
	} cases[] = {
		{"samples.sites", 0, 60000},  {"samples.rows", 0, 0},
		{"site.frames", 0, 5},	      {"site_block.sites", 8, SITES_IN_BLOCK},
		{"sample_row.samples", 0, 3}, {"?", 0, 0},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct own_profile profile;
		struct own own;

		begin(8, false, 0);
		make_profile();
		for (k = 0; k < nfields; k++)
			if (strcmp(fields[k].name, cases[i].name) == 0) {
				fields[k].offset += cases[i].offset;
				fields[k].count = cases[i].count;
			}
		if (cases[i].name[0] == '?')
			forget_field("sample.weight");
		write_header();
		assert_int_equal(own_open(&array.reader, HEADER, &own, NULL), 0);
		assert_int_equal(own_profile_read(&own, &profile, NULL), -ENOTSUP);
		own_close(&own);
	}
}

static void any_bytes_of_a_profile_can_be_read(void **state)
{
	struct own_profile profile;
	struct own own;
	unsigned n, k;

	(void)state;
	srand(2);
	for (n = 0; n < 3000; n++) {
		begin(n % 2 ? 8 : 4, n % 3 == 0, n % 4);
		make_profile();
		add_sample(0, ROWS_AT, 0, 1);
		add_sample(5, ROWS_AT + 0x200, 1, 2);
		for (k = 0; k < 1 + n % 20; k++)
			memory[(size_t)rand() % IMAGE_BYTES] = (unsigned char)rand();
		if (own_open(&array.reader, HEADER, &own, NULL) < 0)
			continue;
		if (own_profile_read(&own, &profile, NULL) == 0)
			own_profile_fini(&profile);
		own_close(&own);
	}
}

static void every_allocation_of_a_profile_can_fail(void **state)
{
	struct own_profile profile;
	struct error err;
	struct own own;
	size_t n;
	int r;

	(void)state;
	make_profile();
	add_sample(0, ROWS_AT, 0, 1);
	add_guarded(0, 0, 1);
	FOR_EACH_ALLOCATION(n)
	{
		r = own_open(&array.reader, HEADER, &own, &err);
		if (r == 0) {
			r = own_walk(&own, NULL);
			if (r == 0)
				r = own_profile_read(&own, &profile, &err);
			if (r == 0)
				own_profile_fini(&profile);
			own_close(&own);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_block_is_found, set_up),
		cmocka_unit_test_setup(another_form_says_the_same, set_up),
		cmocka_unit_test_setup(options_are_read_by_name, set_up),
		cmocka_unit_test_setup(free_granules_in_a_row_are_one_block, set_up),
		cmocka_unit_test_setup(a_freed_mapping_holds_addresses_only, set_up),
		cmocka_unit_test_setup(a_block_that_is_being_cut_ends_where_its_granules_end,
				       set_up),
		cmocka_unit_test_setup(a_slab_that_is_being_given_back_is_passed_over, set_up),
		cmocka_unit_test_setup(slots_in_a_window_are_cached, set_up),
		cmocka_unit_test_setup(arenas_add_up_to_the_heap, set_up),
		cmocka_unit_test_setup(pages_without_a_live_slot_can_be_returned, set_up),
		cmocka_unit_test_setup(in_hard_mode_a_zone_keeps_the_page_before, set_up),
		cmocka_unit_test_setup(an_empty_slab_can_be_returned_as_a_whole, set_up),
		cmocka_unit_test_setup(a_heap_is_of_the_thread_that_has_its_address, set_up),
		cmocka_unit_test_setup(nothing_is_there_before_it_begins, set_up),
		cmocka_unit_test_setup(a_list_of_heaps_without_end_ends, set_up),
		cmocka_unit_test_setup(a_circle_of_heaps_behind_the_first_is_met, set_up),
		cmocka_unit_test_setup(heaps_have_no_more_windows_than_can_be, set_up),
		cmocka_unit_test_setup(leaves_that_overlap_are_left_out, set_up),
		cmocka_unit_test_setup(a_slab_that_lies_elsewhere_is_not_believed, set_up),
		cmocka_unit_test_setup(impossible_numbers_are_not_believed, set_up),
		cmocka_unit_test_setup(an_impossible_tag_is_no_block, set_up),
		cmocka_unit_test_setup(a_chunk_that_lies_elsewhere_is_not_believed, set_up),
		cmocka_unit_test_setup(what_cannot_be_read_is_counted, set_up),
		cmocka_unit_test_setup(a_slab_that_changes_all_the_time_is_given_up, set_up),
		cmocka_unit_test_setup(a_slab_in_the_making_has_no_blocks, set_up),
		cmocka_unit_test_setup(what_is_no_header_is_refused, set_up),
		cmocka_unit_test_setup(a_header_that_lacks_a_field_is_refused, set_up),
		cmocka_unit_test_setup(a_field_outside_of_its_struct_is_refused, set_up),
		cmocka_unit_test_setup(a_map_of_another_form_is_refused, set_up),
		cmocka_unit_test_setup(any_bytes_can_be_read, set_up),
		cmocka_unit_test_setup(every_allocation_can_fail, set_up),
		cmocka_unit_test_setup(sites_and_live_samples_are_added, set_up),
		cmocka_unit_test_setup(a_live_sample_is_found_by_its_address, set_up),
		cmocka_unit_test_setup(a_guarded_block_is_no_sample_and_tells_its_site, set_up),
		cmocka_unit_test_setup(a_chain_of_samples_without_end_ends, set_up),
		cmocka_unit_test_setup(a_sample_of_no_site_is_left_out, set_up),
		cmocka_unit_test_setup(more_sites_and_frames_than_can_be_are_cut, set_up),
		cmocka_unit_test_setup(a_profile_of_another_form_is_refused, set_up),
		cmocka_unit_test_setup(any_bytes_of_a_profile_can_be_read, set_up),
		cmocka_unit_test_setup(every_allocation_of_a_profile_can_fail, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
