/*
 * Heaps of glibc's malloc made by hand, in the form of each version and word size.
 *
 *     BASE   libc's data: main_arena, malloc_par
 *     HEAP   by brk: a thread's cache, blocks of each state, top
 *     MAPPED one block with a mapping of its own
 */
#include "heap/ptmalloc.h"

#include "hand.h"
#include "seen.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x40000000)
#define ARENA (BASE + 0x100)
#define PAR (BASE + 0x1000)
#define TLS (BASE + 0x1800)
#define TLS_END (TLS + 0x100)
#define HEAP (BASE + 0x2000)
#define MAPPED (BASE + 0xc000)
#define END (BASE + 0x14000)

static const struct form {
	const char *name;
	unsigned word, align, nfast, fast;
	bool has_attached;
	unsigned tcache; /* bytes of its counts; 0: none */
	unsigned nbins;	 /* of it */
	bool is_mangled;
	unsigned par; /* bytes from its first row to n_mmaps */
} forms[] = {
	{"2.17, 64 bits", 8, 16, 10, 8, false, 0, 0, false, 40},
	{"2.17, 32 bits", 4, 8, 10, 8, false, 0, 0, false, 20},
	{"2.23, 64 bits", 8, 16, 10, 8, true, 0, 0, false, 40},
	{"2.26, 64 bits", 8, 16, 10, 8, true, 1, 64, false, 40},
	{"2.26, 32 bits", 4, 16, 11, 8, true, 1, 64, false, 20},
	{"2.27, 64 bits", 8, 16, 10, 16, true, 1, 64, false, 40},
	{"2.27, 32 bits", 4, 16, 11, 12, true, 1, 64, false, 20},
	{"2.30, 64 bits", 8, 16, 10, 16, true, 2, 64, false, 40},
	{"2.32, 64 bits", 8, 16, 10, 16, true, 2, 64, true, 40},
	{"2.35, 64 bits", 8, 16, 10, 16, true, 2, 64, true, 60},
	{"2.35, 32 bits", 4, 16, 11, 12, true, 2, 64, true, 32},
	{"2.42, 64 bits", 8, 16, 10, 16, true, 2, 76, true, 60},
	{"2.42, 32 bits", 4, 16, 11, 12, true, 2, 76, true, 32},
	{"2.43, 64 bits", 8, 16, 0, 8, true, 2, 76, true, 68},
	{"2.43, 32 bits", 4, 16, 0, 8, true, 2, 76, true, 36},
};

#define FORM_236 9
#define FORM_235_32 10

static const struct form *form;
static unsigned char memory[END - BASE];
static struct array array;
static struct space space;
static struct heap_reading *heap;
static plat_addr returned_start[8], returned_end[8];
static size_t nreturned;

/* Chunks of the image. */
static plat_addr cache_at, live_at, fast_at, cached_at, zeros_at, free_at, last_at, top_at;
#define ZEROS 0x400
#define FREE_PAGES 3

/*
 * The image.
 */

static void put(plat_addr at, uint64_t value)
{
	memcpy(memory + (at - BASE), &value, form->word);
}

static void put_int(plat_addr at, uint32_t value)
{
	memcpy(memory + (at - BASE), &value, sizeof(value));
}

static uint64_t get(plat_addr at)
{
	uint64_t value = 0;

	memcpy(&value, memory + (at - BASE), form->word);
	return value;
}

static uint32_t top_offset(void)
{
	return form->fast + form->nfast * form->word;
}

static plat_addr bin(unsigned i)
{
	return ARENA + top_offset() + 2 * form->word + i * 2 * form->word;
}

static uint64_t cache_bytes(void)
{
	return form->nbins * (form->tcache + form->word);
}

/* One behind the other; the next one has to say that this is free. */
static plat_addr add_chunk(plat_addr *at, uint64_t size, bool is_before_free)
{
	plat_addr chunk = *at;

	put(chunk + form->word, size | !is_before_free);
	*at = chunk + size;
	return chunk;
}

static uint64_t mangled(plat_addr at, uint64_t value)
{
	return form->is_mangled ? value ^ at >> 12 : value;
}

static uint64_t chunk_size(plat_addr chunk)
{
	return get(chunk + form->word) & ~UINT64_C(7);
}

static void make_chunks(void)
{
	unsigned word = form->word;
	plat_addr at = ((HEAP + 2 * word + form->align - 1) & -(uint64_t)form->align) - 2 * word;
	uint64_t small = 4 * form->align, round = form->align - 1;

	if (form->tcache)
		cache_at = add_chunk(&at, (cache_bytes() + word + round) & ~round, false);
	live_at = add_chunk(&at, small + form->align, false);
	fast_at = add_chunk(&at, small, false);
	cached_at = add_chunk(&at, small, false);
	zeros_at = add_chunk(&at, ZEROS, false);
	free_at = add_chunk(&at, FREE_PAGES * PAGE, false);
	put(at, FREE_PAGES * PAGE);
	last_at = add_chunk(&at, 0x200, true);
	top_at = at;
	put(top_at + word, (MAPPED - top_at) | 1);
}

static void make_lists(void)
{
	unsigned word = form->word, i;
	uint64_t small = 4 * form->align;

	for (i = 0; i < 127; i++) {
		put(bin(i), bin(i) - 2 * word);
		put(bin(i) + word, bin(i) - 2 * word);
	}
	put(bin(0), free_at);
	put(bin(0) + word, free_at);
	put(free_at + 2 * word, bin(0) - 2 * word);
	put(free_at + 3 * word, bin(0) - 2 * word);
	if (form->nfast) {
		put(ARENA + form->fast + 2 * word, fast_at);
		put(fast_at + 2 * word, mangled(fast_at + 2 * word, 0));
	}
	if (form->tcache) {
		plat_addr counts = cache_at + 2 * word;
		unsigned index = (unsigned)((small - 4 * word) / form->align);

		for (i = 0; form->nbins == 76 && i < 76; i++)
			memory[counts - BASE + i * 2] = 7;
		memory[counts - BASE + index * form->tcache] = form->nbins == 76 ? 6 : 1;
		put(counts + form->nbins * form->tcache + index * word, cached_at + 2 * word);
		put(cached_at + 2 * word, mangled(cached_at + 2 * word, 0));
		put(cached_at + 3 * word, UINT64_C(0x1234567812345678));
	}
}

