/*
 * Huge pages: a large heap has them where it is told to ask for them (PLAT_HUGE=dense) or the
 * kernel gives them to all, a small one never, and they keep no memory from going back.
 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 1000
#define LARGE (160 * MIB / BLOCK)
#define SMALL (30 * MIB / BLOCK)

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

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{TEST(only_a_large_heap_has_huge_pages)},
		{TEST(a_small_heap_has_none)},
		{TEST(what_was_freed_goes_back)},
		{TEST(what_was_freed_between_others_goes_back)},
		{TEST(memory_from_calloc_is_zero)},
	};

	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
