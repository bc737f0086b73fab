/*
 * musl's heaps made by hand, in both word sizes: one mallocng with a group in a slot of another,
 * and one oldmalloc with a break and a large block.
 *
 *     BASE      libc's writable segment, with the context and the bins
 *     AREA      an area of metas          GROUPS    pages of groups
 *     BREAK     chunks                    LARGE     a mapping of one block
 */
#include "heap/mallocng.h"
#include "heap/oldmalloc.h"

#include "fixture.h"
#include "seen.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000)
#define IMAGE_PAGES 16
#define STATE (BASE + 0x100)
#define AREA (BASE + 0x1000)
#define GROUPS (BASE + 0x4000)
#define ALONE (BASE + 0x6000)
#define BREAK (BASE + 0x8000)
#define LARGE (BASE + 0xa000)
#define SECRET UINT64_C(0x1122334455667788)

static unsigned char memory[IMAGE_PAGES * PAGE];
static struct array array;
static struct module modules[1];
static unsigned word;

static void put(plat_addr at, uint64_t value, unsigned width)
{
	unsigned i;

	assert_true(at >= BASE && at + width <= BASE + sizeof(memory));
	for (i = 0; i < width; i++)
		memory[at - BASE + i] = (unsigned char)(value >> 8 * i);
}

static void put_word(plat_addr at, uint64_t value)
{
	put(at, value, word);
}

static void begin(unsigned bytes)
{
	memset(memory, 0, sizeof(memory));
	array = array_at(BASE, memory, sizeof(memory));
	word = bytes;
	modules[0] = (struct module){
		.role = MODULE_PROGRAM,
		.is_64 = bytes == 8,
		.nsegments = 1,
		.segments = {{.start = BASE, .end = BASE + PAGE, .rights = RW}},
	};
	space.modules = NULL;
	space.nmodules = 0;
	space_fini(&space);
	space_init(&space);
	space.machine.page_size = PAGE;
	space.modules = modules;
	space.nmodules = 1;
}

static int set_up(void **state)
{
	begin_space(state);
	begin(8);
	return 0;
}

static int tear_down(void **state)
{
	space.modules = NULL;
	space.nmodules = 0;
	return end_space(state);
}

/*
 * mallocng.
 */

#define LISTS (STATE + 16)

static plat_addr meta_at(unsigned i)
{
	return AREA + (word == 8 ? 24 : 16) + i * (4 * word + 8);
}

static void put_meta(unsigned i, plat_addr mem, uint32_t avail, uint32_t freed, uint64_t bits)
{
	put_word(meta_at(i) + 2 * word, mem);
	put(meta_at(i) + 3 * word, avail, 4);
	put(meta_at(i) + 3 * word + 4, freed, 4);
	put_word(meta_at(i) + 3 * word + 8, bits);
	put_word(mem, meta_at(i));
}

static uint64_t bits_of(unsigned nslots, unsigned class, uint64_t maplen)
{
	return (nslots - 1) | 1 << 5 | class << 6 | maplen << 12;
}

static void put_usage(unsigned class, uint64_t slots)
{
	put_word(LISTS + (8 + 48 + class) * word, slots);
}

/* A block's header and end; `moved` units behind the slot's start. */
static void put_block(plat_addr group, unsigned i, uint64_t stride, unsigned moved, uint64_t size)
{
	plat_addr start = group + 16 + i * stride, end = start + stride - 4, p = start + moved * 16;
	uint64_t reserved = end - p - size;

	if (moved) {
		put(start - 3, 7 << 5, 1);
		put(start - 2, moved, 2);
	}
	put(p - 2, (p - group - 16) / 16, 2);
	put(p - 3, i | (reserved < 5 ? reserved : 5) << 5, 1);
	if (reserved >= 5)
		put(end - 4, reserved, 4);
}

/*
 * Group 0: 7 slots of 320 bytes (class 13: 20 units); slot 1 is moved, 2 is free, 3 is group 1.
 * Group 1: 10 slots of 16 bytes.  Group 2: one block alone.
 */
#define STRIDE 320
#define INNER (GROUPS + 16 + 3 * STRIDE)

