/*
 * Alignments: memalign rounds them up, aligned_alloc and posix_memalign refuse odd ones, valloc and
 * pvalloc have the page's.
 */
#include "check.h"

#include "../../include/plat/alloc.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

/* A number that errno has nowhere else. */
#define UNTOUCHED 1234
#define LARGE (3 * MIB)

static void *list[300];

static size_t next_power(size_t n)
{
	size_t power = 1;

	while (power < n)
		power *= 2;
	return power;
}

static void memalign_rounds_alignments_up(void)
{
	static const size_t some[] = {0, 1, 10, 24, 100, 1000, 5000, 70000, 200000};
	size_t alignment, i;

	for (alignment = 0; alignment < 5000; alignment += alignment < 200 ? 1 : 61) {
		for (i = 0; i < ARRAY_SIZE(some); i++) {
			void *p = memalign(opaque_size(alignment), some[i]);

			check_with(p, "memalign(%zu, %zu)", alignment, some[i]);
			check_with(is_aligned(p, next_power(alignment)), "memalign(%zu, %zu): %p",
				   alignment, some[i], p);
			check_with(is_aligned(p, 16), "memalign(%zu, %zu): %p", alignment, some[i],
				   p);
			fill(p, some[i], alignment);
			list[i] = p;
		}
		for (i = 0; i < ARRAY_SIZE(some); i++) {
			check(filled(list[i], some[i], alignment));
			free(list[i]);
		}
	}
}

static void every_power_up_to_64_mib_can_be_an_alignment(void)
{
	static const size_t some[] = {0, 1, 16, 17, 100, 4096, 5000, 33000, 140000, LARGE};
	size_t alignment, i;

	for (alignment = 1; alignment <= 64 * MIB; alignment *= 2) {
		for (i = 0; i < ARRAY_SIZE(some); i++) {
			size_t size = some[i];
			void *p;

			list[i] = memalign(alignment, size);
			list[100 + i] = aligned_alloc(alignment, size);
			list[200 + i] = NULL;
			if (alignment >= sizeof(void *)) {
				errno = UNTOUCHED;
				check(posix_memalign(&p, alignment, size) == 0);
				check(errno == UNTOUCHED && p);
				list[200 + i] = p;
			}
			check_with(list[i] && is_aligned(list[i], alignment), "memalign(%zu, %zu)",
				   alignment, size);
			check_with(list[100 + i] && is_aligned(list[100 + i], alignment),
				   "aligned_alloc(%zu, %zu)", alignment, size);
			check_with(is_aligned(list[200 + i], alignment), "posix_memalign(%zu, %zu)",
				   alignment, size);
			fill(list[i], size, i);
			fill(list[100 + i], size, 100 + i);
			if (list[200 + i])
				fill(list[200 + i], size, 200 + i);
		}
		for (i = 0; i < ARRAY_SIZE(some); i++) {
			check(filled(list[i], some[i], i));
			check(filled(list[100 + i], some[i], 100 + i));
			check(!list[200 + i] || filled(list[200 + i], some[i], 200 + i));
			free(list[i]);
			free(list[100 + i]);
			free(list[200 + i]);
		}
	}
}

static size_t told_size;

/* Of the block that lies there, by a walk over all of them. */
static int take_if_there(const struct plat_block *block, void *wanted)
{
	if (block->start != wanted)
		return 0;
	told_size = block->size;
	return 1;
}

/* Small slots cannot say how much shorter an aligned block is: then it lies in a wider one. */
static void each_size_is_told_as_it_was_asked_for(void)
{
	__typeof__(plat_block_of) *block_of = entry_point("plat_block_of");
	__typeof__(plat_malloc_visit) *visit = entry_point("plat_malloc_visit");
	void (*back)(void *, size_t, size_t) = entry_point("free_aligned_sized");
	size_t alignment, size;

	needs_ours("others round up");
	for (alignment = 32; alignment <= 64 * KIB; alignment *= 2) {
		for (size = 0; size <= 2000; size++) {
			unsigned char *p = aligned_alloc(alignment, size);
			struct plat_block block;

			check_with(p && is_aligned(p, alignment), "%zu, %zu", alignment, size);
			check_with(malloc_usable_size(p) == size, "%zu, %zu: %zu", alignment, size,
				   malloc_usable_size(p));
			check_with(block_of(p, &block) == 0 && block.start == p &&
					   block.size == size,
				   "%zu, %zu: %zu", alignment, size, block.size);
			check(size == 0 || block_of(p + size - 1, &block) == 0);
			check(block_of(p + size, &block) < 0 || block.start != p || size == 0);
			fill(p, size, size);
			/* A walk takes longer. */
			if (size % 100 == 0)
				check_with(visit(PLAT_VISIT_LIVE, take_if_there, p) == 1 &&
						   told_size == size,
					   "%zu, %zu: %zu", alignment, size, told_size);
			check(filled(p, size, size));
			back(p, alignment, size);
		}
	}
}

