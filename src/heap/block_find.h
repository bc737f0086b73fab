/*
 * From an address to a block's number, in the steps of which each waits for memory: so that many
 * addresses can take one step together. It is compiled once for any processor, and once for those
 * that count bits in one instruction.
 */
#ifndef HEAP_BLOCK_FIND_H
#define HEAP_BLOCK_FIND_H

#include "base/search.h"
#include "heap/block_index.h"

/* Where a block would be. */
struct block_place {
	size_t line;
	unsigned grain; /* of the line */
};

/* A candidate: the last block that begins at the place or before it. */
struct block_found {
	uint32_t number;
	uint64_t back; /* grains from the place back to where it begins */
};

static ALWAYS_INLINE bool block_stretch_begins(const void *stretch, uint64_t at)
{
	return ((const struct block_stretch *)stretch)->start <= at;
}

/* The last stretch that begins at `at` or before it; `at` is not below the first. */
static ALWAYS_INLINE const struct block_stretch *block_find_stretch(const struct block_index *index,
								    plat_addr at)
{
	return search_last(index->stretches, index->nstretches, sizeof(*index->stretches), at,
			   block_stretch_begins);
}

/*
 * False where no block can be. *hint is a stretch to try first; what was found is left there. Where
 * the last block of a stretch goes on behind the last line, the place is the end of the line, and
 * `more` says how many grains were cut off.
 */
static ALWAYS_INLINE bool block_find_place(const struct block_index *index,
					   const struct block_stretch **hint, plat_addr at,
					   struct block_place *ret, uint64_t *more)
{
	const struct block_stretch *stretch = *hint;
	uint64_t grains, most;

	if (at - stretch->start >= stretch->end - stretch->start) {
		if (at < index->start || at >= index->end)
			return false;
		stretch = block_find_stretch(index, at);
		if (at >= stretch->end)
			return false;
		*hint = stretch;
	}
	grains = (at - stretch->base) >> index->grain_shift;
	most = (uint64_t)stretch->nlines * LINE_GRAINS - 1;
	*more = sub_floored(grains, most);
	grains -= *more;
	ret->line = stretch->line + (size_t)(grains / LINE_GRAINS);
	ret->grain = (unsigned)(grains % LINE_GRAINS);
	return true;
}

/* Blocks that begin in the line before its word. */
static ALWAYS_INLINE unsigned block_line_before(const struct block_line *line, unsigned word)
{
	return (unsigned)(line->before >> (9 * word)) & 511;
}

static ALWAYS_INLINE struct block_found block_find_at(const struct block_index *index,
						      struct block_place place)
{
	const struct block_line *line = &index->lines[place.line];
	unsigned word = place.grain / 64, before = block_line_before(line, word);
	uint64_t bits = line->begins[word] & (~UINT64_C(0) >> (63 - place.grain % 64));
	struct block_found found;

	found.number = line->first + before + (unsigned)__builtin_popcountll(bits) - 1;
	if (!bits && !before) {
		found.back = (uint64_t)place.grain + line->back;
		return found;
	}
	while (!bits)
		bits = line->begins[--word];
	found.back = place.grain - (word * 64 + 63 - (unsigned)__builtin_clzll(bits));
	return found;
}

static ALWAYS_INLINE bool block_odd_is_up_to(const void *odd, uint64_t number)
{
	return ((const struct block_odd *)odd)->number <= number;
}

/* What is odd about a block of which `sizes` says so. */
static inline const struct block_odd *block_find_odd(const struct block_index *index,
						     uint32_t number)
{
	return search_last(index->odd, index->nodd, sizeof(*index->odd), number,
			   block_odd_is_up_to);
}

/* Whether `at` is in the block whose grain begins `past` bytes before; *offset says where in it. */
static ALWAYS_INLINE bool block_find_inside(const struct block_index *index, uint32_t number,
					    uint64_t past, uint64_t *offset)
{
	uint64_t size = index->sizes[number] >> BLOCK_STATE_BITS;

	if (size == BLOCK_SIZE_ODD) {
		const struct block_odd *odd = block_find_odd(index, number);

		if (past < odd->skew)
			return false;
		past -= odd->skew;
		size = odd->size;
	}
	*offset = past;
	return past < size || past == 0;
}

/* All steps for one address: block_index_find(). */
static ALWAYS_INLINE uint32_t block_find(const struct block_index *index, plat_addr at,
					 uint64_t *offset)
{
	const struct block_stretch *hint = index->stretches;
	struct block_place place;
	struct block_found found;
	uint64_t more, past;

	if (!index->n || !block_find_place(index, &hint, at, &place, &more))
		return NO_BLOCK;
	found = block_find_at(index, place);
	past = ((found.back + more) << index->grain_shift) +
	       (at & ((UINT64_C(1) << index->grain_shift) - 1));
	return block_find_inside(index, found.number, past, offset) ? found.number : NO_BLOCK;
}

#endif