static void make_mallocng(void)
{
	unsigned i;

	put(STATE, SECRET, 8);
	put(STATE + 8, 1, 4);
	put_word(LISTS + 2 * word, (4096 - (word == 8 ? 24 : 16)) / (4 * word + 8) - 3);
	put_word(LISTS + 5 * word, AREA);
	put_word(LISTS + 6 * word, AREA);
	put_usage(13, 7);
	put_usage(0, 10);
	put(AREA, SECRET, 8);
	put_meta(0, GROUPS, 0, 1 << 2 | 0x70, bits_of(7, 13, 1));
	put_block(GROUPS, 0, STRIDE, 0, 300);
	put_block(GROUPS, 1, STRIDE, 2, 7);
	put(INNER - 2, 3 * STRIDE / 16, 2);
	put(INNER - 3, 3 | 6 << 5, 1);
	put_meta(1, INNER, 0x3f0, 0, bits_of(10, 0, 0));
	for (i = 0; i < 4; i++)
		put_block(INNER, i, 16, 0, 12 - i);
	put_meta(2, ALONE, 0, 0, bits_of(1, 63, 2));
	put_block(ALONE, 0, 2 * PAGE - 16, 5, 5000);
}

/*
 * oldmalloc. At the start of the break a block, a free chunk, a block; then a large block, and one
 * that was aligned.
 */
static void put_chunk(plat_addr at, uint64_t size, bool is_used)
{
	put_word(at + word, size | is_used);
	put_word(at + size, size | is_used);
}

static plat_addr bin_chunk(unsigned i)
{
	return STATE + 8 + i * (8 + 2 * word) + 8 - 2 * word;
}

#define GRAIN (4 * word)
#define FIRST (BREAK + 2 * word)
#define BREAK_BYTES 0x1000

static void make_oldmalloc(void)
{
	plat_addr last = BREAK + BREAK_BYTES - 2 * word, free_at = FIRST + 3 * GRAIN;
	plat_addr third = free_at + 2 * GRAIN;

	assert_int_equal(space_add_mapping(&space, BREAK, BREAK + BREAK_BYTES, RW, 0, NO_FILE), 0);
	assert_int_equal(space_add_mapping(&space, LARGE, LARGE + 4 * PAGE, RW, 0, NO_FILE), 0);
	space.regions[0].kind = KIND_HEAP;
	space.regions[1].kind = KIND_ANON;
	space.start_brk = BREAK;
	put(STATE, 1 << 1, 8);
	put_word(bin_chunk(0) + 2 * word, bin_chunk(0));
	put_word(bin_chunk(0) + 3 * word, bin_chunk(0));
	put_word(bin_chunk(1) + 2 * word, free_at);
	put_word(bin_chunk(1) + 3 * word, free_at);
	put_word(FIRST, 1);
	put_chunk(FIRST, 3 * GRAIN, true);
	put_chunk(free_at, 2 * GRAIN, false);
	put_word(free_at + 2 * word, bin_chunk(1));
	put_word(free_at + 3 * word, bin_chunk(1));
	put_chunk(third, last - third, true);
	put_word(last + word, 1);
	put_word(LARGE + 2 * word, 2 * word);
	put_word(LARGE + 3 * word, 2 * PAGE - 2 * word);
	put_word(LARGE + 2 * PAGE + 2 * word, 2 * word);
	put_word(LARGE + 2 * PAGE + 3 * word, 2 * PAGE - 2 * word);
	put_word(LARGE + 3 * PAGE - 2 * word, PAGE - 2 * word);
	put_word(LARGE + 3 * PAGE - word, PAGE + 2 * word);
}

/*
 * Reading it.
 */

static const struct heap_visitor visitor = {
	.block = take_block,
	.range = take_range,
	.states = (1u << NBLOCK_STATES) - 1,
};

static struct heap_reading *walk(const struct heap_type *type)
{
	struct heap_reading *heap = NULL;
	const struct heap_sums *sums;
	struct error err;

