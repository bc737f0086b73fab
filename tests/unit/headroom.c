/*
 * How far heap, stacks, mappings and threads can go, and what stops them: of spaces made by hand,
 * and of models made by chance, which are then asked for exactly that.
 */
#include "model/headroom.h"

#include "fixture.h"
#include "hand.h"
#include "model/parts.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB (1024 * MIB)
#define GUARD (256 * PAGE)

static int set_up(void **state)
{
	begin_space(state);
	space.process.bits = 64;
	space.user_end = USER_END;
	space.direction = DIRECTION_TOP_DOWN;
	space.mmap_base = 0x7ffff7fff000;
	return 0;
}

static void limit(enum limit_name name, uint64_t soft)
{
	space.limits[name] = (struct limit){soft, soft, true};
}

static void heap_to(plat_addr brk)
{
	space.start_brk = min_u64(space.start_brk, brk);
	space.brk = brk;
}

static struct headrooms of_space(void)
{
	struct headrooms headrooms;

	assert_int_equal(headrooms_of_space(&space, &headrooms), 0);
	return headrooms;
}

static struct headroom heap(void)
{
	struct headrooms headrooms = of_space();
	struct headroom found = headrooms.heap;

	headrooms_fini(&headrooms);
	return found;
}

static struct headroom one_mapping(void)
{
	struct headrooms headrooms = of_space();
	struct headroom found = headrooms.mmap;

	headrooms_fini(&headrooms);
	return found;
}

static struct headroom stack(void)
{
	struct headrooms headrooms = of_space();
	struct headroom found = headroom_of_main_stack(&headrooms);

	headrooms_fini(&headrooms);
	return found;
}

static void assert_because(struct headroom headroom, const char *words)
{
	char because[HEADROOM_WORDS];

	assert_string_equal(headroom_because(&space, &headroom, because), words);
}

/*
 * The heap.
 */

static void a_heap_stops_a_page_below_the_next_mapping(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	heap_to(0x20000);
	assert_int_equal(heap().bytes, 0xf000);
	assert_int_equal(heap().rule, RULE_BRK_NEIGHBOUR);
	assert_int_equal(heap().neighbour, 0x30000);
	assert_int_equal(heap().distance, 0x10000);
	assert_because(heap(), "anon");
}

static void a_heap_keeps_the_guard_gap_of_the_stack_free(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x1000000, 0x1010000, KIND_STACK, RW);
	heap_to(0x20000);
	assert_int_equal(heap().bytes, 0x1000000 - 0x20000 - PAGE - GUARD);
}

static void a_heap_with_a_neighbour_cannot_grow(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x20000, 0x30000, KIND_ANON, RW);
	heap_to(0x20000);
	assert_int_equal(heap().bytes, 0);
	assert_int_equal(heap().distance, 0);
}

static void a_break_inside_the_page_of_bss_is_rounded_up(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_BSS, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	heap_to(0x1f123);
	assert_int_equal(heap().at, 0x20000);
	assert_int_equal(heap().bytes, 0xf000);
}

static void a_break_in_the_middle_of_a_mapping_cannot_grow(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	heap_to(0x14123);
	assert_int_equal(heap().bytes, 0);
}

static void a_heap_without_neighbour_stops_at_the_end_of_user_space(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0xffffffffff600000, 0xffffffffff601000, KIND_VSYSCALL, RX);
	heap_to(0x20000);
	assert_int_equal(heap().bytes, USER_END - 0x20000);
	assert_int_equal(heap().neighbour, UNKNOWN);
	assert_because(heap(), "the end of user space");
}

static void a_limit_stops_the_heap_before_its_neighbour(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, READ);
	heap_to(0x20000);
	limit(LIMIT_DATA, 0x15800);
	assert_int_equal(heap().bytes, 0x5000);
	assert_because(heap(), "RLIMIT_DATA");
	assert_int_equal(heap().neighbour, 0x30000); /* what is next, if the limit is raised */
}

