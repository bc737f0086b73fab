/* The steps that tell which blocks words point to; compiled as block_find.h is. */
#ifndef HEAP_SCAN_STEPS_H
#define HEAP_SCAN_STEPS_H

#include "heap/block_find.h"
#include "heap/scan.h"

/*
 * Where a word is looked up is one number, which of all bits of the lines: so several words can be
 * placed by one instruction. BIT_NONE: of no line. Most words are found to point to a first byte by
 * a look at that; the others are `late`: they need a look at a block's size, too.
 */
#define BIT_NONE UINT64_MAX
#define LINE_BITS (8 * sizeof(struct block_line))

/* The addresses of a stretch that lines are about; most words are in that of the word before. */
struct scan_hint {
	const struct block_stretch *stretch;
	plat_addr start;
	uint64_t span;
	uint64_t bit; /* of the grain that the stretch begins with */
};

#define HINT_SPAN_MOST (UINT64_C(1) << 41) /* so that its grains, by 128, are of 32 bits */

static ALWAYS_INLINE struct scan_hint scan_hint_of(const struct block_index *index,
						   const struct block_stretch *stretch)
{
	uint64_t told = ((uint64_t)stretch->nlines * LINE_GRAINS) << index->grain_shift;
	uint64_t span =
		min_u64(told - (stretch->start - stretch->base), stretch->end - stretch->start);

	return (struct scan_hint){
		.stretch = stretch,
		.start = stretch->start,
		.span = min_u64(span, HINT_SPAN_MOST),
		.bit = stretch->line * LINE_BITS,
	};
}

static ALWAYS_INLINE void scan_place_at(const struct block_index *index, struct scan_hits *hits,
					size_t i, uint64_t bit)
{
	hits->bits[i] = bit;
	__builtin_prefetch((const char *)index->lines + bit / 8);
}

/* Where the i-th word is to be looked up. */
static ALWAYS_INLINE void scan_place(const struct block_index *index, struct scan_hits *hits,
				     struct scan_hint *hint, size_t i)
{
	const struct block_stretch *stretch = hint->stretch;
	plat_addr at = hits->values[i];
	struct block_place place;
	uint64_t more, grains = (at - stretch->base) >> index->grain_shift;

	if (at - hint->start < hint->span) {
		scan_place_at(index, hits, i,
			      hint->bit + grains +
				      grains / LINE_GRAINS * (LINE_BITS - LINE_GRAINS));
		return;
	}
	hits->bits[i] = BIT_NONE;
	hits->edges[i] = NO_EDGE;
	if (!block_find_place(index, &stretch, at, &place, &more))
		return;
	if (more) {
		/* Deep in the last block of a stretch: no line is about it. */
		hits->late[hits->nlate++] = (uint32_t)i;
		return;
	}
	*hint = scan_hint_of(index, stretch);
	scan_place_at(index, hits, i, place.line * LINE_BITS + place.grain);
}

/* A pointer to the first byte of a live block needs no look at its size. */
static ALWAYS_INLINE void scan_look(const struct block_index *index, struct scan_hits *hits,
				    size_t i, bool is_plain)
{
	uint64_t bit = hits->bits[i];
	const struct block_line *line = &index->lines[bit / LINE_BITS];
	unsigned word = (unsigned)(bit / 64 % (LINE_BITS / 64));
	/* The last bit is that of the grain itself. */
	uint64_t bits = line->begins[word] << (63 - bit % 64);
	uint32_t number = line->first + block_line_before(line, word) +
			  (unsigned)__builtin_popcountll(bits) - 1;
	uint64_t in_grain = hits->values[i] & ((UINT64_C(1) << index->grain_shift) - 1);

	if (is_plain && bits >> 63 && !in_grain) {
		hits->edges[i] = number << 1;
		return;
	}
	__builtin_prefetch(&index->sizes[number]);
	hits->late[hits->nlate++] = (uint32_t)i;
}

static ALWAYS_INLINE uint32_t scan_look_closely(const struct block_index *index, uint64_t word)
{
	uint64_t offset;
	uint32_t number = block_find(index, word, &offset);

	if (number == NO_BLOCK || !block_is_target(index, number))
		return NO_EDGE;
	return number << 1 | (offset != 0);
}

static ALWAYS_INLINE void scan_look_all(const struct block_index *index, struct scan_hits *hits)
{
	bool is_plain = index->has_targets_only && !index->nskewed;
	size_t i;

	for (i = 0; i < hits->n; i++)
		if (hits->bits[i] != BIT_NONE)
			scan_look(index, hits, i, is_plain);
}

static ALWAYS_INLINE void scan_settle_all(const struct block_index *index, struct scan_hits *hits)
{
	size_t i;

	for (i = 0; i < hits->nlate; i++)
		hits->edges[hits->late[i]] = scan_look_closely(index, hits->values[hits->late[i]]);
}

#endif