static void make_state(void)
{
	unsigned word = form->word;
	plat_addr next = bin(127) + 16, sums = next + 2 * word + (form->has_attached ? word : 0);

	put(ARENA + top_offset(), top_at);
	put(next, ARENA);
	if (form->has_attached)
		put(sums - word, 1);
	put(sums, MAPPED - HEAP);
	put(sums + word, MAPPED - HEAP);
}

static void make_par(void)
{
	unsigned word = form->word;
	plat_addr ints = PAR + form->par, sums = (ints + 16 + word - 1) & -(uint64_t)word;

	put(PAR, 0x20000);
	put(PAR + word, 0x20000);
	put(PAR + 2 * word, 0x20000);
	put(PAR + 3 * word, word == 8 ? 8 : 2);
	put_int(ints, 1);
	put_int(ints + 4, 65536);
	put_int(ints + 8, 1);
	put(sums, END - MAPPED);
	put(sums + word, END - MAPPED);
	put(sums + 2 * word, HEAP);
}

static plat_addr mapped_chunk(void)
{
	return ((MAPPED + 2 * form->word + form->align - 1) & -(uint64_t)form->align) -
	       2 * form->word;
}

/* What glibc has counted, where words have 64 bits. */
static void tell_mapped(unsigned n, uint64_t bytes)
{
	put_int(PAR + form->par, n);
	put(PAR + form->par + 20, bytes);
}

static void make_mapped(void)
{
	plat_addr chunk = mapped_chunk();
	uint64_t padding = chunk - MAPPED;

	put(chunk, padding);
	put(chunk + form->word, (END - MAPPED - padding - (form->nfast ? 0 : 2 * form->word)) | 2);
}

static void make_space(void)
{
	struct module *module;

	begin_town(&space);
	space.machine.page_size = PAGE;
	space.process.bits = form->word * 8;
	space.start_brk = HEAP;
	space.brk = MAPPED;
	add_region(&space, BASE, HEAP, KIND_DATA, RW);
	add_region(&space, HEAP, MAPPED, KIND_HEAP, RW);
	add_region(&space, MAPPED, END, KIND_ANON, RW);
	module = add_module(&space, BASE, MODULE_PROGRAM, NO_FILE);
	module->is_64 = form->word == 8;
	module->nsegments = 1;
	module->segments[0] = (struct segment){
		.start = BASE, .file_end = HEAP, .end = HEAP, .rights = RIGHT_READ | RIGHT_WRITE};
}

static void make(unsigned number)
{
	form = &forms[number];
	memset(memory, 0, sizeof(memory));
	cache_at = 0;
	make_chunks();
	make_lists();
	make_state();
	make_par();
	make_mapped();
	make_space();
	array = array_at(BASE, memory, sizeof(memory));
}

/*
 * Reading it.
 */

static int take_returnable(void *context, uint32_t arena, plat_addr start, plat_addr end)
{
	(void)context;
	assert_int_equal(arena, 0);
	assert_true(nreturned < ARRAY_SIZE(returned_end));
	returned_start[nreturned] = start;
	returned_end[nreturned++] = end;
	return 0;
}

static int try_read(void)
{
	static const struct heap_visitor visitor = {
		.block = take_block,
		.returnable = take_returnable,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	struct error err;
	int r;

	forget_seen();
	nreturned = 0;
	heap_close(heap);
	heap = NULL;
	r = ptmalloc_type.open(&space, &array.reader, &heap, &err);
	return r < 0 ? r : heap_walk(heap, &visitor);
}

static void end(void)
{
	heap_close(heap);
	heap = NULL;
	space_fini(&space);
}

static const struct block *block_of(plat_addr chunk)
{
	return block_at(chunk + 2 * form->word);
}

static void assert_state(plat_addr chunk, enum block_state state)
{
	const struct block *block = block_of(chunk);

	if (!block)
		fail_msg("%s: no block at 0x%llx", form->name, (unsigned long long)chunk);
	else if (block->state != state)
		fail_msg("%s: 0x%llx is %s, not %s", form->name, (unsigned long long)chunk,
			 block_state_name(block->state), block_state_name(state));
	else
		assert_int_equal(block->size, chunk_size(chunk) - form->word);
}

static uint32_t index_of(plat_addr chunk)
{
	return (uint32_t)((chunk_size(chunk) - 4 * form->word) / form->align);
}

static size_t count_proofs(enum proof_result result)
{
	size_t i, n = 0;

	for (i = 0; i < heap->proofs.n; i++) {
		n += heap->proofs.list[i].result == result;
		if (result == PROOF_HOLDS && heap->proofs.list[i].result != PROOF_HOLDS)
			print_message("%s: %s\n", form->name, heap->proofs.list[i].words);
	}
	return n;
}

static void assert_sums(void)
{
	const struct heap_sums *sums = &heap->sums;

	assert_int_equal(sums->held,
			 sums->live_bytes + sums->slack + sums->free_bytes + sums->unknown_bytes);
	assert_int_equal(sums->held, END - HEAP);
}

/*
 * Tests.
 */

static void each_form_is_read(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		make(i);
		assert_int_equal(try_read(), 0);
		assert_state(live_at, BLOCK_LIVE);
		assert_state(fast_at, form->nfast ? BLOCK_FREE : BLOCK_LIVE);
		assert_state(cached_at, form->tcache ? BLOCK_CACHED : BLOCK_LIVE);
		assert_state(free_at, BLOCK_FREE);
		assert_state(last_at, BLOCK_LIVE);
		if (cache_at)
			assert_null(block_of(cache_at));
		assert_shelf(heap, live_at + 2 * form->word, NULL, NO_NUMBER);
		if (form->tcache)
			assert_shelf(heap, cached_at + 2 * form->word, "tcache",
				     index_of(cached_at));
		if (form->nfast)
			assert_shelf(heap, fast_at + 2 * form->word, "fast bin",
				     (uint32_t)(chunk_size(fast_at) / (2 * form->word)) - 2);
		assert_shelf(heap, free_at + 2 * form->word, "unsorted bin", NO_NUMBER);
		assert_shelf(heap, top_at + 2 * form->word, "top", NO_NUMBER);
		assert_sums();
		assert_int_equal(heap->proofs.broken, 0);
		assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
		assert_true(heap->proofs.n >= 5);
		end();
	}
}