static void the_data_segment_counts_against_the_limit_of_brk(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	heap_to(0x20000);
	space.start_brk = 0x10000;
	space.process.start_data = 0x1000;
	space.process.end_data = 0x8000;
	limit(LIMIT_DATA, 0x20000);
	assert_int_equal(heap().bytes, 0x20000 - 0x7000 - 0x10000);
	assert_int_equal(heap().rule, RULE_BRK_DATA_LIMIT);
}

static void a_limit_that_is_exceeded_leaves_nothing(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x60000, KIND_HEAP, RW);
	heap_to(0x60000);
	limit(LIMIT_AS, 0x40000);
	assert_int_equal(heap().bytes, 0);
	assert_because(heap(), "RLIMIT_AS");
}

static void what_one_request_may_not_ask_for_does_not_stop_the_heap(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	heap_to(0x20000);
	space.machine.overcommit = 0;
	space.machine.ram = 1 * GIB;
	space.machine.swap = 0;
	assert_int_equal(heap().bytes, USER_END - 0x20000);
	assert_int_equal(one_mapping().bytes, 1 * GIB);
	assert_int_equal(one_mapping().rule, RULE_COMMIT_HEURISTIC);
}

static void without_a_break_the_heap_is_unknown(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	assert_int_equal(heap().bytes, UNKNOWN);
	assert_because(heap(), "the break is not known");
}

/*
 * Stacks.
 */

static void a_stack_keeps_its_gap_to_open_memory(void **state)
{
	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_ANON, RW);
	add_region(&space, 0x1800000, 0x1820000, KIND_STACK, RW);
	assert_int_equal(stack().bytes, 0x1800000 - 0x1001000 - GUARD);
	assert_int_equal(stack().rule, RULE_GROWTH_GAP);
	assert_int_equal(stack().distance, 0x1800000 - 0x1001000);
	assert_because(stack(), "anon");
}

static void a_stack_grows_right_up_to_closed_memory(void **state)
{
	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_RESERVED, 0);
	add_region(&space, 0x1800000, 0x1820000, KIND_STACK, RW);
	assert_int_equal(stack().bytes, 0x1800000 - 0x1001000);
	assert_int_equal(stack().rule, RULE_RIGHTS);
	assert_because(stack(), "reserved");
}

static void a_stack_that_touches_open_memory_is_stopped_by_no_rule(void **state)
{
	(void)state;
	add_region(&space, 0x17e0000, 0x1800000, KIND_ANON, RW);
	add_region(&space, 0x1800000, 0x1820000, KIND_STACK, RW);
	assert_int_equal(stack().bytes, 0);
	assert_int_equal(stack().rule, RULE_NONE);
	assert_int_equal(stack().neighbour, 0x17e0000);
}

static void a_stack_counts_all_of_its_mapping_against_its_limit(void **state)
{
	(void)state;
	add_region(&space, 0x1000000, 0x1001000, KIND_ANON, RW);
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	assert_int_equal(space_split(&space, 1, 0x1f01e000), 0);
	space.regions[2].kind = KIND_ENV;
	limit(LIMIT_STACK, 0x800000);
	assert_int_equal(stack().bytes, 0x800000 - 0x20000);
	assert_because(stack(), "RLIMIT_STACK");
}

static void what_was_cut_from_the_stack_grows_too(void **state)
{
	struct headrooms headrooms;

	(void)state;
	add_region(&space, 0x1efff000, 0x1f000000, KIND_ANON, READ);
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	space.figures[VM_STK] = 0x21000;
	space.process.start_stack = 0x1f01f000;
	limit(LIMIT_STACK, 0x800000);
	headrooms = of_space();
	assert_int_equal(headrooms.nstacks, 2);
	assert_int_equal(headroom_of_main_stack(&headrooms).at, 0x1f000000);
	assert_int_equal(headroom_of_main_stack(&headrooms).bytes, 0);
	assert_int_equal(headroom_of_stack_at(&headrooms, 0x1efff000).bytes, 0x800000 - PAGE);
	headrooms_fini(&headrooms);
}

