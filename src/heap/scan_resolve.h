/* Which blocks words point to, many at a time; compiled as block_find.h is. */
#ifndef HEAP_SCAN_RESOLVE_H
#define HEAP_SCAN_RESOLVE_H

#include "heap/block_find.h"
#include "heap/scan.h"

/*
 * Most words are found to point to a first byte by a look at one line; the others are `late`: they
 * need a look at a block's size, too.
 */
struct scan_looks {
	size_t lines[HITS_MOST + HITS_SLACK];
	uint32_t grains[HITS_MOST + HITS_SLACK]; /* of the line; LINE_GRAINS: nowhere */
	uint32_t late[HITS_MOST + HITS_SLACK];
	size_t nlate;
};

/* Where each word is to be looked up. */
static ALWAYS_INLINE void scan_place_all(const struct block_index *index, struct scan_hits *hits,
					 struct scan_looks *looks)
{
	struct block_stretch hint = index->stretches[0];
	const unsigned shift = index->grain_shift;
	size_t i;

	for (i = 0; i < hits->n; i++) {
		const struct block_stretch *stretch = &hint;
		struct block_place place;
		plat_addr at = hits->values[i];
		uint64_t more, grains = (at - hint.base) >> shift;

		looks->grains[i] = LINE_GRAINS;
		hits->edges[i] = NO_EDGE;
		if (at - hint.start < hint.end - hint.start &&
		    grains < (uint64_t)hint.nlines * LINE_GRAINS) {
			place.line = hint.line + (size_t)(grains / LINE_GRAINS);
			place.grain = (unsigned)(grains % LINE_GRAINS);
		} else if (!block_find_place(index, &stretch, at, &place, &more)) {
			continue;
		} else if (more) {
			/* Deep in the last block of a stretch: no line is about it. */
			looks->late[looks->nlate++] = (uint32_t)i;
			continue;
		} else {
			hint = *stretch;
		}
		looks->lines[i] = place.line;
		looks->grains[i] = place.grain;
		__builtin_prefetch(&index->lines[place.line]);
	}
}

/* A pointer to the first byte of a live block needs no look at its size. */
static ALWAYS_INLINE void scan_look(const struct block_index *index, struct scan_hits *hits,
				    struct scan_looks *looks, size_t i, bool is_plain)
{
	const struct block_line *line = &index->lines[looks->lines[i]];
	unsigned grain = looks->grains[i], word = grain / 64;
	/* The last bit is that of the grain itself. */
	uint64_t bits = line->begins[word] << (63 - grain % 64);
	uint32_t number = line->first + block_line_before(line, word) +
			  (unsigned)__builtin_popcountll(bits) - 1;
	uint64_t in_grain = hits->values[i] & ((UINT64_C(1) << index->grain_shift) - 1);

	if (is_plain && bits >> 63 && !in_grain) {
		hits->edges[i] = number << 1;
		return;
	}
	__builtin_prefetch(&index->sizes[number]);
	looks->late[looks->nlate++] = (uint32_t)i;
}

static ALWAYS_INLINE uint32_t scan_look_closely(const struct block_index *index, uint64_t word)
{
	uint64_t offset;
	uint32_t number = block_find(index, word, &offset);

	if (number == NO_BLOCK || !block_is_target(index, number))
		return NO_EDGE;
	return number << 1 | (offset != 0);
}

static ALWAYS_INLINE void scan_resolve_all(const struct block_index *index, struct scan_hits *hits)
{
	bool is_plain = index->has_targets_only && !index->nskewed;
	struct scan_looks looks;
	size_t i;

	looks.nlate = 0;
	scan_place_all(index, hits, &looks);
	for (i = 0; i < hits->n; i++)
		if (looks.grains[i] != LINE_GRAINS)
			scan_look(index, hits, &looks, i, is_plain);
	for (i = 0; i < looks.nlate; i++)
		hits->edges[looks.late[i]] = scan_look_closely(index, hits->values[looks.late[i]]);
}

#endif
