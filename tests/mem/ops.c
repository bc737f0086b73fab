/*
 * The operations on memory: each variant, by name, beside a byte loop. Memory that they are given
 * lies between pages that nobody can touch, at their very ends, so that a byte read or written too
 * many is a crash.
 *
 *	--rounds N	of what is drawn at random (1); 1000 take minutes
 *	--seed N	which numbers are drawn (1)
 */
#include "check.h"
#include "mem/ops/needle.h"
#include "mem/ops/ops.h"

#include <plat/ops.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned long rounds = 1, seed = 1;

/* --- what is tested --- */

/* The next variant that can run here, NULL at the end. *i is 0 before the first. */
static const struct plat__ops *next_variant(size_t *i)
{
	const struct plat__ops *ops;

	while ((ops = plat__ops_variant(*i))) {
		if (plat__ops_can_run((*i)++))
			return ops;
	}
	return NULL;
}

#define EACH_VARIANT(ops)                                                                          \
	size_t which = 0;                                                                          \
	(ops = next_variant(&which)) != NULL;

/* --- memory between guards --- */

#define AREA (64 * KIB)

struct area {
	uint8_t *start, *end;
};

static struct area new_area(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *all = mmap(NULL, AREA + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct area area = {all + page, all + page + AREA};

	check(all != MAP_FAILED);
	check(mprotect(area.start, AREA, PROT_READ | PROT_WRITE) == 0);
	return area;
}

/* Bytes of which no two neighbours within 250 are the same. */
static void number_bytes(uint8_t *to, size_t n, unsigned first)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = (uint8_t)((first + i) % 251);
}

static uint64_t drawn(void)
{
	static uint64_t state;

	if (state == 0)
		state = seed * 0x9e3779b97f4a7c15u + 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1du >> 16;
}

static const size_t lengths[] = {0,   1,   2,	3,   4,	  5,   7,   8,	 9,   15,  16,
				 17,  31,  32,	33,  63,  64,  65,  66,	 100, 127, 128,
				 129, 191, 255, 256, 257, 300, 511, 512, 513, 600, 1025};

/* --- copies --- */

/* Copies within `all`, by bytes and by the variant. What is around must stay as it is. */
static void copy_and_compare(const struct plat__ops *ops, uint8_t *all, size_t size, size_t to,
			     size_t from, size_t n)
{
	static uint8_t wanted[AREA];
	size_t i;

	for (i = 0; i < size; i++)
		wanted[i] = all[i];
	for (i = 0; i < n; i++)
		wanted[to + i] = all[from + i];
	check_with(ops->move(all + to, all + from, n) == all + to, "%s", ops->name);
	check_with(memcmp(all, wanted, size) == 0, "%s: %zu bytes from %zu to %zu", ops->name, n,
		   from, to);
}

static void copies_of_every_alignment(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	size_t to, from, i, n, size;

	for (EACH_VARIANT(ops)) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			n = lengths[i];
			size = 2 * (64 + n + 64);
			number_bytes(area.start, size, (unsigned)n);
			for (to = 0; to < 64; to++) {
				/* All pairs of the short ones; of the others each with six. */
				for (from = 0; from < 64; from += n <= 129 ? 1 : 11)
					copy_and_compare(ops, area.start, size, to,
							 64 + n + 64 + (from + to) % 64, n);
			}
		}
	}
}

static void copies_that_end_and_begin_at_a_guard(void)
{
	struct area from = new_area(), to = new_area();
	const struct plat__ops *ops;
	size_t n;

	number_bytes(from.start, AREA, 0);
	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 1500; n++) {
			memset(to.end - n, 0xfe, n);
			ops->move(to.end - n, from.start, n);
			check_with(memcmp(to.end - n, from.start, n) == 0, "%s, %zu", ops->name, n);
			memset(to.start, 0xfe, n + 1);
			ops->move(to.start, from.end - n, n);
			check_with(memcmp(to.start, from.end - n, n) == 0 && to.start[n] == 0xfe,
				   "%s, %zu", ops->name, n);
		}
	}
}