static void a_stack_alone_stops_at_the_lowest_address(void **state)
{
	(void)state;
	space.machine.mmap_min_addr = 0x1000;
	space.machine.lowest_hint = 0x10000;
	add_region(&space, 0x1f000000, 0x1f020000, KIND_STACK, RW);
	assert_int_equal(stack().bytes, 0x1f000000 - 0x10000);
	assert_because(stack(), "vm.mmap_min_addr");
}

static void without_a_stack_its_growth_is_unknown(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	assert_int_equal(stack().bytes, UNKNOWN);
	assert_because(stack(), "no [stack] in the map");
}

/*
 * Mappings.
 */

static void the_largest_mapping_fits_the_largest_gap(void **state)
{
	(void)state;
	space.mmap_base = 0x7ff000000000;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x7ff000000000, USER_END, KIND_ANON, RW);
	assert_int_equal(one_mapping().bytes, 0x7ff000000000 - 0x20000);
	assert_int_equal(one_mapping().at, 0x20000);
	assert_int_equal(one_mapping().neighbour, 0x7ff000000000);
	assert_because(one_mapping(), "the largest gap");
}

static void too_many_mappings_stop_every_mapping(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_ANON, RW);
	add_region(&space, 0x30000, 0x40000, KIND_ANON, RW);
	space.machine.max_map_count = 1;
	assert_int_equal(one_mapping().bytes, 0);
	assert_because(one_mapping(), "vm.max_map_count");
}

static void a_gap_that_small_mappings_do_not_get_is_not_the_end(void **state)
{
	(void)state;
	/*
	 * Below the stack lie 16 pages, above it nothing is free up to where searches begin: up to
	 * 16 pages are refused for the guard gap that reaches below 0, more find room above.
	 */
	space.mmap_base = 0x100000;
	add_region(&space, 0x20000, 0x100000, KIND_STACK, RW);
	add_region(&space, 0x100000, 0x7fffffe00000, KIND_ANON, RW);
	assert_true(one_mapping().bytes > 0x10000);
	assert_int_equal(one_mapping().rule, RULE_NO_GAP);
}

static void without_mappings_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(one_mapping().bytes, UNKNOWN);
	assert_because(one_mapping(), "no mapping is known");
}

static void with_large_pages_nothing_is_known(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_STACK, RW);
	space.machine.page_size = 65536;
	assert_int_equal(stack().bytes, UNKNOWN);
	assert_because(one_mapping(), "the rules are known for pages of 4 KiB");
}

static void a_neighbours_name_is_harmless_and_short(void **state)
{
	uint32_t file;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_HEAP, RW);
	add_region(&space, 0x30000, 0x40000, KIND_FILE, RW);
	assert_int_equal(space_add_file(&space, "/a/long/path/to/\x1bname", 8, 1, 5, &file), 0);
	space.regions[1].file = file;
	heap_to(0x20000);
	assert_because(heap(), "file \\x1bname");
}

static void a_thread_gets_what_glibc_gives_it(void **state)
{
	struct model model;

	(void)state;
	model_init(&model);
	assert_int_equal(headroom_stack_size(&model), 8 * MIB);
	model.limits[MODEL_STACK].soft = MODEL_INFINITE;
	assert_int_equal(headroom_stack_size(&model), 2 * MIB);
	model.limits[MODEL_STACK].soft = 0x12345;
	assert_int_equal(headroom_stack_size(&model), 0x12000);
	model.limits[MODEL_STACK].soft = 0;
	assert_int_equal(headroom_stack_size(&model), 16 * KIB);
	model_fini(&model);
}

