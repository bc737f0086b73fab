/* Blocks that were put aside come back as they were. */
#include "heap/block_log.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct block blocks[] = {
	{.address = 0x1000, .size = 24, .extent = 32, .before = 8, .is_requested = true},
	{.address = 0x800, .size = 0, .extent = 16, .state = BLOCK_CACHED, .class = 7, .arena = 3},
	{.address = UINT64_MAX,
	 .size = UINT64_MAX,
	 .extent = 0,
	 .before = UINT32_MAX,
	 .state = BLOCK_UNKNOWN,
	 .class = NO_CLASS,
	 .arena = NO_ARENA},
	{.address = 0, .size = 1, .extent = UINT64_MAX, .state = BLOCK_FREE, .class = 1 << 20},
};

static void assert_same(const struct block *a, const struct block *b)
{
	assert_int_equal(a->address, b->address);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->extent, b->extent);
	assert_int_equal(a->before, b->before);
	assert_int_equal(a->is_requested, b->is_requested);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->class, b->class);
	assert_int_equal(a->arena, b->arena);
}

static void blocks_come_back_as_they_were(void **state)
{
	struct block_log log = {0};
	struct block_log_reader reader = {.log = &log};
	struct block block;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		assert_int_equal(block_log_add(&log, &blocks[i]), 0);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		assert_true(block_log_next(&reader, &block));
		assert_same(&block, &blocks[i]);
	}
	assert_false(block_log_next(&reader, &block));
	block_log_fini(&log);
}

static void a_usual_block_takes_few_bytes(void **state)
{
	struct block block = {.address = 0x7f0000001000, .size = 40, .extent = 48, .class = 40};
	struct block_log log = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++, block.address += 48)
		assert_int_equal(block_log_add(&log, &block), 0);
	assert_true(log.size <= 8 * i);
	block_log_fini(&log);
}

static void every_allocation_can_fail(void **state)
{
	struct block_log log;
	size_t n, i;
	int r;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		log = (struct block_log){0};
		for (i = r = 0; r == 0 && i < 20000; i++)
			r = block_log_add(&log, &blocks[0]);
		block_log_fini(&log);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_back_as_they_were),
		cmocka_unit_test(a_usual_block_takes_few_bytes),
		cmocka_unit_test(every_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
