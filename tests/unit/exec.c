/* Where exec puts what. That the kernel does the same is tested by prop/kernel/exec. */
#include "model/exec.h"

#include "model/exec_ranges.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB (1024 * MIB)
#define TOP_64 UINT64_C(0x7ffffffff000)

static struct model model;
static struct exec_segment segments[3];
static struct exec_segment interpreter_segments[2];
static struct exec_program program;
static const struct exec_random nothing;

/* A PIE of 64 bits with an interpreter, and no ASLR. */
static int set_up(void **state)
{
	(void)state;
	model_init(&model);
	model.personality = PERSONALITY_NO_ASLR;
	segments[0] = (struct exec_segment){0, 0, 0x500, 0x500, 4096, VMA_READ};
	segments[1] =
		(struct exec_segment){0x1000, 0x1000, 0x100, 0x100, 4096, VMA_READ | VMA_EXEC};
	segments[2] =
		(struct exec_segment){0x2d00, 0x1d00, 0x200, 0x3000, 4096, VMA_READ | VMA_WRITE};
	interpreter_segments[0] =
		(struct exec_segment){0, 0, 0x2000, 0x2000, 4096, VMA_READ | VMA_EXEC};
	interpreter_segments[1] =
		(struct exec_segment){0x2000, 0x2000, 0x1000, 0x1800, 4096, VMA_READ | VMA_WRITE};
	exec_program_init(&program);
	program.image.segments = segments;
	program.image.nsegments = 3;
	program.image.file_size = 0x2000;
	program.has_interpreter = true;
	program.interpreter.segments = interpreter_segments;
	program.interpreter.nsegments = 2;
	program.interpreter.file_size = 0x3000;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	model_fini(&model);
	return 0;
}

static void make_fixed(void)
{
	size_t i;

	program.image.fixed = true;
	for (i = 0; i < 3; i++)
		segments[i].vaddr += 0x400000;
}

static struct exec_places places(void)
{
	return exec_places_of(&model, &program, &nothing);
}

static struct exec_result make(void)
{
	struct exec_result result = model_exec(&model, &program, &nothing);

	if (result.value == 0)
		assert_true(model_valid(&model));
	return result;
}

static const struct vma *vma_at(plat_addr addr)
{
	const struct vma *vma = vmas_at(&model.vmas, vmas_find(&model.vmas, addr));

	return vma && vma->start <= addr ? vma : NULL;
}

static void assert_vma(plat_addr start, plat_addr end, uint32_t rights)
{
	const struct vma *vma = vma_at(start);

	assert_non_null(vma);
	assert_int_equal(vma->start, start);
	assert_int_equal(vma->end, end);
	assert_int_equal(vma->flags & VMA_RIGHTS, rights);
}

/*
 * Places.
 */

static void the_mmap_zone_begins_below_the_room_for_the_stack(void **state)
{
	const struct {
		uint64_t limit;
		plat_addr base_64, base_32;
	} rows[] = {
		{0, 0x7ffff7fff000, 0xf7ffe000},
		{8 * MIB, 0x7ffff7fff000, 0xf7ffe000},
		{127 * MIB, 0x7ffff7fff000, 0xf7ffe000},
		{128 * MIB, 0x7ffff7eff000, 0xf7efe000},
		{GIB, 0x7fffbfeff000, 0xbfefe000},
		{GIB + 1, 0x7fffbfeff000, 0xbfefe000},
		{3 * GIB, 0x7fff3feff000, 0x3fefe000},
		{UINT64_C(0x6aaaaaaaa000), 0x155555556000, 0x2aaab000},
		{MODEL_INFINITE - MIB, 0x155555556000, 0x2aaab000},
		{MODEL_INFINITE, 0x155555556000, 0x2aaab000},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		model.limits[MODEL_STACK].soft = rows[i].limit;
		program.bits = 64;
		assert_int_equal(places().mmap_base, rows[i].base_64);
		assert_true(places().top_down);
		program.bits = 32;
		assert_int_equal(places().mmap_base, rows[i].base_32);
	}
}