static void without_memory_nothing_is_lost(void **state)
{
	const struct headroom_request request = {8 * MIB, PAGE};
	struct headrooms headrooms;
	struct model model;
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		const struct model_request map = {CALL_MMAP, {0, 4 * MIB, 3, 0x22, UINT64_MAX, 0}};
		const struct model_request grows = {CALL_MMAP, {0, MIB, 3, 0x122, UINT64_MAX, 0}};
		int r;

		model_init(&model);
		model_do(&model, &map);
		model_do(&model, &grows);
		r = model.out_of_memory ? -ENOMEM : headrooms_find(&model, &request, &headrooms);
		model_fini(&model);
		if (failing_failed()) {
			assert_int_equal(r, -ENOMEM);
		} else {
			assert_int_equal(r, 0);
			headrooms_fini(&headrooms);
		}
	}
}

/*
 * Models by chance. What is foretold of each is asked of it, and a page more.
 */

static uint64_t seed;

static uint64_t chance(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? seed % n : 0;
}

static int64_t ask(struct model *model, enum model_call call, uint64_t a, uint64_t b, uint64_t c,
		   uint64_t d)
{
	const struct model_request request = {call, {a, b, c, d, UINT64_MAX, 0}};
	struct model_result result = model_do(model, &request);

	assert_false(model->out_of_memory);
	if (result.fault)
		return -EFAULT;
	return result.value;
}

static bool is_refused(int64_t value)
{
	return value < 0 && value > -4096;
}

static plat_addr random_place(const struct model *model)
{
	switch (chance(3)) {
	case 0:
		return 0x10000 + chance(600) * PAGE;
	case 1:
		return sub_floored(model->mmap_base, chance(5000) * PAGE);
	default:
		return chance(model->task_size / PAGE) * PAGE;
	}
}

static void map_by_chance(struct model *model)
{
	static const unsigned sizes[] = {1, 2, 7, 300, 512, 600, 5000};
	unsigned flags = MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS | MAP_NUMBER_FIXED;

	if (chance(4) == 0)
		flags |= MAP_NUMBER_GROWSDOWN;
	if (chance(4) == 0)
		flags |= MAP_NUMBER_NORESERVE;
	ask(model, CALL_MMAP, random_place(model), sizes[chance(ARRAY_SIZE(sizes))] * PAGE,
	    chance(8), flags);
}

static void limit_by_chance(struct model *model, enum model_limit limit, uint64_t used)
{
	uint64_t soft = chance(2) ? used + chance(100 * MIB) : chance(used + 20 * MIB);

	if (chance(3))
		model->limits[limit] =
			(struct model_limits){soft, chance(2) ? soft : MODEL_INFINITE};
	if (limit == MODEL_DATA && chance(6) == 0)
		model->limits[limit].soft = 0;
}

static void machine_by_chance(struct model *model)
{
	struct model_machine *machine = &model->machine;

	machine->overcommit_mode = (unsigned)chance(3);
	machine->ram = chance(3) ? 16 * GIB : chance(64 * MIB);
	machine->commit_limit = chance(2) ? 64 * GIB : chance(300 * MIB);
	machine->committed = chance(100 * MIB);
	machine->admin_reserve = 8 * MIB;
	machine->user_reserve = chance(128 * MIB);
	machine->max_map_count = chance(2) ? 3000 : model->vmas.count + chance(12) - 1;
	if (chance(8) == 0)
		machine->max_map_count = 1000000;
	machine->mmap_min_addr = PAGE;
	machine->huge_pages = chance(2);
}

static void bits_by_chance(struct model *model)
{
	if (chance(2)) {
		model->bits = 32;
		model->task_size = 0xffffe000;
		model->mmap_base = 0xf7ffe000;
		model->legacy_base = 0x55555000;
	}
	model->top_down = chance(4) != 0;
	if (chance(4) == 0)
		model->mmap_base = align_up(model->task_size / 6, PAGE);
	if (chance(4) == 0)
		model->mmap_base -= chance(100) * PAGE;
	if (chance(4) == 0)
		model->legacy_base += chance(100) * PAGE;
}