static void aligned_blocks_keep_their_size_when_they_are_resized(void)
{
	size_t alignment, size;

	needs_ours("others round up");
	for (alignment = 32; alignment <= 64 * KIB; alignment *= 2) {
		for (size = 1; size <= 2000; size += 13) {
			unsigned char *p = aligned_alloc(alignment, size);

			fill(p, size, size);
			p = realloc(p, size + 300);
			check(p && malloc_usable_size(p) == size + 300 && filled(p, size, size));
			p = realloc(p, size);
			check(p && malloc_usable_size(p) == size && filled(p, size, size));
			free(p);
		}
	}
}

static void mappings_have_every_alignment_too(void)
{
	size_t alignment;

	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	for (alignment = 4096; alignment <= 64 * MIB; alignment *= 2) {
		unsigned char *p = aligned_alloc(alignment, LARGE), *q;

		q = aligned_alloc(alignment, 140000);
		check_with(p && is_aligned(p, alignment), "%zu: %p", alignment, (void *)p);
		check_with(q && is_aligned(q, alignment), "%zu: %p", alignment, (void *)q);
		fill(p, LARGE, alignment);
		p = realloc(p, 2 * LARGE);
		check(p && filled(p, LARGE, alignment));
		free(p);
		free(q);
	}
}

static void a_size_need_not_be_a_multiple_of_its_alignment(void)
{
	void *p = aligned_alloc(4096, 1);

	check(p && is_aligned(p, 4096));
	free(p);
	p = aligned_alloc(64, 65);
	check(p && is_aligned(p, 64));
	free(p);
}

/* glibc since 2.38; earlier it was memalign by another name. */
static void aligned_alloc_refuses_what_is_no_power_of_two(void)
{
	static const size_t wrong[] = {0, 3, 5, 12, 24, 48, 100, 4095, 4097, 12288, SIZE_MAX};
	size_t i;

	if (is_libc() && !entry_point("strlcpy"))
		skip("glibc before 2.38 rounds up");
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		errno = UNTOUCHED;
		check_with(!aligned_alloc(opaque_size(wrong[i]), 100), "%zu", wrong[i]);
		check_with(errno == EINVAL, "%zu", wrong[i]);
	}
}

static void posix_memalign_refuses_by_its_result_alone(void)
{
	static const size_t wrong[] = {0,  1,  2,  3,	 4,    7,     9,       12,
				       24, 40, 56, 4095, 4104, 12288, SIZE_MAX};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		void *untouched = &untouched, *p = untouched;

		if (wrong[i] == 4 && sizeof(void *) == 4)
			continue;
		errno = UNTOUCHED;
		check_with(posix_memalign(&p, wrong[i], 100) == EINVAL, "%zu", wrong[i]);
		check_with(p == untouched, "%zu", wrong[i]);
		check_with(errno == UNTOUCHED, "%zu", wrong[i]);
	}
}

