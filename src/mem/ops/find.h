/*
 * The search for a needle, as text for vectors of any size: a part of vector.h, which includes it.
 *
 * Two bytes of the needle that are rare are looked for at their distance, at as many spots at once
 * as a vector has bytes; where both are, the needle is compared.
 *
 *     in       . . r . . . s . . .		r and s, two rare bytes
 *     needle       r . . . s			one spot of SIZE that are looked at
 *
 * What comparing costs is counted: where it is more than the search is worth, as in input that
 * repeats itself, another search goes on, whose cost is bounded (needle.h).
 */
#include "mem/ops/needle.h"

/*
 * From so many spots on it pays to have one load of each two aligned, and to look at more bytes of
 * a needle of blanks.
 */
#define FAR 512

struct search {
	const uint8_t *in, *needle;
	size_t m;
	size_t spots;	   /* where the needle can begin: n - m + 1 */
	size_t one, other; /* the places of the two bytes in the needle */
	size_t work;	   /* of comparing, so far */
	size_t since;	   /* the spot from which on these two are looked for */
	size_t failed;	   /* compares since then */
	bool goes_on;	   /* from there, with other ones */
	const uint8_t *answer;
};

/* What is looked for, and where it would be if the needle were at the first spot. */
struct two_bytes {
	const uint8_t *one_at, *other_at;
	vector one, other;
};

HERE static ALWAYS_INLINE pairs two_at(const struct two_bytes *two, size_t spot)
{
	return pairs_of(load(two->one_at + spot), two->one, load(two->other_at + spot), two->other);
}

HERE static ALWAYS_INLINE hits byte_at(const struct search *search, size_t place, size_t spot)
{
	return same(load(search->in + spot + place), splat(search->needle[place]));
}

HERE static ALWAYS_INLINE hits byte_at_few(const uint8_t *in, size_t spots, const uint8_t *needle,
					   size_t place)
{
	return same(load_part(in + place, spots), splat(needle[place]));
}

/* The first byte of the needle that is not at a spot; m if all are. */
HERE static ALWAYS_INLINE size_t differs_at(const uint8_t *spot, const uint8_t *needle, size_t m)
{
	size_t last = m < SIZE ? 0 : m - SIZE, i;
	uint64_t bits;

	for (i = 0; i < last; i += SIZE) {
		bits = bits_of(same_at(spot + i, needle + i));
		if (bits != ALL)
			return i + first_of(bits ^ ALL);
	}
	bits = m < SIZE ? bits_of(same(load_part(spot, m), load_part(needle, m)))
			: bits_of(same_at(spot + last, needle + last));
	return bits == ALL ? m : last + first_of(bits ^ ALL);
}

/* Of the spots from `at` on, those that have this byte of the needle, too. */
HERE static ALWAYS_INLINE uint64_t with_byte(const struct search *search, size_t at, uint64_t bits,
					     size_t place)
{
	if (search->spots < SIZE)
		return bits &
		       bits_of(byte_at_few(search->in, search->spots, search->needle, place));
	return bits & bits_of(byte_at(search, place, at));
}

/*
 * Compares that fail often say which byte is rare here: the one where they did. Whether the search
 * is to go on with it, which costs as much as some of them.
 */
static ALWAYS_INLINE bool has_learned(struct search *search, size_t spot, size_t place)
{
	const uint8_t *needle = search->needle;

	search->failed++;
	if (search->spots < SIZE || search->failed <= plat__compares_allowed(spot - search->since))
		return false;
	if (plat__commonness[needle[search->other]] < plat__commonness[needle[search->one]])
		search->one = search->other;
	search->other = place;
	search->since = spot + 1;
	search->failed = 0;
	search->goes_on = true;
	return true;
}

/*
 * Compares at each of these spots, `bits` from the spot `at` on. Whether the search is over, or is
 * to go on with other bytes.
 */
HERE static bool is_over(struct search *search, size_t at, uint64_t bits)
{
	while (bits) {
		size_t spot = at + first_of(bits);
		size_t place = differs_at(search->in + spot, search->needle, search->m);

		if (place == search->m) {
			search->answer = search->in + spot;
			return true;
		}
		search->work += plat__work(place);
		if (search->work > plat__work_allowed(spot)) {
			spot++;
			search->answer = plat__find_slowly(search->in + spot,
							   search->spots - spot + search->m - 1,
							   search->needle, search->m);
			return true;
		}
		if (has_learned(search, spot, place))
			return true;
		bits = with_byte(search, at, bits, place);
	}
	return false;
}

