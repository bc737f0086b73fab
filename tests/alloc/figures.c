/*
 * What the family says about itself: mallinfo, mallinfo2, malloc_stats, malloc_info.
 */
#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE (3 * MIB)

static void *list[5000];

static void mallinfo2_counts_blocks_and_bytes(void)
{
	struct mallinfo2 before, during, after;
	size_t i;

	free(malloc(1000));
	before = mallinfo2();
	for (i = 0; i < 5000; i++)
		list[i] = malloc(1000);
	during = mallinfo2();
	for (i = 0; i < 5000; i++)
		free(list[i]);
	after = mallinfo2();

	check_with(during.uordblks >= before.uordblks + 5000000, "%zu, then %zu", before.uordblks,
		   during.uordblks);
	check_with(during.uordblks <= before.uordblks + 6000000, "%zu, then %zu", before.uordblks,
		   during.uordblks);
	check_with(after.uordblks <= before.uordblks + 16 * KIB, "%zu, then %zu", before.uordblks,
		   after.uordblks);
	check(during.arena >= during.uordblks);
	check_with(during.uordblks + during.fordblks <= during.arena, "%zu + %zu of %zu",
		   during.uordblks, during.fordblks, during.arena);
	check(after.uordblks + after.fordblks <= after.arena);
	check(after.keepcost <= after.fordblks);
	check(during.hblks == before.hblks && during.hblkhd == before.hblkhd);
}

static void *allocate_and_wait(void *barrier)
{
	size_t i;

	for (i = 0; i < 1000; i++)
		list[i] = malloc(1000);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	for (i = 0; i < 1000; i++)
		free(list[i]);
	return NULL;
}

static void mallinfo2_counts_blocks_of_other_threads(void)
{
	struct mallinfo2 before = mallinfo2(), during;
	pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	check(pthread_create(&thread, NULL, allocate_and_wait, &barrier) == 0);
	pthread_barrier_wait(&barrier);
	during = mallinfo2();
	check_with(during.uordblks >= before.uordblks + 1000000, "%zu, then %zu", before.uordblks,
		   during.uordblks);
	pthread_barrier_wait(&barrier);
	check(pthread_join(thread, NULL) == 0);
}

static void mallinfo2_counts_mappings(void)
{
	struct mallinfo2 before = mallinfo2(), during;
	size_t i;

	for (i = 0; i < 10; i++)
		list[i] = malloc(10 * MIB);
	during = mallinfo2();
	check(during.hblks == before.hblks + 10);
	check(during.hblkhd >= before.hblkhd + 100 * MIB);
	check(during.hblkhd <= before.hblkhd + 101 * MIB);
	for (i = 0; i < 10; i++)
		free(list[i]);
	check(mallinfo2().hblks == before.hblks);
	check(mallinfo2().hblkhd == before.hblkhd);
}

