#include "heap/roots.h"

#include "unit.h"

#include "fixture.h"

#include <string.h>

#define DATA UINT64_C(0x400000)
#define HEAP UINT64_C(0x500000)
#define MAPPED UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffd00000000)

/* Memory from MAPPED on, in which descriptors and signal stacks lie. */
static uint64_t memory[4096];
static struct array array;
static struct ranges claimed;
static struct block_index index_of_blocks;
static struct roots roots;

static void add_region(plat_addr start, uint64_t size, enum kind kind, unsigned rights)
{
	assert_int_equal(space_add_mapping(&space, start, start + size, rights, 0, NO_FILE), 0);
	space.regions[space.nregions - 1].kind = (uint8_t)kind;
}

static struct thread *add_thread(int tid)
{
	static struct thread threads[4];

	space.threads = threads;
	threads[space.nthreads] = (struct thread){
		.tid = tid, .inner_tid = tid, .sp = UNKNOWN, .descriptor = UNKNOWN, .state = 't'};
	return &threads[space.nthreads++];
}

static int begin(void **state)
{
	assert_int_equal(begin_space(state), 0);
	memset(memory, 0, sizeof(memory));
	array = array_at(MAPPED, memory, sizeof(memory));
	add_region(DATA, 16 * KIB, KIND_DATA, RW);
	add_region(HEAP, 64 * KIB, KIND_HEAP, RW);
	add_region(MAPPED, sizeof(memory), KIND_ANON, RW);
	add_region(STACK, 64 * KIB, KIND_STACK, RW);
	return 0;
}

static int end(void **state)
{
	space.threads = NULL;
	space.nthreads = 0;
	roots_fini(&roots);
	block_index_fini(&index_of_blocks);
	ranges_fini(&claimed);
	return end_space(state);
}

static void make(const struct root_registers *registers, size_t n, struct mangle mangle)
{
	const struct roots_input input = {
		.space = &space,
		.reader = &array.reader,
		.claimed = &claimed,
		.index = &index_of_blocks,
		.registers = registers,
		.nregisters = n,
		.mangle = mangle,
	};

	assert_int_equal(ranges_sort(&claimed), 0);
	assert_int_equal(roots_make(&input, &roots), 0);
}

static void add_block(plat_addr address, uint64_t size)
{
	struct blocks blocks;

	assert_int_equal(blocks_init(&blocks, 8), 0);
	assert_int_equal(blocks_add(&blocks, address, size, BLOCK_LIVE), 0);
	assert_int_equal(blocks_finish(&blocks, &index_of_blocks), 0);
	blocks_fini(&blocks);
}

static const struct root *find(enum root_kind kind, plat_addr start, plat_addr end)
{
	size_t i;

	for (i = 0; i < roots.n; i++)
		if (roots.list[i].kind == kind && !roots.list[i].is_word &&
		    roots.list[i].start == start && roots.list[i].end == end)
			return &roots.list[i];
	return NULL;
}

static const struct root_origin *origin_of_word(uint64_t word)
{
	size_t i;

	for (i = 0; i < roots.n; i++)
		if (roots.list[i].is_word && roots.list[i].word == word)
			return &roots.origins[roots.list[i].owner];
	return NULL;
}

/* Bytes of roots, words apart, that lie in a range. */
static uint64_t bytes_in(plat_addr start, plat_addr end)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < roots.n; i++)
		if (!roots.list[i].is_word)
			sum += overlap(roots.list[i].start, roots.list[i].end, start, end);
	return sum;
}

/* A thread in the main stack, as far as its stack pointer. */
static struct thread *add_main(plat_addr sp)
{
	struct thread *thread = add_thread(1);

	thread->is_main = true;
	thread->sp = sp;
	thread->stack_start = STACK;
	thread->stack_end = STACK + 64 * KIB;
	return thread;
}

/* glibc's descriptor in the array; returns where. */
static plat_addr put_descriptor(size_t word, uint64_t guard)
{
	plat_addr at = MAPPED + word * 8;

	memory[word] = memory[word + 2] = at;
	memory[word + 1] = HEAP + 16 + 0x110;
	memory[word + 6] = guard;
	return at;
}