static void with_aslr_the_range_of_the_stack_is_kept_free_too(void **state)
{
	(void)state;
	model.personality = 0;
	assert_int_equal(places().mmap_base,
			 TOP_64 - 8 * MIB - 256 * PAGE - UINT64_C(0x3fffff) * PAGE);
	program.bits = 32;
	assert_int_equal(places().mmap_base, 0xffffe000 - 128 * MIB);
	model.limits[MODEL_STACK].soft = 200 * MIB;
	assert_int_equal(places().mmap_base, 0xffffe000 - 201 * MIB - UINT64_C(0x7ff) * PAGE);
}

static void the_legacy_layout_begins_at_a_third(void **state)
{
	(void)state;
	model.personality |= PERSONALITY_LEGACY_LAYOUT;
	assert_false(places().top_down);
	assert_int_equal(places().legacy_base, 0x2aaaaaaab000);
	program.bits = 32;
	assert_int_equal(places().legacy_base, 0x55555000);
	model.personality |= PERSONALITY_LIMIT_3GB;
	assert_int_equal(places().legacy_base, 0x40000000);
	model.personality = PERSONALITY_NO_ASLR;
	assert_true(places().top_down);
	model.machine.legacy_va_layout = true;
	assert_false(places().top_down);
}

static void a_pie_lies_at_two_thirds(void **state)
{
	(void)state;
	assert_int_equal(places().program, 0x555555554000);
	assert_int_equal(places().start_brk, 0x55555555a000);
	program.bits = 32;
	assert_int_equal(places().program, 0x56555000);
	model.personality |= PERSONALITY_LIMIT_3GB;
	assert_int_equal(places().program, 0x41000000);
}

static void a_pie_lies_at_its_alignment(void **state)
{
	(void)state;
	segments[1].align = 2 * MIB;
	assert_int_equal(places().program, 0x555555400000);
	/* No power of two. */
	segments[1].align = 3 * MIB;
	assert_int_equal(places().program, 0x555555554000);
	segments[0].vaddr = 0x3000;
	segments[1].align = 64 * KIB;
	assert_int_equal(places().program, 0x555555550000);
}

static void the_heap_begins_behind_the_program(void **state)
{
	(void)state;
	make_fixed();
	assert_int_equal(places().start_brk, 0x406000);
	model.personality = 0;
	assert_int_equal(places().start_brk, 0x407000);
	model.machine.randomize_va_space = 1;
	assert_int_equal(places().start_brk, 0x406000);
}

static void the_heap_of_a_static_pie_begins_where_programs_do(void **state)
{
	(void)state;
	program.has_interpreter = false;
	assert_int_equal(places().start_brk, 0x555555555000);
	model.personality = 0;
	assert_int_equal(places().start_brk, 0x555555555000);
	program.bits = 32;
	assert_int_equal(places().start_brk, 0x56555000);
}

static void the_stack_ends_where_chance_puts_it(void **state)
{
	struct exec_random random = {.stack_pages = 5};

	(void)state;
	assert_int_equal(exec_places_of(&model, &program, &random).stack_top, TOP_64);
	model.personality = 0;
	assert_int_equal(exec_places_of(&model, &program, &random).stack_top, TOP_64 - 5 * PAGE);
	random.stack_bytes = 4080;
	assert_int_equal(exec_places_of(&model, &program, &random).stack_top, TOP_64 - 5 * PAGE);
	random.stack_bytes = 4081;
	assert_int_equal(exec_places_of(&model, &program, &random).stack_top, TOP_64 - 6 * PAGE);
	random.stack_bytes = 8177;
	assert_int_equal(exec_places_of(&model, &program, &random).stack_top, TOP_64 - 7 * PAGE);
}

static void what_is_not_drawn_is_not_looked_at(void **state)
{
	const struct exec_random random = {1, 2, 3, 4, 5, 6};
	struct exec_places drawn;

	(void)state;
	model.machine.randomize_va_space = 0;
	model.personality = 0;
	drawn = exec_places_of(&model, &program, &random);
	assert_int_equal(drawn.stack_top, TOP_64);
	assert_int_equal(drawn.mmap_base, 0x7ffff7fff000);
	assert_int_equal(drawn.program, 0x555555554000);
	assert_int_equal(drawn.start_brk, 0x55555555a000);
}