/*
 * Threads' caches, and what could be one.
 */

/* A thread with two words of its own, of which the second leads to the cache. */
static void add_owner(void)
{
	struct thread *thread = add_thread(&space, 1, "owner");

	thread->tls_start = TLS;
	thread->tls_end = TLS_END;
	put(TLS + form->word, cache_at + 2 * form->word);
}

/* The first leads to a block of zeros as large as a cache of that form. */
static void add_zeros(const struct form *of)
{
	uint64_t bytes = of->nbins * (of->tcache + form->word) + form->word;
	uint64_t size = (bytes + form->align - 1) & -(uint64_t)form->align;

	assert_true(size < ZEROS);
	put(zeros_at + form->word, size | 1);
	put(zeros_at + size + form->word, (ZEROS - size) | 1);
	put(TLS, zeros_at + 2 * form->word);
}

static void a_block_with_one_pointer_is_no_cache(void **state)
{
	unsigned i, of, at;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++)
		for (of = 0; of < ARRAY_SIZE(forms); of++)
			for (at = 1; forms[i].tcache && forms[of].tcache && at < 8; at++) {
				make(i);
				add_owner();
				add_zeros(&forms[of]);
				put(zeros_at + chunk_size(zeros_at) - at * form->word,
				    last_at + 2 * form->word);
				assert_int_equal(try_read(), 0);
				assert_state(zeros_at, BLOCK_LIVE);
				assert_state(last_at, BLOCK_LIVE);
				assert_state(cached_at, BLOCK_CACHED);
				assert_null(block_of(cache_at));
				end();
			}
}

static void empty_cache(void)
{
	plat_addr counts = cache_at + 2 * form->word;
	size_t i;

	memset(memory + (counts - BASE), 0, cache_bytes());
	for (i = 0; form->nbins == 76 && i < 76; i++)
		memory[counts - BASE + i * 2] = 7;
}

static void check_empty_cache(bool was_free)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		make(i);
		if (form->tcache) {
			add_owner();
			add_zeros(form);
			empty_cache();
			if (was_free)
				put(cache_at + chunk_size(cache_at), chunk_size(cache_at));
			assert_int_equal(try_read(), 0);
			assert_state(zeros_at, BLOCK_LIVE);
			assert_state(cached_at, BLOCK_LIVE);
			assert_null(block_of(cache_at));
		}
		end();
	}
}

static void of_two_blocks_of_zeros_the_cache_was_made_first(void **state)
{
	(void)state;
	check_empty_cache(false);
}

/* A thread's cache may lie where an earlier thread's did; a free chunk has its size at its end. */
static void an_empty_cache_may_lie_where_a_chunk_was_free(void **state)
{
	(void)state;
	check_empty_cache(true);
}

/* The block of zeros becomes a cache with one block more. */
static void copy_cache(void)
{
	plat_addr counts = zeros_at + 2 * form->word;
	unsigned i = (unsigned)((chunk_size(live_at) - 4 * form->word) / form->align);

	memcpy(memory + (counts - BASE), memory + (cache_at + 2 * form->word - BASE),
	       cache_bytes());
	memory[counts - BASE + i * form->tcache] = form->nbins == 76 ? 6 : 1;
	put(counts + form->nbins * form->tcache + i * form->word, live_at + 2 * form->word);
}

/* What leads to no block is what a thread has that has not made its cache yet. */
static void a_cache_has_one_place_in_all_threads(void **state)
{
	struct thread *other;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		make(i);
		if (form->tcache) {
			add_owner();
			add_zeros(form);
			copy_cache();
			other = add_thread(&space, 2, "other");
			other->tls_start = TLS_END;
			other->tls_end = TLS_END + (TLS_END - TLS);
			put(TLS_END, last_at + 2 * form->word);
			put(TLS_END + form->word, PAR);
			assert_int_equal(try_read(), 0);
			assert_state(zeros_at, BLOCK_LIVE);
			assert_state(live_at, BLOCK_LIVE);
			assert_state(cached_at, BLOCK_CACHED);
		}
		end();
	}
}

/* Moves the free chunk from the unsorted bin into another. */
static void put_into_bin(unsigned i)
{
	unsigned word = form->word;

	put(bin(0), bin(0) - 2 * word);
	put(bin(0) + word, bin(0) - 2 * word);
	put(bin(i) + 0, free_at);
	put(bin(i) + word, free_at);
	put(free_at + 2 * word, bin(i) - 2 * word);
	put(free_at + 3 * word, bin(i) - 2 * word);
}

static void a_free_chunk_is_in_the_bin_that_its_ring_leads_to(void **state)
{
	plat_addr block;

	(void)state;
	make(FORM_236);
	block = free_at + 2 * form->word;
	put_into_bin(62);
	assert_int_equal(try_read(), 0);
	assert_shelf(heap, block, "small bin", 63);
	put_into_bin(63);
	assert_shelf(heap, block, "small bin", 63); /* what was read is remembered */
	assert_int_equal(heap_walk(heap, NULL), 0);
	assert_shelf(heap, block, "large bin", 64);
	put(free_at + 2 * form->word, free_at);
	assert_int_equal(heap_walk(heap, NULL), 0);
	assert_shelf(heap, block, NULL, NO_NUMBER); /* a ring without a bin */
	end();
}

static void a_block_with_a_mapping_has_its_size(void **state)
{
	const struct block *block;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		make(i);
		assert_int_equal(try_read(), 0);
		block = block_of(mapped_chunk());
		assert_non_null(block);
		assert_int_equal(block->state, BLOCK_LIVE);
		assert_int_equal(block->extent, END - MAPPED);
		assert_int_equal(block->address - block->before, MAPPED);
		assert_int_equal(block->size,
				 END - block->address - (form->nfast ? 0 : form->word));
		end();
	}
}

/* The first header of a block that was to be aligned still stands there. */
static void a_block_with_a_mapping_may_lie_beside_the_break(void **state)
{
	(void)state;
	make(FORM_236);
	space.regions[1].end = space.regions[2].end;
	space.nregions--;
	space.brk = END;
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(mapped_chunk()));
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	assert_sums();
	end();
}

