/*
 * A heap of a few blocks, seen together with pages that are in memory or not.
 *
 *	page      0x1000  0x2000  0x3000  0x4000  0x5000  0x6000
 */
#include "heap/ladder.h"
#include "heap/locate.h"
#include "heap/survey.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

/* What a walk shows: a range where size is 0 and extent is not. */
#define RANGE(from, to)                                                                            \
	{                                                                                          \
		.address = (from), .extent = (to) - (from), .arena = NO_ARENA                      \
	}
#define LIVE(at, bytes, takes)                                                                     \
	{                                                                                          \
		.address = (at), .size = (bytes), .extent = (takes), .state = BLOCK_LIVE           \
	}
#define FREE(at, bytes)                                                                            \
	{                                                                                          \
		.address = (at), .size = (bytes), .extent = (bytes), .state = BLOCK_FREE           \
	}

static const struct block *script;
static size_t nscript;

static int walk_script(struct heap_reading *heap, const struct heap_visitor *visitor)
{
	size_t i;
	int r = 0;

	(void)heap;
	for (i = 0; r == 0 && i < nscript; i++) {
		const struct block *step = &script[i];

		if (step->arena == NO_ARENA)
			r = visitor->range(visitor->context, step->address,
					   step->address + step->extent);
		else if (step->class == NO_CLASS)
			r = visitor->returnable(visitor->context, step->arena, step->address,
						step->address + step->extent);
		else
			r = visitor->block(visitor->context, step);
	}
	return r;
}

static const struct heap_type type = {.name = "script", .walk = walk_script};
static struct heap_reading heap = {.type = &type};
static struct heap_runs runs;
static struct space space;
static struct survey survey;

static void begin(void)
{
	space_init(&space);
	space.machine.page_size = PAGE;
	runs = (struct heap_runs){0};
}

static int set_up(void **state)
{
	(void)state;
	begin();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	survey_fini(&survey);
	heap_runs_fini(&runs);
	space_fini(&space);
	return 0;
}

static void resident(plat_addr start, plat_addr end)
{
	assert_int_equal(heap_runs_add(&runs, start, end), 0);
}

static int walk(const struct block *steps, size_t n)
{
	script = steps;
	nscript = n;
	survey_init(&survey, &space, &runs, 3);
	return survey_walk(&survey, &heap, NULL);
}

#define WALK(steps) assert_int_equal(walk(steps, ARRAY_SIZE(steps)), 0)

static void each_byte_has_one_use(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x4000),
		LIVE(0x1000, 100, 128),
		FREE(0x1080, 0x1f80 - 0x1080),
		{.address = 0x2010, .size = 0x800, .extent = 0x880, .before = 0x10},
		{.address = 0x2880, .size = 64, .extent = 64, .state = BLOCK_CACHED},
	};

	(void)state;
	resident(0x1000, 0x2000);
	resident(0x3000, 0x9000);
	WALK(steps);
	assert_int_equal(survey.all.held[USE_LIVE], 100 + 0x800);
	assert_int_equal(survey.all.held[USE_SLACK], 28 + 0x80);
	assert_int_equal(survey.all.held[USE_FREE], 0xf00);
	assert_int_equal(survey.all.held[USE_CACHED], 64);
	assert_int_equal(survey_held(&survey.all), 0x3000);
	assert_int_equal(survey.all.resident[USE_LIVE], 100);
	assert_int_equal(survey.all.resident[USE_FREE], 0xf00);
	assert_int_equal(survey_resident(&survey.all), 0x2000);
	assert_memory_equal(&survey.arenas[0].held[USE_LIVE], &survey.all.held[USE_LIVE], 8);
}

static void pages_are_occupied_or_idle(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x3800), /* ends in a page, and the next begins there */
		LIVE(0x1ff0, 0x20, 0x20),
		RANGE(0x3800, 0x5000),
		LIVE(0x3900, 8, 8),
	};

	(void)state;
	resident(0x2000, 0x4000);
	WALK(steps);
	assert_int_equal(survey.occupied, 0x3000);
	assert_int_equal(survey.occupied_resident, 0x2000);
	assert_int_equal(survey.idle, 0x1000);
	assert_int_equal(survey.idle_resident, 0);
}

static void large_blocks_are_counted_at_once(void **state)
{
	const uint64_t huge = UINT64_C(1) << 44;
	const struct block steps[] = {
		RANGE(0x10000, 0x10000 + huge),
		LIVE(0x10010, huge - 0x1000, huge - 0x10),
	};
	size_t i;
	uint64_t sum = 0;

	(void)state;
	resident(0x10000, 0x20000);
	WALK(steps);
	assert_int_equal(survey.all.resident[USE_LIVE], 0x10000 - 0x10);
	assert_int_equal(survey.occupied, huge);
	for (i = 0; i < survey.ncells; i++)
		sum += survey.cells[i].held;
	assert_int_equal(sum, huge);
	assert_true(survey.ncells > SURVEY_CELLS / 2);
}