/* Also of blocks that stand between guards, of which each has pages of its own. */
static void mappings_are_counted_in_pages(void)
{
	size_t i, page = (size_t)sysconf(_SC_PAGESIZE);
	struct mallinfo2 during;

	for (i = 0; i < 100; i++)
		list[i] = malloc(1 + i * 100);
	list[i] = malloc(10 * MIB + 1);
	during = mallinfo2();
	check_with(during.hblkhd % page == 0, "%zu", during.hblkhd);
	check(list[i] && during.hblkhd >= during.hblks * page);
	while (i > 0)
		free(list[i--]);
	free(list[0]);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void mallinfo_is_the_same_in_ints(void)
{
	void *p = malloc(300 * MIB);
	struct mallinfo2 wide = mallinfo2();
	struct mallinfo narrow = mallinfo();

	check(p);
	check((size_t)narrow.arena == wide.arena);
	check((size_t)narrow.ordblks == wide.ordblks);
	check((size_t)narrow.smblks == wide.smblks);
	check((size_t)narrow.hblks == wide.hblks);
	check((size_t)narrow.hblkhd == wide.hblkhd);
	check((size_t)narrow.usmblks == wide.usmblks);
	check((size_t)narrow.fsmblks == wide.fsmblks);
	check((size_t)narrow.uordblks == wide.uordblks);
	check((size_t)narrow.fordblks == wide.fordblks);
	check((size_t)narrow.keepcost == wide.keepcost);
	free(p);
}

static void mallinfo_saturates(void)
{
	void *p;

	needs_ours("glibc's wraps around");
	if (sizeof(size_t) == 4 || !(p = malloc(5000 * MIB)))
		skip("the kernel does not lend this much");
	check(mallinfo2().hblkhd >= 5000 * MIB);
	check_with(mallinfo().hblkhd == INT32_MAX, "%d", mallinfo().hblkhd);
	free(p);
}
#pragma GCC diagnostic pop

/* What standard error gets while `say` runs. The result is static. */
static const char *caught(void (*speak)(void), int fd)
{
	static char text[100000];
	int kept = dup(fd), fds[2];
	ssize_t size;

	check(kept >= 0 && pipe(fds) == 0);
	check(dup2(fds[1], fd) == fd);
	speak();
	fflush(NULL);
	check(dup2(kept, fd) == fd);
	close(kept);
	close(fds[1]);
	size = read(fds[0], text, sizeof(text) - 1);
	check(size >= 0);
	text[size] = 0;
	close(fds[0]);
	return text;
}

static void malloc_stats_writes_to_standard_error(void)
{
	void *p = malloc(5000);

	check(caught(malloc_stats, STDERR_FILENO)[0]);
	check(!caught(malloc_stats, STDOUT_FILENO)[0]);
	free(p);
}

static char xml[200000];

static void take_xml(void)
{
	FILE *file = fmemopen(xml, sizeof(xml), "w");

	check(file);
	check(malloc_info(0, file) == 0);
	check(fclose(file) == 0);
}

/* The value of name="…" in the element that begins at `at`, which is a number. */
static unsigned long number_of(const char *at, const char *name)
{
	char word[60];
	const char *found, *end = strchr(at, '>');
	char *after;
	unsigned long value;

	snprintf(word, sizeof(word), " %s=\"", name);
	found = strstr(at, word);
	check_with(found && found < end, "%s in %.60s", name, at);
	value = strtoul(found + strlen(word), &after, 10);
	check_with(*after == '"', "%s in %.60s", name, at);
	return value;
}

/* An element's attributes: name="value", each without a quote or a bracket in it. */
static const char *past_attributes(const char *at)
{
	while (*at == ' ') {
		at += strspn(at, " ");
		if (*at == '/')
			break;
		at += strspn(at, "abcdefghijklmnopqrstuvwxyz-_");
		check_with(at[0] == '=' && at[1] == '"', "%.60s", at);
		at += 2;
		at += strcspn(at, "\"<>&");
		check_with(*at == '"', "%.60s", at);
		at++;
	}
	return at;
}

static void malloc_info_is_well_formed(void)
{
	const char *open[20], *at = xml;
	unsigned depth = 0, nroots = 0;
	void *p[] = {malloc(100), malloc(5000), malloc(LARGE)};

	free(p[1]);
	take_xml();
	check(strncmp(xml, "<malloc version=\"1\">", 20) == 0);
	while (*(at += strspn(at, " \t\n"))) {
		size_t name_size;

		check_with(*at == '<', "%.60s", at);
		at++;
		if (*at == '/') {
			at++;
			check(depth > 0);
			name_size = strspn(open[--depth], "abcdefghijklmnopqrstuvwxyz");
			check_with(strncmp(at, open[depth], name_size) == 0 && at[name_size] == '>',
				   "%.60s", at);
			at += name_size + 1;
			continue;
		}
		check(depth < ARRAY_SIZE(open));
		nroots += depth == 0;
		open[depth++] = at;
		name_size = strspn(at, "abcdefghijklmnopqrstuvwxyz");
		check_with(name_size > 0, "%.60s", at);
		at = past_attributes(at + name_size);
		if (*at == '/') {
			depth--;
			at++;
		}
		check_with(*at == '>', "%.60s", at);
		at++;
	}
	check(depth == 0 && nroots == 1);
	free(p[0]);
	free(p[2]);
}

/* What tools look for. */
static void malloc_info_has_the_elements_of_glibc(void)
{
	static const char *const elements[] = {
		"<heap nr=\"0\">",
		"<sizes>",
		"<total type=\"fast\"",
		"<total type=\"rest\"",
		"<total type=\"mmap\"",
		"<system type=\"current\"",
		"<system type=\"max\"",
		"<aspace type=\"total\"",
		"</malloc>",
		"<aspace type=\"mprotect\"",
	};
	void *p = malloc(LARGE);
	size_t i;

	take_xml();
	for (i = 0; i < ARRAY_SIZE(elements); i++)
		check_with(strstr(xml, elements[i]), "%s", elements[i]);
	check(number_of(strstr(xml, "<total type=\"mmap\""), "count") == 1);
	check(number_of(strstr(xml, "<total type=\"mmap\""), "size") >= LARGE);
	check(number_of(strstr(xml, "<system type=\"current\""), "size") > 0);
	check(number_of(strstr(xml, "<system type=\"max\""), "size") >=
	      number_of(strstr(xml, "<system type=\"current\""), "size"));
	free(p);
}

static void malloc_info_knows_no_options(void)
{
	char text[1000] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	check(file);
	check(malloc_info(1, file) == EINVAL);
	check(malloc_info(-1, file) == EINVAL);
	check(fclose(file) == 0);
	check(!text[0]);
}

static const struct test tests[] = {
	{TEST(mallinfo2_counts_blocks_and_bytes)},
	{TEST(mallinfo2_counts_blocks_of_other_threads)},
	{TEST(mallinfo2_counts_mappings)},
	{TEST(mappings_are_counted_in_pages)},
	{TEST(mallinfo_is_the_same_in_ints)},
	{TEST(mallinfo_saturates)},
	{TEST(malloc_stats_writes_to_standard_error)},
	{TEST(malloc_info_is_well_formed)},
	{TEST(malloc_info_has_the_elements_of_glibc)},
	{TEST(malloc_info_knows_no_options)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