static void an_aligned_mapped_block_is_where_its_padding_says(void **state)
{
	plat_addr chunk = MAPPED + PAGE - 16;

	(void)state;
	make(FORM_236);
	put(chunk, chunk - MAPPED);
	put(chunk + 8, (END - chunk) | 2);
	assert_int_equal(try_read(), 0);
	assert_null(block_of(MAPPED));
	assert_int_equal(block_of(chunk)->size, END - chunk - 16);
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	end();
}

static void trimming_gives_back_whole_pages_and_keeps_a_little_of_top(void **state)
{
	(void)state;
	make(FORM_236);
	assert_int_equal(try_read(), 0);
	assert_int_equal(nreturned, 2);
	assert_int_equal(returned_start[0], align_up(free_at + 48, PAGE));
	assert_int_equal(returned_end[0], align_down(free_at + FREE_PAGES * PAGE, PAGE));
	assert_int_equal(returned_end[1], MAPPED);
	assert_int_equal(returned_start[1], MAPPED - align_down(MAPPED - top_at - 32 - 1, PAGE));
	end();
}

static void a_header_written_over_hides_one_block(void **state)
{
	(void)state;
	make(FORM_236);
	memset(memory + (last_at + 8 - BASE), 'A', 8);
	/* A chain of few chunks is one where it ends on top. */
	assert_int_equal(try_read(), 0);
	assert_state(live_at, BLOCK_LIVE);
	assert_state(cached_at, BLOCK_CACHED);
	assert_true(heap->proofs.broken > 0);
	assert_non_null(strstr(heap->proofs.first, "no chunk begins"));
	assert_int_equal(heap->sums.unknown_bytes, top_at - last_at);
	assert_non_null(block_of(top_at));
	assert_sums();
	end();
}

static void a_size_that_lies_is_found_by_what_lies_in_it(void **state)
{
	uint64_t size;

	(void)state;
	make(FORM_236);
	size = chunk_size(live_at);
	put(live_at + 8, (size + 0x30) | 1);
	assert_int_equal(try_read(), 0);
	assert_true(heap->proofs.broken > 0);
	assert_null(block_of(live_at));
	assert_int_equal(heap->sums.unknown_bytes, size);
	assert_state(free_at, BLOCK_FREE);
	assert_state(last_at, BLOCK_LIVE);
	assert_sums();
	end();
}

static void a_free_chunk_of_two_sizes_is_unknown(void **state)
{
	(void)state;
	make(FORM_236);
	put(last_at, PAGE);
	assert_int_equal(try_read(), 0);
	assert_state(free_at, BLOCK_UNKNOWN);
	assert_state(last_at, BLOCK_LIVE);
	assert_int_equal(heap->proofs.broken, 1);
	assert_int_equal(count_proofs(PROOF_FAILS), 1); /* its bin */
	end();
}

/* One contradiction of an arena, and what is made of it. */
static void assert_no_damage(void)
{
	assert_int_equal(try_read(), 0);
	assert_state(free_at, BLOCK_UNKNOWN);
	assert_int_equal(heap->proofs.broken, 0);
	assert_true(heap->proofs.unsteady > 0);
	assert_non_null(strstr(heap->proofs.first_unsteady, "the size of a free chunk"));
	assert_int_equal(count_proofs(PROOF_FAILS), 0);
	end();
}

static void what_the_owner_of_a_lock_has_left_unfinished_is_no_damage(void **state)
{
	(void)state;
	make(FORM_236);
	put(last_at, PAGE);
	put_int(ARENA, 1);
	assert_no_damage();
}

static void more_than_a_call_can_leave_unfinished_is_damage(void **state)
{
	plat_addr at;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	for (at = free_at + 5 * 32; at < free_at + 10 * 32; at += 32) {
		put(at + 8, 32); /* chunks that are free by the next one */
		put(at, 0xbad);	 /* of another size */
	}
	put(at + 8, (last_at - at) | 1);
	put(at, 0xbad);
	put(free_at + 8, (5 * 32) | 1);
	assert_int_equal(try_read(), 0);
	assert_true(heap->proofs.broken > 4);
	assert_string_equal(heap->proofs.first_unsteady, "");
	end();
}

/* The block before the free chunk is cut, and its rest has no header yet; old ones stand there. */
static plat_addr make_cut(void)
{
	put(zeros_at + form->word, 0x41);
	return zeros_at + 0x40;
}

static void assert_cut(plat_addr rest, const char *words)
{
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->sums.unknown_bytes, free_at - rest);
	assert_state(free_at, BLOCK_FREE);
	assert_state(last_at, BLOCK_LIVE);
	assert_int_equal(heap->proofs.broken, 0);
	assert_non_null(strstr(heap->proofs.first_unsteady, words));
	assert_int_equal(count_proofs(PROOF_FAILS), 0);
	assert_sums();
	end();
}

static void an_old_header_does_not_lead_over_what_is_in_a_bin(void **state)
{
	plat_addr rest;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	rest = make_cut();
	put(rest + 8, (top_at - rest) | 1);
	assert_cut(rest, "a chunk lies over one that is in a bin");
}

static void a_chain_that_begins_again_does_not_lead_over_what_is_in_a_bin(void **state)
{
	plat_addr rest;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	rest = make_cut();
	put(rest + 0x40 + 8, (top_at - rest - 0x40) | 1);
	assert_cut(rest, "no chunk begins where one must");
}

/* The free chunk is cut: its rest is in the bin already, with a header of before. */
static plat_addr make_rest(uint32_t size)
{
	plat_addr rest = last_at - 0x60;

	put(bin(0), rest);
	put(bin(0) + 8, rest);
	put(rest + 8, size | 1);
	put(rest + 16, bin(0) - 16);
	put(rest + 24, bin(0) - 16);
	return rest;
}

/* It leads too far. */
static void what_is_in_a_bin_and_in_use_by_an_old_header_is_unknown(void **state)
{
	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	(void)make_rest((uint32_t)(top_at - last_at) + 0x60);
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->proofs.broken, 0);
	assert_int_equal(heap->sums.unknown_bytes, top_at - free_at);
	assert_state(zeros_at, BLOCK_LIVE);
	assert_sums();
	end();
}