	forget_seen();
	assert_int_equal(type->open(&space, &array.reader, &heap, &err), 0);
	assert_int_equal(heap_walk(heap, &visitor), 0);
	sums = &heap->sums;
	assert_int_equal(sums->held, held);
	assert_int_equal(sums->held, sum_of(sums));
	return heap;
}

static void assert_block(plat_addr address, enum block_state state, uint64_t size)
{
	const struct block *block = block_at(address);

	assert_non_null(block);
	assert_int_equal(block->state, state);
	assert_int_equal(block->size, size);
}

static void assert_proofs(const struct heap_reading *heap, enum proof_result worst)
{
	size_t i, nfailed = 0;

	for (i = 0; i < heap->proofs.n; i++)
		nfailed += heap->proofs.list[i].result == PROOF_FAILS;
	assert_true(heap->proofs.n > 0);
	assert_int_equal(nfailed > 0, worst == PROOF_FAILS);
}

/* What is found is said, and so many blocks are live all the same. */
static void assert_broken(const struct heap_type *type, const char *what, uint64_t live)
{
	struct heap_reading *heap = walk(type);

	assert_true(heap->proofs.broken > 0);
	if (!strstr(heap->proofs.first, what))
		fail_msg("%s", heap->proofs.first);
	assert_int_equal(heap->sums.live_blocks, live);
	heap_close(heap);
}

/*
 * Tests.
 */

static void every_block_of_mallocng_is_found(void **state)
{
	struct heap_reading *heap;
	unsigned bytes;

	(void)state;
	for (bytes = 4; bytes <= 8; bytes += 4) {
		begin(bytes);
		make_mallocng();
		heap = walk(&mallocng_type);
		assert_block(GROUPS + 16, BLOCK_LIVE, 300);
		assert_block(GROUPS + 16 + STRIDE + 32, BLOCK_LIVE, 7);
		assert_block(GROUPS + 16 + 2 * STRIDE, BLOCK_FREE, STRIDE - 4);
		assert_shelf(heap, GROUPS + 16 + STRIDE + 32, NULL, NO_NUMBER);
		assert_shelf(heap, GROUPS + 16 + 2 * STRIDE, "freed", NO_NUMBER);
		assert_shelf(heap, INNER + 16 + 4 * 16, "available", NO_NUMBER);
		assert_block(INNER + 16, BLOCK_LIVE, 12);
		assert_block(INNER + 16 + 3 * 16, BLOCK_LIVE, 9);
		assert_block(ALONE + 16 + 80, BLOCK_LIVE, 5000);
		assert_int_equal(heap->sums.live_blocks, 7);
		assert_int_equal(heap->sums.free_blocks, 4 + 6);
		assert_int_equal(heap->sums.held, 3 * PAGE);
		assert_int_equal(heap->arenas[1].sums.live_blocks, 1);
		assert_int_equal(heap->classes[0].sums.live_blocks, 4);
		assert_int_equal(heap->proofs.broken + heap->proofs.unsteady, 0);
		assert_proofs(heap, PROOF_HOLDS);
		heap_close(heap);
	}
}

static void every_block_of_oldmalloc_is_found(void **state)
{
	struct heap_reading *heap;
	unsigned bytes;

	(void)state;
	for (bytes = 4; bytes <= 8; bytes += 4) {
		begin(bytes);
		make_oldmalloc();
		heap = walk(&oldmalloc_type);
		assert_block(FIRST + 2 * word, BLOCK_LIVE, 3 * GRAIN - 2 * word);
		assert_block(FIRST + 3 * GRAIN + 2 * word, BLOCK_FREE, 2 * GRAIN - 2 * word);
		assert_shelf(heap, FIRST + 3 * GRAIN + 2 * word, "bin", 1);
		put_word(bin_chunk(1) + 3 * word, 0);
		assert_shelf(heap, FIRST + 3 * GRAIN + 2 * word, NULL, NO_NUMBER);
		assert_block(LARGE + GRAIN, BLOCK_LIVE, 2 * PAGE - GRAIN);
		assert_block(LARGE + 3 * PAGE, BLOCK_LIVE, PAGE);
		assert_int_equal(heap->sums.live_blocks, 4);
		assert_int_equal(heap->sums.free_blocks, 1);
		assert_int_equal(heap->proofs.broken + heap->proofs.unsteady, 0);
		assert_proofs(heap, PROOF_HOLDS);
		heap_close(heap);
	}
}

