#include "heap/suppressions.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct suppressions suppressions;

static int end(void **state)
{
	(void)state;
	suppressions_fini(&suppressions);
	return 0;
}

static bool matches(const char *pattern, const char *name)
{
	char line[128];
	bool result;

	snprintf(line, sizeof(line), "leak:%s\n", pattern);
	assert_int_equal(suppressions_add(&suppressions, "file", line, NULL), 0);
	result = suppressions_match(&suppressions, name);
	suppressions_fini(&suppressions);
	return result;
}

static void a_pattern_stands_anywhere_in_a_name(void **state)
{
	(void)state;
	assert_true(matches("font", "libfontconfig.so"));
	assert_true(matches("lib", "libfontconfig.so"));
	assert_true(matches(".so", "libfontconfig.so"));
	assert_false(matches("fontx", "libfontconfig.so"));
	assert_false(matches("main", ""));
}

static void begin_and_end_can_be_asked_for(void **state)
{
	(void)state;
	assert_true(matches("^main$", "main"));
	assert_false(matches("^main$", "domain"));
	assert_false(matches("^main$", "main_loop"));
	assert_true(matches("main$", "domain"));
	assert_true(matches("^do", "domain"));
	/* The last of several places is as good as the first. */
	assert_true(matches("a$", "banana"));
	assert_true(matches("ana$", "banana"));
}

static void a_star_stands_for_anything(void **state)
{
	(void)state;
	assert_true(matches("http::*Connection", "http::v2::Connection::open()"));
	assert_true(matches("^a*b*c$", "a-b-b-c"));
	assert_false(matches("^a*b*c$", "a-c-b"));
	assert_true(matches("*", "anything"));
	assert_true(matches("a**b", "ab"));
	assert_true(matches("*$", "x"));
}

static void comments_and_blanks_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(suppressions_add(&suppressions, "file",
					  "# leak:comment\n\n  leak:one  \r\n\tleak:two", NULL),
			 0);
	assert_int_equal(suppressions.n, 2);
	assert_string_equal(suppressions.patterns[0], "one");
	assert_string_equal(suppressions.patterns[1], "two");
}

static void a_line_of_another_form_is_named(void **state)
{
	static const char *const texts[] = {"leak:a\nrace:b\n", "leak:a\nleak:\n", "leak:a\nleak\n",
					    "leak:a\nleak b\n"};
	struct error err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(suppressions_add(&suppressions, "my file", texts[i], &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, "my file:2: "));
		suppressions_fini(&suppressions);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pattern_stands_anywhere_in_a_name),
		TEST(begin_and_end_can_be_asked_for),
		TEST(a_star_stands_for_anything),
		TEST(comments_and_blanks_are_passed_over),
		TEST(a_line_of_another_form_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
