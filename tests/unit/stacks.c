/*
 * Thread stacks, found in a memory made by hand:
 *
 *     BASE  0      rw  the main thread's descriptor, beside a library
 *           1000   r   the library, and in 1800 the heads of glibc's lists
 *           2000   -   guard, and the stack of thread 101 up to 9000
 *           9000   -   guard, and the stack of thread 102 up to f000
 *          11000   rw  [stack]; below it nothing is mapped
 */
#include "space/stacks.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE UINT64_C(0x10000)
#define PAGES 18

/* Where glibc 2.36 on x86-64 keeps these; the code must find them by what they hold. */
#define GLIBC_TID 0x2d0
#define GLIBC_LIST (GLIBC_TID - 16)
#define GLIBC_BLOCK 0x690
#define HEADS 0x1800 /* used, user, cached: two words each */

#define MAIN 0x740
#define FIRST 0x8700
#define SECOND 0xe700

static struct array array;
static unsigned char memory[PAGES * 4096];

static void put(size_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

static void add_thread_at(int tid, size_t sp)
{
	struct thread *thread = add_thread(&space, tid, "");

	thread->is_main = tid == 100;
	thread->sp = BASE + sp;
}

static void add(size_t start, size_t end, unsigned rights, const char *name)
{
	add_mapping(&space, BASE + start, BASE + end, rights, name);
}

static int set_up(void **state)
{
	begin_space(state);
	memset(memory, 0, sizeof(memory));
	array = array_at(BASE, memory, sizeof(memory));
	space.process.bits = 64;
	add_thread_at(100, 0x11f00);
	add_thread_at(101, 0x7000);
	add_thread_at(102, 0xd000);
	space.threads_room = space.nthreads; /* one more has to move them */
	add(0, 0x1000, RW, NULL);
	add(0x1000, 0x2000, READ, "/lib/a");
	add(0x2000, 0x3000, 0, NULL);
	add(0x3000, 0x9000, RW, NULL);
	add(0x9000, 0xa000, 0, NULL);
	add(0xa000, 0xf000, RW, NULL);
	add(0x11000, 0x12000, RW, "[stack]");
	return 0;
}

static void find(void)
{
	assert_int_equal(stacks_find(&space, &array.reader), 0);
	check_space(&space);
}

static void assert_stack(size_t i, size_t guard, size_t start, size_t end)
{
	const struct thread *thread = &space.threads[i];

	assert_int_equal(thread->guard_start, BASE + guard);
	assert_int_equal(thread->stack_start, BASE + start);
	assert_int_equal(thread->stack_end, BASE + end);
}

/* glibc. */

static void put_glibc(size_t at, int tid, size_t block, size_t size)
{
	put(at, BASE + at);
	put(at + 16, BASE + at);
	put(at + GLIBC_TID, (unsigned)tid);
	if (size) {
		put(at + GLIBC_BLOCK, BASE + block);
		put(at + GLIBC_BLOCK + 8, size);
		put(at + GLIBC_BLOCK + 16, 0x1000);
	}
}

/* Links nodes into a ring; 0 ends the row. */
static void link_ring(const size_t *nodes)
{
	size_t i;

	for (i = 0; nodes[i]; i++) {
		size_t next = nodes[i + 1] ? nodes[i + 1] : nodes[0];

		put(nodes[i], BASE + next);
		put(next + 8, BASE + nodes[i]);
	}
}

static void link_lists(const size_t *used, const size_t *user, const size_t *cached)
{
	link_ring(used);
	link_ring(user);
	link_ring(cached);
}

static const size_t just_user[] = {HEADS + 16, 0}, just_cached[] = {HEADS + 32, 0};

static void put_glibc_process(void)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, SECOND + GLIBC_LIST, 0};

	put_glibc(MAIN, 100, 0, 0);
	put_glibc(FIRST, 101, 0x2000, 0x7000);
	put_glibc(SECOND, 102, 0x9000, 0x6000);
	link_lists(used, (const size_t[]){HEADS + 16, MAIN + GLIBC_LIST, 0}, just_cached);
}

static void glibc_says_where_the_stacks_of_its_threads_lie(void **state)
{
	(void)state;
	put_glibc_process();
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
	assert_int_equal(space.threads[1].descriptor, BASE + FIRST);
}

