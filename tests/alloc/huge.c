/*
 * Huge pages: a large heap has them where it is told to ask for them (PLAT_HUGE=dense) or the
 * kernel gives them to all, a small one never, and they keep no memory from going back. Large
 * blocks get them once others were full, and not where they are only touched here and there.
 */
#include "check.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 1000
#define LARGE (160 * MIB / BLOCK)
#define SMALL (30 * MIB / BLOCK)
#define ALONE (20 * MIB)

static void *list[LARGE];

/* Bytes, as smaps_rollup says under this name. The program's own reading allocates nothing. */
static size_t figure(const char *name)
{
	char text[4096];
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	const char *at;

	close(fd);
	if (n <= 0)
		skip("the kernel has no smaps_rollup");
	text[n] = '\0';
	at = strstr(text, name);
	if (!at)
		skip("the kernel does not count huge pages");
	return (size_t)strtoul(at + strlen(name), NULL, 10) * KIB;
}

static void fill_list(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		list[i] = malloc(BLOCK);
		check(list[i]);
		fill(list[i], BLOCK, i);
	}
}

static bool is_asked_for(void)
{
	const char *value = getenv("PLAT_HUGE");

	return value && strcmp(value, "dense") == 0;
}

/* The kernel gives them to all. */
static bool is_always(void)
{
	char first = 0;
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	bool is_read = fd >= 0 && read(fd, &first, 1) == 1;

	close(fd);
	return is_read && first == '[';
}

static void only_a_large_heap_has_huge_pages(void)
{
	size_t before = resident(), huge;

	fill_list(LARGE);
	huge = figure("\nAnonHugePages:");
	check_with(is_asked_for() || is_always() || huge == 0, "%zu", huge);
	if (is_asked_for() && huge == 0)
		skip("the kernel has no huge pages to give");
	check_with(huge <= 100 * MIB, "%zu", huge);
	check_with(resident() - before <= LARGE * BLOCK / 100 * 106, "%zu, then %zu", before,
		   resident());
}

static void a_small_heap_has_none(void)
{
	fill_list(SMALL);
	check_with(figure("\nAnonHugePages:") == 0, "%zu", figure("\nAnonHugePages:"));
}

static void what_was_freed_goes_back(void)
{
	size_t before = resident(), i;

	fill_list(LARGE);
	for (i = 0; i < LARGE; i++)
		free(list[i]);
	check_with(resident() - before <= 32 * MIB, "%zu, then %zu", before, resident());
}

/* One block in 64 stays: each keeps its page, and not 2 MiB. */
static void what_was_freed_between_others_goes_back(void)
{
	size_t before = resident(), i;

	fill_list(LARGE);
	for (i = 0; i < LARGE; i++)
		if (i % 64 != 0)
			free(list[i]);
	check_with(resident() - before <= LARGE / 64 * 8 * KIB + 32 * MIB, "%zu, then %zu", before,
		   resident());
	for (i = 0; i < LARGE; i += 64)
		check(filled(list[i], BLOCK, i));
}

static void memory_from_calloc_is_zero(void)
{
	size_t i;

	fill_list(LARGE);
	for (i = 0; i < LARGE; i++)
		free(list[i]);
	for (i = 0; i < LARGE; i++) {
		list[i] = calloc(1, BLOCK);
		check(list[i] && first_set(list[i], BLOCK) == BLOCK);
	}
}

static void *alone(size_t bytes, size_t step)
{
	volatile unsigned char *block = malloc(bytes);
	size_t i;

	check(block);
	for (i = 0; i < bytes; i += step)
		block[i] = 1;
	return (void *)block;
}

