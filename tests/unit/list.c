/* Lists that grow. */
#include "base/list.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

struct numbers {
	uint64_t *items;
	size_t n, room;
};

static int reserve(struct numbers *list, size_t more)
{
	return list_reserve(&list->items, &list->room, list->n, more);
}

static void an_empty_list_gets_room_for_several(void **state)
{
	struct numbers list = {0};

	(void)state;
	assert_int_equal(reserve(&list, 1), 0);
	assert_non_null(list.items);
	assert_true(list.room >= 8);
	free(list.items);
}

static void growing_keeps_what_is_in_the_list(void **state)
{
	struct numbers list = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(reserve(&list, 1), 0);
		list.items[list.n++] = i;
	}
	for (i = 0; i < 1000; i++)
		assert_int_equal(list.items[i], i);
	free(list.items);
}

static void room_that_is_there_is_used(void **state)
{
	struct numbers list = {0};
	uint64_t *before;

	(void)state;
	assert_int_equal(reserve(&list, 100), 0);
	before = list.items;
	assert_int_equal(reserve(&list, 100), 0);
	assert_ptr_equal(list.items, before);
	free(list.items);
}

static void a_count_that_wraps_is_refused(void **state)
{
	struct numbers list = {.n = 2};

	(void)state;
	assert_int_equal(reserve(&list, SIZE_MAX), -ENOMEM);
	assert_null(list.items);
}

static void a_size_that_wraps_is_refused(void **state)
{
	struct numbers list = {0};

	(void)state;
	assert_int_equal(reserve(&list, SIZE_MAX / 4), -ENOMEM);
	assert_null(list.items);
	assert_int_equal(list.room, 0);
}

static void a_list_that_cannot_grow_stays_as_it_was(void **state)
{
	struct numbers list = {0};
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		int r;

		list = (struct numbers){0};
		r = reserve(&list, 8);
		if (r == 0) {
			list.n = 8;
			list.items[7] = 7;
			r = reserve(&list, 8);
			assert_int_equal(list.items[7], 7);
			assert_int_equal(list.room, r == 0 ? 16 : 8);
		}
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		free(list.items);
		assert_int_equal(failing_alive(), 0);
	}
	assert_int_equal(n, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_gets_room_for_several),
		cmocka_unit_test(growing_keeps_what_is_in_the_list),
		cmocka_unit_test(room_that_is_there_is_used),
		cmocka_unit_test(a_count_that_wraps_is_refused),
		cmocka_unit_test(a_size_that_wraps_is_refused),
		cmocka_unit_test(a_list_that_cannot_grow_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