/*
 * The space.
 */

static void a_pie_is_mapped_as_its_headers_say(void **state)
{
	struct exec_result result = make();

	(void)state;
	assert_int_equal(result.value, 0);
	assert_int_equal(result.bias, 0x555555554000);
	assert_vma(0x555555554000, 0x555555555000, VMA_READ);
	assert_vma(0x555555555000, 0x555555556000, VMA_READ | VMA_EXEC);
	assert_vma(0x555555556000, 0x555555557000, VMA_READ | VMA_WRITE);
	assert_vma(0x555555557000, 0x55555555a000, VMA_READ | VMA_WRITE);
	assert_int_not_equal(vma_at(0x555555556000)->file, VMA_NO_FILE);
	assert_int_equal(vma_at(0x555555557000)->file, VMA_NO_FILE);
	assert_vma(0x7ffff7ffb000, 0x7ffff7ffd000, VMA_READ | VMA_EXEC);
	assert_int_equal(result.interpreter_bias, 0x7ffff7ffb000);
	assert_vma(0x7ffff7ffe000, 0x7ffff7fff000, VMA_READ | VMA_WRITE);
	assert_int_equal(result.vdso, 0x7ffff7ff9000);
	assert_vma(0x7ffff7ff9000, 0x7ffff7ffb000, VMA_READ | VMA_EXEC);
	assert_vma(0x7ffff7ff7000, 0x7ffff7ff9000, VMA_READ);
	assert_vma(0x7ffff7ff3000, 0x7ffff7ff7000, VMA_READ);
	assert_vma(0x7ffffffde000, TOP_64, VMA_READ | VMA_WRITE);
	assert_int_equal(model.vmas.count, 11);
	assert_int_equal(model.start_code, 0x555555555000);
	assert_int_equal(model.end_data, 0x555555556f00);
	assert_int_equal(model.brk, 0x55555555a000);
}

static void the_page_with_the_border_of_bss_is_written_to(void **state)
{
	(void)state;
	assert_int_equal(make().value, 0);
	assert_int_not_equal(vma_at(0x555555556000)->anon, ANON_NONE);
	assert_int_equal(vma_at(0x555555557000)->anon, ANON_NONE);
	/* The interpreter's data ends with a page. */
	assert_int_equal(vma_at(0x7ffff7ffd000)->anon, ANON_NONE);
}

static void older_kernels_have_the_clocks_in_one_mapping(void **state)
{
	(void)state;
	model.machine.version = VERSION(6, 12);
	assert_int_equal(make().value, 0);
	assert_vma(0x7ffff7ff3000, 0x7ffff7ff9000, VMA_READ);
}

static void the_stack_begins_with_its_strings_and_128_kib(void **state)
{
	(void)state;
	program.filename_size = 4096;
	program.arg_size = 4096;
	program.env_size = 100;
	assert_int_equal(exec_stack_size(&model, &program), 3 * PAGE + 128 * KIB);
	assert_int_equal(make().value, 0);
	assert_vma(TOP_64 - 35 * PAGE, TOP_64, VMA_READ | VMA_WRITE);
	assert_int_equal(model.arg_start, TOP_64 - 8 - 4096 - 4096 - 100);
	assert_int_equal(model.env_end, TOP_64 - 8 - 4096);
	assert_int_equal(pages_in(&model.present, 0, UINT64_MAX), 3 * PAGE);
}

static void the_stack_has_no_more_than_its_limit(void **state)
{
	(void)state;
	model.limits[MODEL_STACK].soft = 64 * KIB + 5;
	assert_int_equal(make().value, 0);
	assert_vma(TOP_64 - 64 * KIB, TOP_64, VMA_READ | VMA_WRITE);
	model.limits[MODEL_STACK].soft = 0;
	assert_int_equal(make().value, 0);
	assert_vma(TOP_64 - PAGE, TOP_64, VMA_READ | VMA_WRITE);
}