static void make_by_chance(struct model *model)
{
	size_t i, n = chance(40);

	model_init(model);
	bits_by_chance(model);
	model->start_brk = model->brk = 0x100000 + chance(0x10000);
	model->start_data = 0x80000;
	model->end_data = 0x90000;
	for (i = 0; i < n; i++)
		map_by_chance(model);
	ask(model, CALL_BRK, model->brk + chance(MIB), 0, 0, 0);
	if (chance(4) == 0)
		ask(model, CALL_MLOCKALL, 2 | 4, 0, 0, 0);
	machine_by_chance(model);
	limit_by_chance(model, MODEL_AS, model->counters.total * PAGE);
	limit_by_chance(model, MODEL_DATA, model->counters.data * PAGE);
	limit_by_chance(model, MODEL_STACK, MIB);
	limit_by_chance(model, MODEL_MEMLOCK, 8 * MIB);
	if (chance(2))
		model->capabilities = MODEL_CAP_IPC_LOCK;
}

/* Heuristic overcommit looks at each request alone. */
static uint64_t step_of(const struct model *model)
{
	uint64_t most =
		align_down(model->machine.ram, PAGE) + align_down(model->machine.swap, PAGE);

	return model->machine.overcommit_mode == 0 ? most : UINT64_MAX;
}

static void check_heap(const struct model *original, const struct headroom *headroom)
{
	plat_addr at = headroom->at, end = headroom->at + headroom->bytes;
	struct model model;

	assert_int_equal(model_copy(original, &model), 0);
	while (at < end && step_of(&model)) {
		at += min_u64(end - at, step_of(&model));
		assert_int_equal(ask(&model, CALL_BRK, at, 0, 0, 0), at);
	}
	if (at == end)
		assert_int_not_equal(ask(&model, CALL_BRK, end + PAGE, 0, 0, 0), end + PAGE);
	model_fini(&model);
	/* In one step, for the rule; what only a large request is refused for is no end. */
	assert_int_equal(model_copy(original, &model), 0);
	if (model.machine.overcommit_mode == 0 && headroom->rule != RULE_COMMIT_HEURISTIC)
		model.machine.overcommit_mode = 1;
	assert_int_not_equal(ask(&model, CALL_BRK, end + PAGE, 0, 0, 0), end + PAGE);
	assert_int_equal(model.refused, headroom->rule);
	model_fini(&model);
}

static void check_mapping(const struct model *original, const struct headroom *headroom,
			  unsigned prot)
{
	const unsigned flags = MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS;
	struct model model;

	assert_int_equal(model_copy(original, &model), 0);
	assert_true(is_refused(ask(&model, CALL_MMAP, 0, headroom->bytes + PAGE, prot, flags)));
	assert_int_equal(model.refused, headroom->rule);
	if (headroom->bytes > 0)
		assert_int_equal(ask(&model, CALL_MMAP, 0, headroom->bytes, prot, flags),
				 headroom->at);
	model_fini(&model);
}

static void check_stack(const struct model *original, const struct headroom *headroom)
{
	plat_addr at = headroom->at, end = headroom->at - headroom->bytes;
	const struct vma *vma = vmas_at(&original->vmas, vmas_find(&original->vmas, at));
	struct model model;
	uint64_t pages;

	/* What is not charged as it grows can take many small steps where a large one is refused.
	 */
	if (original->machine.overcommit_mode == 2 && !(vma->flags & VMA_ACCOUNT))
		return;
	assert_int_equal(model_copy(original, &model), 0);
	while (at > end && step_of(&model)) {
		at -= min_u64(at - end, step_of(&model));
		ask(&model, CALL_READ, at, 0, 0, 0);
		assert_int_equal(vmas_at(&model.vmas, vmas_find(&model.vmas, at))->start, at);
	}
	model.machine.overcommit_mode = model.machine.overcommit_mode == 2 ? 2 : 1;
	pages = model.counters.total;
	ask(&model, CALL_READ, end - PAGE, 0, 0, 0);
	if (at == end)
		assert_int_equal(model.counters.total, pages); /* it did not grow */
	if (at == end && headroom->bytes < headroom->distance)
		assert_int_equal(model.refused, headroom->rule);
	model_fini(&model);
}

