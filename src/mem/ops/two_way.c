/*
 * The two-way search of Crochemore and Perrin, "Two-way string-matching", JACM 38 (1991). The
 * needle is cut in two where no shorter period begins; the right part is compared from the cut on,
 * then the left part. Where the right part differs, the needle moves on behind that byte; where the
 * left one does, by the needle's period. No byte is compared more than a few times, and nothing
 * is remembered but how much of a periodic needle is known to be there.
 *
 *     needle     left | right		in    ...xxxxxx|xxxxx...
 *		      cut
 */
#include "mem/ops/needle.h"

#include <stdbool.h>
#include <string.h>

/*
 * Where the greatest suffix of the needle begins, in the order of bytes or in the reverse order,
 * and that suffix's period.
 */
static size_t greatest_suffix(const uint8_t *needle, size_t m, bool reverse, size_t *period)
{
	size_t best = 0, other = 1, same = 0;

	*period = 1;
	while (other + same < m) {
		uint8_t b = needle[best + same], o = needle[other + same];

		if (b == o) {
			same++;
			if (same == *period) {
				other += *period;
				same = 0;
			}
		} else if (reverse ? o > b : o < b) {
			other += same + 1;
			same = 0;
			*period = other - best;
		} else {
			best = other++;
			same = 0;
			*period = 1;
		}
	}
	return best;
}

static size_t cut_of(const uint8_t *needle, size_t m, size_t *period)
{
	size_t one_period, other_period;
	size_t one = greatest_suffix(needle, m, false, &one_period);
	size_t other = greatest_suffix(needle, m, true, &other_period);

	*period = one > other ? one_period : other_period;
	return one > other ? one : other;
}

/* The needle repeats itself: what was compared before the cut is known after a step of a period. */
static const uint8_t *find_periodic(const uint8_t *in, size_t n, const uint8_t *needle, size_t m,
				    size_t cut, size_t period)
{
	size_t at = 0, known = 0, i;

	while (at <= n - m) {
		for (i = cut > known ? cut : known; i < m && needle[i] == in[at + i]; i++)
			;
		if (i < m) {
			at += i - cut + 1;
			known = 0;
			continue;
		}
		for (i = cut; i > known && needle[i - 1] == in[at + i - 1]; i--)
			;
		if (i <= known)
			return in + at;
		at += period;
		known = m - period;
	}
	return NULL;
}

static const uint8_t *find_other(const uint8_t *in, size_t n, const uint8_t *needle, size_t m,
				 size_t cut)
{
	/* Its period is longer than either part; more of it need not be known. */
	size_t step = (cut > m - cut ? cut : m - cut) + 1, at = 0, i;

	while (at <= n - m) {
		for (i = cut; i < m && needle[i] == in[at + i]; i++)
			;
		if (i < m) {
			at += i - cut + 1;
			continue;
		}
		for (i = cut; i > 0 && needle[i - 1] == in[at + i - 1]; i--)
			;
		if (i == 0)
			return in + at;
		at += step;
	}
	return NULL;
}

const uint8_t *plat__find_slowly(const uint8_t *in, size_t n, const uint8_t *needle, size_t m)
{
	size_t period, cut;

	if (n < m)
		return NULL;
	cut = cut_of(needle, m, &period);
	if (period + cut <= m && memcmp(needle, needle + period, cut) == 0)
		return find_periodic(in, n, needle, m, cut, period);
	return find_other(in, n, needle, m, cut);
}
