/*
 * What every search for a needle needs to know: which two of its bytes to look for, how long that
 * is worth it, and how to go on where it is not.
 */
#ifndef MEM_OPS_NEEDLE_H
#define MEM_OPS_NEEDLE_H

#include "mem/ops/part.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* More looks cost more than they find. */
#define PLAT__MOST_LOOKS ((size_t)16)
#define PLAT__LOOKS_FOR_OTHERS ((size_t)5)

/* How common each byte is in most inputs; only the order matters. */
extern const uint8_t plat__commonness[256];

/*
 * Where the needle is for the first time, or NULL; at most n. The number of steps is bounded by a
 * multiple of n + m, whatever the bytes are, and it takes no memory. m is 1 or more.
 */
const uint8_t *plat__find_slowly(const uint8_t *in, size_t n, const uint8_t *needle, size_t m);

/*
 * Which words of 8 bytes a needle has, at any byte: each sets one bit. A word that it has is known;
 * of a hundred others, one or two are taken for one.
 */
struct plat__words {
	uint64_t bits[256];
};

#pragma GCC visibility pop

/*
 * Whether that is worth it: the needle has to be long, for vectors of `size` bytes are fast too,
 * and the input longer, for the set is made first. Measured: from here on it is faster.
 */
static ALWAYS_INLINE bool plat__words_are_worth_it(size_t m, size_t spots, size_t size)
{
	if (size > 32)
		return m >= 96 && spots > 32 * 1024 && spots / 64 > m;
	if (size > 16)
		return m >= 64 && spots > 12 * 1024 && spots / 64 > m;
	return m >= 40 && spots / 24 > m;
}

/* What differs between two words is spread upwards. */
static ALWAYS_INLINE uint64_t plat__spread(uint64_t word)
{
	return word * 0x9e3779b97f4a7c15;
}

static ALWAYS_INLINE void plat__words_of(struct plat__words *words, const uint8_t *needle, size_t m)
{
	size_t i;

	__builtin_memset(words, 0, sizeof(*words));
	for (i = 0; i + 8 <= m; i++) {
		uint64_t spread = plat__spread(plat__word64(needle + i));

		words->bits[spread >> 56] |= (uint64_t)1 << (spread >> 50 & 63);
	}
}

static ALWAYS_INLINE bool plat__has_word(const struct plat__words *words, uint64_t word)
{
	uint64_t spread = plat__spread(word);

	return words->bits[spread >> 56] >> (spread >> 50 & 63) & 1;
}

/*
 * How many bytes of either half of a needle of m are looked at before a search: the shorter that
 * is, the less it pays.
 */
static ALWAYS_INLINE size_t plat__looks(size_t m, size_t spots)
{
	size_t most = 1 + spots / 128;

	most = most < PLAT__MOST_LOOKS ? most : PLAT__MOST_LOOKS;
	return m / 2 < most ? m / 2 : most;
}

/* Nothing is more common than these. */
static ALWAYS_INLINE bool plat__is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\0';
}

/* The rarer of two bytes has the lower rank; of those that are as common, the first. */
static ALWAYS_INLINE uint32_t plat__rank(uint8_t byte, size_t place)
{
	return (uint32_t)plat__commonness[byte] << 8 | (uint32_t)place;
}

/*
 * The indexes of two bytes of a needle of m, 2 or more, that are rare in most inputs. One is of its
 * first half, and one of its last: neighbours come together too often, as q and u do. Of a long
 * needle they are spread, as it may begin with spaces. Nothing is jumped over, as nobody could
 * foresee it.
 */
static ALWAYS_INLINE void plat__rare_pair(const uint8_t *needle, size_t m, size_t spots,
					  size_t *one, size_t *other)
{
	size_t looks = plat__looks(m, spots), step = m < 8 * looks ? 1 : 4, i;
	/* What is in the middle of three is neither at the start nor at the end. */
	size_t middle = m < 512 ? (m - 1) / 2 : 255;
	uint32_t first = plat__rank(needle[middle], middle), last = UINT32_MAX, rank;

	for (i = 0; i < step * looks; i += step) {
		rank = plat__rank(needle[i], i);
		first = rank < first ? rank : first;
		rank = plat__rank(needle[m - 1 - i], i);
		last = rank < last ? rank : last;
	}
	*one = first & 0xff;
	*other = m - 1 - (last & 0xff);
}

/*
 * What it costs to find that `same` bytes of the needle are at a spot, and no more; the unit is
 * about what the slow search needs for half a byte. Most of it is that the processor did not expect
 * it.
 */
static ALWAYS_INLINE size_t plat__work(size_t same)
{
	return 16 + same / 8;
}

/* How many compares may fail in the first `spots` before two other bytes are looked for. */
static ALWAYS_INLINE size_t plat__compares_allowed(size_t spots)
{
	return 2 + spots / 512;
}

/* How much of it may be done in the first `spots`: as much as the slow search needs for them. */
static ALWAYS_INLINE size_t plat__work_allowed(size_t spots)
{
	return 1024 + 2 * spots;
}

#endif