static bool start_thread(struct model *model, const struct headroom_request *request)
{
	int64_t at = ask(model, CALL_MMAP, 0, request->stack_size + request->guard_size, 0,
			 MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS | MAP_NUMBER_STACK);

	return !is_refused(at) && ask(model, CALL_MPROTECT, (uint64_t)at + request->guard_size,
				      request->stack_size, 3, 0) == 0;
}

static void check_threads(const struct model *original, const struct headroom_request *request,
			  const struct headroom *headroom)
{
	struct model model;
	uint64_t n;

	assert_int_equal(model_copy(original, &model), 0);
	for (n = 0; n < headroom->count; n++)
		assert_true(start_thread(&model, request));
	assert_false(start_thread(&model, request));
	assert_int_equal(model.refused, headroom->rule);
	assert_int_equal(headroom->bytes, n * (request->stack_size + request->guard_size));
	model_fini(&model);
}

static void threads_from_below_keep_the_gap_of_a_stack_free(void **state)
{
	const struct headroom_request request = {64 * KIB, PAGE};
	const uint64_t unit = 64 * KIB + PAGE;
	struct headrooms headrooms;
	struct model model;

	(void)state;
	model_init(&model);
	model.top_down = false;
	ask(&model, CALL_MMAP, model.legacy_base + 100 * unit + GUARD - PAGE,
	    USER_END - model.legacy_base - 100 * unit - GUARD + PAGE, 3,
	    MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS | MAP_NUMBER_FIXED | MAP_NUMBER_GROWSDOWN |
		    MAP_NUMBER_NORESERVE);
	assert_int_equal(headrooms_find(&model, &request, &headrooms), 0);
	assert_int_equal(headrooms.threads.count, 99);
	assert_int_equal(headrooms.threads.rule, RULE_NO_GAP);
	check_threads(&model, &request, &headrooms.threads);
	headrooms_fini(&headrooms);
	model_fini(&model);
}

static void a_million_threads_are_counted_quickly(void **state)
{
	const struct headroom_request request = {1 * MIB, PAGE};
	struct headrooms headrooms;
	struct model model;

	(void)state;
	model_init(&model);
	model.machine.max_map_count = 1 << 21;
	ask(&model, CALL_MMAP, 0, PAGE, 0, MAP_NUMBER_PRIVATE | MAP_NUMBER_ANONYMOUS);
	assert_int_equal(headrooms_find(&model, &request, &headrooms), 0);
	assert_int_equal(headrooms.threads.count, (1 << 20) - 1);
	assert_int_equal(headrooms.threads.rule, RULE_MAP_COUNT_SPLIT);
	headrooms_fini(&headrooms);
	model_fini(&model);
}

static void check_same(const struct model *a, const struct model *b)
{
	struct vma_place place = vmas_first(&a->vmas);
	const struct vma *one, *other;

	assert_int_equal(a->vmas.count, b->vmas.count);
	assert_memory_equal(&a->counters, &b->counters, sizeof(a->counters));
	assert_memory_equal(&a->machine, &b->machine, sizeof(a->machine));
	for (; (one = vmas_at(&a->vmas, place)); place = vmas_next(&a->vmas, place)) {
		other = vmas_at(&b->vmas, vmas_find(&b->vmas, one->start));
		assert_memory_equal(one, other, sizeof(*one));
	}
}