/* An old header in the rest leads nowhere; what was cut has none of its new size yet, or has. */
static void behind_the_rest_of_a_free_chunk_that_is_cut_all_is_known(void **state)
{
	plat_addr rest;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		make(FORM_236);
		put_int(ARENA, 1);
		rest = make_rest(0x40);
		put(rest + 0x40 + 8, 0x31);
		if (i == 1)
			put(free_at + 8, (rest - free_at) | 1);
		assert_int_equal(try_read(), 0);
		assert_int_equal(heap->proofs.broken, 0);
		assert_int_equal(heap->sums.unknown_bytes, last_at - (i == 1 ? rest : free_at));
		assert_state(last_at, BLOCK_LIVE);
		assert_sums();
		end();
	}
}

/* Both lead to the free chunk. One of them is of before, and nobody knows which. */
static void between_two_chains_that_lead_to_one_place_all_is_unknown(void **state)
{
	plat_addr rest;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	rest = make_cut();
	put(rest + 0x20 + 8, (free_at - rest - 0x20) | 1);
	put(rest + 0x40 + 8, (free_at - rest - 0x40) | 1);
	assert_cut(rest, "no chunk begins where one must");
}

/* Behind what is damaged a chain cannot begin with a free chunk before it that is longer. */
static void a_chain_does_not_begin_behind_what_reaches_over_known_blocks(void **state)
{
	plat_addr rest;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	rest = make_cut();
	put(rest + 0x20, 0x820);
	put(rest + 0x20 + 8, free_at - rest - 0x20);
	assert_cut(rest, "no chunk begins where one must");
}

/* The other one begins so near that nothing has room in between. */
static void between_two_chains_that_begin_side_by_side_all_is_unknown(void **state)
{
	plat_addr rest;

	(void)state;
	make(FORM_236);
	put_int(ARENA, 1);
	rest = make_cut();
	put(rest + 0x20 + 8, 0x41);
	put(rest + 0x60 + 8, 0x31);
	put(rest + 0x70 + 8, 0x21);
	put(rest + 0x90 + 8, (free_at - rest - 0x90) | 1);
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->sums.unknown_bytes, 0x90);
	assert_state(rest + 0x90, BLOCK_LIVE);
	assert_sums();
	end();
}

static void make_scattered(void)
{
	make(FORM_236);
	put_int(ARENA, 1);
	put_int(ARENA + 4, 2); /* the break could not grow */
	space.regions[1].kind = KIND_ANON;
	space.brk = HEAP;
}

static void a_top_without_a_size_ends_where_a_block_with_a_mapping_begins(void **state)
{
	(void)state;
	make_scattered();
	space.regions[1].end = END;
	space.nregions--;
	put(top_at + 8, 1);
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(mapped_chunk()));
	assert_state(last_at, BLOCK_LIVE);
	assert_sums();
	end();
}

/* One at either end, so that they are not one run of what is too much. */
static void make_two_left(void)
{
	put(MAPPED + 8, 0x1000 | 2);
	put(END - 0x1000, 0);
	put(END - 0x1000 + 8, 0x1000 | 2);
}

/* What free could not give back, glibc does not count any more. */
static void a_part_of_a_huge_page_that_glibc_does_not_count_is_no_block(void **state)
{
	(void)state;
	make(FORM_236);
	put(PAR + 48, 2 << 20);
	space.regions[2].kind = KIND_HUGETLB;
	tell_mapped(0, 0);
	assert_int_equal(try_read(), 0);
	assert_null(block_of(mapped_chunk()));
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	make_two_left();
	assert_int_equal(try_read(), 0);
	assert_null(block_of(mapped_chunk()));
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	end();
}

/* Without brk nothing else leads to it. */
static void a_piece_whose_first_chunks_a_call_has_in_hand_is_found(void **state)
{
	(void)state;
	make_scattered();
	put(live_at + 8, 0);
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->proofs.broken, 0);
	assert_int_equal(heap->sums.unknown_bytes, fast_at - live_at);
	assert_state(free_at, BLOCK_FREE);
	assert_state(last_at, BLOCK_LIVE);
	assert_sums();
	end();
}

/* Its memory is two pieces, with a block's mapping in between; all of the first one is in use. */
#define FENCED_END (HEAP + 0x5000)
#define BETWEEN_END (HEAP + 0x6000)

static void make_two_pieces(void)
{
	const plat_addr fences = FENCED_END - 0x20, second = BETWEEN_END;

	make_scattered();
	put(bin(0), bin(0) - 16);
	put(bin(0) + 8, bin(0) - 16);
	put(last_at + 8, get(last_at + 8) | 1);
	put(top_at + 8, (fences - top_at) | 1);
	put(fences + 8, 0x11);
	put(fences + 24, 0x11);
	put(FENCED_END + 8, (BETWEEN_END - FENCED_END) | 2);
	tell_mapped(2, END - MAPPED + BETWEEN_END - FENCED_END);
	put(second + 8, 0x101);
	put(second + 0x108, (MAPPED - second - 0x100) | 1);
	put(ARENA + top_offset(), second + 0x100);
	put(bin(127) + 16 + 24, MAPPED - HEAP - (BETWEEN_END - FENCED_END));
}

static void assert_two_pieces(void)
{
	assert_int_equal(heap->proofs.broken, 0);
	assert_state(free_at, BLOCK_LIVE);
	assert_non_null(block_of(FENCED_END));
	assert_state(BETWEEN_END, BLOCK_LIVE);
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	assert_sums();
}

static void an_arena_in_pieces_is_read_whole(void **state)
{
	(void)state;
	make_two_pieces();
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->sums.unknown_bytes, 0);
	assert_two_pieces();
	end();
}

/* A block is freed: the next chunk tells already that it is free, and not yet how long it is. */
static void a_piece_with_nothing_in_bins_that_a_call_has_in_hand_is_found(void **state)
{
	(void)state;
	make_two_pieces();
	put(fast_at + 8, get(fast_at + 8) & ~UINT64_C(1));
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->sums.unknown_bytes, fast_at - live_at);
	assert_two_pieces();
	end();
}

static void what_a_call_has_in_hand_does_not_reach_over_fences(void **state)
{
	(void)state;
	make_two_pieces();
	put(top_at + 8, 0x41);
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->sums.unknown_bytes, FENCED_END - top_at - 0x40);
	assert_two_pieces();
	end();
}

