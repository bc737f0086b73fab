/*
 * mallopt: what is set returns 1 and is kept to, or returns 0; never is it ignored with a 1. And
 * malloc_trim.
 */
#include "check.h"

#include <malloc.h>
#include <stdlib.h>

static void *list[20000];

static size_t mapped_blocks(void)
{
	return mallinfo2().hblks;
}

/* Whether one of some blocks of this size does: glibc takes what the heap still has first. */
static bool gets_a_mapping(size_t size)
{
	size_t before = mapped_blocks(), n = 0;
	void *blocks[40];
	bool result = false;

	while (n < ARRAY_SIZE(blocks) && !result) {
		blocks[n] = malloc(size);
		check(blocks[n++]);
		result = mapped_blocks() > before;
	}
	while (n > 0)
		free(blocks[--n]);
	return result;
}

static void blocks_above_128_kib_are_mapped(void)
{
	size_t before = mapped_blocks();
	void *small = malloc(120 * KIB), *large;

	check(small && mapped_blocks() == before);
	large = malloc(136 * KIB);
	check(large && mapped_blocks() == before + 1);
	check(mallinfo2().hblkhd >= 136 * KIB && mallinfo2().hblkhd <= 160 * KIB);
	free(large);
	check(mapped_blocks() == before);
	check(mallinfo2().hblkhd < 136 * KIB);
	free(small);
}

/* A program that maps and unmaps the same size again and again gets it from the heap from then on.
 */
static void the_threshold_follows_blocks_that_were_freed(void)
{
	check(gets_a_mapping(200 * KIB));
	check(!gets_a_mapping(190 * KIB));
	check(gets_a_mapping(1 * MIB));
	check(!gets_a_mapping(900 * KIB));
	check(gets_a_mapping(40 * MIB));
	check(gets_a_mapping(40 * MIB));
	check(gets_a_mapping(2 * MIB));
	check(!gets_a_mapping(1800 * KIB));
}

static void a_threshold_that_is_set_stays(int option, int value)
{
	int result = mallopt(option, value);

	check(result == 0 || result == 1);
	if (result == 0)
		skip("it is refused");
	check(gets_a_mapping(1 * MIB));
	check(gets_a_mapping(1 * MIB));
	check(gets_a_mapping(200 * KIB));
}

static void setting_the_mmap_threshold_stops_its_changes(void)
{
	a_threshold_that_is_set_stays(M_MMAP_THRESHOLD, 128 * 1024);
}

static void setting_the_trim_threshold_stops_changes(void)
{
	a_threshold_that_is_set_stays(M_TRIM_THRESHOLD, 128 * 1024);
}

static void setting_the_top_pad_stops_changes(void)
{
	a_threshold_that_is_set_stays(M_TOP_PAD, 0);
}

static void setting_the_number_of_mappings_stops_changes(void)
{
	a_threshold_that_is_set_stays(M_MMAP_MAX, 65536);
}

static void the_mmap_threshold_can_be_set(void)
{
	static const int thresholds[] = {4096, 20000, 65536, 1 << 20, 16 << 20};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(thresholds); i++) {
		int result = mallopt(M_MMAP_THRESHOLD, thresholds[i]);

		check(result == 0 || result == 1);
		if (result == 0)
			continue;
		check_with(gets_a_mapping((size_t)thresholds[i] + 4096), "%d", thresholds[i]);
		check_with(!gets_a_mapping((size_t)thresholds[i] / 8 * 7), "%d", thresholds[i]);
		check_with(gets_a_mapping((size_t)thresholds[i] + 4096), "%d", thresholds[i]);
	}
}

/* glibc before 2.35 refused more than 32 MiB. */
static void a_high_mmap_threshold_is_refused_or_kept_to(void)
{
	int result = mallopt(M_MMAP_THRESHOLD, 1 << 30);

	check(result == 0 || result == 1);
	check(gets_a_mapping(1 * MIB) == (result == 0));
	check(gets_a_mapping(33 * MIB) == (result == 0));
}