static void what_allocators_hold_is_no_root(void **state)
{
	(void)state;
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	ranges_add(&claimed, DATA + 4096, DATA + 4096 + 2048);
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_GLOBAL, DATA, DATA + 4096));
	assert_non_null(find(ROOT_GLOBAL, DATA + 4096 + 2048, DATA + 16 * KIB));
	assert_int_equal(bytes_in(HEAP, HEAP + 64 * KIB), 0);
	assert_non_null(find(ROOT_UNCLAIMED, MAPPED, MAPPED + sizeof(memory)));
}

static void a_stack_counts_from_the_red_zone_on(void **state)
{
	const struct root *root;

	(void)state;
	add_main(STACK + 32 * KIB);
	make(NULL, 0, MANGLE_NONE);
	root = find(ROOT_STACK, STACK + 32 * KIB - 128, STACK + 64 * KIB);
	assert_non_null(root);
	assert_int_equal(roots.origins[root->owner].thread, 0);
	assert_int_equal(bytes_in(STACK, STACK + 64 * KIB), 32 * KIB + 128);
}

static void without_a_stack_pointer_all_of_a_stack_counts_and_it_says_so(void **state)
{
	(void)state;
	add_main(UNKNOWN);
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, STACK, STACK + 64 * KIB));
	assert_int_equal(roots.nwhys, 2);
	assert_non_null(strstr(roots.whys[0].text, "registers of 1 of 1 threads"));
	assert_non_null(strstr(roots.whys[1].text, "stack pointers of 1 of 1 threads"));
}

static void a_stack_in_a_block_is_a_root(void **state)
{
	struct thread *thread;

	(void)state;
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	add_main(STACK + 32 * KIB);
	thread = add_thread(2);
	thread->stack_start = HEAP + 4 * KIB;
	thread->stack_end = HEAP + 20 * KIB;
	thread->sp = HEAP + 8 * KIB;
	add_block(HEAP + 4 * KIB, 16 * KIB);
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, HEAP + 8 * KIB - 128, HEAP + 20 * KIB));
	assert_int_equal(bytes_in(HEAP, HEAP + 64 * KIB), 12 * KIB + 128);
}

/* Only the stack pointer tells of it, and it is taken to be all of a mapping. */
static void a_stack_that_is_guessed_takes_nothing_from_others(void **state)
{
	struct thread *thread;

	(void)state;
	ranges_add(&claimed, MAPPED + 16 * KIB, MAPPED + 20 * KIB);
	add_main(STACK + 32 * KIB);
	thread = add_thread(2);
	thread->is_whole_mapping = true;
	thread->stack_start = MAPPED;
	thread->stack_end = MAPPED + sizeof(memory);
	thread->sp = MAPPED + 8 * KIB;
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, MAPPED + 8 * KIB - 128, MAPPED + 16 * KIB));
	assert_non_null(find(ROOT_STACK, MAPPED + 20 * KIB, MAPPED + sizeof(memory)));
	assert_non_null(find(ROOT_UNCLAIMED, MAPPED, MAPPED + 8 * KIB - 128));
}

static void registers_count_where_they_lead_into_a_heap(void **state)
{
	const uint64_t words[] = {HEAP + 16, 7, HEAP + 32, STACK};
	const struct root_registers registers = {.tid = 1,
						 .sp = STACK + 48 * KIB,
						 .bytes = (const unsigned char *)words,
						 .general = 16,
						 .size = sizeof(words)};

	(void)state;
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	add_main(STACK + 32 * KIB);
	make(&registers, 1, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, STACK + 48 * KIB - 128, STACK + 64 * KIB));
	assert_int_equal(roots.nwhys, 0);
	assert_non_null(origin_of_word(HEAP + 16));
	assert_false(origin_of_word(HEAP + 16)->is_vector);
	assert_true(origin_of_word(HEAP + 32)->is_vector);
	assert_int_equal(origin_of_word(HEAP + 32)->place, 16);
	assert_null(origin_of_word(7));
	assert_null(origin_of_word(STACK));
}

