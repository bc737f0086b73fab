/*
 * The family's behaviour to the letter, as glibc and POSIX have it: what each entry point returns
 * for zero, for sizes and for too much, what it keeps, and what it does to errno. Beside this file:
 * alignment.c, names.c, options.c (mallopt, malloc_trim), figures.c (mallinfo and the like).
 *
 * Where glibc itself does otherwise than a test wants, the test says so and is skipped there.
 */
#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number that errno has nowhere else. */
#define UNTOUCHED 1234

/* Every way to get a block, with one signature. */
static void *by_malloc(size_t size)
{
	return malloc(size);
}

static void *by_calloc(size_t size)
{
	return calloc(1, size);
}

static void *by_calloc_of_bytes(size_t size)
{
	return calloc(size, 1);
}

static void *by_realloc(size_t size)
{
	return realloc(NULL, size);
}

static void *by_reallocarray(size_t size)
{
	return reallocarray(NULL, 1, size);
}

static void *by_reallocarray_of_bytes(size_t size)
{
	return reallocarray(NULL, size, 1);
}

static void *by_memalign(size_t size)
{
	return memalign(64, size);
}

static void *by_memalign_of_pages(size_t size)
{
	return memalign(8192, size);
}

static void *by_memalign_of_2_mib(size_t size)
{
	return memalign(2 * MIB, size);
}

static void *by_aligned_alloc(size_t size)
{
	return aligned_alloc(32, size);
}

static void *by_posix_memalign(size_t size)
{
	void *p = NULL;
	int error = posix_memalign(&p, 128, size);

	check((error == 0) == (p != NULL));
	if (error)
		errno = error;
	return p;
}

static void *by_valloc(size_t size)
{
	return valloc(size);
}

static void *by_pvalloc(size_t size)
{
	return pvalloc(size);
}

static const struct way {
	const char *name;
	void *(*get)(size_t size);
	size_t alignment;
} ways[] = {
	{"malloc", by_malloc, 16},
	{"calloc(1, n)", by_calloc, 16},
	{"calloc(n, 1)", by_calloc_of_bytes, 16},
	{"realloc(NULL, n)", by_realloc, 16},
	{"reallocarray(NULL, 1, n)", by_reallocarray, 16},
	{"reallocarray(NULL, n, 1)", by_reallocarray_of_bytes, 16},
	{"memalign(64, n)", by_memalign, 64},
	{"memalign(8192, n)", by_memalign_of_pages, 8192},
	{"memalign(2 MiB, n)", by_memalign_of_2_mib, 2 * MIB},
	{"aligned_alloc(32, n)", by_aligned_alloc, 32},
	{"posix_memalign(128, n)", by_posix_memalign, 128},
	{"valloc", by_valloc, 4096},
	{"pvalloc", by_pvalloc, 4096},
	{NULL, NULL, 0},
};

/* Memory of ours that is not malloc's, for lists of pointers. */
static void *list[20000];

/*
 * Blocks.
 */

static void every_size_up_to_5000_is_aligned_and_holds_its_bytes(void)
{
	size_t size;

	for (size = 0; size < 5000; size++) {
		list[size] = malloc(size);
		check_with(list[size], "size %zu", size);
		check_with(is_aligned(list[size], 16), "size %zu: %p", size, list[size]);
		fill(list[size], size, size);
	}
	for (size = 0; size < 5000; size++) {
		check_with(filled(list[size], size, size), "size %zu", size);
		free(list[size]);
	}
}

static void each_entry_point_aligns_every_size(void)
{
	const struct way *way;
	const size_t *size;

	for (way = ways; way->name; way++) {
		for (size = edges; *size; size++) {
			unsigned char *p = way->get(*size);

			check_with(p, "%s, size %zu", way->name, *size);
			check_with(is_aligned(p, way->alignment), "%s, size %zu: %p", way->name,
				   *size, p);
			fill(p, *size, *size);
			check_with(filled(p, *size, *size), "%s, size %zu", way->name, *size);
			free(p);
		}
	}
}

static void success_keeps_errno(void)
{
	const struct way *way;
	const size_t *size;

	for (way = ways; way->name; way++) {
		for (size = edges; *size; size++) {
			void *p;

			errno = UNTOUCHED;
			p = way->get(*size);
			check_with(p && errno == UNTOUCHED, "%s, size %zu", way->name, *size);
			p = realloc(p, *size + 5000);
			check_with(p && errno == UNTOUCHED, "%s, size %zu", way->name, *size);
			p = realloc(p, *size / 2 + 1);
			check_with(p && errno == UNTOUCHED, "%s, size %zu", way->name, *size);
			malloc_usable_size(p);
			free(p);
			check_with(errno == UNTOUCHED, "%s, size %zu", way->name, *size);
		}
	}
}