static void copies_that_overlap(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	size_t i, distance, step, n;

	for (EACH_VARIANT(ops)) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			n = lengths[i];
			step = n < 200 ? 1 : 7;
			for (distance = 0; distance <= n + 1; distance += step) {
				number_bytes(area.start, 2 * n + 80, (unsigned)distance);
				copy_and_compare(ops, area.start, 2 * n + 80, 30, 30 + distance, n);
				copy_and_compare(ops, area.start, 2 * n + 80, 33 + distance, 33, n);
			}
		}
	}
}

static void large_copies(void)
{
	static const size_t sizes[] = {64 * KIB - 1, 256 * KIB + 77, MIB, 5 * MIB + 13};
	uint8_t *all =
		mmap(NULL, 24 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *from = all + 12 * MIB;
	const struct plat__ops *ops;
	size_t i, offset;

	check(all != MAP_FAILED);
	number_bytes(from, 6 * MIB, 3);
	for (EACH_VARIANT(ops)) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (offset = 0; offset < 64; offset += 21) {
				memset(all, 0, sizes[i] + 128);
				ops->move(all + offset, from + 1, sizes[i]);
				check_with(memcmp(all + offset, from + 1, sizes[i]) == 0, "%s, %zu",
					   ops->name, sizes[i]);
				check(all[offset + sizes[i]] == 0);
				check(offset == 0 || all[offset - 1] == 0);
			}
			/* Over itself, both ways. */
			memcpy(all, from, sizes[i]);
			ops->move(all + 100, all, sizes[i]);
			check(memcmp(all + 100, from, sizes[i]) == 0);
			ops->move(all + 1, all + 100, sizes[i]);
			check(memcmp(all + 1, from, sizes[i]) == 0);
		}
	}
}

/* --- fills --- */

static void fills_of_every_alignment_and_length(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	uint8_t *to;
	size_t n, offset;

	memset(area.start, 0x11, 2 * KIB);
	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 1200; n += n < 300 ? 1 : 13) {
			for (offset = 0; offset < 64; offset++) {
				to = area.start + 1 + offset;
				check(ops->set(to, 0x3ee, n) == to);
				check_with(to[-1] == 0x11 && to[n] == 0x11, "%s, %zu", ops->name,
					   n);
				check_with(
					n == 0 || (to[0] == 0xee && memcmp(to, to + 1, n - 1) == 0),
					"%s, %zu", ops->name, n);
				memset(to, 0x11, n);
			}
		}
	}
}

static void fills_that_end_and_begin_at_a_guard(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	size_t n, i;

	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 1500; n++) {
			ops->set(area.end - n, 1, n);
			ops->set(area.start, 2, n);
			for (i = 0; i < n; i++)
				check(area.end[-1 - (ptrdiff_t)i] == 1 && area.start[i] == 2);
			check(area.start[n] == 0 && area.end[-1 - (ptrdiff_t)n] == 0);
			memset(area.end - n, 0, n);
			memset(area.start, 0, n);
		}
		ops->set(area.start, 7, AREA);
		check(area.start[0] == 7 && memcmp(area.start, area.start + 1, AREA - 1) == 0);
		memset(area.start, 0, AREA);
	}
}

/* --- compares --- */

/* The first difference decides, whatever comes behind. */
static void compare_at_every_place(const struct plat__ops *ops, uint8_t *a, uint8_t *b, size_t n)
{
	size_t i, j;

	check_with(ops->compare(a, b, n) == 0, "%s, %zu", ops->name, n);
	for (i = 0; i < n; i++) {
		a[i] ^= 0x80;
		for (j = i + 1; j < n; j += 1 + j / 8)
			b[j] ^= 0xff;
		check_with((ops->compare(a, b, n) < 0) == (a[i] < b[i]), "%s, %zu of %zu",
			   ops->name, i, n);
		check_with((ops->compare(b, a, n) < 0) == (b[i] < a[i]), "%s, %zu of %zu",
			   ops->name, i, n);
		for (j = i + 1; j < n; j += 1 + j / 8)
			b[j] ^= 0xff;
		a[i] ^= 0x80;
	}
}