/* By pthread_attr_setstack: the C library was told of the stack alone. */
static void a_guard_that_the_program_made_is_a_guard(void **state)
{
	(void)state;
	put_glibc_process();
	put(FIRST + GLIBC_BLOCK, BASE + 0x3000);
	put(FIRST + GLIBC_BLOCK + 8, 0x6000);
	put(FIRST + GLIBC_BLOCK + 16, 0);
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

static void the_descriptor_and_static_tls_are_tls(void **state)
{
	(void)state;
	put_glibc_process();
	find();
	assert_int_equal(space.threads[1].tls_start, BASE + FIRST);
	assert_int_equal(space.threads[1].tls_end, BASE + 0x9000);
}

/* dtv[-1].counter, then pairs from dtv[1] on. */
static void static_tls_begins_at_the_lowest_block_of_the_vector(void **state)
{
	(void)state;
	put_glibc_process();
	put(FIRST + 8, BASE + 0x1010);
	put(0x1000, 3);
	put(0x1020, BASE + FIRST - 0x80);
	put(0x1030, BASE + FIRST - 0x300);
	put(0x1040, UINT64_MAX); /* not yet made: TLS_DTV_UNALLOCATED */
	find();
	assert_int_equal(space.threads[1].tls_start, BASE + FIRST - 0x300);
}

static void a_block_of_tls_outside_the_stack_is_not_believed(void **state)
{
	(void)state;
	put_glibc_process();
	put(FIRST + 8, BASE + 0x1010);
	put(0x1000, 1);
	put(0x1020, BASE + 0x100);
	find();
	assert_int_equal(space.threads[1].tls_start, BASE + FIRST);
}

static void the_main_threads_descriptor_is_found_beside_a_library(void **state)
{
	(void)state;
	put_glibc_process();
	find();
	assert_int_equal(space.threads[0].descriptor, BASE + MAIN);
	assert_stack(0, 0x11000, 0x11000, 0x12000);
	assert_int_equal(space.threads[0].tls_start, BASE + MAIN);
}

/* It was running: the kernel did not say where its stack is. */
static void a_thread_without_stack_pointer_is_found_in_the_list(void **state)
{
	(void)state;
	put_glibc_process();
	space.threads[2].sp = UNKNOWN;
	find();
	assert_stack(2, 0x9000, 0xa000, 0xf000);
}

/* They stand on signal stacks, or in the middle of blocks. */
static void the_main_thread_leads_to_the_stacks_of_others(void **state)
{
	(void)state;
	put_glibc_process();
	space.threads[1].sp = space.threads[2].sp = UNKNOWN;
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
}

static void a_process_in_a_container_is_asked_by_its_own_numbers(void **state)
{
	(void)state;
	put_glibc_process();
	space.threads[1].tid = 9001;
	space.threads[2].tid = 9002;
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
}

/* glibc keeps the stacks of threads that have ended for later ones. */
static void stacks_that_are_kept_are_shown(void **state)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, 0};
	static const size_t cached[] = {HEADS + 32, SECOND + GLIBC_LIST, 0};

	(void)state;
	put_glibc(FIRST, 101, 0x2000, 0x7000);
	put_glibc(SECOND, 0, 0x9000, 0x6000);
	link_lists(used, just_user, cached);
	space.nthreads = 2;
	find();
	assert_int_equal(space.nthreads, 3);
	assert_int_equal(space.threads[2].tid, 0);
	assert_int_equal(space.threads[2].sp, UNKNOWN);
	assert_non_null(space.threads[2].sp_why);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
}