static void mappings_can_be_forbidden(void)
{
	size_t i;

	if (mallopt(M_MMAP_MAX, 0) == 0)
		skip("it is refused");
	check(!gets_a_mapping(1 * MIB));
	for (i = 0; i < 20; i++) {
		list[i] = malloc(5 * MIB);
		check(list[i]);
		fill(list[i], 5 * MIB, i);
	}
	check(mapped_blocks() == 0);
	for (i = 0; i < 20; i++) {
		check(filled(list[i], 5 * MIB, i));
		free(list[i]);
	}
}

static void the_number_of_mappings_can_be_set(void)
{
	size_t i;

	if (mallopt(M_MMAP_MAX, 3) == 0)
		skip("it is refused");
	for (i = 0; i < 6; i++) {
		list[i] = malloc(1 * MIB);
		check(list[i]);
		check(mapped_blocks() == (i < 3 ? i + 1 : 3));
	}
	for (i = 0; i < 6; i++)
		free(list[i]);
}

static void memory_above_the_trim_threshold_goes_back(void)
{
	size_t i, full;

	if (mallopt(M_TRIM_THRESHOLD, 256 * 1024) == 0 || mallopt(M_TOP_PAD, 0) == 0 ||
	    mallopt(M_MMAP_MAX, 0) == 0)
		skip("it is refused");
	for (i = 0; i < 1000; i++) {
		list[i] = malloc(100000);
		check(list[i]);
	}
	full = mallinfo2().arena;
	check(full >= 100000000);
	while (i > 0)
		free(list[--i]);
	check_with(mallinfo2().arena < 8 * MIB, "arena %zu", mallinfo2().arena);
}

static void trimming_can_be_forbidden(void)
{
	size_t i, full;

	if (mallopt(M_TRIM_THRESHOLD, -1) == 0 || mallopt(M_MMAP_MAX, 0) == 0)
		skip("it is refused");
	for (i = 0; i < 1000; i++) {
		list[i] = malloc(100000);
		check(list[i]);
	}
	full = mallinfo2().arena;
	while (i > 0)
		free(list[--i]);
	check_with(mallinfo2().arena == full, "arena %zu of %zu", mallinfo2().arena, full);
}

static void the_top_pad_can_be_set(void)
{
	size_t before;
	void *p;

	if (mallopt(M_TOP_PAD, 8 << 20) == 0 || mallopt(M_MMAP_MAX, 0) == 0)
		skip("it is refused");
	p = malloc(1 * MIB);
	check(p);
	before = mallinfo2().arena;
	check_with(before >= 8 * MIB && before < 12 * MIB, "arena %zu", before);
	free(p);
}

static void bytes_can_be_perturbed(void)
{
	unsigned char *blocks[20], *p;
	size_t i, n;

	if (mallopt(M_PERTURB, 0x5a) == 0)
		skip("it is refused");
	for (n = 0; n < ARRAY_SIZE(blocks); n++) {
		blocks[n] = p = malloc(700);
		check(p);
		for (i = 0; i < 700; i++)
			check_with(p[i] == 0xa5, "block %zu, byte %zu is %#x", n, i, p[i]);
	}
	while (n > 0)
		free(blocks[--n]);
	p = calloc(7, 100);
	check(p && first_set(p, 700) == 700);
	free(p);
	check(mallopt(M_PERTURB, 0) == 1);
	p = calloc(900, 1);
	check(p && first_set(p, 900) == 900);
	free(p);
}

static void other_options_are_answered(void)
{
	static const int options[][2] = {
		{M_ARENA_MAX, 1}, {M_ARENA_TEST, 1},   {M_MXFAST, 0},
		{M_MXFAST, 64},	  {M_CHECK_ACTION, 3}, {12345, 1},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		int result = mallopt(options[i][0], options[i][1]);
		void *p = malloc(100);

		check_with(result == 0 || result == 1, "option %d", options[i][0]);
		check(p);
		free(p);
	}
	check(mallopt(M_MXFAST, 1 << 20) == 0);
}

/*
 * malloc_trim.
 */

