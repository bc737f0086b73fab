/*
 * How many steps the operations take, and which. They are built so that each part of a function
 * that runs from its start to its end says so first, which is a step here; no clock is asked.
 */
#include "check.h"
#include "mem/ops/ops.h"

#include <plat/ops.h>

#include <string.h>

static unsigned long steps;
static uint64_t way; /* from the places of all steps, in their order */

void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
	steps++;
	way = (way ^ (uintptr_t)__builtin_return_address(0)) * 0x100000001b3u;
}

/* --- searches --- */

#define MOST_NEEDLE (4 * KIB)
#define MOST_INPUT (256 * KIB)

static uint8_t in[MOST_INPUT], needle[MOST_NEEDLE];

/* Input that repeats itself, and a needle that does so almost: such take others n * m steps. */
static const struct hard {
	const char *in, *start, *middle, *end;
} hard_inputs[] = {
	{"a", "b", "a", ""},	 {"a", "", "a", "b"},	    {"ab", "", "ab", "bb"},
	{"ab", "bb", "ab", "a"}, {"aab", "", "aab", "aaa"}, {"abaab", "aaa", "abaab", "ab"},
};

static void repeat(uint8_t *to, size_t n, const char *text)
{
	size_t length = strlen(text), i;

	for (i = 0; i < n; i++)
		to[i] = (uint8_t)text[i % length];
}

static unsigned long steps_of_search(const struct plat__ops *ops, const struct hard *hard, size_t n,
				     size_t m)
{
	size_t start = strlen(hard->start), end = strlen(hard->end);

	repeat(in, n, hard->in);
	memcpy(needle, hard->start, start);
	repeat(needle + start, m - start - end, hard->middle);
	memcpy(needle + m - end, hard->end, end);
	steps = 0;
	check_with(!ops->find(in, n, needle, m), "%s: %s", ops->name, hard->in);
	return steps;
}

/* Twice as many as the worst of these takes; those that forget take hundreds. */
#define MOST_STEPS_A_BYTE 8

static void check_steps(const struct plat__ops *ops, const struct hard *hard)
{
	static const size_t lengths[] = {2, 8, 31, 64, 200, 256, 1000, MOST_NEEDLE};
	unsigned long least = SIZE_MAX, most = 0, now;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		if (lengths[i] < strlen(hard->start) + strlen(hard->end))
			continue;
		for (n = MOST_INPUT / 16; n <= MOST_INPUT; n *= 4) {
			now = steps_of_search(ops, hard, n, lengths[i]) * 100 / n;
			most = now > most ? now : most;
			least = now < least ? now : least;
		}
	}
	note("%s, %s: from %lu.%02lu to %lu.%02lu steps a byte", ops->name, hard->in, least / 100,
	     least % 100, most / 100, most % 100);
	check(most <= 100 * MOST_STEPS_A_BYTE);
}

static void steps_of_a_search_grow_as_its_input_does(void)
{
	const struct plat__ops *ops;
	size_t which, i;

	for (which = 0; (ops = plat__ops_variant(which)); which++) {
		if (!plat__ops_can_run(which))
			continue;
		for (i = 0; i < ARRAY_SIZE(hard_inputs); i++)
			check_steps(ops, &hard_inputs[i]);
	}
}

/* Nearly all of it is one byte, of which the input is full: the other one is looked for. */
static void check_blanks(const struct plat__ops *ops, size_t n, size_t m, size_t other)
{
	unsigned long among_others;

	memset(needle, ' ', m);
	needle[other] = '-';
	memset(in, 'x', n);
	steps = 0;
	check(!ops->find(in, n, needle, m));
	among_others = steps;
	memset(in, ' ', n);
	steps = 0;
	check(!ops->find(in, n, needle, m));
	check_with(steps == among_others, "%s: %lu steps, %lu where there is no blank, %zu of %zu",
		   ops->name, steps, among_others, other, m);
}

static void what_is_not_blank_is_looked_for_first(void)
{
	const struct plat__ops *ops;
	size_t which, other;

	for (which = 0; (ops = plat__ops_variant(which)); which++) {
		/* The C library's has no vectors to look with. */
		if (!plat__ops_can_run(which) || strcmp(ops->name, "plain") == 0)
			continue;
		for (other = 0; other < 12; other++)
			check_blanks(ops, 256, 12, other);
		for (other = 0; other < 16; other++) {
			check_blanks(ops, KIB, 90, other);
			check_blanks(ops, KIB, 90, 89 - other);
		}
	}
}

static unsigned long steps_in(const struct plat__ops *ops, const char *text, size_t n, size_t m)
{
	repeat(in, n, text);
	steps = 0;
	check(!ops->find(in, n, needle, m));
	return steps;
}

/* Of letters before many blanks two are looked for, and not one of them and a blank. */
static void check_letters(const struct plat__ops *ops, const char *start, const char *text)
{
	size_t m = 48, n = 4 * KIB;
	unsigned long now, among_others;

	memset(needle, ' ', m);
	memcpy(needle, start, strlen(start));
	now = steps_in(ops, text, n, m);
	among_others = steps_in(ops, "x", n, m);
	check_with(now == among_others, "%s: %s: %lu steps, %lu where there is none of it",
		   ops->name, start, now, among_others);
}

/* Of one letter before many blanks nothing is compared where there are no two blanks in a row. */
static void check_letter(const struct plat__ops *ops)
{
	size_t m = 12, n = 256;
	unsigned long now, among_others;

	memset(needle, ' ', m);
	needle[0] = 'e';
	now = steps_in(ops, "e ", n, m);
	among_others = steps_in(ops, "x", n, m);
	check_with(now <= 2 * among_others, "%s: %lu steps, %lu where there is none of it",
		   ops->name, now, among_others);
}

static void a_letter_before_blanks_is_not_looked_for_with_one_of_them(void)
{
	const struct plat__ops *ops;
	size_t which;

	for (which = 0; (ops = plat__ops_variant(which)); which++) {
		if (!plat__ops_can_run(which) || strcmp(ops->name, "plain") == 0)
			continue;
		check_letters(ops, "hat malloc", "h ");
		check_letters(ops, "    start", "    s   ");
		check_letter(ops);
	}
}

/* --- what nobody may know --- */

#define SECRET 77

static uint64_t way_of(const uint8_t *a, const uint8_t *b, int answer)
{
	way = steps = 0;
	check(plat_memequal_ct(a, b, SECRET) == answer);
	return way;
}

static void a_secret_does_not_change_the_way(void)
{
	uint8_t a[SECRET] = {0}, b[SECRET] = {0};
	uint64_t same = way_of(a, b, 1);
	size_t i;

	check(steps > SECRET / 8);
	for (i = 0; i < SECRET; i++) {
		a[i] = (uint8_t)(1 + i);
		check(way_of(a, b, 0) == same);
		a[i] = 0;
	}
	memset(a, 0xff, SECRET);
	check(way_of(a, b, 0) == same);
}

static const struct test tests[] = {
	{TEST(steps_of_a_search_grow_as_its_input_does)},
	{TEST(what_is_not_blank_is_looked_for_first)},
	{TEST(a_letter_before_blanks_is_not_looked_for_with_one_of_them)},
	{TEST(a_secret_does_not_change_the_way)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