static void a_mangled_register_is_undone(void **state)
{
	const struct mangle mangle = {8, UINT64_C(0x1234567890abcdef)};
	const uint64_t word = mangle_do(&mangle, HEAP + 16);
	const struct root_registers registers = {.tid = 1,
						 .sp = UNKNOWN,
						 .bytes = (const unsigned char *)&word,
						 .general = 8,
						 .size = 8};

	(void)state;
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	add_main(STACK + 32 * KIB);
	make(&registers, 1, mangle);
	assert_non_null(origin_of_word(HEAP + 16));
	assert_true(origin_of_word(HEAP + 16)->is_mangled);
}

static void tls_and_what_its_vector_begins_with_are_roots(void **state)
{
	struct thread *thread;

	(void)state;
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	thread = add_main(STACK + 32 * KIB);
	thread->descriptor = put_descriptor(100, 99);
	thread->tls_start = thread->descriptor - 256;
	thread->tls_end = thread->descriptor + 512;
	make(NULL, 0, (struct mangle){8, 99});
	assert_non_null(find(ROOT_TLS, thread->tls_start, thread->tls_end));
	assert_non_null(origin_of_word(HEAP + 0x110));
	assert_int_equal(bytes_in(MAPPED, MAPPED + sizeof(memory)), sizeof(memory));
}

static void the_vector_of_32_bits_is_a_root_as_well(void **state)
{
	static uint32_t low[1024];
	const plat_addr start = UINT64_C(0x70000000), at = start + 100 * 4;
	struct thread *thread;

	(void)state;
	space.process.bits = 32;
	array = array_at(start, low, sizeof(low));
	ranges_add(&claimed, HEAP, HEAP + 64 * KIB);
	thread = add_main(STACK + 32 * KIB);
	thread->descriptor = at;
	thread->tls_start = at - 128;
	thread->tls_end = at + 256;
	low[100] = low[102] = (uint32_t)at;
	low[101] = (uint32_t)HEAP + 8 + 0x110;
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(origin_of_word(HEAP + 0x110));
	/* musl's: the only thread is before and behind itself, and its vector is in no block. */
	roots_fini(&roots);
	low[103] = (uint32_t)at;
	make(NULL, 0, MANGLE_NONE);
	assert_null(origin_of_word(HEAP + 0x110));
}

static void of_a_kept_stack_only_the_descriptor_counts(void **state)
{
	struct thread *thread;

	(void)state;
	add_main(STACK + 32 * KIB);
	thread = add_thread(0);
	thread->stack_start = MAPPED;
	thread->stack_end = MAPPED + 8 * KIB;
	thread->descriptor = MAPPED + 7 * KIB;
	thread->tls_start = MAPPED + 6 * KIB;
	thread->tls_end = MAPPED + 8 * KIB;
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_TLS, MAPPED + 7 * KIB, MAPPED + 8 * KIB));
	assert_int_equal(bytes_in(MAPPED, MAPPED + 8 * KIB), KIB);
}

static void a_first_thread_that_has_ended_has_no_stack(void **state)
{
	(void)state;
	add_main(UNKNOWN)->state = 'Z';
	make(NULL, 0, MANGLE_NONE);
	assert_int_equal(bytes_in(STACK, STACK + 64 * KIB), 0);
}

/* The frame of a signal, as the kernel writes it behind the handler's own. */
static void put_frame(size_t word, plat_addr sp)
{
	memory[word] = MAPPED + 4 * KIB;
	memory[word + 2] = 8 * KIB;
	memory[word + 3 + 15] = sp;
}

static void on_a_signal_stack_the_frame_tells_where_the_thread_was(void **state)
{
	const struct root *root;

	(void)state;
	add_main(MAPPED + 8 * KIB);
	put_frame(1200, STACK + 40 * KIB);
	make(NULL, 0, MANGLE_NONE);
	root = find(ROOT_STACK, MAPPED + 8 * KIB - 128, MAPPED + 12 * KIB);
	assert_non_null(root);
	assert_true(roots.origins[root->owner].is_signal_stack);
	assert_non_null(find(ROOT_STACK, STACK + 40 * KIB - 128, STACK + 64 * KIB));
	/* What is left of earlier handlers holds nothing. */
	assert_int_equal(bytes_in(MAPPED + 4 * KIB, MAPPED + 12 * KIB), 4 * KIB + 128);
}

