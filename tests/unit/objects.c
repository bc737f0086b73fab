/* Variables of this program, found from outside by their addresses. */
#include "source/objects.h"

#include "source/proc.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct procdir dir;
static struct space space;

/* Not static: the compiler might lay these out as it likes, or leave them out. */
extern uint64_t town_hall[4], town_well, town_wall[2];
uint64_t town_hall[4] = {1}, town_well = 2, town_wall[2] = {3};

static int begin(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(procdir_open(NULL, getpid(), &dir, &err), 0);
	assert_int_equal(proc_load(&dir, 0, &space, &err), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	space_fini(&space);
	procdir_close(&dir);
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const plat_addr *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void assert_named(const struct objects *objects, const void *at, const char *name,
			 const void *start, size_t size)
{
	const struct object *object = objects_at(objects, (uintptr_t)at);

	assert_non_null(object);
	assert_string_equal(object->name, name);
	assert_int_equal(object->start, (uintptr_t)start);
	assert_int_equal(object->end, (uintptr_t)start + size);
}

static void many_addresses_have_their_variables(void **state)
{
	plat_addr addrs[] = {
		(uintptr_t)&town_hall[3], (uintptr_t)&town_hall[0],
		(uintptr_t)&town_well,	  (uintptr_t)&town_hall[1],
		(uintptr_t)&environ,	  (uintptr_t)&dir,
		(uintptr_t)&addrs[0],	  (uintptr_t)1,
	};
	struct objects objects;

	(void)state;
	qsort(addrs, ARRAY_SIZE(addrs), sizeof(*addrs), by_address);
	assert_int_equal(objects_find(&dir, &space, addrs, ARRAY_SIZE(addrs), &objects), 0);
	assert_int_equal(objects.n, 4);
	assert_named(&objects, &town_hall[3], "town_hall", town_hall, sizeof(town_hall));
	assert_named(&objects, &town_hall[0], "town_hall", town_hall, sizeof(town_hall));
	assert_named(&objects, &town_well, "town_well", &town_well, sizeof(town_well));
	assert_named(&objects, &environ, "environ", &environ, sizeof(environ));
	assert_named(&objects, &dir, "dir", &dir, sizeof(dir));
	assert_null(objects_at(&objects, (uintptr_t)&addrs[0]));
	objects_fini(&objects);
}

static void a_variable_ends_where_its_size_says(void **state)
{
	plat_addr at = (uintptr_t)&town_wall[1];
	struct objects objects;

	(void)state;
	assert_int_equal(objects_find(&dir, &space, &at, 1, &objects), 0);
	assert_int_equal(objects.n, 1);
	assert_non_null(objects_at(&objects, at + sizeof(*town_wall) - 1));
	assert_null(objects_at(&objects, at + sizeof(*town_wall)));
	assert_null(objects_at(&objects, (uintptr_t)&town_wall[0] - 1));
	objects_fini(&objects);
}

static void of_no_addresses_there_are_none(void **state)
{
	struct objects objects;

	(void)state;
	assert_int_equal(objects_find(&dir, &space, NULL, 0, &objects), 0);
	assert_int_equal(objects.n, 0);
	assert_null(objects_at(&objects, 0));
	objects_fini(&objects);
}

static void memory_may_end_anywhere(void **state)
{
	plat_addr at = (uintptr_t)&town_wall[1];
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct objects objects = {.list = NULL};
		int r = objects_find(&dir, &space, &at, 1, &objects);

		assert_true(r == 0 || (r == -ENOMEM && failing_failed()));
		objects_fini(&objects);
		assert_int_equal(failing_alive(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_addresses_have_their_variables),
		cmocka_unit_test(a_variable_ends_where_its_size_says),
		cmocka_unit_test(of_no_addresses_there_are_none),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
