/* Text on its way out, and names made harmless. */
#include "base/text.h"

#include "unit.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char buffer[256];

static const char *escaped(const char *from)
{
	return text_escape(from, buffer, sizeof(buffer), 0);
}

static const char *escaped_ascii(const char *from)
{
	return text_escape(from, buffer, sizeof(buffer), 1);
}

static void ordinary_text_is_not_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("/usr/bin/a b\\c~"), "/usr/bin/a b\\c~");
	assert_string_equal(escaped(""), "");
}

static void control_characters_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("\x1b[2J\n\t\x7f\x01"), "\\x1b[2J\\x0a\\x09\\x7f\\x01");
}

static void utf8_is_kept(void **state)
{
	const char *letters = "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf";

	(void)state;
	assert_string_equal(escaped(letters), letters);
}

static void utf8_is_escaped_where_only_ascii_is_wanted(void **state)
{
	(void)state;
	assert_string_equal(escaped_ascii("a\xc3\xa9"), "a\\xc3\\xa9");
}

static void c1_control_characters_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("\xc2\x80\xc2\x9b\xc2\x9f"), "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
	assert_string_equal(escaped("\xc2\xa0"), "\xc2\xa0");
	assert_string_equal(escaped("\x9b"), "\\x9b");
}

static void marks_that_turn_the_direction_of_writing_are_escaped(void **state)
{
	static const char *const marks[] = {
		"\xe2\x80\x8b", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac",
		"\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa7",
		"\xe2\x81\xa8", "\xe2\x81\xa9", "\xef\xbb\xbf", "\xd8\x9c",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		assert_int_equal(escaped(marks[i])[0], '\\');
	assert_string_equal(escaped("\xe2\x80\xae"), "\\xe2\\x80\\xae");
	assert_string_equal(escaped("\xe2\x80\x94"), "\xe2\x80\x94"); /* a dash is none */
}

static void bytes_that_are_not_utf8_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("\xff"), "\\xff");
	assert_string_equal(escaped("\xc0\x80"), "\\xc0\\x80"); /* too long for what it is */
	assert_string_equal(escaped("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
	assert_string_equal(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* a surrogate */
	assert_string_equal(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

static void a_character_that_is_cut_off_is_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("a\xe2\x82"), "a\\xe2\\x82");
	assert_string_equal(escaped("\xf0\x9f\x98"), "\\xf0\\x9f\\x98");
	assert_string_equal(escaped("\xc3"), "\\xc3");
}

static void escaping_never_cuts_a_character_in_two(void **state)
{
	const char *from = "a\xc3\xa9\x1b\xe2\x82\xac";
	char whole[64];
	size_t size;

	(void)state;
	text_escape(from, whole, sizeof(whole), 0);
	for (size = 1; size < sizeof(whole); size++) {
		char *to = malloc(size);

		assert_non_null(to);
		text_escape(from, to, size, 0);
		assert_true(strlen(to) < size);
		assert_memory_equal(to, whole, strlen(to));
		assert_true(strlen(to) == 0 || (unsigned char)to[strlen(to) - 1] != 0xc3);
		free(to);
	}
}

static void escaping_into_nothing_writes_nothing(void **state)
{
	char to = 'x';

	(void)state;
	text_escape("abc", &to, 0, 0);
	assert_int_equal(to, 'x');
}

static void width_counts_columns_and_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	assert_int_equal(text_width("\xc3\xa9"), 1);
	assert_int_equal(text_width("\xe4\xb8\xad"), 2); /* a Chinese character is two wide */
	assert_int_equal(text_width("e\xcc\x81"), 1);	 /* an accent of its own takes none */
	assert_int_equal(text_width("\xff\xff"), 2);
}

static const char *string_of(struct text *text)
{
	static char copy[512];

	snprintf(copy, sizeof(copy), "%s", text_string(text));
	text_fini(text);
	return copy;
}

static void numbers_are_written_in_full(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_number(&text, 0);
	text_char(&text, ' ');
	text_number(&text, UINT64_MAX);
	assert_string_equal(string_of(&text), "0 18446744073709551615");
}

static void hexadecimals_are_at_least_as_long_as_asked(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_hex(&text, 0xabc, 8);
	text_char(&text, ' ');
	text_hex(&text, 0, 0);
	text_char(&text, ' ');
	text_hex(&text, UINT64_MAX, 4);
	text_char(&text, ' ');
	text_hex(&text, 1, 99);
	assert_string_equal(string_of(&text), "00000abc 0 ffffffffffffffff 0000000000000001");
}

static void formatted_text_may_be_long(void **state)
{
	struct text text = TEXT_EMPTY;

	(void)state;
	text_format(&text, "%0400d", 7);
	assert_int_equal(text.size, 400);
	assert_int_equal(text_string(&text)[399], '7');
	text_fini(&text);
}

struct taker {
	size_t calls, bytes;
	int answer;
};

static int take(void *to, const char *data, size_t size)
{
	struct taker *taker = to;

	(void)data;
	taker->calls++;
	taker->bytes += size;
	return taker->answer;
}

static void a_sink_takes_large_pieces(void **state)
{
	struct taker taker = {0};
	struct text text = {.sink = take, .to = &taker};
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		text_put(&text, "ten bytes.");
	assert_int_equal(text_finish(&text), 0);
	assert_int_equal(taker.bytes, 1000000);
	assert_true(taker.calls < 20);
	text_fini(&text);
}

static void a_sink_that_failed_is_not_asked_again(void **state)
{
	struct taker taker = {.answer = -EPIPE};
	struct text text = {.sink = take, .to = &taker};
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		text_put(&text, "ten bytes.");
	assert_int_equal(text_finish(&text), -EPIPE);
	assert_int_equal(taker.calls, 1);
	text_fini(&text);
}

static void text_without_memory_is_empty_and_says_so(void **state)
{
	size_t n;

	(void)state;
	FOR_EACH_ALLOCATION(n)
	{
		struct text text = TEXT_EMPTY;

		text_put(&text, "begin ");
		text_format(&text, "%0400d", 7);
		text_repeat(&text, "again ", 100);
		text_string(&text);
		assert_int_equal(text_finish(&text), failing_failed() ? -ENOMEM : 0);
		assert_int_equal(strlen(text_string(&text)), failing_failed() ? 0 : 1006);
		text_fini(&text);
		assert_int_equal(failing_alive(), 0);
	}
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_text_is_not_escaped),
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(utf8_is_kept),
		cmocka_unit_test(utf8_is_escaped_where_only_ascii_is_wanted),
		cmocka_unit_test(c1_control_characters_are_escaped),
		cmocka_unit_test(marks_that_turn_the_direction_of_writing_are_escaped),
		cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
		cmocka_unit_test(a_character_that_is_cut_off_is_escaped),
		cmocka_unit_test(escaping_never_cuts_a_character_in_two),
		cmocka_unit_test(escaping_into_nothing_writes_nothing),
		cmocka_unit_test(width_counts_columns_and_not_bytes),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(hexadecimals_are_at_least_as_long_as_asked),
		cmocka_unit_test(formatted_text_may_be_long),
		cmocka_unit_test(a_sink_takes_large_pieces),
		cmocka_unit_test(a_sink_that_failed_is_not_asked_again),
		cmocka_unit_test(text_without_memory_is_empty_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