static void check_by_chance(uint64_t number)
{
	static const uint64_t stacks[] = {64 * KIB, 8 * MIB, 2 * MIB - PAGE, 33 * MIB};
	struct headroom_request request;
	struct headrooms headrooms;
	struct model model, before;
	size_t i;

	seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	make_by_chance(&model);
	request = (struct headroom_request){stacks[chance(ARRAY_SIZE(stacks))], PAGE};
	if (model.machine.max_map_count > 3000 && request.stack_size < 8 * MIB)
		request.stack_size = 8 * MIB; /* not more threads than the test can start */
	if (model.machine.max_map_count > 3000 && model.bits == 64 && !model.limits[MODEL_AS].soft)
		model.machine.max_map_count = 20000;
	if (model.bits == 64)
		model.machine.max_map_count = min_u64(model.machine.max_map_count, 6000);
	assert_int_equal(model_copy(&model, &before), 0);
	assert_int_equal(headrooms_find(&model, &request, &headrooms), 0);
	check_same(&before, &model);
	check_heap(&before, &headrooms.heap);
	check_mapping(&before, &headrooms.mmap, PROT_NUMBER_READ | PROT_NUMBER_WRITE);
	check_mapping(&before, &headrooms.reserve, 0);
	check_threads(&before, &request, &headrooms.threads);
	for (i = 0; i < headrooms.nstacks; i++)
		check_stack(&before, &headrooms.stacks[i]);
	headrooms_fini(&headrooms);
	model_fini(&before);
	model_fini(&model);
}

static uint64_t setting(const char *name, uint64_t usual)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : usual;
}

/* SEED is the first, MODELS how many. */
static void what_is_foretold_is_granted_and_a_page_more_is_not(void **state)
{
	uint64_t first = setting("SEED", 1), n = setting("MODELS", 300), i;

	(void)state;
	for (i = 0; i < n; i++) {
		print_message("# model %llu\n", (unsigned long long)(first + i));
		check_by_chance(first + i);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, end_space)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_heap_stops_a_page_below_the_next_mapping),
		TEST(a_heap_keeps_the_guard_gap_of_the_stack_free),
		TEST(a_heap_with_a_neighbour_cannot_grow),
		TEST(a_break_inside_the_page_of_bss_is_rounded_up),
		TEST(a_break_in_the_middle_of_a_mapping_cannot_grow),
		TEST(a_heap_without_neighbour_stops_at_the_end_of_user_space),
		TEST(a_limit_stops_the_heap_before_its_neighbour),
		TEST(the_data_segment_counts_against_the_limit_of_brk),
		TEST(a_limit_that_is_exceeded_leaves_nothing),
		TEST(what_one_request_may_not_ask_for_does_not_stop_the_heap),
		TEST(without_a_break_the_heap_is_unknown),
		TEST(a_stack_keeps_its_gap_to_open_memory),
		TEST(a_stack_grows_right_up_to_closed_memory),
		TEST(a_stack_that_touches_open_memory_is_stopped_by_no_rule),
		TEST(a_stack_counts_all_of_its_mapping_against_its_limit),
		TEST(what_was_cut_from_the_stack_grows_too),
		TEST(a_stack_alone_stops_at_the_lowest_address),
		TEST(without_a_stack_its_growth_is_unknown),
		TEST(the_largest_mapping_fits_the_largest_gap),
		TEST(too_many_mappings_stop_every_mapping),
		TEST(a_gap_that_small_mappings_do_not_get_is_not_the_end),
		TEST(without_mappings_nothing_is_known),
		TEST(with_large_pages_nothing_is_known),
		TEST(a_neighbours_name_is_harmless_and_short),
		TEST(a_thread_gets_what_glibc_gives_it),
		TEST(without_memory_nothing_is_lost),
		TEST(threads_from_below_keep_the_gap_of_a_stack_free),
		TEST(a_million_threads_are_counted_quickly),
		TEST(what_is_foretold_is_granted_and_a_page_more_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