static void a_moved_stack_keeps_the_offset_it_was_made_with(void **state)
{
	const struct exec_random random = {.stack_pages = 1000};

	(void)state;
	assert_int_equal(make().value, 0);
	assert_int_equal(vma_at(TOP_64 - 1)->pgoff, vma_at(TOP_64 - 1)->start / PAGE);
	model.personality = 0;
	assert_int_equal(model_exec(&model, &program, &random).value, 0);
	assert_int_equal(vma_at(TOP_64 - 1000 * PAGE - 1)->pgoff, TOP_64 / PAGE - 33);
}

static void only_ia32_programs_that_say_nothing_execute_all(void **state)
{
	(void)state;
	program.stack = EXEC_STACK_DEFAULT;
	assert_int_equal(make().value, 0);
	assert_vma(0x7ffffffde000, TOP_64, VMA_READ | VMA_WRITE);
	program.bits = 32;
	assert_int_equal(make().value, 0);
	assert_vma(0xfffdd000, 0xffffe000, VMA_RIGHTS);
	assert_vma(0x56557000, 0x56558000, VMA_RIGHTS);
	assert_true(model.personality & PERSONALITY_READ_IMPLIES_EXEC);
	/* It stays for the next ia32 program, and goes with one of 64 bits. */
	program.stack = EXEC_STACK_DATA;
	assert_int_equal(make().value, 0);
	assert_vma(0xfffdd000, 0xffffe000, VMA_READ | VMA_WRITE);
	assert_vma(0x56557000, 0x56558000, VMA_RIGHTS);
	program.bits = 64;
	assert_int_equal(make().value, 0);
	assert_false(model.personality & PERSONALITY_READ_IMPLIES_EXEC);
}

static void exec_forgets_what_was_there(void **state)
{
	struct model_request request = {CALL_MMAP, {0, 5 * PAGE, 3, 0x22, -1, 0}};

	(void)state;
	assert_int_equal(make().value, 0);
	assert_true(model_do(&model, &request).value > 0);
	model.new_flags = VMA_LOCKED;
	assert_int_equal(make().value, 0);
	assert_int_equal(model.vmas.count, 11);
	assert_int_equal(model.counters.total, 11 + 33 + 8 - 1);
	assert_int_equal(model.new_flags, 0);
}

/*
 * Refusals.
 */

static void assert_refused(int64_t errnum, bool killed, enum rule rule)
{
	struct exec_result result = make();

	assert_int_equal(result.value, errnum);
	assert_int_equal(result.killed, killed);
	assert_string_equal(rule_name(result.refused), rule_name(rule));
}

static void strings_have_a_quarter_of_the_stack(void **state)
{
	(void)state;
	program.filename_size = 16;
	program.nargs = 3;
	program.nenvs = 2;
	program.arg_size = 2 * MIB - 5 * 8 - 16;
	assert_int_equal(make().value, 0);
	program.arg_size++;
	assert_refused(-E2BIG, false, RULE_EXEC_STRINGS);
	model.limits[MODEL_STACK].soft = MODEL_INFINITE;
	assert_int_equal(make().value, 0);
	program.arg_size += 4 * MIB;
	assert_refused(-E2BIG, false, RULE_EXEC_STRINGS);
	program.arg_size = 5000;
	program.longest = 128 * KIB + 1;
	assert_refused(-E2BIG, false, RULE_EXEC_STRING);
}

static void strings_that_the_stack_has_no_room_for_are_too_big(void **state)
{
	(void)state;
	model.limits[MODEL_STACK].soft = 64 * KIB;
	program.arg_size = 64 * KIB;
	assert_refused(-E2BIG, false, RULE_LIMIT_STACK);
	/* They have, but not for what lies below them. */
	program.arg_size = 64 * KIB - 8 - program.filename_size;
	assert_refused(-EFAULT, true, RULE_LIMIT_STACK);
}