static void *first_call(void *size)
{
	void *p;

	errno = UNTOUCHED;
	p = malloc((size_t)size);
	check(p && errno == UNTOUCHED);
	free(p);
	check(errno == UNTOUCHED);
	return NULL;
}

static void the_first_call_of_a_thread_keeps_errno(void)
{
	const size_t *size;

	for (size = edges; *size; size++) {
		pthread_t thread;

		check(pthread_create(&thread, NULL, first_call, (void *)*size) == 0);
		check(pthread_join(thread, NULL) == 0);
	}
}

static void free_keeps_errno_and_takes_null(void)
{
	const size_t *size;
	size_t i;

	errno = UNTOUCHED;
	free(NULL);
	check(errno == UNTOUCHED);
	for (size = edges; *size; size++) {
		for (i = 0; i < 50; i++) {
			list[i] = malloc(*size);
			check(list[i]);
		}
		errno = UNTOUCHED;
		for (i = 0; i < 50; i++)
			free(list[i]);
		check_with(errno == UNTOUCHED, "size %zu", *size);
	}
}

static void zero_bytes_are_a_block_of_their_own(void)
{
	const struct way *way;
	size_t i, j;

	for (way = ways; way->name; way++) {
		for (i = 0; i < 300; i++) {
			list[i] = way->get(0);
			check_with(list[i], "%s", way->name);
			check_with(is_aligned(list[i], way->alignment), "%s", way->name);
			for (j = 0; j < i; j++)
				check_with(list[i] != list[j], "%s", way->name);
		}
		for (i = 0; i < 300; i++)
			free(list[i]);
	}
	check((list[0] = calloc(0, 5)));
	check((list[1] = calloc(5, 0)));
	check((list[2] = calloc(0, 0)));
	check((list[3] = reallocarray(NULL, 0, opaque_size(SIZE_MAX))));
	check((list[4] = reallocarray(NULL, opaque_size(SIZE_MAX), 0)));
	check((list[5] = calloc(opaque_size(SIZE_MAX), 0)));
	for (i = 0; i < 6; i++)
		for (j = 0; j < i; j++)
			check(list[i] != list[j]);
	for (i = 0; i < 6; i++)
		free(list[i]);
}

static void thousands_of_zero_bytes_differ_and_can_grow(void)
{
	size_t i;

	for (i = 0; i < 20000; i++) {
		list[i] = malloc(0);
		check(list[i]);
	}
	for (i = 0; i < 20000; i += 2) {
		list[i] = realloc(list[i], 20);
		check(list[i]);
		fill(list[i], 20, i);
	}
	for (i = 0; i < 20000; i += 2)
		check(filled(list[i], 20, i));
	for (i = 0; i < 20000; i++)
		free(list[i]);
}

/* The strictest type's alignment, by which compilers place their moves. */
static void a_long_double_can_stand_in_the_smallest_block_that_holds_it(void)
{
	check(alignof(max_align_t) <= 16);
	list[0] = malloc(sizeof(long double));
	*(long double *)list[0] = 1.5L;
	check(*(long double *)list[0] == 1.5L);
	free(list[0]);
}

/*
 * Too much.
 */

static const size_t too_much[] = {
	PTRDIFF_MAX,
	(size_t)PTRDIFF_MAX + 1,
	(size_t)PTRDIFF_MAX + 2,
	(size_t)PTRDIFF_MAX + 4096,
	(size_t)PTRDIFF_MAX + 4097,
	(size_t)PTRDIFF_MAX - 1,
	(size_t)PTRDIFF_MAX - 7,
	(size_t)PTRDIFF_MAX - 8,
	(size_t)PTRDIFF_MAX - 15,
	(size_t)PTRDIFF_MAX - 16,
	(size_t)PTRDIFF_MAX - 31,
	(size_t)PTRDIFF_MAX - 32,
	(size_t)PTRDIFF_MAX - 4095,
	(size_t)PTRDIFF_MAX - 4096,
	(size_t)PTRDIFF_MAX - 65536,
	(size_t)PTRDIFF_MAX - 2 * MIB,
	SIZE_MAX,
	SIZE_MAX - 1,
	SIZE_MAX - 7,
	SIZE_MAX - 8,
	SIZE_MAX - 15,
	SIZE_MAX - 16,
	SIZE_MAX - 23,
	SIZE_MAX - 31,
	SIZE_MAX - 32,
	SIZE_MAX - 63,
	SIZE_MAX - 127,
	SIZE_MAX - 4094,
	SIZE_MAX - 4095,
	SIZE_MAX - 4096,
	SIZE_MAX - 8192,
	SIZE_MAX - 65536,
	SIZE_MAX - 2 * MIB,
	SIZE_MAX - 4 * MIB,
	SIZE_MAX / 4 * 3,
	SIZE_MAX / 2 + 16 * MIB,
};