static void descriptors_of_32_bits_have_short_words(void **state)
{
	static const uint32_t at = 0x8b40;
	uint32_t self = (uint32_t)(BASE + at), head = (uint32_t)(BASE + HEADS);
	uint32_t node = self + 0x60, tid = 101, block[] = {(uint32_t)BASE + 0x2000, 0x7000, 0x1000};

	(void)state;
	memcpy(memory + at, &self, 4);
	memcpy(memory + at + 8, &self, 4);
	memcpy(memory + at + 0x60, &head, 4);
	memcpy(memory + at + 0x64, &head, 4);
	memcpy(memory + at + 0x68, &tid, 4);
	memcpy(memory + at + 0x200, block, sizeof(block));
	memcpy(memory + HEADS, &node, 4);
	memcpy(memory + HEADS + 4, &node, 4);
	space.process.bits = 32;
	find();
	assert_int_equal(space.threads[1].descriptor, BASE + at);
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

/* musl. */

static void put_musl(size_t at, int tid, size_t prev, size_t next, size_t map, size_t top)
{
	put(at, BASE + at);
	put(at + 16, BASE + prev);
	put(at + 24, BASE + next);
	put(at + 0x30, (unsigned)tid);
	if (map) {
		put(at + 0x48, BASE + map);
		put(at + 0x50, top + 0x1000 - (top & 0xfff) - map);
		put(at + 0x58, BASE + top);
		put(at + 0x60, top - map - 0x1000);
	}
}

static void put_musl_process(void)
{
	put_musl(MAIN, 100, SECOND, FIRST, 0, 0);
	put_musl(FIRST, 101, MAIN, SECOND, 0x2000, 0x8400);
	put_musl(SECOND, 102, FIRST, MAIN, 0x9000, 0xe400);
}

static void musl_says_where_the_stacks_of_its_threads_lie(void **state)
{
	(void)state;
	put_musl_process();
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
	assert_int_equal(space.threads[1].tls_start, BASE + 0x8400);
	assert_int_equal(space.threads[1].tls_end, BASE + 0x9000);
	assert_int_equal(space.threads[0].descriptor, BASE + MAIN);
}

static void musls_ring_leads_to_threads_without_stack_pointer(void **state)
{
	(void)state;
	put_musl_process();
	space.threads[2].sp = UNKNOWN;
	find();
	assert_stack(2, 0x9000, 0xa000, 0xf000);
}

static void musls_descriptors_have_any_alignment(void **state)
{
	(void)state;
	put_musl(FIRST + 8, 101, SECOND, SECOND, 0x2000, 0x8400);
	put_musl(SECOND, 102, FIRST + 8, FIRST + 8, 0x9000, 0xe400);
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

/* Thread 101 stands on memory of the program's own, in the middle of its mapping. */
static void put_own_musl_stack(size_t at, size_t map, size_t size, size_t top, size_t stack)
{
	put_musl(MAIN, 100, at, at, 0, 0);
	put_musl(at, 101, MAIN, MAIN, 0, 0);
	put(at + 0x48, map ? BASE + map : 0);
	put(at + 0x50, size);
	put(at + 0x58, BASE + top);
	put(at + 0x60, stack);
}

static void musl_says_where_a_stack_of_the_programs_own_lies(void **state)
{
	(void)state;
	put_own_musl_stack(FIRST, 0, 0x4000, 0x8400, 0x3400);
	find();
	assert_stack(1, 0x5000, 0x5000, 0x9000);
	assert_int_equal(space.threads[1].tls_start, BASE + 0x8400);
	assert_int_equal(space.threads[1].tls_end, BASE + 0x9000);
	assert_false(space.threads[1].is_whole_mapping);
}

static void tls_of_a_thread_on_a_stack_of_the_programs_own_can_lie_apart(void **state)
{
	(void)state;
	put_own_musl_stack(0xb740, 0xb000, 0x1000, 0x8000, 0x3000);
	find();
	assert_stack(1, 0x5000, 0x5000, 0x8000);
	assert_int_equal(space.threads[1].tls_end, BASE + 0xc000);
}

static void a_stack_of_the_programs_own_that_its_thread_is_not_on_is_not_believed(void **state)
{
	(void)state;
	put_own_musl_stack(0xb740, 0xb000, 0x1000, 0x6000, 0x3000);
	find();
	assert_int_equal(space.threads[1].descriptor, BASE + 0xb740);
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_true(space.threads[1].is_whole_mapping);
}

/* Without a C library that we know. */

static void a_main_stack_that_was_cut_is_one_stack(void **state)
{
	(void)state;
	space.nregions = space.nmappings = 0;
	add(0xf000, 0x10000, RW, NULL);
	add(0x10000, 0x11000, 0, NULL); /* mprotect() took the rights from its middle */
	add(0x11000, 0x12000, RW, "[stack]");
	find();
	assert_stack(0, 0xf000, 0xf000, 0x12000);
}

static void a_thread_of_its_own_kind_stands_on_its_mapping(void **state)
{
	(void)state;
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
	assert_stack(2, 0x9000, 0xa000, 0xf000);
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
	assert_int_equal(space.threads[1].tls_end, 0);
}

/* Named by prctl(), or by a kernel before Linux 4.5. */
static void a_stack_with_a_name_is_a_stack(void **state)
{
	static const char *const names[] = {"[anon:stack_and_tls:101]", "[stack:101]"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		space.nregions = space.nmappings = 0;
		space.threads[1].stack_start = space.threads[1].stack_end = 0;
		add(0x2000, 0x3000, 0, "[anon:guard]");
		add(0x3000, 0x9000, RW, names[i]);
		find();
		assert_stack(1, 0x2000, 0x3000, 0x9000);
	}
}

static void two_threads_on_one_mapping_are_not_told_apart(void **state)
{
	(void)state;
	space.threads[2].sp = BASE + 0x5000;
	find();
	assert_int_equal(space.threads[1].stack_end, 0);
	assert_int_equal(space.threads[2].stack_end, 0);
}

static void a_stack_pointer_into_the_heap_or_a_file_makes_no_stack(void **state)
{
	(void)state;
	space.start_brk = BASE + 0x3000;
	space.threads[2].sp = BASE + 0x1100;
	find();
	assert_int_equal(space.threads[1].stack_end, 0);
	assert_int_equal(space.threads[2].stack_end, 0);
}

static void without_memory_the_mappings_tell_what_they_can(void **state)
{
	(void)state;
	assert_int_equal(stacks_find(&space, NULL), 0);
	assert_stack(0, 0x11000, 0x11000, 0x12000);
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

static void without_threads_there_is_nothing_to_find(void **state)
{
	(void)state;
	space.nthreads = 0;
	find();
	assert_int_equal(space.nthreads, 0);
}

/* Hostile memory. */

static void a_list_that_runs_in_circles_ends(void **state)
{
	static const size_t ring[] = {FIRST + GLIBC_LIST, SECOND + GLIBC_LIST, 0};

	(void)state;
	put_glibc(FIRST, 101, 0x2000, 0x7000);
	put_glibc(SECOND, 0, 0x9000, 0x6000);
	link_ring(ring);
	space.nthreads = 2;
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

static void a_list_that_leads_nowhere_ends(void **state)
{
	(void)state;
	put_glibc_process();
	put(SECOND + GLIBC_LIST, UINT64_MAX - 7);
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

static void a_list_that_only_leads_forward_is_not_believed(void **state)
{
	(void)state;
	put_glibc_process();
	put(HEADS + 8, 0);
	put(FIRST + GLIBC_LIST + 8, 0);
	put(SECOND + GLIBC_LIST + 8, 0);
	find();
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
}

static void a_ring_that_only_leads_forward_is_not_believed(void **state)
{
	(void)state;
	put_musl_process();
	put(MAIN + 16, 0);
	put(SECOND + 16, 0);
	find();
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
}

static void a_descriptor_with_another_threads_number_is_not_taken(void **state)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, 0};

	(void)state;
	put_glibc(FIRST, 555, 0x2000, 0x7000);
	link_lists(used, just_user, just_cached);
	find();
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
}

static void a_block_that_does_not_hold_the_descriptor_is_no_stack(void **state)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, 0};

	(void)state;
	put_glibc(FIRST, 101, 0x2000, 0x1000);
	link_lists(used, just_user, just_cached);
	find();
	assert_int_equal(space.threads[1].descriptor, BASE + FIRST);
	assert_stack(1, 0x2000, 0x3000, 0x9000); /* as the mapping says */
}

static void a_block_that_wraps_is_no_stack(void **state)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, 0};

	(void)state;
	put_glibc(FIRST, 101, 0x2000, (size_t)-0x1000);
	link_lists(used, just_user, just_cached);
	find();
	assert_stack(1, 0x2000, 0x3000, 0x9000);
}