/* A third piece is being made in between: top is there already, and has this size. */
static void make_third_piece(uint64_t size)
{
	make_two_pieces();
	put(ARENA + top_offset(), FENCED_END);
	put(FENCED_END + 8, size);
	tell_mapped(1, END - MAPPED);
	put(bin(127) + 16 + 24, MAPPED - HEAP);
}

static void a_piece_that_is_being_left_has_no_fences_yet(void **state)
{
	(void)state;
	make_third_piece(0);
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->proofs.broken, 0);
	assert_int_equal(heap->sums.unknown_bytes, MAPPED - BETWEEN_END - 0x100);
	assert_state(free_at, BLOCK_LIVE);
	assert_state(BETWEEN_END, BLOCK_LIVE);
	assert_non_null(block_of(mapped_chunk()));
	assert_sums();
	end();
}

/* Nor does it end behind a mapped chunk that stands in the middle of its page, to be aligned. */
static void a_piece_without_a_size_ends_before_an_aligned_chunk(void **state)
{
	(void)state;
	make_third_piece(0);
	put(BETWEEN_END + 8, 0);
	put(MAPPED + 8, 0);
	put(MAPPED - PAGE + 0x7f0, 0x7f0);
	put(MAPPED - PAGE + 0x7f8, (END - MAPPED + PAGE - 0x7f0) | 2);
	tell_mapped(1, END - MAPPED + PAGE);
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(MAPPED - PAGE + 0x7f0));
	end();
}

/* What was top is cut already; of its fences there is none, or the first. */
static void a_piece_that_gets_its_fences_is_there(void **state)
{
	const plat_addr fences = MAPPED - 0x20;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		make_third_piece(0x1001);
		put(BETWEEN_END + 0x108, (fences - BETWEEN_END - 0x100) | 1);
		if (i == 1)
			put(fences + 8, 0x11);
		assert_int_equal(try_read(), 0);
		assert_int_equal(heap->proofs.broken, 0);
		assert_int_equal(heap->sums.unknown_bytes, i == 1 ? 0x10 : 0x20);
		assert_state(BETWEEN_END, BLOCK_LIVE);
		assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
		assert_sums();
		end();
	}
}

/* One page each, in those of the eight that have a bit. */
static void make_mapped_pages(unsigned pages)
{
	plat_addr at = MAPPED;

	memset(memory + (MAPPED - BASE), 0, END - MAPPED);
	for (; pages; pages >>= 1, at += PAGE)
		if (pages & 1)
			put(at + 8, PAGE | 2);
}

static void assert_mapped_pages(unsigned pages)
{
	plat_addr at = MAPPED;

	assert_int_equal(try_read(), 0);
	for (; at < END; pages >>= 1, at += PAGE)
		assert_int_equal(block_of(at) != NULL, pages & 1);
}

/* Its memory is another one's already, whose header stands behind where the old size ends. */
static void a_mapped_chunk_that_gets_smaller_ends_before_an_aligned_one(void **state)
{
	const plat_addr aligned = MAPPED + 6 * PAGE - 16;

	(void)state;
	make(FORM_236);
	make_mapped_pages(0);
	put(MAPPED + 8, (4 * PAGE) | 2);
	put(aligned, 5 * PAGE - 16);
	put(aligned + 8, (2 * PAGE + 16) | 2);
	tell_mapped(2, END - MAPPED);
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(MAPPED));
	assert_non_null(block_of(aligned));
	assert_sums();
	end();
}

/* Somebody else's data, of which glibc knows nothing. */
static void chunks_amid_other_memory_that_are_just_too_much_are_none(void **state)
{
	(void)state;
	make(FORM_236);
	make_mapped_pages(0x9a);
	tell_mapped(1, PAGE);
	assert_mapped_pages(0x80);
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	end();
}

static void chunks_that_are_not_just_too_much_stay(void **state)
{
	(void)state;
	make(FORM_236);
	make_mapped_pages(0x9a);
	tell_mapped(2, PAGE);
	assert_mapped_pages(0x9a);
	end();
}

static void chunks_of_which_either_may_be_too_much_stay(void **state)
{
	(void)state;
	make(FORM_236);
	make_mapped_pages(0x8a);
	tell_mapped(2, 2 * PAGE);
	assert_mapped_pages(0x8a);
	end();
}

/* A mapping has a beginning or an end of its own. */
static void chunks_that_lie_beside_other_memory_stay(void **state)
{
	(void)state;
	make(FORM_236);
	make_mapped_pages(0x83);
	tell_mapped(1, PAGE);
	assert_mapped_pages(0x83);
	end();
}

/* It may have made the mapping, and is about to count it. */
static void chunks_that_a_call_may_have_in_hand_stay(void **state)
{
	(void)state;
	make(FORM_236);
	make_mapped_pages(0x82);
	tell_mapped(1, PAGE);
	add_thread(&space, 1, "alone")->state = 'R';
	assert_mapped_pages(0x82);
	end();
}

/* What glibc counts no more is no block, also where the arena is in pieces. */
static void a_left_part_of_a_huge_page_beside_pieces_is_no_block(void **state)
{
	(void)state;
	make_two_pieces();
	put(PAR + 48, 2 << 20);
	space.regions[2].kind = KIND_HUGETLB;
	tell_mapped(1, BETWEEN_END - FENCED_END);
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(FENCED_END));
	assert_null(block_of(mapped_chunk()));
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	make_two_left();
	assert_int_equal(try_read(), 0);
	assert_non_null(block_of(FENCED_END));
	assert_null(block_of(mapped_chunk()));
	assert_int_equal(count_proofs(PROOF_HOLDS), heap->proofs.n);
	end();
}

static void a_thread_that_runs_without_locks_may_be_in_a_call(void **state)
{
	(void)state;
	make(FORM_236);
	put(last_at, PAGE);
	add_thread(&space, 1, "alone")->state = 'R';
	assert_no_damage();
}

static void a_second_thread_would_hold_the_lock(void **state)
{
	(void)state;
	make(FORM_236);
	put(last_at, PAGE);
	add_thread(&space, 1, "one")->state = 'R';
	add_thread(&space, 2, "two")->state = 'R';
	assert_int_equal(try_read(), 0);
	assert_int_equal(heap->proofs.broken, 1);
	end();
}