static void too_much_is_enomem(void)
{
	const struct way *way;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(too_much); i++) {
		for (way = ways; way->name; way++) {
			errno = UNTOUCHED;
			check_with(!way->get(opaque_size(too_much[i])), "%s, size %#zx", way->name,
				   too_much[i]);
			check_with(errno == ENOMEM, "%s, size %#zx", way->name, too_much[i]);
		}
	}
}

static void sizes_beyond_the_address_space_are_enomem(void)
{
	unsigned bit;

	for (bit = 48; bit < 8 * sizeof(size_t) - 1; bit++) {
		const struct way *way;

		for (way = ways; way->name; way++) {
			errno = UNTOUCHED;
			check_with(!way->get((size_t)1 << bit), "%s, 1 << %u", way->name, bit);
			check_with(errno == ENOMEM, "%s, 1 << %u", way->name, bit);
		}
	}
}

static void a_realloc_that_fails_keeps_the_block(void)
{
	const size_t *size;
	size_t i;

	for (size = edges; *size; size++) {
		void *p = malloc(*size);
		size_t usable = malloc_usable_size(p);

		check(p);
		fill(p, *size, 5);
		for (i = 0; i < ARRAY_SIZE(too_much); i++) {
			errno = UNTOUCHED;
			check_with(!realloc(p, opaque_size(too_much[i])), "size %zu, then %#zx",
				   *size, too_much[i]);
			check(errno == ENOMEM);
			errno = UNTOUCHED;
			check(!reallocarray(p, 1, opaque_size(too_much[i])));
			check(errno == ENOMEM);
			check(malloc_usable_size(p) == usable);
		}
		check_with(filled(p, *size, 5), "size %zu", *size);
		free(p);
	}
}

static void products_that_overflow_are_enomem(void)
{
	static const size_t factors[][2] = {
		{SIZE_MAX, SIZE_MAX},
		{SIZE_MAX, 2},
		{SIZE_MAX / 2 + 1, 2},
		{SIZE_MAX / 2, 3},
		{SIZE_MAX / 3 + 1, 3},
		{SIZE_MAX / 16 + 1, 16},
		{SIZE_MAX / 16 + 2, 16},
		{SIZE_MAX / 256 + 1, 256},
		{SIZE_MAX / 4096 + 1, 4096},
		{(size_t)1 << (4 * sizeof(size_t)), (size_t)1 << (4 * sizeof(size_t))},
		{((size_t)1 << (4 * sizeof(size_t))) + 1, ((size_t)1 << (4 * sizeof(size_t))) - 1},
		{((size_t)1 << (4 * sizeof(size_t))) + 1, ((size_t)1 << (4 * sizeof(size_t))) + 1},
		{(size_t)PTRDIFF_MAX / 8 + 1, 8},
		{(size_t)PTRDIFF_MAX, 1},
	};
	void *p = malloc(100);
	size_t i;
	unsigned order;

	fill(p, 100, 1);
	for (i = 0; i < ARRAY_SIZE(factors); i++) {
		for (order = 0; order < 2; order++) {
			size_t a = opaque_size(factors[i][order]);
			size_t b = opaque_size(factors[i][!order]);

			errno = UNTOUCHED;
			check_with(!calloc(a, b) && errno == ENOMEM, "%#zx * %#zx", a, b);
			errno = UNTOUCHED;
			check_with(!reallocarray(NULL, a, b) && errno == ENOMEM, "%#zx * %#zx", a,
				   b);
			errno = UNTOUCHED;
			check_with(!reallocarray(p, a, b) && errno == ENOMEM, "%#zx * %#zx", a, b);
		}
	}
	check(filled(p, 100, 1));
	free(p);
}