static void few_small_blocks_pin_pages(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x9000),	      LIVE(0x1000, 512, 512), LIVE(0x2000, 16, 16),
		LIVE(0x2100, 16, 16),	      LIVE(0x4000, 513, 513), LIVE(0x5000, 16, 16),
		LIVE(0x6100, 0x2000, 0x2000), /* its last page holds 256 bytes */
	};

	(void)state;
	resident(0x1000, 0x9000);
	WALK(steps);
	assert_int_equal(survey.all.pinned, 0x3000);
	assert_int_equal(survey.all.pinned_blocks, 4);
	assert_int_equal(survey.all.pinned_live, 560);
	assert_int_equal(survey.npins, 2);
	assert_int_equal(survey.pins[0].start, 0x1000);
	assert_int_equal(survey.pins[0].end, 0x3000);
	assert_int_equal(survey.pins[0].blocks, 3);
	assert_int_equal(survey.pins[0].first, 0x1000);
	assert_int_equal(survey.pins[1].start, 0x5000);
}

static void the_worst_pins_are_kept(void **state)
{
	struct block steps[21] = {RANGE(0x1000, 0x100000)};
	size_t i;

	(void)state;
	for (i = 1; i < ARRAY_SIZE(steps); i++)
		steps[i] = (struct block)LIVE(0x2000 * i, i % 7 * 16 + 1, 112);
	resident(0x1000, 0x100000);
	WALK(steps);
	assert_int_equal(survey.npins, 3);
	for (i = 0; i < 2; i++)
		assert_int_equal(survey.pins[i].live, 1);
	assert_int_equal(survey.pins[2].live, 17);
}

static void sizes_are_counted(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x9000),	LIVE(0x1000, 0, 16),	  LIVE(0x1010, 1, 16),
		LIVE(0x1020, 16, 16),	LIVE(0x1030, 17, 32),	  LIVE(0x1100, 600, 608),
		LIVE(0x2000, 600, 608), LIVE(0x3000, 1000, 1000), FREE(0x4000, 64),
	};

	(void)state;
	WALK(steps);
	assert_int_equal(survey.nsizes, 6);
	assert_int_equal(survey.sizes[0].size, 600);
	assert_int_equal(survey.sizes[0].blocks, 2);
	assert_int_equal(survey.sizes[1].size, 1000);
	assert_int_equal(survey.bucket_blocks[0], 2);
	assert_int_equal(survey.bucket_blocks[4], 1);
	assert_int_equal(survey.bucket_blocks[5], 1);
	assert_int_equal(survey.bucket_blocks[10], 3);
	assert_int_equal(survey.bucket_bytes[10], 2200);
}

static void what_can_be_returned_is_told_apart(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x9000),
		{.address = 0x2000, .extent = 0x2000, .arena = 1, .class = NO_CLASS},
		{.address = 0x5000, .extent = 0x1000, .arena = 0, .class = NO_CLASS},
	};

	(void)state;
	resident(0x3000, 0x6000);
	WALK(steps);
	assert_int_equal(survey.arenas[1].returnable, 0x2000);
	assert_int_equal(survey.arenas[1].returnable_resident, 0x1000);
	assert_int_equal(survey.arenas[0].returnable_resident, 0x1000);
	assert_int_equal(survey.all.returnable, 0x3000);
	assert_int_equal(survey.all.returnable_resident, 0x2000);
}

static void the_last_block_below_the_break_is_known(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x9000), LIVE(0x1000, 16, 16), LIVE(0x2000, 32, 32),
		FREE(0x2020, 64),      LIVE(0x8000, 16, 16),
	};

	(void)state;
	space.start_brk = 0x1000;
	space.brk = 0x4000;
	WALK(steps);
	assert_int_equal(survey.top_block.address, 0x2000);
}

/* Blocks out of order, out of their range, without end: nothing crashes, and sums hold. */
static void a_hostile_walk_ends(void **state)
{
	static const struct block steps[] = {
		RANGE(0x5000, 0x6000),
		LIVE(0x4000, 0x5000, 0x5000),
		LIVE(0x100, 16, 16),
		{.address = 0x5800, .size = 1, .extent = UINT64_MAX, .before = UINT32_MAX},
		RANGE(0x1000, 0x2000),
		{.address = UINT64_MAX - 8, .size = UINT64_MAX, .extent = UINT64_MAX},
		RANGE(UINT64_MAX - 0x1fff, UINT64_MAX),
		LIVE(UINT64_MAX - 0x1000, UINT64_MAX, UINT64_MAX),
	};

	(void)state;
	resident(0x5000, 0x7000);
	WALK(steps);
	assert_int_equal(survey_held(&survey.all), 0x1000 + 0x1000 + 0x1fff);
	assert_true(survey_resident(&survey.all) <= survey_held(&survey.all));
}