static void compares_of_every_length_at_guards(void)
{
	struct area one = new_area(), other = new_area();
	const struct plat__ops *ops;
	size_t n;

	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 700; n += n < 140 ? 1 : 37) {
			number_bytes(one.start, n, 5);
			number_bytes(other.end - n, n, 5);
			compare_at_every_place(ops, one.start, other.end - n, n);
			number_bytes(one.end - n, n, 9);
			number_bytes(other.start, n, 9);
			compare_at_every_place(ops, one.end - n, other.start, n);
		}
	}
}

static void compares_of_every_alignment(void)
{
	struct area one = new_area(), other = new_area();
	const struct plat__ops *ops;
	size_t a, b, n;

	for (EACH_VARIANT(ops)) {
		for (a = 0; a < 64; a++) {
			for (b = 0; b < 64; b++) {
				n = 1 + (a * 64 + b) % 400;
				number_bytes(one.start + a, n + 1, 1);
				number_bytes(other.start + b, n + 1, 1);
				one.start[a + n] = 1;
				other.start[b + n] = 2;
				check(ops->compare(one.start + a, other.start + b, n) == 0);
				one.start[a + n - 1] ^= 1;
				check(ops->compare(one.start + a, other.start + b, n) != 0);
			}
		}
	}
}

/* --- searches for a byte --- */

/* What surrounds the n bytes is all what is looked for, as far as memory goes. */
static void search_at_every_place(const struct plat__ops *ops, uint8_t *p, size_t n)
{
	size_t i, other;

	memset(p, 'x', n);
	check_with(!ops->find_byte(p, 0x100 + 'a', n), "%s, %zu", ops->name, n);
	check_with(!ops->find_last_byte(p, 0x100 + 'a', n), "%s, %zu", ops->name, n);
	for (i = 0; i < n; i++) {
		p[i] = 'a';
		check_with(ops->find_byte(p, 0x100 + 'a', n) == p + i, "%s, %zu", ops->name, n);
		check_with(ops->find_last_byte(p, 'a', n) == p + i, "%s, %zu", ops->name, n);
		other = n - 1 - i / 2;
		p[other] = 'a';
		check_with(ops->find_byte(p, 'a', n) == p + (i < other ? i : other), "%s, %zu",
			   ops->name, n);
		check_with(ops->find_last_byte(p, 'a', n) == p + (i < other ? other : i), "%s, %zu",
			   ops->name, n);
		p[other] = 'x';
		p[i] = 'x';
	}
	memset(p, 'a', n);
}

static void searches_for_a_byte_at_guards(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	size_t n;

	memset(area.start, 'a', AREA);
	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 1000; n += n < 300 ? 1 : 71) {
			search_at_every_place(ops, area.start, n);
			search_at_every_place(ops, area.end - n, n);
		}
	}
}

static void searches_for_a_byte_of_every_alignment(void)
{
	struct area area = new_area();
	const struct plat__ops *ops;
	size_t offset, i;

	memset(area.start, 'a', AREA);
	for (EACH_VARIANT(ops)) {
		for (offset = 0; offset < 64; offset++) {
			for (i = 0; i < ARRAY_SIZE(lengths); i += 2)
				search_at_every_place(ops, area.start + 64 + offset, lengths[i]);
		}
	}
}

/* --- searches for a needle --- */

static const uint8_t *found_by_bytes(const uint8_t *in, size_t n, const uint8_t *needle, size_t m)
{
	size_t i, j;

	for (i = 0; m <= n && i <= n - m; i++) {
		for (j = 0; j < m && in[i + j] == needle[j]; j++)
			;
		if (j == m)
			return in + i;
	}
	return NULL;
}

