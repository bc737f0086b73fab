/* The model of a live process: what it takes from a space, and what it guesses. */
#include "model/from_space.h"

#include "fixture.h"
#include "hand.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADER UINT64_C(0x7ffff7fc0000)
#define STACK UINT64_C(0x7ffffffde000)

static struct model model;

static int set_up(void **state)
{
	begin_space(state);
	space.process.bits = 64;
	space.process.base = LOADER;
	space.process.personality = 0x0040000; /* ADDR_NO_RANDOMIZE */
	space.user_end = USER_END;
	space.direction = DIRECTION_TOP_DOWN;
	return 0;
}

static int take_down(void **state)
{
	model_fini(&model);
	return end_space(state);
}

static void make(void)
{
	struct error err;

	model_fini(&model);
	assert_int_equal(model_from_space(&space, &model, &err), 0);
	assert_true(model_valid(&model));
}

static const struct vma *vma_at(plat_addr addr)
{
	const struct vma *vma = vmas_at(&model.vmas, vmas_find(&model.vmas, addr));

	assert_non_null(vma);
	assert_true(vma->start <= addr);
	return vma;
}

static struct detail *give_details(const char *flags)
{
	size_t i;

	space.details = calloc(space.nmappings + 1, sizeof(*space.details));
	assert_non_null(space.details);
	for (i = 0; i < space.nmappings; i++) {
		space.details[i].known = true;
		space.details[i].protection_key = -1;
		snprintf(space.details[i].flags, sizeof(space.details[i].flags), "%s", flags);
	}
	return space.details;
}

static bool is_guessed(enum guess guess)
{
	return from_space_guesses(&space) >> guess & 1;
}

/*
 * Mappings.
 */

static void a_mapping_cut_into_regions_is_one(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	assert_int_equal(space_split(&space, 0, 0x14123), 0);
	make();
	assert_int_equal(model.vmas.count, 1);
	assert_int_equal(vma_at(0x14000)->end, 0x20000);
	assert_int_equal(model.counters.total, 16);
	assert_int_equal(model.counters.data, 16);
}

static void the_kernels_own_page_is_no_mapping(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	add_mapping(&space, 0xffffffffff600000, 0xffffffffff601000, RX, "[vsyscall]");
	make();
	assert_int_equal(model.vmas.count, 1);
}

static void what_no_kernel_says_is_passed_over(void **state)
{
	(void)state;
	add_region(&space, 0x10001, 0x10002, KIND_ANON, RW);
	add_region(&space, 0x20000, 0x21000, KIND_ANON, RW);
	make();
	assert_int_equal(model.vmas.count, 1);
}

static void rights_say_what_flags_are_likely(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	add_mapping(&space, 0x20000, 0x30000, READ, "/usr/lib/libc.so.6");
	add_mapping(&space, 0x30000, 0x40000, RW | RIGHT_SHARED, "/dev/shm/x");
	make();
	assert_int_equal(vma_at(0x10000)->flags, VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT);
	assert_int_equal(vma_at(0x10000)->file, VMA_NO_FILE);
	assert_int_equal(vma_at(0x20000)->flags, VMA_READ | VMA_MAY);
	assert_true(model.files[vma_at(0x20000)->file].huge_aligned);
	assert_true(vma_at(0x30000)->flags & VMA_SHARED);
	assert_true(model.files[vma_at(0x30000)->file].shmem);
	assert_int_equal(model.counters.data, 16);
	assert_true(is_guessed(GUESS_FLAGS));
}

static void smaps_says_flags_for_sure(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	give_details("rd wr mr mw me gd lo ac nh dc sd ");
	make();
	assert_int_equal(vma_at(0x10000)->flags, VMA_READ | VMA_WRITE | VMA_MAY | VMA_GROWSDOWN |
							 VMA_LOCKED | VMA_ACCOUNT | VMA_NOHUGEPAGE |
							 VMA_DONTCOPY);
	assert_int_equal(model.counters.stack, 16);
	assert_int_equal(model.counters.data, 0);
	assert_int_equal(model.counters.locked, 16);
	assert_false(is_guessed(GUESS_FLAGS));
	assert_false(is_guessed(GUESS_GROWS));
}