/*
 * Of a vector of spots at which both bytes are those at which four others are, too. Two of them are
 * neighbours: where all but one of the needle's bytes are blanks, two blanks in a row are rare.
 */
HERE static ALWAYS_INLINE uint64_t six_at(const struct search *search, pairs two, size_t spot)
{
	size_t middle = search->m / 2;
	hits ends = both(byte_at(search, 0, spot), byte_at(search, search->m - 1, spot));
	hits inner = both(byte_at(search, middle - 1, spot), byte_at(search, middle, spot));

	return bits_of(both(both(where_pairs(two), ends), inner));
}

/*
 * Two bytes are together now and then, which the processor does not expect. To compare spot by spot
 * would surprise it twice more; that none of them has six bytes, it does expect.
 */
HERE static NOINLINE bool is_over_at_pairs(struct search *search, pairs first, pairs second,
					   size_t at, size_t other)
{
	uint64_t bits = six_at(search, first, at), other_bits = six_at(search, second, other);

	if (!(bits | other_bits))
		return false;
	return is_over(search, at, bits) || is_over(search, other, other_bits);
}

/* A vector of spots from `at` on, and one from `other` on, none of them before. */
HERE static ALWAYS_INLINE bool is_over_at(struct search *search, const struct two_bytes *two,
					  size_t at, size_t other)
{
	pairs first = two_at(two, at), second = two_at(two, other);

	return has_pairs(first, second) && is_over_at_pairs(search, first, second, at, other);
}

/* The spots from `at` to `end`, a vector of them or more. */
HERE static ALWAYS_INLINE bool is_over_between(struct search *search, const struct two_bytes *two,
					       size_t at, size_t end)
{
	size_t last = end - SIZE;

	if (end - at >= FAR) {
		if (is_over_at(search, two, at, at + SIZE))
			return true;
		at += 2 * SIZE - (uintptr_t)(two->one_at + at) % SIZE;
	}
	for (; end - at > 2 * SIZE; at += 2 * SIZE) {
		if (is_over_at(search, two, at, at + SIZE))
			return true;
	}
	/* What overlaps was compared before, or is not worth to be left out. */
	return is_over_at(search, two, at < last ? at : last, last);
}

/* The same, with other bytes from where those do not serve. */
HERE static ALWAYS_INLINE bool is_over_within(struct search *search, size_t at, size_t end)
{
	struct two_bytes two;

	do {
		two.one_at = search->in + search->one;
		two.other_at = search->in + search->other;
		two.one = splat(search->needle[search->one]);
		two.other = splat(search->needle[search->other]);
		search->goes_on = false;
		if (!is_over_between(search, &two, at, end))
			return false;
		/* Spots that were left out before do no harm. */
		at = end - search->since < SIZE ? end - SIZE : search->since;
	} while (search->goes_on);
	return true;
}

/*
 * A long needle in a long input: wherever it is, one of the words that are read at a distance of
 * its length is a word of it. Where none can be, there is nothing to look for.
 */
HERE static NOINLINE void find_by_words(struct search *search)
{
	size_t step = search->m - sizeof(uint64_t) + 1, spots = search->spots, at, end;
	const uint8_t *last = search->in + step - 1;
	struct plat__words words;

	plat__words_of(&words, search->needle, search->m);
	for (at = 0; at < spots; at += step) {
		if (!plat__has_word(&words, plat__word64(last + at)))
			continue;
		end = spots - at < step ? spots : at + step;
		if (is_over_within(search, end - at < SIZE ? end - SIZE : at, end))
			return;
	}
}

/* Where in a vector a byte of the needle is, said for the spots that it would belong to. */
HERE static ALWAYS_INLINE uint64_t spots_of(vector in, const uint8_t *needle, size_t place)
{
	return bits_of(same(in, splat(needle[place]))) >> place * LANE;
}

/* Spots with four of the needle's bytes, most often none. */
HERE static ALWAYS_INLINE uint64_t four_in_vector(const uint8_t *in, size_t n,
						  const uint8_t *needle, size_t m)
{
	vector all = n < SIZE ? load_part(in, n) : load(in);
	uint64_t bits = spots_of(all, needle, 0) & spots_of(all, needle, m - 1);

	bits &= first_bits(n - m + 1);
	if (bits)
		bits &= spots_of(all, needle, m / 2) & spots_of(all, needle, m / 3);
	return bits;
}