static void a_link_that_leads_elsewhere_is_noticed(void **state)
{
	(void)state;
	make(FORM_236);
	put(free_at + 24, live_at);
	assert_int_equal(try_read(), 0);
	assert_state(free_at, BLOCK_FREE);
	assert_int_equal(count_proofs(PROOF_FAILS), 1);
	end();
}

/* Not when it has been followed as often as there can be chunks: each time costs memory. */
static void a_fast_bin_in_a_circle_ends(void **state)
{
	size_t i = 0;

	(void)state;
	make(FORM_236);
	put(fast_at + 16, mangled(fast_at + 16, fast_at));
	assert_int_equal(try_read(), 0);
	assert_true(heap->proofs.broken > 0);
	while (!strstr(heap->proofs.list[i].words, "fast bins"))
		assert_true(++i < heap->proofs.n);
	assert_int_equal(heap->proofs.list[i].told, 1);
	assert_state(live_at, BLOCK_LIVE);
	end();
}

/* Pages that cannot be read: in swap. */
static plat_addr gone_start, gone_end;

static int read_with_hole(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from < gone_end && gone_start < from + size)
		return -ENODATA;
	return reader_read(&array.reader, from, to, size);
}

static void what_cannot_be_read_is_unknown_and_the_rest_is_right(void **state)
{
	static struct reader holed = {.read = read_with_hole};
	static const struct heap_visitor visitor = {.block = take_block,
						    .states = (1u << NBLOCK_STATES) - 1};
	struct error err;

	(void)state;
	make(FORM_236);
	gone_start = align_down(last_at, PAGE);
	gone_end = gone_start + PAGE;
	forget_seen();
	assert_int_equal(ptmalloc_type.open(&space, &holed, &heap, &err), 0);
	assert_int_equal(heap_walk(heap, &visitor), 0);
	assert_true(heap->proofs.unreadable > 0);
	assert_state(live_at, BLOCK_LIVE);
	assert_true(heap->sums.unknown_bytes > 0);
	assert_sums();
	end();
}

/* From the second arena, where `next` would be if there were a word less before the bins. */
static void a_circle_beside_the_ring_of_arenas_hides_nothing(void **state)
{
	const plat_addr second = BASE + 0x1100;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		plat_addr next;

		make(i);
		next = bin(127) + 16 - ARENA;
		put(ARENA + next, second);
		put(second + next, ARENA);
		put(second + next - form->word, second);
		assert_int_equal(try_read(), 0);
		assert_int_equal(heap->narenas, 3);
		assert_state(live_at, BLOCK_LIVE);
		end();
	}
}

/*
 * A further arena of 32 bits, whose lock is held, in two heaps of 1 MiB. Each has one block, and
 * what was top.
 */

#define FURTHER UINT64_C(0x40200000)
#define SECOND UINT64_C(0x40500000)
#define GONE UINT64_C(0x40300000)
#define SECOND_FIRST 0x28 /* its first chunk */
#define FURTHER_ARENA 0x20

static unsigned char further[2][PAGE];

static int read_further(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	if (from >= FURTHER && from - FURTHER + size <= PAGE)
		memcpy(to, further[0] + (from - FURTHER), size);
	else if (from >= SECOND && from - SECOND + size <= PAGE)
		memcpy(to, further[1] + (from - SECOND), size);
	else
		return reader_read(&array.reader, from, to, size);
	return 0;
}

static void put_further(plat_addr at, uint64_t value)
{
	const uint32_t narrow = (uint32_t)value;

	memcpy(at < SECOND ? further[0] + (at - FURTHER) : further[1] + (at - SECOND), &narrow,
	       sizeof(narrow));
}

static plat_addr next_offset(void)
{
	return bin(127) + 16 - ARENA;
}

static plat_addr further_first(void)
{
	return FURTHER + align_up(FURTHER_ARENA + next_offset() + 5 * 4 + 8, 16) - 8;
}

/* Returns what was top. */
static plat_addr make_heap(plat_addr at, plat_addr before, plat_addr first)
{
	put_further(at, FURTHER + FURTHER_ARENA);
	put_further(at + 4, before);
	put_further(at + 8, PAGE);
	put_further(first + 4, 0x40 | 1);
	put_further(first + 0x40 + 4, (at + PAGE - first - 0x40) | 1);
	add_region(&space, at, at + PAGE, KIND_ANON, RW);
	return first + 0x40;
}

static void put_fences(plat_addr heap_at, plat_addr top)
{
	plat_addr end = heap_at + PAGE;

	put_further(top + 4, (end - 0x18 - top) | 1);
	put_further(end - 0x18 + 4, 8 | 1);
	put_further(end - 0x10 + 4, 1);
}

static void make_further(plat_addr top)
{
	plat_addr arena = FURTHER + FURTHER_ARENA;

	make(FORM_235_32);
	memset(further, 0, sizeof(further));
	put(ARENA + next_offset(), arena);
	put_further(arena, 1);
	put_further(arena + next_offset(), ARENA);
	put_further(arena + top_offset(), top);
}

static void read_it_further(void)
{
	static struct reader reader = {.read = read_further};
	static const struct heap_visitor visitor = {.block = take_block,
						    .states = (1u << NBLOCK_STATES) - 1};
	struct error err;

	forget_seen();
	assert_int_equal(ptmalloc_type.open(&space, &reader, &heap, &err), 0);
	assert_int_equal(heap_walk(heap, &visitor), 0);
	assert_non_null(block_of(further_first()));
	assert_non_null(block_of(SECOND + SECOND_FIRST));
	assert_int_equal(heap->proofs.broken, 0);
	assert_int_equal(heap->proofs.unreadable, 0);
}

/* What lies 2 MiB apart could be a heap of the same arena, but it does not reach to top. */
static void a_heap_that_was_given_back_says_nothing_of_how_far_they_are_apart(void **state)
{
	(void)state;
	make_further(GONE + 0x100);
	put_fences(FURTHER, make_heap(FURTHER, 0, further_first()));
	put_fences(SECOND, make_heap(SECOND, FURTHER, SECOND + SECOND_FIRST));
	read_it_further();
	assert_non_null(strstr(heap->proofs.first_unsteady, "impossible head"));
	end();
}