static void products_that_do_not_overflow_are_served(void)
{
	char *p = calloc(1000, 1001);

	check(p && first_set(p, 1001000) == 1001000);
	p = reallocarray(p, 2001, 1000);
	check(p && first_set(p, 1001000) == 1001000);
	fill(p, 2001000, 2);
	p = reallocarray(p, 3, 7);
	check(p && filled(p, 21, 2));
	free(p);
}

/*
 * realloc.
 */

static void realloc_keeps_contents_from_any_size_to_any_other(void)
{
	const size_t *from, *to;

	for (from = edges; *from; from++) {
		for (to = edges; *to; to++) {
			size_t kept = *from < *to ? *from : *to;
			void *p = malloc(*from);

			check(p);
			fill(p, *from, *from);
			p = realloc(p, *to);
			check_with(p && is_aligned(p, 16), "from %zu to %zu", *from, *to);
			check_with(malloc_usable_size(p) >= *to, "from %zu to %zu", *from, *to);
			check_with(filled(p, kept, *from), "from %zu to %zu", *from, *to);
			fill(p, *to, *to);
			check_with(filled(p, *to, *to), "from %zu to %zu", *from, *to);
			free(p);
		}
	}
}

static void realloc_takes_blocks_of_every_entry_point(void)
{
	const struct way *way;
	const size_t *size;

	for (way = ways; way->name; way++) {
		for (size = edges; *size; size++) {
			void *p = way->get(*size);

			check(p);
			fill(p, *size, 9);
			p = realloc(p, *size * 2);
			check_with(p && filled(p, *size, 9), "%s, size %zu", way->name, *size);
			p = realloc(p, *size / 2 + 1);
			check_with(p && filled(p, *size / 2, 9), "%s, size %zu", way->name, *size);
			free(p);
		}
	}
}

static void a_block_grows_byte_by_byte(void)
{
	unsigned char *p = NULL;
	size_t size;

	for (size = 1; size <= 70000; size += size < 3000 ? 1 : 37) {
		p = realloc(p, size);
		check_with(p, "size %zu", size);
		p[size - 1] = (unsigned char)size;
		check_with(p[0] == 1, "size %zu", size);
	}
	for (size = 1; size < 3000; size++)
		check_with(p[size - 1] == (unsigned char)size, "byte %zu", size - 1);
	for (size = 70000; size > 1; size -= size > 3000 ? 37 : 1) {
		p = realloc(p, size);
		check_with(p && p[0] == 1, "size %zu", size);
	}
	free(p);
}

static void realloc_to_zero_frees_and_returns_null(void)
{
	const size_t *size;
	size_t before, i;

	for (size = edges; *size; size++) {
		void *p = malloc(*size);

		check(p);
		errno = UNTOUCHED;
		check_with(!realloc(p, opaque_size(0)), "size %zu", *size);
		check_with(errno == UNTOUCHED, "size %zu", *size);
		p = malloc(*size);
		check(!reallocarray(p, opaque_size(0), 8));
		p = malloc(*size);
		check(!reallocarray(p, 8, opaque_size(0)));
		check(errno == UNTOUCHED);
	}
	before = resident();
	for (i = 0; i < 3000; i++) {
		void *p = malloc(100000);

		memset(p, 1, 100000);
		check(!realloc(p, opaque_size(0)));
	}
	check(resident() < before + 20 * MIB);
}

/*
 * calloc.
 */

static void calloc_clears_memory_that_was_used(void)
{
	const size_t *size;
	unsigned round, i, n;

	for (size = edges; *size; size++) {
		n = *size > 100000 ? 4 : 40;
		for (round = 0; round < 4; round++) {
			for (i = 0; i < n; i++) {
				list[i] = round % 2 ? malloc(*size) : calloc(1, *size);
				check(list[i]);
				check_with(round % 2 || first_set(list[i], *size) == *size,
					   "size %zu, byte %zu", *size, first_set(list[i], *size));
				memset(list[i], 0xff, *size);
			}
			for (i = 0; i < n; i++)
				free(list[i]);
		}
	}
}

/* Pages that go back and come again, and such that were cleared once before. */
static void calloc_clears_what_a_larger_block_left(void)
{
	size_t size;

	for (size = 16 * MIB; size >= 16; size -= size / 3 + 1) {
		void *p = malloc(16 * MIB), *q;

		memset(p, 0xee, 16 * MIB);
		free(p);
		q = calloc(size, 1);
		check_with(q && first_set(q, size) == size, "size %zu, byte %zu", size,
			   first_set(q, size));
		memset(q, 0xee, size);
		free(q);
	}
}

/*
 * malloc_usable_size.
 */