static void posix_memalign_without_memory_leaves_the_pointer(void)
{
	static const size_t too_much[] = {
		PTRDIFF_MAX,	 (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX - 4096, SIZE_MAX,
		SIZE_MAX - 4096, SIZE_MAX - 4 * MIB,	  SIZE_MAX / 4 * 3,
	};
	size_t i, alignment;

	for (i = 0; i < ARRAY_SIZE(too_much); i++) {
		for (alignment = sizeof(void *); alignment <= 4 * MIB; alignment *= 2) {
			void *untouched = &untouched, *p = untouched;

			check_with(posix_memalign(&p, alignment, opaque_size(too_much[i])) ==
					   ENOMEM,
				   "%zu, %#zx", alignment, too_much[i]);
			check(p == untouched);
		}
	}
}

/* glibc says ENOMEM both ways. POSIX does not forbid it. */
static void posix_memalign_without_memory_leaves_errno(void)
{
	void *p;

	needs_ours("glibc sets errno too");
	errno = UNTOUCHED;
	check(posix_memalign(&p, 64, opaque_size(SIZE_MAX / 2)) == ENOMEM);
	check(errno == UNTOUCHED);
}

static void alignments_that_no_memory_has_are_refused(void)
{
	size_t alignment, i;
	static const size_t some[] = {0, 1, 100, 5000, 1 << 20, PTRDIFF_MAX, SIZE_MAX - 4096};

	for (alignment = (size_t)1 << 47; alignment; alignment *= 2) {
		if (alignment > SIZE_MAX / 8 && !is_ours())
			break; /* glibc's sum overflows */
		for (i = 0; i < ARRAY_SIZE(some); i++) {
			void *p;

			errno = UNTOUCHED;
			check_with(!memalign(alignment, opaque_size(some[i])),
				   "memalign(%#zx, %zu)", alignment, some[i]);
			check_with(errno == ENOMEM || errno == EINVAL, "memalign(%#zx, %zu)",
				   alignment, some[i]);
			errno = UNTOUCHED;
			check_with(!aligned_alloc(alignment, opaque_size(some[i])),
				   "aligned_alloc(%#zx, %zu)", alignment, some[i]);
			check_with(errno == ENOMEM || errno == EINVAL, "aligned_alloc(%#zx, %zu)",
				   alignment, some[i]);
			check_with(posix_memalign(&p, alignment, opaque_size(some[i])) == ENOMEM,
				   "posix_memalign(%#zx, %zu)", alignment, some[i]);
		}
	}
	errno = UNTOUCHED;
	check(!memalign(opaque_size(SIZE_MAX / 2 + 2), 100));
	check(errno == EINVAL);
	errno = UNTOUCHED;
	check(!memalign(opaque_size(SIZE_MAX), 100));
	check(errno == EINVAL);
}

static void pages_are_aligned_and_whole(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static const size_t some[] = {0, 1, 100, 4095, 4096, 4097, 5000, 100000, LARGE};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		size_t whole = (some[i] + page - 1) / page * page;
		void *v = valloc(some[i]), *p = pvalloc(some[i]);

		check_with(v && is_aligned(v, page), "valloc(%zu)", some[i]);
		check_with(p && is_aligned(p, page), "pvalloc(%zu)", some[i]);
		check_with(malloc_usable_size(p) >= whole, "pvalloc(%zu)", some[i]);
		fill(p, whole, i);
		fill(v, some[i], i + 100);
		check(filled(p, whole, i));
		free(v);
		free(p);
	}
	errno = UNTOUCHED;
	check(!pvalloc(opaque_size(SIZE_MAX)) && errno == ENOMEM);
	errno = UNTOUCHED;
	check(!pvalloc(opaque_size(SIZE_MAX - page + 2)) && errno == ENOMEM);
}

static const struct test tests[] = {
	{TEST(memalign_rounds_alignments_up)},
	{TEST(every_power_up_to_64_mib_can_be_an_alignment)},
	{TEST(each_size_is_told_as_it_was_asked_for)},
	{TEST(aligned_blocks_keep_their_size_when_they_are_resized)},
	{TEST(mappings_have_every_alignment_too)},
	{TEST(a_size_need_not_be_a_multiple_of_its_alignment)},
	{TEST(aligned_alloc_refuses_what_is_no_power_of_two)},
	{TEST(posix_memalign_refuses_by_its_result_alone)},
	{TEST(posix_memalign_without_memory_leaves_the_pointer)},
	{TEST(posix_memalign_without_memory_leaves_errno)},
	{TEST(alignments_that_no_memory_has_are_refused)},
	{TEST(pages_are_aligned_and_whole)},
};

int main(int argc, char **argv)
{
	return tests_main(argc, argv, tests, ARRAY_SIZE(tests), NULL, 0);
}
