/*
 * struct malloc_par, by its values, for it has no list that leads to it. All forms have in common
 *
 *     | trim_threshold | top_pad | mmap_threshold | arena_test | arena_max |      five words
 *     | n_mmaps | n_mmaps_max | max_n_mmaps | no_dyn_threshold |                  four ints
 *     | mmapped_mem | max_mmapped_mem | (max_total_mem) | sbrk_base |             words
 *
 * and between the first two rows, from 2.35 on, thp_pagesize, hp_pagesize and the int hp_flags;
 * from 2.43 on the word thp_mode before them.
 */
#include "heap/ptmalloc_parts.h"

#define THRESHOLD UINT64_C(0x20000)
#define SCORE_LEAST 7

struct view {
	const struct ptmalloc *heap;
	const unsigned char *bytes;
	size_t size;
};

static uint64_t word_at(const struct view *view, size_t offset)
{
	return ptmalloc_word(view->heap, view->bytes + offset);
}

static uint32_t int_at(const struct view *view, size_t offset)
{
	uint32_t x;

	__builtin_memcpy(&x, view->bytes + offset, sizeof(x));
	return x;
}

/* What must hold whatever has been tuned, also while a thread is between two of the numbers. */
static bool is_possible(const struct view *view, size_t ints, size_t sums)
{
	unsigned word = view->heap->layout.word;

	return int_at(view, ints) <= 1u << 24 && int_at(view, ints + 8) <= 1u << 24 &&
	       int_at(view, ints + 12) <= 1 && is_aligned(word_at(view, sums), 2 * word) &&
	       is_aligned(word_at(view, sums + word), 2 * word);
}

static bool is_in_heap(const struct ptmalloc *heap, uint64_t at)
{
	const struct space *space = heap->reading.space;

	return at && space->start_brk != UNKNOWN && at >= space->start_brk &&
	       at <= add_capped(space->start_brk, 16 << 20);
}

static unsigned score(const struct view *view, size_t begin, size_t ints, size_t sums, size_t *base)
{
	unsigned word = view->heap->layout.word, points = 0, i;
	uint64_t trim = word_at(view, begin), pad = word_at(view, begin + word),
		 threshold = word_at(view, begin + 2 * word);

	points += int_at(view, ints + 4) == 65536 ? 3 : 0;
	points += word_at(view, begin + 3 * word) == (word == 8 ? 8 : 2) ? 2 : 0;
	points += word_at(view, begin + 4 * word) <= 1u << 20;
	points += pad == THRESHOLD ? 2 : 0;
	points += threshold == THRESHOLD || (trim && trim == 2 * threshold) ? 2 : 0;
	points += trim == THRESHOLD || (trim && trim == 2 * threshold) ? 1 : 0;
	*base = 0;
	for (i = 2; i <= 3 && !*base && sums + (i + 1) * word <= view->size; i++)
		if (is_in_heap(view->heap, word_at(view, sums + i * word)))
			*base = sums + i * word;
	return points + (*base ? 3 : 0);
}

void ptmalloc_find_par(struct ptmalloc *heap, plat_addr at, const unsigned char *bytes, size_t size)
{
	const struct view view = {heap, bytes, size};
	unsigned word = heap->layout.word, best = SCORE_LEAST - 1, points, form;
	/* Bytes from the first row to the second: before 2.35, from there on, from 2.43 on. */
	const size_t distances[] = {5 * word, 7 * word + 4, 8 * word + 4};
	size_t ints, sums, base;

	for (ints = 8 * word + 4; ints + 24 + 4 * word <= size; ints += 4) {
		sums = align_up(ints + 16, word);
		if (!is_possible(&view, ints, sums))
			continue;
		for (form = 0; form < ARRAY_SIZE(distances); form++) {
			if (ints < distances[form] || (ints - distances[form]) % word)
				continue;
			points = score(&view, ints - distances[form], ints, sums, &base);
			if (points <= best)
				continue;
			best = points;
			heap->par = (struct ptmalloc_par){
				.n_mmaps = at + ints,
				.mmapped_mem = at + sums,
				.sbrk_base = base ? at + base : 0,
				.thp_pagesize = form ? at + ints - 4 - 2 * word : 0,
				.hp_pagesize = form ? at + ints - 4 - word : 0,
			};
		}
	}
}