static void limits_kill(void **state)
{
	(void)state;
	model.limits[MODEL_AS].soft = 33 * PAGE;
	assert_refused(-ENOMEM, true, RULE_LIMIT_AS);
	model.limits[MODEL_AS].soft = MODEL_INFINITE;
	model.limits[MODEL_DATA] = (struct model_limits){3 * PAGE, 3 * PAGE};
	assert_refused(-ENOMEM, true, RULE_LIMIT_DATA);
}

static void what_is_mapped_whole_counts_whole(void **state)
{
	(void)state;
	/* 33 pages of stack, 3 + 256: then all but one of them is unmapped again. */
	segments[2].vaddr = 0x102000;
	segments[2].memsz = 0x1000;
	segments[2].offset = segments[1].offset;
	model.limits[MODEL_AS].soft = (33 + 3 + 256) * PAGE;
	assert_int_equal(make().value, 0);
	model.limits[MODEL_AS].soft -= PAGE;
	assert_refused(-ENOMEM, true, RULE_LIMIT_AS);
}

static void a_fixed_program_in_the_way_of_the_stack_is_killed(void **state)
{
	(void)state;
	make_fixed();
	segments[0].vaddr = TOP_64 - PAGE;
	assert_refused(-EEXIST, true, RULE_NOREPLACE);
}

static void segments_must_make_sense(void **state)
{
	(void)state;
	segments[1].filesz = 0x200;
	assert_refused(-EINVAL, true, RULE_EXEC_SEGMENT);
	segments[1].filesz = 0x100;
	segments[1].offset = 0x1001;
	assert_refused(-EINVAL, true, RULE_OFFSET_UNALIGNED);
	segments[1].offset = 0x1000;
	program.image.file_size = 0x1000;
	assert_refused(-EFAULT, true, RULE_END_OF_FILE);
	program.image.file_size = 0x2000;
	interpreter_segments[0].memsz = interpreter_segments[0].filesz = 0;
	program.interpreter.nsegments = 1;
	assert_refused(-EINVAL, true, RULE_EXEC_EMPTY);
}

static void low_addresses_need_a_capability(void **state)
{
	(void)state;
	make_fixed();
	segments[0].vaddr = 0x1000;
	assert_refused(-EPERM, true, RULE_MIN_ADDR);
	model.capabilities = MODEL_CAP_SYS_RAWIO;
	assert_int_equal(make().value, 0);
}

static void memory_can_run_out_at_any_time(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct exec_result result;
		struct model small;

		model_init(&small);
		result = model_exec(&small, &program, &nothing);
		assert_int_equal(small.out_of_memory, failing_failed());
		if (!failing_failed())
			assert_int_equal(result.value, 0);
		model_fini(&small);
	}
}

/*
 * Ranges, against drawing everything. ia32 with 3 bits has few enough.
 */

#define BITS 3
#define COUNT (1 << BITS)

