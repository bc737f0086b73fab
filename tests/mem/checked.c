/*
 * The checked functions where they have nothing to say: they do what the plain ones do. Without
 * libplat-malloc only overlaps are looked for. What they say is in tests/crash.
 */
#include "check.h"

#include <plat/checked.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 300

static void filled_with_numbers(unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = (unsigned char)(i * 7 + 1);
}

static void memcpy_copies_and_nothing_else(void)
{
	unsigned char from[MOST], to[MOST + 2];
	size_t size, i;

	filled_with_numbers(from, sizeof(from));
	for (size = 0; size <= MOST; size++) {
		memset(to, 0, sizeof(to));
		errno = 99;
		check(plat_checked_memcpy(to + 1, from, size) == to + 1);
		check(errno == 99 && to[0] == 0 && to[size + 1] == 0);
		for (i = 0; i < size; i++)
			check(to[i + 1] == from[i]);
	}
}

static void memmove_moves_either_way(void)
{
	unsigned char bytes[MOST], wanted[MOST];
	size_t from, to, i, size = MOST / 2;

	for (from = 0; from < size; from += 11) {
		for (to = 0; to < size; to += 13) {
			filled_with_numbers(bytes, sizeof(bytes));
			filled_with_numbers(wanted, sizeof(wanted));
			for (i = 0; i < size; i++)
				wanted[to + i] = (unsigned char)((from + i) * 7 + 1);
			check(plat_checked_memmove(bytes + to, bytes + from, size) == bytes + to);
			for (i = 0; i < MOST; i++)
				check(bytes[i] == wanted[i]);
		}
	}
}

static void memset_sets_and_nothing_else(void)
{
	unsigned char bytes[MOST + 2];
	size_t size, i;

	for (size = 0; size <= MOST; size++) {
		memset(bytes, 0, sizeof(bytes));
		check(plat_checked_memset(bytes + 1, 0x1a5, size) == bytes + 1);
		check(bytes[0] == 0 && bytes[size + 1] == 0);
		for (i = 1; i <= size; i++)
			check(bytes[i] == 0xa5);
	}
}

static void memcmp_compares_as_unsigned_bytes(void)
{
	unsigned char a[MOST], b[MOST];
	size_t i;

	filled_with_numbers(a, sizeof(a));
	filled_with_numbers(b, sizeof(b));
	check(plat_checked_memcmp(a, b, sizeof(a)) == 0);
	for (i = 0; i < MOST; i++) {
		b[i] ^= 0x80;
		check(plat_checked_memcmp(a, b, sizeof(a)) != 0);
		check((plat_checked_memcmp(a, b, sizeof(a)) > 0) == (a[i] > b[i]));
		check(plat_checked_memcmp(a, b, i) == 0);
		b[i] ^= 0x80;
	}
}

static void what_fits_is_let_through_in_blocks_of_any_size(void)
{
	const size_t *size;

	for (size = edges; *size; size++) {
		char *to, *from;

		if (*size > 64 * MIB)
			continue;
		to = malloc(*size);
		from = calloc(1, *size);
		check(to && from);
		plat_checked_memset(to, 1, *size);
		plat_checked_memcpy(to, from, *size);
		check(plat_checked_memcmp(to, from, *size) == 0);
		check(to[*size - 1] == 0);
		plat_checked_memmove(to, to + 1, *size - 1);
		plat_checked_memset(to + *size, 1, 0);
		plat_checked_memcpy(to + *size, from + *size, 0);
		free(to);
		free(from);
	}
}

static void a_copy_to_itself_is_let_through(void)
{
	char bytes[64] = "the same";

	check(plat_checked_memcpy(bytes, bytes, sizeof(bytes)) == bytes);
	check(strcmp(bytes, "the same") == 0);
}

/* What a child says to standard error before it is ended by SIGABRT. */
static void must_abort_and_say(void (*act)(void), char *text, size_t size)
{
	int ends[2], status;
	ssize_t n;
	pid_t child;

	check(pipe(ends) == 0);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		check(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		act();
		_exit(0);
	}
	close(ends[1]);
	n = read(ends[0], text, size - 1);
	check(n > 0);
	text[n] = '\0';
	check(waitpid(child, &status, 0) == child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static char overlapping[64];

static void copy_over_itself(void)
{
	plat_checked_memcpy(overlapping + 8, overlapping, 9);
}

static void an_overlap_is_said_without_libplat_malloc_too(void)
{
	char said[300], wanted[200];

	if (is_ours())
		skip("it is libplat-malloc that says it here");
	snprintf(wanted, sizeof(wanted), "plat: overlap: memcpy: 9 bytes from %p to %p\n",
		 (void *)overlapping, (void *)(overlapping + 8));
	must_abort_and_say(copy_over_itself, said, sizeof(said));
	/* An emulator may add a line of its own. */
	check_with(strncmp(said, wanted, strlen(wanted)) == 0, "%s", said);
	plat_checked_memcpy(overlapping + 8, overlapping, 8);
}

static const struct test tests[] = {
	{TEST(memcpy_copies_and_nothing_else)},
	{TEST(memmove_moves_either_way)},
	{TEST(memset_sets_and_nothing_else)},
	{TEST(memcmp_compares_as_unsigned_bytes)},
	{TEST(what_fits_is_let_through_in_blocks_of_any_size)},
	{TEST(a_copy_to_itself_is_let_through)},
	{TEST(an_overlap_is_said_without_libplat_malloc_too)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