static void malloc_trim_returns_memory_below_a_block_that_stays(void)
{
	size_t i, before, freed, trimmed;
	int result;

	for (i = 0; i < 20000; i++) {
		list[i] = malloc(3000);
		check(list[i]);
		fill(list[i], 3000, i);
	}
	before = resident();
	for (i = 0; i < 19999; i++)
		if (i % 1000)
			free(list[i]);
	freed = resident();
	result = malloc_trim(0);
	trimmed = resident();
	check(result == 0 || result == 1);
	check_with(trimmed + 50 * MIB < before, "%zu KiB, freed %zu KiB, trimmed %zu KiB",
		   before / KIB, freed / KIB, trimmed / KIB);
	check(result == 1 || trimmed + 64 * KIB >= freed);
	for (i = 0; i < 20000; i += 1000)
		check(filled(list[i], 3000, i));
	check(filled(list[19999], 3000, 19999));
}

static void malloc_trim_returns_0_when_nothing_goes_back(void)
{
	size_t i, before;
	unsigned times = 0;

	needs_ours("glibc advises the same pages again");
	for (i = 0; i < 20000; i++)
		list[i] = malloc(3000);
	for (i = 0; i < 20000; i++)
		free(list[i]);
	while (malloc_trim(0))
		check(times++ < 3);
	before = resident();
	check(malloc_trim(0) == 0);
	check_with(resident() + 1 * MIB > before, "%zu KiB, then %zu KiB", before / KIB,
		   resident() / KIB);
}

static void malloc_trim_keeps_what_it_is_told_to(void)
{
	size_t i, kept;

	if (mallopt(M_TRIM_THRESHOLD, -1) == 0 || mallopt(M_MMAP_MAX, 0) == 0)
		skip("M_TRIM_THRESHOLD is refused");
	for (i = 0; i < 200; i++)
		list[i] = malloc(100000);
	while (i > 0)
		free(list[--i]);
	check(malloc_trim(2 * MIB) == 1);
	kept = mallinfo2().keepcost;
	check_with(kept >= 2 * MIB - 128 * KIB && kept <= 2 * MIB + 128 * KIB, "%zu KiB",
		   kept / KIB);
	check(malloc_trim(0) == 1);
	check(mallinfo2().keepcost < 256 * KIB);
	check(malloc_trim(SIZE_MAX) == 0 || !is_ours());
}

static void trimming_keeps_every_block(void)
{
	size_t i, round;

	for (i = 0; i < 20000; i++) {
		list[i] = malloc(i % 900);
		fill(list[i], i % 900, i);
	}
	for (round = 0; round < 20; round++) {
		for (i = round; i < 20000; i += 7) {
			check(filled(list[i], i % 900, i));
			free(list[i]);
			list[i] = NULL;
		}
		malloc_trim(round * 1000);
		for (i = round; i < 20000; i += 7) {
			list[i] = malloc(i % 900);
			fill(list[i], i % 900, i);
		}
	}
	for (i = 0; i < 20000; i++)
		check(filled(list[i], i % 900, i));
}

static const struct test tests[] = {
	{TEST(blocks_above_128_kib_are_mapped)},
	{TEST(the_threshold_follows_blocks_that_were_freed)},
	{TEST(setting_the_mmap_threshold_stops_its_changes)},
	{TEST(setting_the_trim_threshold_stops_changes)},
	{TEST(setting_the_top_pad_stops_changes)},
	{TEST(setting_the_number_of_mappings_stops_changes)},
	{TEST(the_mmap_threshold_can_be_set)},
	{TEST(a_high_mmap_threshold_is_refused_or_kept_to)},
	{TEST(mappings_can_be_forbidden)},
	{TEST(the_number_of_mappings_can_be_set)},
	{TEST(memory_above_the_trim_threshold_goes_back)},
	{TEST(trimming_can_be_forbidden)},
	{TEST(the_top_pad_can_be_set)},
	{TEST(bytes_can_be_perturbed)},
	{TEST(other_options_are_answered)},
	{TEST(malloc_trim_returns_memory_below_a_block_that_stays)},
	{TEST(malloc_trim_returns_0_when_nothing_goes_back)},
	{TEST(malloc_trim_keeps_what_it_is_told_to)},
	{TEST(trimming_keeps_every_block)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