static void there_may_be_no_heap(void **state)
{
	struct heap_reading *heap;
	struct error err;

	(void)state;
	assert_int_equal(mallocng_type.open(&space, &array.reader, &heap, &err), -ENOENT);
	assert_int_equal(oldmalloc_type.open(&space, &array.reader, &heap, &err), -ENOENT);
}

static void what_was_written_behind_a_block_is_found(void **state)
{
	(void)state;
	make_mallocng();
	put(GROUPS + 16 + 300, 'x', 1);
	assert_broken(&mallocng_type, "behind the end of this block", 7);
}

static void an_overwritten_header_hides_one_block(void **state)
{
	(void)state;
	make_mallocng();
	put(INNER + 16 + 16 - 4, 0x41414141, 4);
	assert_broken(&mallocng_type, "behind the end", 6);
}

static void an_overwritten_slot_does_not_hide_the_group_in_it(void **state)
{
	(void)state;
	make_mallocng();
	put(INNER - 3, 0x414141, 3);
	assert_broken(&mallocng_type, "does not lead to its group", 7);
}

static void a_group_that_does_not_lead_back_is_not_believed(void **state)
{
	(void)state;
	make_mallocng();
	put_word(GROUPS, meta_at(2));
	assert_broken(&mallocng_type, "does not lead back", 5);
}

static void groups_that_overlap_count_once(void **state)
{
	(void)state;
	make_mallocng();
	put_meta(3, GROUPS + 32, 0, 0, bits_of(1, 63, 2));
	assert_broken(&mallocng_type, "", 7);
}

static void a_list_of_areas_that_is_a_circle_ends(void **state)
{
	(void)state;
	make_mallocng();
	put_word(AREA + 8, AREA);
	assert_broken(&mallocng_type, "is a circle", 7);
}

static void slots_that_are_not_counted_fail_the_proof(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_mallocng();
	put_usage(13, 100);
	heap = walk(&mallocng_type);
	assert_proofs(heap, PROOF_FAILS);
	heap_close(heap);
}