HERE static ALWAYS_INLINE uint64_t four_in_few(const uint8_t *in, size_t spots,
					       const uint8_t *needle, size_t m)
{
	hits found = both(byte_at_few(in, spots, needle, 0), byte_at_few(in, spots, needle, m - 1));
	uint64_t bits = bits_of(found) & first_bits(spots);

	if (bits)
		bits &= bits_of(both(byte_at_few(in, spots, needle, m / 2),
				     byte_at_few(in, spots, needle, m / 3)));
	return bits;
}

HERE static NOINLINE const uint8_t *compare_few(const uint8_t *in, size_t spots,
						const uint8_t *needle, size_t m, uint64_t bits)
{
	struct search search = {.in = in, .needle = needle, .m = m, .spots = spots};

	is_over(&search, 0, bits);
	return search.answer;
}

/*
 * Less than a vector of spots: to choose bytes would be most of the work. The ends are as good as
 * any, and where they are found what is between them. Nothing is written before: a load from an
 * address whose last 12 bits are those of a store waits for that one.
 */
HERE static ALWAYS_INLINE const uint8_t *find_in_few(const uint8_t *in, size_t n,
						     const uint8_t *needle, size_t m)
{
	size_t spots = n - m + 1;
	uint64_t bits =
		n <= SIZE ? four_in_vector(in, n, needle, m) : four_in_few(in, spots, needle, m);

	return bits ? compare_few(in, spots, needle, m, bits) : NULL;
}

/* In a short input it costs more to look for another one. */
static ALWAYS_INLINE bool is_worthless(const struct search *search, uint8_t byte)
{
	return search->spots >= FAR && plat__is_blank(byte);
}

/*
 * Of a vector of the needle's bytes from `at` on, or all of them, the rarest of the first few that
 * are not the one at `rarest`; that one, if none is rarer.
 */
HERE static ALWAYS_INLINE size_t rarer_byte(const struct search *search, size_t at, size_t rarest,
					    size_t kept)
{
	const uint8_t *needle = search->needle;
	uint8_t byte = needle[rarest];
	size_t m = search->m, looks = is_worthless(search, byte) ? PLAT__LOOKS_FOR_OTHERS : 1;
	vector few = m < SIZE ? load_part(needle, m) : load(needle + at);
	uint64_t bits = (bits_of(same(few, splat(byte))) ^ ALL) & first_bits(m);

	for (; bits && looks > 0; bits &= bits - 1, looks--) {
		size_t place = at + first_of(bits);

		if (place != kept &&
		    plat__commonness[needle[place]] < plat__commonness[needle[rarest]])
			rarest = place;
	}
	return rarest;
}

/* In place of one of the two, which is not worth to be looked for. */
HERE static NOINLINE size_t another(const struct search *search, size_t place, size_t kept)
{
	size_t m = search->m, rarest = rarer_byte(search, 0, place, kept);

	if (rarest == place && m > SIZE)
		return rarer_byte(search, m - SIZE, place, kept);
	return rarest;
}

/*
 * Twice the same byte says hardly more than once, and a blank says little, as where a needle is
 * mostly blanks: of all others that were not looked at any is better, if it is rarer.
 */
HERE static ALWAYS_INLINE void look_for_others(struct search *search)
{
	const uint8_t *needle = search->needle;

	if (needle[search->one] == needle[search->other] ||
	    is_worthless(search, needle[search->other]))
		search->other = another(search, search->other, search->one);
	if (is_worthless(search, needle[search->one]))
		search->one = another(search, search->one, search->other);
}

/* Apart from what is short, which then needs no room for vectors on the stack. */
HERE static NOINLINE const uint8_t *find_in_many(const uint8_t *in, size_t spots,
						 const uint8_t *needle, size_t m)
{
	struct search search = {.in = in, .needle = needle, .m = m, .spots = spots};

	plat__rare_pair(needle, m, spots, &search.one, &search.other);
	look_for_others(&search);
	if (plat__words_are_worth_it(m, spots, SIZE))
		find_by_words(&search);
	else
		is_over_within(&search, 0, spots);
	return search.answer;
}

/* Has a name for others, as resolvers need it. */
HERE void *NAME(find)(const void *in, size_t n, const void *needle, size_t m)
{
	if (m > n)
		return NULL;
	if (m < 2)
		return m ? find_byte(in, *(const uint8_t *)needle, n) : (void *)in;
	if (n - m + 1 < SIZE)
		return (void *)find_in_few(in, n, needle, m);
	return (void *)find_in_many(in, n - m + 1, needle, m);
}