static void code_with_a_key_of_its_own_is_execute_only(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RIGHT_EXEC, NULL);
	give_details("ex mr mw me ")->protection_key = 3;
	make();
	assert_true(vma_at(0x10000)->flags & VMA_EXECUTE_ONLY);
}

static void the_vdso_cannot_be_cut(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x14000, READ, "[vvar]");
	add_mapping(&space, 0x14000, 0x16000, RX, "[vdso]");
	make();
	assert_true(model.files[vma_at(0x10000)->file].whole);
	assert_true(model.files[vma_at(0x14000)->file].whole);
	assert_true(vma_at(0x10000)->flags & VMA_PFNMAP);
}

/*
 * Stacks.
 */

static void the_stack_grows_down(void **state)
{
	(void)state;
	add_mapping(&space, STACK, USER_END, RW, "[stack]");
	space.figures[VM_STK] = USER_END - STACK;
	make();
	assert_true(vma_at(STACK)->flags & VMA_GROWSDOWN);
	assert_int_equal(vma_at(STACK)->pgoff, STACK / PAGE);
	assert_false(is_guessed(GUESS_GROWS));
}

static void with_aslr_the_stacks_offset_is_that_of_its_first_place(void **state)
{
	(void)state;
	space.process.personality = 0;
	add_mapping(&space, STACK, USER_END - 0x10000, RW, "[stack]");
	make();
	assert_int_equal(vma_at(STACK)->pgoff, (USER_END - (USER_END - 0x10000 - STACK)) / PAGE);
}

static void vmstk_tells_what_was_cut_from_the_stack(void **state)
{
	(void)state;
	add_mapping(&space, STACK - 2 * PAGE, STACK - PAGE, READ, NULL);
	add_mapping(&space, STACK - PAGE, STACK, 0, NULL);
	add_mapping(&space, STACK, USER_END, RW, "[stack]");
	space.figures[VM_STK] = USER_END - STACK + PAGE;
	make();
	assert_true(vma_at(STACK - PAGE)->flags & VMA_GROWSDOWN);
	assert_false(vma_at(STACK - 2 * PAGE)->flags & VMA_GROWSDOWN);
	assert_false(is_guessed(GUESS_GROWS));
}

static void vmstk_that_is_larger_tells_of_other_stacks(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	add_mapping(&space, STACK, USER_END, RW, "[stack]");
	space.figures[VM_STK] = USER_END - STACK + 0x10000;
	assert_true(is_guessed(GUESS_GROWS));
}

/*
 * Counters and locks.
 */

static void counters_of_the_same_moment_are_the_kernels(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	add_mapping(&space, STACK, USER_END, RW, "[stack]");
	space.figures[VM_SIZE] = 0x10000 + USER_END - STACK;
	space.figures[VM_DATA] = 0;
	space.figures[VM_STK] = 0x10000 + USER_END - STACK; /* the first grows down as well */
	make();
	assert_int_equal(model.counters.data, 0);
	assert_int_equal(model.counters.stack, (0x10000 + USER_END - STACK) / PAGE);
}

static void counters_of_another_moment_are_not_believed(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	space.figures[VM_SIZE] = 0x11000;
	space.figures[VM_DATA] = 0;
	make();
	assert_int_equal(model.counters.data, 16);
}

static void where_all_is_locked_new_memory_will_be(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	add_mapping(&space, 0x30000, 0x32000, RX, "[vdso]");
	space.figures[VM_LCK] = 0x10000;
	make();
	assert_int_equal(model.new_flags, VMA_LOCKED);
	assert_true(vma_at(0x10000)->flags & VMA_LOCKED);
	assert_false(vma_at(0x30000)->flags & VMA_LOCKED);
	assert_true(is_guessed(GUESS_LOCKS));
}