static void usable_size_is_what_was_asked_for_or_more(void)
{
	const struct way *way;
	const size_t *size;

	check(malloc_usable_size(NULL) == 0);
	for (way = ways; way->name; way++) {
		for (size = edges; *size; size++) {
			void *p = way->get(*size);

			check_with(malloc_usable_size(p) >= *size, "%s, size %zu", way->name,
				   *size);
			free(p);
		}
	}
}

static void usable_bytes_can_all_be_written_and_stay_the_same_number(void)
{
	static size_t usable[100];
	const struct way *way;
	size_t i;

	for (way = ways; way->name; way++) {
		for (i = 0; edges[i]; i++) {
			list[i] = way->get(edges[i]);
			usable[i] = malloc_usable_size(list[i]);
			fill(list[i], usable[i], i);
		}
		for (i = 0; edges[i]; i++) {
			check_with(malloc_usable_size(list[i]) == usable[i], "%s, size %zu",
				   way->name, edges[i]);
			check_with(filled(list[i], usable[i], i), "%s, size %zu", way->name,
				   edges[i]);
		}
		for (i = 0; edges[i]; i++)
			free(list[i]);
	}
}

/* What systemd and others do: ask, use it all, and grow from there. */
static void usable_bytes_survive_growth_when_asked_for(void)
{
	size_t size = 1, usable = 0;
	void *p = NULL;

	while (size < 4 * MIB) {
		p = realloc(p, size);
		check(p && filled(p, usable < size ? usable : size, 3));
		usable = malloc_usable_size(p);
		p = realloc(p, usable);
		check(p && malloc_usable_size(p) >= usable);
		fill(p, usable, 3);
		size = usable + usable / 2 + 1;
	}
	free(p);
}

/*
 * Large.
 */

static void blocks_of_gigabytes(void)
{
	static const size_t gib[] = {1, 2, 3, 4, 5, 8};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gib) && sizeof(size_t) == 8; i++) {
		size_t size = (gib[i] << 30) + 12345;
		char *p = malloc(size);

		if (!p)
			skip("the kernel does not lend this much");
		check(malloc_usable_size(p) >= size);
		p[0] = 1;
		p[size / 2] = 2;
		p[size - 1] = 3;
		p = realloc(p, size + (1 << 30));
		check(p && p[0] == 1 && p[size / 2] == 2 && p[size - 1] == 3);
		p[size + (1 << 30) - 1] = 4;
		p = realloc(p, size / 2 + 1);
		check(p && p[0] == 1 && p[size / 2] == 2);
		free(p);
	}
	check(resident() < 100 * MIB);
}

static void a_large_block_is_cleared_without_being_touched(void)
{
	size_t before = resident();
	char *p = calloc(1, 300 * MIB);

	check(p && p[150 * MIB] == 0);
	check(resident() < before + 20 * MIB);
	free(p);
	check(resident() < before + 20 * MIB);
}

static const struct test tests[] = {
	{TEST(every_size_up_to_5000_is_aligned_and_holds_its_bytes)},
	{TEST(each_entry_point_aligns_every_size)},
	{TEST(success_keeps_errno)},
	{TEST(the_first_call_of_a_thread_keeps_errno)},
	{TEST(free_keeps_errno_and_takes_null)},
	{TEST(zero_bytes_are_a_block_of_their_own)},
	{TEST(thousands_of_zero_bytes_differ_and_can_grow)},
	{TEST(too_much_is_enomem)},
	{TEST(sizes_beyond_the_address_space_are_enomem)},
	{TEST(a_realloc_that_fails_keeps_the_block)},
	{TEST(products_that_overflow_are_enomem)},
	{TEST(products_that_do_not_overflow_are_served)},
	{TEST(realloc_keeps_contents_from_any_size_to_any_other)},
	{TEST(realloc_takes_blocks_of_every_entry_point)},
	{TEST(a_block_grows_byte_by_byte)},
	{TEST(realloc_to_zero_frees_and_returns_null)},
	{TEST(calloc_clears_memory_that_was_used)},
	{TEST(calloc_clears_what_a_larger_block_left)},
	{TEST(usable_size_is_what_was_asked_for_or_more)},
	{TEST(usable_bytes_can_all_be_written_and_stay_the_same_number)},
	{TEST(usable_bytes_survive_growth_when_asked_for)},
	{TEST(blocks_of_gigabytes)},
	{TEST(a_large_block_is_cleared_without_being_touched)},
	{TEST(a_long_double_can_stand_in_the_smallest_block_that_holds_it)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