static void find_and_compare(const uint8_t *in, size_t n, const uint8_t *needle, size_t m)
{
	const uint8_t *wanted = found_by_bytes(in, n, needle, m);
	const struct plat__ops *ops;

	for (EACH_VARIANT(ops))
		check_with(ops->find(in, n, needle, m) == wanted, "%s: %zu bytes in %zu", ops->name,
			   m, n);
	if (m > 0)
		check_with(plat__find_slowly(in, n, needle, m) == wanted,
			   "slowly: %zu bytes in %zu", m, n);
	check(plat_memmem(in, n, needle, m) == wanted);
}

/* The lowest n bits, as letters. */
static void letters(uint8_t *to, unsigned bits, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = bits >> i & 1 ? 'b' : 'a';
}

static void every_short_needle_in_every_short_input(void)
{
	struct area in = new_area(), needle = new_area();
	unsigned a, b;
	size_t n, m;

	for (n = 0; n <= 9; n++) {
		for (m = 0; m <= 5; m++) {
			for (a = 0; a < 1u << n; a++) {
				letters(in.end - n, a, n);
				for (b = 0; b < 1u << m; b++) {
					letters(needle.end - m, b, m);
					find_and_compare(in.end - n, n, needle.end - m, m);
				}
			}
		}
	}
}

/* Of `nletters` letters, or a piece of itself again and again, with a few mistakes. */
static void draw_text(uint8_t *to, size_t n, unsigned nletters)
{
	size_t period = drawn() % 2 ? n + 1 : 1 + drawn() % 40, i;

	for (i = 0; i < n && i < period; i++)
		to[i] = (uint8_t)('a' + drawn() % nletters);
	for (; i < n; i++)
		to[i] = to[i - period];
	for (i = drawn() % 3; n > 0 && period <= n && i > 0; i--)
		to[drawn() % n] = 'a';
}

/* A piece of the input, perhaps with a byte changed; or other letters. */
static void draw_needle(uint8_t *to, size_t m, const uint8_t *in, size_t n, unsigned nletters)
{
	if (m > n || drawn() % 4 == 0) {
		draw_text(to, m, nletters);
		return;
	}
	memcpy(to, in + drawn() % (n - m + 1), m);
	if (m > 0 && drawn() % 2)
		to[drawn() % m] = 'a';
}

static void needles_drawn_at_random(void)
{
	static const unsigned alphabets[] = {1, 2, 3, 4, 26, 150};
	struct area in = new_area(), needle = new_area();
	unsigned long round, i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < 20000; i++) {
			unsigned nletters = alphabets[i % ARRAY_SIZE(alphabets)];
			size_t n = drawn() % (i % 64 == 0 ? 4000 : 260);
			size_t m = drawn() % (i % 3 ? 12 : 300);
			uint8_t *text = i % 2 ? in.start : in.end - n;
			uint8_t *word = i % 5 ? needle.end - m : needle.start;

			draw_text(text, n, nletters);
			draw_needle(word, m, text, n, nletters);
			find_and_compare(text, n, word, m);
		}
	}
}

/* Each makes the search by pairs give up. */
static void needles_that_are_almost_everywhere(void)
{
	struct area in = new_area(), needle = new_area();
	size_t m, i;

	for (m = 2; m <= 200; m = m * 3 / 2) {
		for (i = 0; i < m; i += 1 + m / 7) {
			memset(in.start, 'a', 8 * KIB);
			memset(needle.start, 'a', m);
			needle.start[i] = 'b';
			find_and_compare(in.start, 8 * KIB, needle.start, m);
			in.start[7 * KIB + i] = 'b';
			find_and_compare(in.start, 8 * KIB, needle.start, m);
			in.start[8 * KIB - m + i] = 'b';
			find_and_compare(in.start, 8 * KIB, needle.start, m);
		}
	}
}