static void where_a_part_is_locked_new_memory_will_not_be(void **state)
{
	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, NULL);
	space.figures[VM_LCK] = 0x8000;
	make();
	assert_int_equal(model.new_flags, 0);
	assert_int_equal(model.counters.locked, 8);
}

/*
 * Where searches begin.
 */

static void add_loader(void)
{
	struct module *module = add_module(&space, LOADER, MODULE_INTERPRETER, NO_FILE);

	add_region(&space, LOADER, 0x7ffff7fff000, KIND_TEXT, RX);
	module->nsegments = 1;
	module->segments[0] = (struct segment){.start = LOADER, .end = 0x7ffff7ffe123};
}

static void searches_begin_where_the_loader_ends(void **state)
{
	(void)state;
	add_loader();
	make();
	assert_int_equal(model.mmap_base, 0x7ffff7fff000);
	assert_int_equal(model.legacy_base, 0x2aaaaaaab000);
	assert_true(model.top_down);
}

static void a_static_pie_is_placed_as_a_loader_is(void **state)
{
	struct module *module;

	(void)state;
	space.process.base = 0;
	add_region(&space, LOADER, LOADER + 0x5000, KIND_TEXT, RX);
	module = add_module(&space, LOADER, MODULE_PROGRAM, NO_FILE);
	module->bias = LOADER;
	module->nsegments = 1;
	module->segments[0] = (struct segment){.start = LOADER, .end = LOADER + 0x5000};
	make();
	assert_int_equal(model.mmap_base, LOADER + 0x5000);
}

static void without_a_loader_the_vdso_shows_where_searches_begin(void **state)
{
	(void)state;
	add_mapping(&space, 0x7ffff7ff9000, 0x7ffff7ffd000, READ, "[vvar]");
	add_mapping(&space, 0x7ffff7ffd000, 0x7ffff7fff000, RX, "[vdso]");
	make();
	assert_int_equal(model.mmap_base, 0x7ffff7fff000);
}

static void from_below_they_begin_where_the_first_begins(void **state)
{
	(void)state;
	space.direction = DIRECTION_BOTTOM_UP;
	add_mapping(&space, 0x2aaaaaaab000, 0x2aaaaaaaf000, READ, "[vvar]");
	add_mapping(&space, 0x2aaaaaaaf000, 0x2aaaaaab1000, RX, "[vdso]");
	make();
	assert_false(model.top_down);
	assert_int_equal(model.legacy_base, 0x2aaaaaaab000);
}

static void one_random_number_moves_both_bases(void **state)
{
	const uint64_t random = 0x1234567 * PAGE;
	const plat_addr top = USER_END - 8 * MIB - 256 * PAGE - UINT64_C(0x3fffff) * PAGE - random;

	(void)state;
	space.process.personality = 0;
	space.limits[LIMIT_STACK] = (struct limit){8 * MIB, LIMIT_INFINITE, true};
	add_mapping(&space, top - 0x2000, top, RX, "[vdso]");
	make();
	assert_int_equal(model.mmap_base, top);
	assert_int_equal(model.legacy_base, 0x2aaaaaaab000 + random);
}

/*
 * The process and the machine.
 */

static void capabilities_of_the_rules_are_taken(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	assert_true(is_guessed(GUESS_CAPABILITIES));
	space.process.capabilities = UINT64_C(1) << 14 | UINT64_C(1) << 24 | 1;
	make();
	assert_int_equal(model.capabilities, MODEL_CAP_IPC_LOCK | MODEL_CAP_SYS_RESOURCE);
	assert_false(is_guessed(GUESS_CAPABILITIES));
}

