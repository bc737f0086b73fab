/* Which allocators are found where there is little to find; tests/cli has real processes. */
#include "heap/find.h"
#include "heap/own.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

static void where_no_program_is_there_is_no_heap(void **state)
{
	struct array array = array_at(0x1000, "", 0);
	struct heaps heaps;
	struct space space;

	(void)state;
	space_init(&space);
	assert_int_equal(heaps_find(&space, &array.reader, &heaps), 0);
	assert_int_equal(heaps.n, 0);
	assert_false(heaps.has_used);
	assert_non_null(strstr(heaps.why.text, "its allocator was not found"));
	assert_null(heaps_of(&heaps, &own_type));
	heaps_close(&heaps);
	space_fini(&space);
}

static void a_static_program_of_no_known_allocator_has_no_heap(void **state)
{
	struct module program = {.role = MODULE_PROGRAM, .file = NO_FILE, .header = 0x1000};
	struct array array = array_at(0x1000, "", 0);
	struct heaps heaps;
	struct space space;

	(void)state;
	space_init(&space);
	space.modules = &program;
	space.nmodules = 1;
	assert_int_equal(heaps_find(&space, &array.reader, &heaps), 0);
	assert_int_equal(heaps.n, 0);
	assert_int_equal(heaps.allocator.how, ALLOCATOR_STATIC);
	assert_non_null(strstr(heaps.why.text, "a static program"));
	heaps_close(&heaps);
	space.modules = NULL;
	space.nmodules = 0;
	space_fini(&space);
}

static void a_heap_is_found_by_its_type_and_named(void **state)
{
	static const struct heap_type glibc = {.name = "glibc"}, other = {.name = "other"};
	struct heap_reading first = {.type = &glibc}, second = {.type = &other};
	const struct heaps heaps = {.readings = {&first, &second}, .n = 2};

	(void)state;
	assert_ptr_equal(heaps_of(&heaps, &other), &second);
	assert_null(heaps_of(&heaps, &own_type));
	assert_string_equal(heap_words(&first), "glibc's malloc");
	assert_string_equal(heap_words(&second), "other");
}

static void every_allocation_can_fail(void **state)
{
	struct array array = array_at(0x1000, "", 0);
	struct heaps heaps;
	struct space space;
	size_t n;
	int r;

	(void)state;
	space_init(&space);
	FOR_EACH_ALLOCATION(n)
	{
		r = heaps_find(&space, &array.reader, &heaps);
		if (r == 0)
			heaps_close(&heaps);
		assert_int_equal(r, failing_failed() ? -ENOMEM : 0);
		assert_int_equal(failing_alive(), 0);
	}
	space_fini(&space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_no_program_is_there_is_no_heap),
		cmocka_unit_test(a_static_program_of_no_known_allocator_has_no_heap),
		cmocka_unit_test(a_heap_is_found_by_its_type_and_named),
		cmocka_unit_test(every_allocation_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