/* Each place of the needle is wrong somewhere: whichever bytes the search learns, others fail. */
static void a_needle_among_those_with_one_wrong_byte(void)
{
	static const size_t these[] = {2, 3, 7, 16, 33, 64, 90, 130};
	struct area in = new_area(), needle = new_area();
	size_t i, j, m, n, at;

	for (i = 0; i < ARRAY_SIZE(these); i++) {
		m = these[i];
		n = 150 * m;
		for (j = 0; j < m; j++)
			needle.start[j] = (uint8_t)(j % 7 ? ' ' : 'a' + drawn() % 26);
		for (j = 0; j < n; j++)
			in.start[j] = needle.start[j % m];
		for (j = 0; j < n; j += m)
			in.start[j + (j / m / 5 + j / m % 2) % m] ^= 1;
		find_and_compare(in.start, n, needle.start, m);
		for (at = 0; at <= n - m; at += 1 + 13 * m) {
			uint8_t before[130];

			memcpy(before, in.start + at, m);
			memcpy(in.start + at, needle.start, m);
			find_and_compare(in.start, n, needle.start, m);
			memcpy(in.start + at, before, m);
		}
	}
}

/* Wherever it is, the first of the words of it that are read is another. */
static void a_long_needle_at_every_spot_of_a_long_input(void)
{
	static const size_t long_ones[] = {40, 95, 96, 97, 150, 256};
	struct area in = new_area(), needle = new_area();
	const struct plat__ops *ops;
	size_t i, m, n, spot;
	uint8_t *start;

	for (i = 0; i < ARRAY_SIZE(long_ones); i++) {
		m = long_ones[i];
		n = 48 * KIB; /* as long as every variant needs to go by words */
		start = in.end - n;
		for (spot = 0; spot < m; spot++)
			needle.end[-1 - (ptrdiff_t)spot] = (uint8_t)(128 + drawn() % 128);
		for (spot = 0; spot <= n - m; spot = spot == 2 * m ? n - 3 * m : spot + 1) {
			memset(start, 'x', n);
			memcpy(start + spot, needle.end - m, m);
			for (EACH_VARIANT(ops))
				check_with(ops->find(start, n, needle.end - m, m) == start + spot,
					   "%s: %zu at %zu", ops->name, m, spot);
		}
	}
}

/* Few bytes of the needle are looked at for so few spots; they are everywhere, so it gives up. */
static void a_needle_right_behind_where_the_search_gives_up(void)
{
	static const char needle[] = "aaaaabaaaaaaaaaaaaaaa";
	struct area in = new_area();
	const struct plat__ops *ops;
	size_t m = strlen(needle), n = 128 + m - 1, spot;
	uint8_t *start = in.end - n;

	for (spot = 0; spot < 128; spot++) {
		memset(start, 'a', n);
		memcpy(start + spot, needle, m);
		for (EACH_VARIANT(ops))
			check_with(ops->find(start, n, needle, m) == start + spot, "%s: at %zu",
				   ops->name, spot);
	}
}

/* Where a vector is filled up with zeros, nothing is found. */
static void zeros_are_not_found_behind_the_input(void)
{
	static const uint8_t zeros[4];
	struct area in = new_area();
	const struct plat__ops *ops;
	size_t n, m;

	memset(in.start, 'x', AREA);
	for (EACH_VARIANT(ops)) {
		for (n = 0; n < 140; n++) {
			check_with(!ops->find_byte(in.end - n, 0, n), "%s, %zu", ops->name, n);
			check_with(!ops->find_last_byte(in.end - n, 0, n), "%s, %zu", ops->name, n);
			for (m = 1; m <= sizeof(zeros); m++)
				check_with(!ops->find(in.end - n, n, zeros, m), "%s: %zu in %zu",
					   ops->name, m, n);
		}
	}
}

/* --- the names --- */