static void a_limit_that_is_not_known_is_none(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	space.limits[LIMIT_AS] = (struct limit){0x30000, 0x40000, true};
	make();
	assert_int_equal(model.limits[MODEL_AS].soft, 0x30000);
	assert_int_equal(model.limits[MODEL_AS].hard, 0x40000);
	assert_int_equal(model.limits[MODEL_STACK].soft, MODEL_INFINITE);
	assert_true(is_guessed(GUESS_LIMITS));
}

static void overcommit_without_its_figures_refuses_nothing(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	space.machine.overcommit = 0;
	make();
	assert_int_equal(model.machine.overcommit_mode, 1);
	assert_true(is_guessed(GUESS_OVERCOMMIT));
	space.machine.ram = 4096 * MIB;
	space.machine.swap = 0;
	make();
	assert_int_equal(model.machine.overcommit_mode, 0);
	assert_int_equal(model.machine.ram, 4096 * MIB);
	assert_false(is_guessed(GUESS_OVERCOMMIT));
}

static void a_kernel_that_is_not_known_is_the_newest(void **state)
{
	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	make();
	assert_int_equal(model.machine.version, VERSION(6, 18));
	assert_true(is_guessed(GUESS_KERNEL));
	space.machine.kernel = VERSION(6, 12);
	make();
	assert_int_equal(model.machine.version, VERSION(6, 12));
}

static void without_mappings_there_is_no_model(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(model_from_space(&space, &model, &err), -ENODATA);
	assert_string_equal(err.text, "no mapping is known");
}

static void of_other_pages_the_rules_are_not_known(void **state)
{
	struct error err;

	(void)state;
	add_region(&space, 0x10000, 0x20000, KIND_DATA, RW);
	space.machine.page_size = 16384;
	assert_int_equal(model_from_space(&space, &model, &err), -ENOTSUP);
}

static void every_guess_has_words(void **state)
{
	unsigned guess;

	(void)state;
	for (guess = 0; guess < NGUESSES; guess++)
		assert_true(strlen(guess_words(guess)) > 10);
}

static void without_memory_nothing_is_lost(void **state)
{
	struct error err;
	size_t n;
	int r;

	(void)state;
	add_mapping(&space, 0x10000, 0x20000, RW, "/usr/lib/libc.so.6");
	add_mapping(&space, STACK, USER_END, RW, "[stack]");
	FOR_EACH_ALLOCATION(n)
	{
		r = model_from_space(&space, &model, &err);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		if (r == 0)
			model_fini(&model);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mapping_cut_into_regions_is_one),
		TEST(the_kernels_own_page_is_no_mapping),
		TEST(what_no_kernel_says_is_passed_over),
		TEST(rights_say_what_flags_are_likely),
		TEST(smaps_says_flags_for_sure),
		TEST(code_with_a_key_of_its_own_is_execute_only),
		TEST(the_vdso_cannot_be_cut),
		TEST(the_stack_grows_down),
		TEST(with_aslr_the_stacks_offset_is_that_of_its_first_place),
		TEST(vmstk_tells_what_was_cut_from_the_stack),
		TEST(vmstk_that_is_larger_tells_of_other_stacks),
		TEST(counters_of_the_same_moment_are_the_kernels),
		TEST(counters_of_another_moment_are_not_believed),
		TEST(where_all_is_locked_new_memory_will_be),
		TEST(where_a_part_is_locked_new_memory_will_not_be),
		TEST(searches_begin_where_the_loader_ends),
		TEST(a_static_pie_is_placed_as_a_loader_is),
		TEST(without_a_loader_the_vdso_shows_where_searches_begin),
		TEST(from_below_they_begin_where_the_first_begins),
		TEST(one_random_number_moves_both_bases),
		TEST(capabilities_of_the_rules_are_taken),
		TEST(a_limit_that_is_not_known_is_none),
		TEST(overcommit_without_its_figures_refuses_nothing),
		TEST(a_kernel_that_is_not_known_is_the_newest),
		TEST(without_mappings_there_is_no_model),
		TEST(of_other_pages_the_rules_are_not_known),
		TEST(every_guess_has_words),
		TEST(without_memory_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