/* What only looks like a frame would take others' memory away. */
static void a_signal_stack_lies_in_one_mapping(void **state)
{
	(void)state;
	add_main(MAPPED + 8 * KIB);
	put_frame(1200, STACK + 40 * KIB);
	memory[1200] = 1;
	memory[1202] = UINT64_MAX / 2;
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, STACK, STACK + 64 * KIB));
	assert_int_equal(bytes_in(MAPPED, MAPPED + 4 * KIB), 4 * KIB);
}

static void on_a_signal_stack_without_a_frame_all_of_the_own_stack_counts(void **state)
{
	(void)state;
	add_main(MAPPED + 8 * KIB);
	make(NULL, 0, MANGLE_NONE);
	assert_non_null(find(ROOT_STACK, STACK, STACK + 64 * KIB));
}

static void memory_is_a_root_by_its_kind_and_rights(void **state)
{
	static const struct {
		enum kind kind;
		unsigned rights;
		bool is_root;
	} cases[] = {
		{KIND_RODATA, RIGHT_READ, false},
		{KIND_RELRO, RIGHT_READ, true},
		{KIND_FILE, RIGHT_READ, false},
		{KIND_FILE, RW, true},
		{KIND_SHM, RW | RIGHT_SHARED, true},
		{KIND_ANON, RIGHT_READ, true},
		{KIND_ANON, 0, false},
		{KIND_DEVICE, RW, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct region *region = space_find(&space, MAPPED);

		region->kind = (uint8_t)cases[i].kind;
		region->rights = (uint8_t)cases[i].rights;
		make(NULL, 0, MANGLE_NONE);
		assert_int_equal(bytes_in(MAPPED, MAPPED + sizeof(memory)),
				 cases[i].is_root ? sizeof(memory) : 0);
		roots_fini(&roots);
	}
}

static void the_guard_is_read_from_glibcs_descriptor_alone(void **state)
{
	struct thread *thread;
	struct mangle mangle;

	(void)state;
	assert_int_equal(mangle_find(&space, &array.reader).width, 0);
	thread = add_main(STACK + 32 * KIB);
	thread->descriptor = put_descriptor(100, 0xabcdef);
	mangle = mangle_find(&space, &array.reader);
	assert_int_equal(mangle.width, 8);
	assert_int_equal(mangle.guard, 0xabcdef);
	assert_int_equal(mangle_undo(&mangle, mangle_do(&mangle, STACK)), STACK);
	/* musl's: the only thread is before and behind itself. */
	memory[103] = thread->descriptor;
	assert_int_equal(mangle_find(&space, &array.reader).width, 0);
}

static void a_stack_that_several_threads_have_is_looked_at_once(void **state)
{
	struct thread *thread;

	(void)state;
	add_main(STACK + 32 * KIB);
	thread = add_thread(2);
	thread->stack_start = STACK;
	thread->stack_end = STACK + 64 * KIB;
	thread->sp = STACK + 16 * KIB;
	make(NULL, 0, MANGLE_NONE);
	assert_int_equal(bytes_in(STACK, STACK + 64 * KIB), 48 * KIB + 128);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_allocators_hold_is_no_root),
		TEST(a_stack_counts_from_the_red_zone_on),
		TEST(without_a_stack_pointer_all_of_a_stack_counts_and_it_says_so),
		TEST(a_stack_in_a_block_is_a_root),
		TEST(a_stack_that_several_threads_have_is_looked_at_once),
		TEST(a_stack_that_is_guessed_takes_nothing_from_others),
		TEST(registers_count_where_they_lead_into_a_heap),
		TEST(a_mangled_register_is_undone),
		TEST(tls_and_what_its_vector_begins_with_are_roots),
		TEST(the_vector_of_32_bits_is_a_root_as_well),
		TEST(of_a_kept_stack_only_the_descriptor_counts),
		TEST(a_first_thread_that_has_ended_has_no_stack),
		TEST(on_a_signal_stack_the_frame_tells_where_the_thread_was),
		TEST(a_signal_stack_lies_in_one_mapping),
		TEST(on_a_signal_stack_without_a_frame_all_of_the_own_stack_counts),
		TEST(memory_is_a_root_by_its_kind_and_rights),
		TEST(the_guard_is_read_from_glibcs_descriptor_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