static void the_names_do_what_they_say(void)
{
	char text[64] = "one two three", other[64];

	check(plat_memcpy(other, text, 64) == other && memcmp(other, text, 64) == 0);
	check(plat_memmove(other + 1, other, 13) == other + 1 &&
	      strcmp(other, "oone two three") == 0);
	check(plat_memset(other, 'x', 3) == other && memcmp(other, "xxxe", 4) == 0);
	check(plat_memcmp("a\377", "a\1", 2) > 0 && plat_memcmp("a", "b", 1) < 0);
	check(plat_memcmp("same", "same", 4) == 0);
	check(plat_memchr(text, 't', 13) == text + 4 && !plat_memchr(text, 't', 4));
	check(plat_memrchr(text, 't', 13) == text + 8 && !plat_memrchr(text, 't', 4));
	check(plat_memmem(text, 13, "three", 5) == text + 8 && !plat_memmem(text, 12, "three", 5));
	check(plat_memmem(text, 13, "", 0) == text && !plat_memmem(text, 2, "one", 3));
}

/* As programs that know nothing of the header call them. */
static void the_names_are_functions_too(void)
{
	void *(*copy)(void *, const void *, size_t) = opaque((void *)(uintptr_t)plat_memcpy);
	void *(*find)(const void *, int, size_t) = opaque((void *)(uintptr_t)plat_memrchr);
	char text[] = "abcabc", other[7];

	check(copy(other, text, 7) == other && strcmp(other, "abcabc") == 0);
	check(find(text, 'b', 6) == text + 4);
}

static void what_is_zeroed_is_zero(void)
{
	struct area area = new_area();
	size_t n, i;

	memset(area.start, 1, AREA);
	for (n = 0; n < 300; n++) {
		plat_memzero_explicit(area.end - n, n);
		for (i = 1; i <= n; i++)
			check(area.end[-(ptrdiff_t)i] == 0);
		check(area.end[-1 - (ptrdiff_t)n] == 1);
	}
}

static void one_bit_is_a_difference(void)
{
	struct area one = new_area(), other = new_area();
	size_t n, bit;

	for (n = 0; n < 40; n++) {
		uint8_t *a = one.end - n, *b = n % 2 ? other.start : other.end - n;

		number_bytes(a, n, 7);
		number_bytes(b, n, 7);
		check(plat_memequal_ct(a, b, n) == 1);
		for (bit = 0; bit < 8 * n; bit++) {
			a[bit / 8] = (uint8_t)(a[bit / 8] ^ 1 << bit % 8);
			check(plat_memequal_ct(a, b, n) == 0);
			a[bit / 8] = (uint8_t)(a[bit / 8] ^ 1 << bit % 8);
		}
	}
}

static void variants_are_named(void)
{
	const struct plat__ops *ops;
	size_t i;

	for (i = 0; (ops = plat__ops_variant(i)); i++)
		note("%s%s%s", ops->name, plat__ops_can_run(i) ? "" : ": this processor cannot",
		     ops == plat__ops_here() ? ": serves here" : "");
	check(i > 0);
}

static const struct test tests[] = {
	{TEST(variants_are_named)},
	{TEST(copies_of_every_alignment)},
	{TEST(copies_that_end_and_begin_at_a_guard)},
	{TEST(copies_that_overlap)},
	{TEST(large_copies)},
	{TEST(fills_of_every_alignment_and_length)},
	{TEST(fills_that_end_and_begin_at_a_guard)},
	{TEST(compares_of_every_length_at_guards)},
	{TEST(compares_of_every_alignment)},
	{TEST(searches_for_a_byte_at_guards)},
	{TEST(searches_for_a_byte_of_every_alignment)},
	{TEST(every_short_needle_in_every_short_input)},
	{TEST(needles_drawn_at_random)},
	{TEST(needles_that_are_almost_everywhere)},
	{TEST(a_needle_among_those_with_one_wrong_byte)},
	{TEST(a_long_needle_at_every_spot_of_a_long_input)},
	{TEST(a_needle_right_behind_where_the_search_gives_up)},
	{TEST(zeros_are_not_found_behind_the_input)},
	{TEST(the_names_do_what_they_say)},
	{TEST(the_names_are_functions_too)},
	{TEST(what_is_zeroed_is_zero)},
	{TEST(one_bit_is_a_difference)},
};

static const struct number numbers[] = {
	{"rounds", &rounds},
	{"seed", &seed},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), numbers, ARRAY_SIZE(numbers));
}