/* Each word is its own address: every place looks a little like a descriptor. */
static void a_memory_of_self_references_finds_nothing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(memory); i += 8)
		put(i, BASE + i);
	find();
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
}

static void a_descriptor_at_the_end_of_its_mapping_is_not_read_beyond(void **state)
{
	(void)state;
	put_glibc(0x9000 - 0x48, 101, 0, 0);
	put_musl(0xf000 - 0x88, 102, 0xf000 - 0x88, 0xf000 - 0x88, 0, 0);
	array.size = 0xf000;
	find();
	assert_int_equal(space.threads[1].descriptor, UNKNOWN);
	assert_int_equal(space.threads[2].descriptor, BASE + 0xf000 - 0x88);
}

/* Use. */

static void use_is_counted_from_where_the_stack_began(void **state)
{
	(void)state;
	put_glibc_process();
	find();
	assert_int_equal(stack_used(&space, &space.threads[1]), FIRST - 0x7000);
	space.threads[1].deepest = BASE + 0x5000;
	assert_int_equal(stack_high_water(&space, &space.threads[1]), FIRST - 0x5000);
}

static void use_of_the_main_stack_does_not_count_its_arguments(void **state)
{
	(void)state;
	space.process.start_stack = BASE + 0x11f80;
	find();
	assert_int_equal(stack_used(&space, &space.threads[0]), 0x80);
}