static uint64_t draw(enum exec_position position, const struct exec_random *random)
{
	struct exec_places drawn = exec_places_of(&model, &program, random);

	switch (position) {
	case POSITION_STACK:
		return drawn.stack_top;
	case POSITION_MMAP:
		return drawn.top_down ? drawn.mmap_base : drawn.legacy_base;
	case POSITION_PROGRAM:
		return drawn.program;
	default:
		return drawn.start_brk;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void assert_chance(const struct chance *chance, int64_t *drawn, size_t n, uint64_t values)
{
	chance_count total = chance_total(chance);
	uint64_t different = 0;
	size_t i;

	/* Draws that make no difference may be counted as one. */
	assert_true(n % (uint64_t)total == 0);
	qsort(drawn, n, sizeof(*drawn), compare_numbers);
	assert_int_equal(chance_least(chance), drawn[0]);
	assert_int_equal(chance_most(chance), drawn[n - 1]);
	for (i = 0; i < n; i++) {
		if (i + 1 < n && drawn[i] == drawn[i + 1])
			continue;
		different++;
		assert_true(chance_up_to(chance, drawn[i]) * n == (i + 1) * total);
	}
	if (values)
		assert_int_equal(values, different);
}

static void assert_range(const struct exec_ranges *ranges, enum exec_position position,
			 int64_t *room)
{
	const struct exec_range *range = &ranges->positions[position];
	struct exec_random random = {0};
	size_t n = 0;

	for (random.mmap_pages = 0; random.mmap_pages < COUNT; random.mmap_pages++) {
		if (position != POSITION_MMAP && random.mmap_pages)
			break;
		for (random.program_pages = 0; random.program_pages < COUNT;
		     random.program_pages++) {
			if (position == POSITION_MMAP && random.program_pages)
				break;
			for (random.brk_pages = 0; random.brk_pages < 8192; random.brk_pages++) {
				if (position != POSITION_HEAP && random.brk_pages)
					break;
				room[n++] = (int64_t)(draw(position, &random) / PAGE);
			}
		}
	}
	assert_true(range->known);
	assert_int_equal(range->lowest, chance_least(&range->chance) * 4096);
	assert_int_equal(range->highest, chance_most(&range->chance) * 4096);
	assert_chance(&range->chance, room, n, range->values);
}

static void assert_gap(const struct exec_ranges *ranges, int64_t *room)
{
	struct exec_random random = {0};
	size_t n = 0;

	for (random.mmap_pages = 0; random.mmap_pages < COUNT; random.mmap_pages++)
		for (random.program_pages = 0; random.program_pages < COUNT; random.program_pages++)
			for (random.brk_pages = 0; random.brk_pages < 8192; random.brk_pages++)
				room[n++] = (int64_t)(draw(POSITION_MMAP, &random) -
						      draw(POSITION_HEAP, &random)) /
					    4096;
	assert_int_equal(ranges->gap_to, GAP_TO_ZONE);
	assert_chance(&ranges->gap, room, n, 0);
}

static void ranges_hold_what_is_drawn(void **state)
{
	static const uint64_t aligns[] = {4096, 0x2000, 0x4000, 0x8000, 64 * KIB, 2 * MIB, 0};
	int64_t *room = calloc((size_t)COUNT * COUNT * 8192, sizeof(*room));
	struct exec_ranges ranges;
	size_t i;

	(void)state;
	assert_non_null(room);
	model.personality = 0;
	model.machine.mmap_rnd_compat_bits = BITS;
	program.bits = 32;
	for (i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		segments[0].align = segments[1].align = segments[2].align = aligns[i];
		segments[0].vaddr = i & 1 ? 0xf00 : 0;
		exec_ranges_of(&model, &program, &ranges);
		assert_range(&ranges, POSITION_MMAP, room);
		assert_range(&ranges, POSITION_PROGRAM, room);
		assert_range(&ranges, POSITION_HEAP, room);
		assert_gap(&ranges, room);
	}
	program.has_interpreter = false;
	exec_ranges_of(&model, &program, &ranges);
	assert_false(ranges.positions[POSITION_PROGRAM].known);
	assert_range(&ranges, POSITION_HEAP, room);
	free(room);
}

static void the_end_of_the_stack_is_not_quite_uniform(void **state)
{
	const struct chance *chance;
	struct exec_ranges ranges;

	(void)state;
	model.personality = 0;
	exec_ranges_of(&model, &program, &ranges);
	chance = &ranges.positions[POSITION_STACK].chance;
	assert_int_equal(ranges.positions[POSITION_STACK].highest, TOP_64);
	assert_int_equal(ranges.positions[POSITION_STACK].lowest,
			 TOP_64 - (UINT64_C(0x3fffff) + 2) * PAGE);
	assert_int_equal(ranges.positions[POSITION_STACK].values, 0x400002);
	assert_true(chance_total(chance) == UINT64_C(1) << 35);
	/* 4081 of 8192 numbers of bytes leave the highest page as it is. */
	assert_true(chance_total(chance) - chance_up_to(chance, (int64_t)(TOP_64 / PAGE) - 1) ==
		    4081);
	assert_true(chance_up_to(chance, chance_least(chance)) == 15);
}

static void without_aslr_there_is_one_value(void **state)
{
	struct exec_ranges ranges;
	unsigned i;

	(void)state;
	exec_ranges_of(&model, &program, &ranges);
	for (i = 0; i < NEXEC_POSITIONS; i++) {
		assert_int_equal(ranges.positions[i].values, 1);
		assert_int_equal(ranges.positions[i].lowest, ranges.positions[i].highest);
	}
	assert_int_equal(chance_quantile(&ranges.gap, 1, 2) * 4096,
			 UINT64_C(0x7ffff7fff000) - UINT64_C(0x55555555a000));
}

static void the_gap_of_a_pie_is_what_the_ranges_leave(void **state)
{
	struct exec_ranges ranges;
	int64_t least, most, middle;

	(void)state;
	model.personality = 0;
	exec_ranges_of(&model, &program, &ranges);
	least = chance_least(&ranges.gap);
	most = chance_most(&ranges.gap);
	assert_int_equal(most * 4096, places().mmap_base - places().start_brk);
	assert_int_equal(most - least, 2 * ((INT64_C(1) << 28) - 1) + (1 << 18) - 1);
	/* A sum of uniform numbers lies as often above its middle as below. */
	middle = chance_quantile(&ranges.gap, 1, 2);
	assert_in_range(middle - least, (most - least) / 2 - 1, (most - least) / 2 + 1);
}

static void with_an_unlimited_stack_the_heap_grows_towards_the_stack(void **state)
{
	struct exec_ranges ranges;

	(void)state;
	model.limits[MODEL_STACK].soft = MODEL_INFINITE;
	exec_ranges_of(&model, &program, &ranges);
	assert_int_equal(ranges.gap_to, GAP_TO_STACK);
	assert_int_equal(chance_most(&ranges.gap) * 4096,
			 UINT64_C(0x7ffffffde000) - UINT64_C(0x55555555a000));
	make_fixed();
	exec_ranges_of(&model, &program, &ranges);
	assert_int_equal(ranges.gap_to, GAP_TO_ZONE);
	assert_int_equal(chance_most(&ranges.gap) * 4096, UINT64_C(0x155555556000) - 0x406000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(the_mmap_zone_begins_below_the_room_for_the_stack),
		TEST(with_aslr_the_range_of_the_stack_is_kept_free_too),
		TEST(the_legacy_layout_begins_at_a_third),
		TEST(a_pie_lies_at_two_thirds),
		TEST(a_pie_lies_at_its_alignment),
		TEST(the_heap_begins_behind_the_program),
		TEST(the_heap_of_a_static_pie_begins_where_programs_do),
		TEST(the_stack_ends_where_chance_puts_it),
		TEST(what_is_not_drawn_is_not_looked_at),
		TEST(a_pie_is_mapped_as_its_headers_say),
		TEST(the_page_with_the_border_of_bss_is_written_to),
		TEST(older_kernels_have_the_clocks_in_one_mapping),
		TEST(the_stack_begins_with_its_strings_and_128_kib),
		TEST(the_stack_has_no_more_than_its_limit),
		TEST(a_moved_stack_keeps_the_offset_it_was_made_with),
		TEST(only_ia32_programs_that_say_nothing_execute_all),
		TEST(exec_forgets_what_was_there),
		TEST(strings_have_a_quarter_of_the_stack),
		TEST(strings_that_the_stack_has_no_room_for_are_too_big),
		TEST(limits_kill),
		TEST(what_is_mapped_whole_counts_whole),
		TEST(a_fixed_program_in_the_way_of_the_stack_is_killed),
		TEST(segments_must_make_sense),
		TEST(low_addresses_need_a_capability),
		TEST(memory_can_run_out_at_any_time),
		TEST(ranges_hold_what_is_drawn),
		TEST(the_end_of_the_stack_is_not_quite_uniform),
		TEST(without_aslr_there_is_one_value),
		TEST(the_gap_of_a_pie_is_what_the_ranges_leave),
		TEST(with_an_unlimited_stack_the_heap_grows_towards_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