static void a_heap_that_is_being_left_has_no_fence_yet(void **state)
{
	plat_addr left;

	(void)state;
	make_further(SECOND + SECOND_FIRST + 0x40);
	left = make_heap(FURTHER, 0, further_first());
	make_heap(SECOND, FURTHER, SECOND + SECOND_FIRST);
	read_it_further();
	assert_non_null(strstr(heap->proofs.first_unsteady, "without a fence"));
	assert_int_equal(heap->sums.unknown_bytes, FURTHER + PAGE - left);
	end();
}

static void without_an_arena_there_is_no_heap(void **state)
{
	(void)state;
	make(FORM_236);
	memset(memory, 0, HEAP - BASE);
	assert_int_equal(try_read(), -ENOENT);
	end();
}

static void each_allocation_can_fail(void **state)
{
	size_t n;
	int r;

	(void)state;
	make(FORM_236);
	FOR_EACH_ALLOCATION(n)
	{
		r = try_read();
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		heap_close(heap);
		heap = NULL;
	}
	space_fini(&space);
}

/*
 * With a name as argument the images are written there: they are the fuzzer's corpus, in its
 * form.
 */

static void write_image(FILE *file)
{
	unsigned char flags = form->word == 4;
	size_t at = 0, length;

	fwrite(&flags, 1, 1, file);
	while (at < sizeof(memory)) {
		const uint16_t place = (uint16_t)at;
		unsigned char bytes;

		for (length = 0;
		     at + length < sizeof(memory) && memory[at + length] && length < 255;)
			length++;
		bytes = (unsigned char)length;
		if (length) {
			fwrite(&place, sizeof(place), 1, file);
			fwrite(&bytes, 1, 1, file);
			fwrite(memory + at, 1, length, file);
		}
		at += length ? length : 1;
	}
}

static int write_images(const char *folder)
{
	char path[512];
	unsigned i;
	FILE *file;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		make(i);
		space_fini(&space);
		snprintf(path, sizeof(path), "%s/%.4s-%u", folder, form->name, form->word * 8);
		file = fopen(path, "we");
		if (!file)
			return 1;
		write_image(file);
		fclose(file);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read),
		cmocka_unit_test(a_block_with_one_pointer_is_no_cache),
		cmocka_unit_test(of_two_blocks_of_zeros_the_cache_was_made_first),
		cmocka_unit_test(an_empty_cache_may_lie_where_a_chunk_was_free),
		cmocka_unit_test(a_cache_has_one_place_in_all_threads),
		cmocka_unit_test(a_free_chunk_is_in_the_bin_that_its_ring_leads_to),
		cmocka_unit_test(a_block_with_a_mapping_has_its_size),
		cmocka_unit_test(a_block_with_a_mapping_may_lie_beside_the_break),
		cmocka_unit_test(an_aligned_mapped_block_is_where_its_padding_says),
		cmocka_unit_test(trimming_gives_back_whole_pages_and_keeps_a_little_of_top),
		cmocka_unit_test(a_header_written_over_hides_one_block),
		cmocka_unit_test(a_size_that_lies_is_found_by_what_lies_in_it),
		cmocka_unit_test(a_free_chunk_of_two_sizes_is_unknown),
		cmocka_unit_test(what_the_owner_of_a_lock_has_left_unfinished_is_no_damage),
		cmocka_unit_test(more_than_a_call_can_leave_unfinished_is_damage),
		cmocka_unit_test(an_old_header_does_not_lead_over_what_is_in_a_bin),
		cmocka_unit_test(a_chain_that_begins_again_does_not_lead_over_what_is_in_a_bin),
		cmocka_unit_test(what_is_in_a_bin_and_in_use_by_an_old_header_is_unknown),
		cmocka_unit_test(behind_the_rest_of_a_free_chunk_that_is_cut_all_is_known),
		cmocka_unit_test(between_two_chains_that_lead_to_one_place_all_is_unknown),
		cmocka_unit_test(a_chain_does_not_begin_behind_what_reaches_over_known_blocks),
		cmocka_unit_test(between_two_chains_that_begin_side_by_side_all_is_unknown),
		cmocka_unit_test(a_top_without_a_size_ends_where_a_block_with_a_mapping_begins),
		cmocka_unit_test(a_part_of_a_huge_page_that_glibc_does_not_count_is_no_block),
		cmocka_unit_test(a_piece_whose_first_chunks_a_call_has_in_hand_is_found),
		cmocka_unit_test(an_arena_in_pieces_is_read_whole),
		cmocka_unit_test(a_piece_with_nothing_in_bins_that_a_call_has_in_hand_is_found),
		cmocka_unit_test(what_a_call_has_in_hand_does_not_reach_over_fences),
		cmocka_unit_test(a_piece_that_is_being_left_has_no_fences_yet),
		cmocka_unit_test(a_piece_that_gets_its_fences_is_there),
		cmocka_unit_test(a_piece_without_a_size_ends_before_an_aligned_chunk),
		cmocka_unit_test(a_mapped_chunk_that_gets_smaller_ends_before_an_aligned_one),
		cmocka_unit_test(chunks_amid_other_memory_that_are_just_too_much_are_none),
		cmocka_unit_test(chunks_that_are_not_just_too_much_stay),
		cmocka_unit_test(chunks_of_which_either_may_be_too_much_stay),
		cmocka_unit_test(chunks_that_lie_beside_other_memory_stay),
		cmocka_unit_test(chunks_that_a_call_may_have_in_hand_stay),
		cmocka_unit_test(a_left_part_of_a_huge_page_beside_pieces_is_no_block),
		cmocka_unit_test(a_thread_that_runs_without_locks_may_be_in_a_call),
		cmocka_unit_test(a_second_thread_would_hold_the_lock),
		cmocka_unit_test(a_link_that_leads_elsewhere_is_noticed),
		cmocka_unit_test(a_fast_bin_in_a_circle_ends),
		cmocka_unit_test(what_cannot_be_read_is_unknown_and_the_rest_is_right),
		cmocka_unit_test(a_circle_beside_the_ring_of_arenas_hides_nothing),
		cmocka_unit_test(a_heap_that_was_given_back_says_nothing_of_how_far_they_are_apart),
		cmocka_unit_test(a_heap_that_is_being_left_has_no_fence_yet),
		cmocka_unit_test(without_an_arena_there_is_no_heap),
		cmocka_unit_test(each_allocation_can_fail),
	};

	if (argc == 2)
		return write_images(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