static void use_of_another_stack_is_unknown(void **state)
{
	(void)state;
	put_glibc_process();
	find();
	space.threads[1].sp = BASE + 0xb000; /* an alternate stack for signals */
	assert_int_equal(stack_used(&space, &space.threads[1]), UNKNOWN);
	assert_int_equal(stack_high_water(&space, &space.threads[1]), UNKNOWN);
}

static void each_allocation_may_fail(void **state)
{
	static const size_t used[] = {HEADS, FIRST + GLIBC_LIST, 0};
	static const size_t cached[] = {HEADS + 32, SECOND + GLIBC_LIST, 0};
	size_t n;

	(void)state;
	put_glibc(FIRST, 101, 0x2000, 0x7000);
	put_glibc(SECOND, 0, 0x9000, 0x6000);
	link_lists(used, just_user, cached);
	FOR_EACH_ALLOCATION(n)
	{
		struct thread *threads = calloc(2, sizeof(*threads));
		int r = -ENOMEM;

		if (threads) {
			free(space.threads);
			memcpy(threads, (struct thread[2]){{0}}, sizeof(struct thread[2]));
			space.threads = threads;
			space.threads_room = 2;
			space.nthreads = 0;
			add_thread_at(100, 0x11f00);
			add_thread_at(101, 0x7000);
			r = stacks_find(&space, &array.reader);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_true(r < 0 || space.nthreads == 3);
	}
	assert_int_equal(n, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(glibc_says_where_the_stacks_of_its_threads_lie),
		TEST(a_guard_that_the_program_made_is_a_guard),
		TEST(the_descriptor_and_static_tls_are_tls),
		TEST(static_tls_begins_at_the_lowest_block_of_the_vector),
		TEST(a_block_of_tls_outside_the_stack_is_not_believed),
		TEST(the_main_threads_descriptor_is_found_beside_a_library),
		TEST(a_thread_without_stack_pointer_is_found_in_the_list),
		TEST(the_main_thread_leads_to_the_stacks_of_others),
		TEST(a_process_in_a_container_is_asked_by_its_own_numbers),
		TEST(stacks_that_are_kept_are_shown),
		TEST(descriptors_of_32_bits_have_short_words),
		TEST(musl_says_where_the_stacks_of_its_threads_lie),
		TEST(musls_ring_leads_to_threads_without_stack_pointer),
		TEST(musls_descriptors_have_any_alignment),
		TEST(a_main_stack_that_was_cut_is_one_stack),
		TEST(musl_says_where_a_stack_of_the_programs_own_lies),
		TEST(tls_of_a_thread_on_a_stack_of_the_programs_own_can_lie_apart),
		TEST(a_stack_of_the_programs_own_that_its_thread_is_not_on_is_not_believed),
		TEST(a_thread_of_its_own_kind_stands_on_its_mapping),
		TEST(a_stack_with_a_name_is_a_stack),
		TEST(two_threads_on_one_mapping_are_not_told_apart),
		TEST(a_stack_pointer_into_the_heap_or_a_file_makes_no_stack),
		TEST(without_memory_the_mappings_tell_what_they_can),
		TEST(without_threads_there_is_nothing_to_find),
		TEST(a_list_that_runs_in_circles_ends),
		TEST(a_list_that_leads_nowhere_ends),
		TEST(a_list_that_only_leads_forward_is_not_believed),
		TEST(a_ring_that_only_leads_forward_is_not_believed),
		TEST(a_descriptor_with_another_threads_number_is_not_taken),
		TEST(a_block_that_does_not_hold_the_descriptor_is_no_stack),
		TEST(a_block_that_wraps_is_no_stack),
		TEST(a_memory_of_self_references_finds_nothing),
		TEST(a_descriptor_at_the_end_of_its_mapping_is_not_read_beyond),
		TEST(use_is_counted_from_where_the_stack_began),
		TEST(use_of_the_main_stack_does_not_count_its_arguments),
		TEST(use_of_another_stack_is_unknown),
		TEST(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