static void every_allocation_can_fail(void **state)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x9000),
		LIVE(0x1000, 16, 16),
		{.address = 0x2000, .size = 16, .extent = 16, .arena = 2000},
		{.address = 0x2000, .extent = 0x2000, .arena = 1, .class = NO_CLASS},
	};
	size_t n;
	int r;

	(void)state;
	resident(0x1000, 0x9000);
	FOR_EACH_ALLOCATION(n)
	{
		r = walk(steps, ARRAY_SIZE(steps));
		survey_fini(&survey);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

/*
 * The ladder.
 */

static struct region regions[] = {
	{.start = 0x1000, .end = 0x5000, .kind = KIND_HEAP, .rights = RW, .file = NO_FILE},
	{.start = 0x5000, .end = 0x9000, .kind = KIND_STACK, .rights = RW, .file = NO_FILE},
	{.start = 0x9000, .end = 0xb000, .kind = KIND_ANON, .rights = RW, .file = NO_FILE},
};

static void climb(const struct heaps *heaps, struct heap_ladder *ladder)
{
	static const struct block steps[] = {RANGE(0x1000, 0x3000), LIVE(0x1000, 256, 256)};
	struct survey_share shares[ARRAY_SIZE(regions)] = {{0}};

	space.regions = regions;
	space.nregions = ARRAY_SIZE(regions);
	script = steps;
	nscript = heaps->n ? ARRAY_SIZE(steps) : 0;
	resident(0x1000, 0x6000);
	resident(0x9000, 0xa000);
	survey_init(&survey, &space, &runs, 3);
	survey.shares = shares;
	assert_int_equal(survey_walk(&survey, &heap, NULL), 0);
	heap_ladder_of(&space, &runs, true, heaps, &survey, shares, ladder);
	space.regions = NULL;
	space.nregions = 0;
	assert_int_equal(shares[0].held, heaps->n ? 0x2000 : 0);
}

static void each_step_has_what_is_left(void **state)
{
	const struct heaps heaps = {.readings = {&heap}, .n = 1, .has_used = true};
	struct heap_ladder ladder;

	(void)state;
	climb(&heaps, &ladder);
	assert_int_equal(ladder.anonymous, 0x6000);
	assert_int_equal(survey_resident(&ladder.heap), 0x2000);
	assert_int_equal(ladder.kinds[KIND_HEAP], 0x2000);
	assert_int_equal(ladder.kinds[KIND_STACK], 0x1000);
	assert_int_equal(ladder.kinds[KIND_ANON], 0x1000);
	assert_int_equal(ladder.opaque.kind, ALLOCATOR_UNKNOWN);
}

static void what_nothing_else_claims_is_of_the_allocator_that_cannot_be_read(void **state)
{
	const struct heaps heaps = {
		.allocator = {.how = ALLOCATOR_LINKED, .kind = ALLOCATOR_MIMALLOC}};
	struct heap_ladder ladder;

	(void)state;
	climb(&heaps, &ladder);
	assert_int_equal(ladder.opaque.kind, ALLOCATOR_MIMALLOC);
	assert_int_equal(ladder.opaque.regions, 2); /* the heap, and the mapping */
	assert_int_equal(ladder.opaque.size, 0x6000);
	assert_int_equal(ladder.opaque.resident, 0x5000);
	assert_false(ladder.opaque.is_named);
}

/*
 * One address.
 */

static const struct heap_location *locate(plat_addr addr)
{
	static const struct block steps[] = {
		RANGE(0x1000, 0x3000), {.address = 0x1010, .size = 24, .extent = 48, .before = 16},
		FREE(0x1040, 64),      LIVE(0x1080, 0, 0),
		RANGE(0x5000, 0x6000), LIVE(0x5000, 16, 16),
	};
	static struct heap_location location;
	const struct heaps heaps = {.readings = {&heap}, .n = 1};

	script = steps;
	nscript = ARRAY_SIZE(steps);
	assert_int_equal(heap_locate(&heaps, addr, &location), 0);
	return &location;
}

static void an_address_inside_of_a_block_is_the_blocks(void **state)
{
	static const struct {
		plat_addr addr, block;
	} cases[] = {{0x1000, 0x1010}, {0x1010, 0x1010}, {0x102f, 0x1010}, {0x1040, 0x1040},
		     {0x107f, 0x1040}, {0x1080, 0x1080}, {0x5008, 0x5000}};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct heap_location *location = locate(cases[i].addr);

		assert_string_equal(location->allocator, "script");
		assert_true(location->has_block);
		assert_int_equal(location->block.address, cases[i].block);
	}
}

static void what_is_in_no_block_is_held_or_not(void **state)
{
	(void)state;
	assert_false(locate(0x1030)->has_block);
	assert_string_equal(locate(0x1030)->allocator, "script");
	assert_false(locate(0x2000)->has_block);
	assert_string_equal(locate(0x2000)->allocator, "script");
	assert_null(locate(0xfff)->allocator);
	assert_null(locate(0x3000)->allocator);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_byte_has_one_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pages_are_occupied_or_idle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_blocks_are_counted_at_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(few_small_blocks_pin_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_worst_pins_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_can_be_returned_is_told_apart, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_last_block_below_the_break_is_known, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_hostile_walk_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_allocation_can_fail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_step_has_what_is_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_nothing_else_claims_is_of_the_allocator_that_cannot_be_read, set_up,
			tear_down),
		cmocka_unit_test(an_address_inside_of_a_block_is_the_blocks),
		cmocka_unit_test(what_is_in_no_block_is_held_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