/* The kernel has to be asked, and the setting allows it. */
static bool blocks_ask(void)
{
	char text[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	bool is_read = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0;
	const char *value = getenv("PLAT_HUGE");

	close(fd);
	return is_read && strstr(text, "[madvise]") &&
	       !(value && (strcmp(value, "off") == 0 || strcmp(value, "kernel") == 0));
}

/* The first one tells of the second, while it lives. */
static void blocks_that_are_filled_have_huge_pages(void)
{
	size_t huge;

	alone(ALONE, 4096);
	check_with(is_always() || figure("\nAnonHugePages:") == 0, "%zu",
		   figure("\nAnonHugePages:"));
	alone(ALONE, 4096);
	huge = figure("\nAnonHugePages:");
	check_with(blocks_ask() || is_always() || huge == 0, "%zu", huge);
	if (blocks_ask() && huge == 0)
		skip("the kernel has no huge pages to give");
	check_with(huge <= ALONE, "%zu", huge);
}

/* A page of each 64: they take what they touch, whatever others were. */
static void blocks_that_are_hardly_touched_take_what_they_touch(void)
{
	size_t before, i;

	if (is_always() || is_asked_for())
		skip("all that a large heap grows by may be huge pages");
	free(alone(ALONE, 4096));
	for (i = 0; i < 16; i++) /* one of them has ordinary pages, and tells */
		free(alone(ALONE, 64 * 4096));
	before = resident();
	for (i = 0; i < 8; i++)
		alone(ALONE, 64 * 4096);
	check_with(resident() - before <= 8 * (ALONE / 64 + 512 * KIB), "%zu, then %zu", before,
		   resident());
}

/* In a small heap, too; what comes to be where they were takes what it touches. */
static void blocks_of_the_heap_have_huge_pages_while_they_live(void)
{
	void *full, *behind;
	size_t before, huge, i;

	if (is_always() || is_asked_for())
		skip("all that a large heap grows by may be huge pages");
	free(alone(ALONE, 4096)); /* from now on blocks up to its size are the heap's */
	full = alone(ALONE / 2, 4096);
	huge = figure("\nAnonHugePages:");
	check_with(blocks_ask() || huge == 0, "%zu", huge);
	if (blocks_ask() && huge == 0)
		skip("the kernel has no huge pages to give");
	check_with(huge <= ALONE / 2, "%zu", huge);
	behind = alone(5 * MIB, 4096);
	free(full);
	malloc_trim(0);
	before = resident();
	for (i = 0; i < ALONE / 2 / (128 * KIB); i++)
		alone(100 * KIB, 100 * KIB);
	check_with(resident() - before <= 2 * MIB, "%zu, then %zu", before, resident());
	free(behind);
}

static void a_block_that_shrinks_keeps_what_is_in_it(void)
{
	unsigned char *block, *behind;
	size_t before, i;

	free(alone(ALONE, 4096));
	block = alone(ALONE / 2, 4096);
	behind = alone(5 * MIB, 4096);
	fill(block, 5 * MIB, 3);
	block = realloc(block, 5 * MIB);
	check(block && filled(block, 5 * MIB, 3));
	malloc_trim(0);
	before = resident();
	for (i = 0; i < ALONE / 4 / (128 * KIB); i++)
		alone(100 * KIB, 100 * KIB);
	check_with(is_always() || is_asked_for() || resident() - before <= 2 * MIB, "%zu, then %zu",
		   before, resident());
	check(filled(block, 5 * MIB, 3));
	free(block);
	free(behind);
}

static void a_block_that_grows_keeps_what_is_in_it(void)
{
	unsigned char *block = alone(5 * MIB, 4096);
	size_t bytes;

	fill(block, 5 * MIB, 7);
	for (bytes = 5 * MIB; bytes < 100 * MIB; bytes = bytes / 2 * 3) {
		block = realloc(block, bytes / 2 * 3);
		check(block && filled(block, 5 * MIB, 7));
		check(first_set(block + bytes, bytes / 2) == bytes / 2);
		memset(block + bytes, 1, bytes / 2);
	}
	block = realloc(block, 5 * MIB);
	check(block && filled(block, 5 * MIB, 7));
	free(block);
}

static void large_blocks_from_calloc_are_zero(void)
{
	size_t i;

	for (i = 0; i < 18; i++) { /* one of them with ordinary pages in one place */
		unsigned char *block = calloc(1, ALONE);

		check(block && first_set(block, ALONE) == ALONE);
		memset(block, 1, ALONE);
		free(block);
	}
}

/* But for what trimming keeps: twice the largest block that was freed, as glibc does. */
static void large_blocks_go_back(void)
{
	void *blocks[20];
	size_t before = resident(), i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 20; i++)
			blocks[i] = alone(ALONE / 2 + i * 100 * KIB, 4096);
		for (i = 0; i < 20; i++)
			free(blocks[i]);
	}
	check_with(resident() - before <= ALONE + 10 * MIB, "%zu, then %zu", before, resident());
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{TEST(only_a_large_heap_has_huge_pages)},
		{TEST(a_small_heap_has_none)},
		{TEST(what_was_freed_goes_back)},
		{TEST(what_was_freed_between_others_goes_back)},
		{TEST(memory_from_calloc_is_zero)},
		{TEST(blocks_that_are_filled_have_huge_pages)},
		{TEST(blocks_that_are_hardly_touched_take_what_they_touch)},
		{TEST(blocks_of_the_heap_have_huge_pages_while_they_live)},
		{TEST(a_block_that_shrinks_keeps_what_is_in_it)},
		{TEST(a_block_that_grows_keeps_what_is_in_it)},
		{TEST(large_blocks_from_calloc_are_zero)},
		{TEST(large_blocks_go_back)},
	};

	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