static void a_slot_in_the_middle_of_a_call_is_unknown(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_mallocng();
	put(GROUPS + 16 - 3, 255, 1);
	heap = walk(&mallocng_type);
	assert_block(GROUPS + 16, BLOCK_UNKNOWN, STRIDE - 4);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_non_null(strstr(heap->proofs.first_unsteady, "slots of this group"));
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/* realloc takes no lock there: the end of the block is somebody else's by now. */
static void a_block_alone_that_is_being_made_smaller_ends_at_the_next(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_mallocng();
	put_meta(2, ALONE, 0, 0, bits_of(1, 63, 4));
	put_meta(3, ALONE + 2 * PAGE, 0, 0, bits_of(1, 63, 2));
	put_block(ALONE + 2 * PAGE, 0, 2 * PAGE - 16, 0, 8000);
	put_word(LISTS + 2 * word, (4096 - 24) / (4 * 8 + 8) - 4);
	heap = walk(&mallocng_type);
	assert_block(ALONE + 2 * PAGE + 16, BLOCK_LIVE, 8000);
	assert_block(ALONE + 16, BLOCK_UNKNOWN, 2 * PAGE - 16 - 4);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/* Of a slot that was never used; what comes next is that the block is moved. */
static void how_far_a_block_will_be_moved_may_stand_there_alone(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_mallocng();
	put(GROUPS + 16 - 4, 0, 4);
	put(GROUPS + 16 - 2, 11, 2);
	heap = walk(&mallocng_type);
	assert_block(GROUPS + 16, BLOCK_UNKNOWN, STRIDE - 4);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/* The one thread there is may have four groups in hand, and all slots of a group. */
static void more_calls_than_threads_are_damage(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_mallocng();
	put(GROUPS + 16 - 3, 255, 1);
	put(GROUPS + 16 + STRIDE - 3, 255, 1);
	put(INNER + 16 - 3, 255, 1);
	put(ALONE + 16 - 3, 255, 1);
	heap = walk(&mallocng_type);
	assert_int_equal(heap->proofs.broken, 0);
	assert_int_equal(heap->proofs.unsteady, 3);
	heap_close(heap);
	put_meta(3, GROUPS + PAGE, 0x7e, 0, bits_of(7, 13, 1));
	put_meta(4, BREAK, 0x7e, 0, bits_of(7, 13, 1));
	put_usage(13, 21);
	put_word(LISTS + 2 * word, (4096 - 24) / (4 * 8 + 8) - 5);
	put(GROUPS + PAGE + 16 - 3, 255, 1);
	put(BREAK + 16 - 3, 255, 1);
	assert_broken(&mallocng_type, "more calls", 3);
}

/* A program that has hardly begun: no bin was emptied. */
static void bins_are_found_where_none_is_empty(void **state)
{
	struct heap_reading *heap;
	struct error err;

	(void)state;
	make_oldmalloc();
	put_word(bin_chunk(0) + 2 * word, 0);
	put_word(bin_chunk(0) + 3 * word, 0);
	heap = walk(&oldmalloc_type);
	assert_int_equal(heap->sums.live_blocks, 4);
	heap_close(heap);
	put_word(FIRST + 3 * GRAIN + 3 * word, FIRST);
	assert_int_equal(oldmalloc_type.open(&space, &array.reader, &heap, &err), -ENOENT);
}

/* It lay three pages behind the start of a mapping of five, grew, was moved, and got smaller. */
static void an_aligned_block_that_was_moved_is_found(void **state)
{
	struct heap_reading *heap;
	unsigned bytes;

	(void)state;
	for (bytes = 4; bytes <= 8; bytes += 4) {
		begin(bytes);
		make_oldmalloc();
		memset(memory + (LARGE - BASE), 0, 4 * PAGE);
		put_word(LARGE + 2 * word, 2 * word);
		put_word(LARGE + 3 * word, 5 * PAGE - 2 * word);
		put_word(LARGE + 3 * PAGE - 2 * word, 3 * PAGE - 2 * word);
		put_word(LARGE + 3 * PAGE - word, PAGE + 2 * word);
		heap = walk(&oldmalloc_type);
		assert_block(LARGE + 3 * PAGE, BLOCK_LIVE, PAGE);
		assert_int_equal(heap->sums.live_blocks, 3);
		heap_close(heap);
	}
}

/* realloc() has given back what follows, and has not said so yet. */
static void a_block_in_what_another_one_has_given_back_is_found(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_oldmalloc();
	put_word(LARGE + 3 * word, 4 * PAGE - 2 * word);
	heap = walk(&oldmalloc_type);
	assert_block(LARGE + GRAIN, BLOCK_LIVE, 2 * PAGE - GRAIN);
	assert_block(LARGE + 3 * PAGE, BLOCK_LIVE, PAGE);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/*
 * memalign() has cut the last chunk in two, and the second one has no size yet: where it stands are
 * the headers of chunks that were there before, which lead to each other. The last of these ends
 * before the next true chunk, or behind its beginning.
 */
static void headers_of_earlier_chunks_do_not_lead_away(void **state)
{
	struct heap_reading *heap;
	unsigned grains;

	(void)state;
	for (grains = 4; grains <= 8; grains += 4) {
		plat_addr first = FIRST + 5 * GRAIN, cut = first + 2 * GRAIN;
		plat_addr behind = cut + 9 * GRAIN, last = BREAK + BREAK_BYTES - 2 * word;

		begin(8);
		make_oldmalloc();
		put_chunk(behind, last - behind, true);
		put_word(behind, (behind - first) | 1);
		put_chunk(first, 2 * GRAIN, true);
		put_chunk(cut, 2 * GRAIN, true);
		put_chunk(cut + 2 * GRAIN, GRAIN, true);
		put_chunk(cut + 3 * GRAIN, grains * GRAIN, true);
		heap = walk(&oldmalloc_type);
		assert_block(first + 2 * word, BLOCK_LIVE, 2 * GRAIN - 2 * word);
		assert_block(cut + 2 * word, BLOCK_UNKNOWN, 9 * GRAIN - 2 * word);
		assert_block(behind + 2 * word, BLOCK_LIVE, last - behind - 2 * word);
		assert_int_equal(heap->sums.live_blocks, 5);
		assert_int_equal(heap->proofs.unsteady, 1);
		assert_int_equal(heap->proofs.broken, 0);
		heap_close(heap);
	}
}

/* It has its new size, and nothing stands where it ends; what follows leads back to all of it. */
static void a_region_whose_first_chunk_is_cut_is_found(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_oldmalloc();
	put_word(FIRST + word, GRAIN | 1);
	heap = walk(&oldmalloc_type);
	assert_block(FIRST + 2 * word, BLOCK_UNKNOWN, 3 * GRAIN - 2 * word);
	assert_int_equal(heap->sums.live_blocks, 3);
	assert_non_null(strstr(heap->proofs.first_unsteady, "sizes of this chunk"));
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/* The pages of two chunks that are merged were given back, and the second one's header with them.
 */
static plat_addr make_merged(void)
{
	plat_addr third = FIRST + 5 * GRAIN, behind = third + 20 * GRAIN;
	plat_addr last = BREAK + BREAK_BYTES - 2 * word;

	make_oldmalloc();
	put_chunk(behind, last - behind, true);
	put_word(behind, (16 * GRAIN) | 1);
	put_word(third + word, (4 * GRAIN) | 1);
	return third;
}

static void assert_merged(plat_addr third)
{
	plat_addr behind = third + 20 * GRAIN, last = BREAK + BREAK_BYTES - 2 * word;
	struct heap_reading *heap = walk(&oldmalloc_type);

	assert_block(third + 2 * word, BLOCK_UNKNOWN, 20 * GRAIN - 2 * word);
	assert_block(behind + 2 * word, BLOCK_LIVE, last - behind - 2 * word);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

static void chunks_that_are_merged_may_lack_a_header(void **state)
{
	(void)state;
	assert_merged(make_merged());
}

static void the_first_chunk_of_the_break_may_be_merged(void **state)
{
	plat_addr third = FIRST + 5 * GRAIN, last = BREAK + BREAK_BYTES - 2 * word;
	struct heap_reading *heap;

	(void)state;
	make_oldmalloc();
	memset(memory + (FIRST + 3 * GRAIN - BASE), 0, 2 * GRAIN);
	put_chunk(third, last - third, true);
	put_word(third, GRAIN | 1);
	heap = walk(&oldmalloc_type);
	assert_block(FIRST + 2 * word, BLOCK_UNKNOWN, 5 * GRAIN - 2 * word);
	assert_block(third + 2 * word, BLOCK_LIVE, last - third - 2 * word);
	assert_int_equal(heap->proofs.broken, 0);
	heap_close(heap);
}

/* The last of three leads to what is behind. Once the second was larger, and what was behind it
 * then says so still. */
static void what_leads_back_to_pages_that_were_given_back_is_of_before(void **state)
{
	plat_addr third, old;

	(void)state;
	third = make_merged();
	old = third + 18 * GRAIN;
	put_word(third + 20 * GRAIN, (6 * GRAIN) | 1);
	put_word(old, (14 * GRAIN) | 1);
	put_word(old + word, GRAIN | 1);
	assert_merged(third);
}

/* As one header alone may be in the middle of a call, it is said so; two are damage. */
static void a_walk_goes_on_behind_overwritten_chunks(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_oldmalloc();
	put_word(FIRST + 5 * GRAIN, 0x4141414141414141);
	put_word(FIRST + 5 * GRAIN + word, 0x4141414141414141);
	heap = walk(&oldmalloc_type);
	assert_int_equal(heap->sums.live_blocks, 3);
	assert_int_equal(heap->proofs.unsteady, 1);
	assert_int_equal(heap->proofs.list[1].result, PROOF_NOT_MADE);
	heap_close(heap);
	put_word(BREAK + BREAK_BYTES - 2 * word, 0x4141414141414141);
	assert_broken(&oldmalloc_type, "lead nowhere", 3);
}

static void an_overwritten_end_hides_no_chunk(void **state)
{
	(void)state;
	make_oldmalloc();
	put_word(FIRST + 3 * GRAIN, 0x4141414141414141);
	assert_broken(&oldmalloc_type, "at both ends of this chunk differ", 4);
}

static void a_bin_that_leads_elsewhere_fails_the_proof(void **state)
{
	struct heap_reading *heap;

	(void)state;
	make_oldmalloc();
	put_word(FIRST + 3 * GRAIN + 2 * word, FIRST);
	put_word(FIRST + 2 * word, FIRST);
	heap = walk(&oldmalloc_type);
	assert_proofs(heap, PROOF_FAILS);
	heap_close(heap);
}

/* Whatever stands in memory: it ends, and sums are sums. */
static void any_bytes_can_be_read(void **state)
{
	struct heap_reading *heap;
	struct error err;
	unsigned n, k;

	(void)state;
	srand(1);
	for (n = 0; n < 6000; n++) {
		const struct heap_type *type = n % 2 ? &mallocng_type : &oldmalloc_type;

		begin(n % 4 < 2 ? 8 : 4);
		if (n % 2)
			make_mallocng();
		else
			make_oldmalloc();
		for (k = 0; k < 1 + n % 30; k++) {
			size_t at = (size_t)rand() % sizeof(memory);

			/* Most of it where something stands. */
			while (rand() % 8 && memory[at] == 0)
				at = (at + 1) % sizeof(memory);
			memory[at] = (unsigned char)rand();
		}
		if (type->open(&space, &array.reader, &heap, &err) < 0)
			continue;
		assert_int_equal(heap_walk(heap, NULL), 0);
		assert_int_equal(heap->sums.held, sum_of(&heap->sums));
		heap_close(heap);
	}
}

static void every_allocation_can_fail(void **state)
{
	struct heap_reading *heap;
	struct error err;
	unsigned i;
	size_t n;
	int r;

	(void)state;
	for (i = 0; i < 2; i++) {
		const struct heap_type *type = i ? &mallocng_type : &oldmalloc_type;

		begin(8);
		if (i)
			make_mallocng();
		else
			make_oldmalloc();
		FOR_EACH_ALLOCATION(n)
		{
			r = type->open(&space, &array.reader, &heap, &err);
			if (r == 0) {
				r = heap_walk(heap, NULL);
				heap_close(heap);
			}
			assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
			assert_int_equal(failing_alive(), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(every_block_of_mallocng_is_found),
		TEST(every_block_of_oldmalloc_is_found),
		TEST(there_may_be_no_heap),
		TEST(what_was_written_behind_a_block_is_found),
		TEST(an_overwritten_header_hides_one_block),
		TEST(an_overwritten_slot_does_not_hide_the_group_in_it),
		TEST(a_group_that_does_not_lead_back_is_not_believed),
		TEST(groups_that_overlap_count_once),
		TEST(a_list_of_areas_that_is_a_circle_ends),
		TEST(slots_that_are_not_counted_fail_the_proof),
		TEST(a_slot_in_the_middle_of_a_call_is_unknown),
		TEST(a_block_alone_that_is_being_made_smaller_ends_at_the_next),
		TEST(how_far_a_block_will_be_moved_may_stand_there_alone),
		TEST(more_calls_than_threads_are_damage),
		TEST(bins_are_found_where_none_is_empty),
		TEST(an_aligned_block_that_was_moved_is_found),
		TEST(a_block_in_what_another_one_has_given_back_is_found),
		TEST(headers_of_earlier_chunks_do_not_lead_away),
		TEST(a_region_whose_first_chunk_is_cut_is_found),
		TEST(chunks_that_are_merged_may_lack_a_header),
		TEST(the_first_chunk_of_the_break_may_be_merged),
		TEST(what_leads_back_to_pages_that_were_given_back_is_of_before),
		TEST(a_walk_goes_on_behind_overwritten_chunks),
		TEST(an_overwritten_end_hides_no_chunk),
		TEST(a_bin_that_leads_elsewhere_fails_the_proof),
		TEST(any_bytes_can_be_read),
		TEST(every_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
