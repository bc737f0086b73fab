#include "heap/window.h"

#include "unit.h"

#include <stdlib.h>

#define BASE UINT64_C(0x40000000)
#define SIZE ((size_t)MIB)

static unsigned char *memory;
static struct array array;

static int begin(void **state)
{
	(void)state;
	memory = calloc(SIZE, 1);
	array = array_at(BASE, memory, SIZE);
	return memory ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void a_window_ends_with_a_page(void **state)
{
	struct window window;

	(void)state;
	memory[5000] = 7;
	assert_int_equal(window_init(&window, &array.reader, PAGE), 0);
	assert_int_equal(*window_at(&window, BASE + 5000, 8), 7);
	assert_int_equal(window.end, BASE + PAGE + WINDOW_BYTES);
	window_fini(&window);
}

/* A core says itself how large its pages are. */
static void pages_may_be_larger_than_a_window(void **state)
{
	struct window window;
	uint64_t page;
	plat_addr at;

	(void)state;
	for (page = WINDOW_BYTES; page <= MIB; page *= 2) {
		assert_int_equal(window_init(&window, &array.reader, page), 0);
		for (at = BASE; at < BASE + SIZE; at += WINDOW_BYTES / 2 + 8) {
			assert_non_null(window_at(&window, at, 8));
			assert_true(window.end - window.start <= WINDOW_BYTES);
		}
		window_fini(&window);
	}
}

static void what_does_not_fit_is_not_read(void **state)
{
	struct window window;

	(void)state;
	assert_int_equal(window_init(&window, &array.reader, MIB), 0);
	assert_null(window_at(&window, BASE, WINDOW_BYTES + 1));
	assert_non_null(window_at(&window, BASE, WINDOW_BYTES));
	window_fini(&window);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_window_ends_with_a_page),
		TEST(pages_may_be_larger_than_a_window),
		TEST(what_does_not_fit_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
