/*
 * With AVX2, and one instruction each that counts bits and shifts by any number. This file is
 * compiled for processors that have all of it, but for scan_code_here(), which asks whether this is
 * one.
 */
#include "heap/scan.h"

#include "heap/scan_steps.h"

#include <immintrin.h>

#define HERE FOR_PROCESSORS_WITH("avx2,popcnt,bmi,bmi2")

/* For four words with a bit each: where the chosen ones come from, as 32-bit halves and as bytes.
 */
#define PAIR(i) 2 * (i), 2 * (i) + 1
#define FOUR(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3
#define CHOICES(X)                                                                                 \
	{X(0), X(0), X(0), X(0)}, {X(0), X(0), X(0), X(0)}, {X(1), X(0), X(0), X(0)},              \
		{X(0), X(1), X(0), X(0)}, {X(2), X(0), X(0), X(0)}, {X(0), X(2), X(0), X(0)},      \
		{X(1), X(2), X(0), X(0)}, {X(0), X(1), X(2), X(0)}, {X(3), X(0), X(0), X(0)},      \
		{X(0), X(3), X(0), X(0)}, {X(1), X(3), X(0), X(0)}, {X(0), X(1), X(3), X(0)},      \
		{X(2), X(3), X(0), X(0)}, {X(0), X(2), X(3), X(0)}, {X(1), X(2), X(3), X(0)},      \
	{                                                                                          \
		X(0), X(1), X(2), X(3)                                                             \
	}

static const uint32_t value_choices[16][8] __attribute__((aligned(32))) = {CHOICES(PAIR)};
static const uint8_t word_choices[16][16] __attribute__((aligned(16))) = {CHOICES(FOUR)};

HERE static inline __m256i four_words(const unsigned char *bytes, size_t i)
{
	return _mm256_loadu_si256((const __m256i *)(bytes + i * 8));
}

/* All bits of those words that lie in the span: one unsigned comparison, made of a signed one. */
HERE static inline __m256i in_span(__m256i words, __m256i low, __m256i span)
{
	return _mm256_cmpgt_epi64(span, _mm256_sub_epi64(words, low));
}

/* Writes four, counts those that were chosen. */
HERE static inline void take_four(struct scan_hits *hits, __m256i words, __m256i chosen,
				  uint32_t first)
{
	unsigned mask = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(chosen));
	__m256i choice = _mm256_load_si256((const __m256i *)value_choices[mask]);
	__m128i numbers = _mm_add_epi32(_mm_set1_epi32((int)first), _mm_set_epi32(3, 2, 1, 0));

	_mm256_storeu_si256((__m256i *)&hits->values[hits->n],
			    _mm256_permutevar8x32_epi32(words, choice));
	numbers = _mm_shuffle_epi8(numbers, _mm_load_si128((const __m128i *)word_choices[mask]));
	_mm_storeu_si128((__m128i *)&hits->words[hits->n], numbers);
	hits->n += (size_t)__builtin_popcount(mask);
}

/* What all words are compared with. */
struct sieves {
	__m256i low, span, mask, bits;
};

HERE static inline __m256i may_be_mangled(__m256i words, const struct sieves *sieves)
{
	return _mm256_cmpeq_epi64(_mm256_and_si256(words, sieves->mask), sieves->bits);
}

HERE static inline __m256i or_of(const __m256i of[4])
{
	return _mm256_or_si256(_mm256_or_si256(of[0], of[1]), _mm256_or_si256(of[2], of[3]));
}

/* Where a word may be mangled, which is seldom, all sixteen are done one by one. */
HERE static ALWAYS_INLINE size_t gather_sixteens(const struct scan_sieve *sieve,
						 const struct sieves *sieves,
						 const unsigned char *bytes, size_t from, size_t n,
						 struct scan_hits *hits, bool is_mangled)
{
	size_t i;
	int j;

	for (i = from; i + 16 <= n && hits->n <= HITS_MOST - 16; i += 16) {
		__m256i words[4], chosen[4], mangled[4], any;

		for (j = 0; j < 4; j++) {
			words[j] = four_words(bytes, i + 4 * (size_t)j);
			chosen[j] = in_span(words[j], sieves->low, sieves->span);
			if (is_mangled)
				mangled[j] = may_be_mangled(words[j], sieves);
		}
		if (is_mangled) {
			any = or_of(mangled);
			if (!_mm256_testz_si256(any, any)) {
				(void)scan_code_any.gather(sieve, bytes, i, i + 16, hits);
				continue;
			}
		}
		any = or_of(chosen);
		if (_mm256_testz_si256(any, any))
			continue;
		for (j = 0; j < 4; j++)
			take_four(hits, words[j], chosen[j], (uint32_t)i + 4 * (uint32_t)j);
	}
	return i;
}

/* word - low < span, unsigned, is (word - low) + 2^63 < span + 2^63, signed. */
HERE static size_t gather(const struct scan_sieve *sieve, const unsigned char *bytes, size_t from,
			  size_t n, struct scan_hits *hits)
{
	const uint64_t half = UINT64_C(1) << 63;
	const struct sieves sieves = {
		_mm256_set1_epi64x((long long)(sieve->low + half)),
		_mm256_set1_epi64x((long long)(sieve->span + half)),
		_mm256_set1_epi64x((long long)sieve->mask),
		_mm256_set1_epi64x((long long)sieve->bits),
	};
	size_t i;

	if (sieve->form.width != 8 || sieve->form.is_swapped)
		return scan_code_any.gather(sieve, bytes, from, n, hits);
	i = sieve->form.mangle.width ? gather_sixteens(sieve, &sieves, bytes, from, n, hits, true)
				     : gather_sixteens(sieve, &sieves, bytes, from, n, hits, false);
	return n - i < 16 ? scan_code_any.gather(sieve, bytes, i, n, hits) : i;
}

/*
 * Places four words, if all of them are where the hint is: a line is 384 grains, which is three
 * times 128, and a third is 0xaaaaaaab / 2^33 of what has 32 bits.
 */
static_assert(LINE_GRAINS == 3 * 128 && LINE_BITS == LINE_GRAINS + 128, "a line is as told");

HERE static ALWAYS_INLINE bool place_four(const struct block_index *index, struct scan_hits *hits,
					  const struct scan_hint *hint, size_t i)
{
	const uint64_t half = UINT64_C(1) << 63;
	const __m256i low = _mm256_set1_epi64x((long long)(hint->start + half));
	const __m256i span = _mm256_set1_epi64x((long long)(hint->span + half));
	const __m256i base = _mm256_set1_epi64x((long long)hint->stretch->base);
	const __m256i third = _mm256_set1_epi64x(0xaaaaaaab);
	__m256i words = _mm256_loadu_si256((const __m256i *)&hits->values[i]);
	__m256i in = in_span(words, low, span), grains, lines, bits;
	size_t j;

	if (_mm256_movemask_pd(_mm256_castsi256_pd(in)) != 15)
		return false;
	grains = _mm256_srl_epi64(_mm256_sub_epi64(words, base),
				  _mm_cvtsi32_si128((int)index->grain_shift));
	lines = _mm256_srli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(grains, 7), third), 33);
	bits = _mm256_add_epi64(grains, _mm256_slli_epi64(lines, 7));
	bits = _mm256_add_epi64(bits, _mm256_set1_epi64x((long long)hint->bit));
	_mm256_storeu_si256((__m256i *)&hits->bits[i], bits);
	for (j = i; j < i + 4; j++)
		__builtin_prefetch((const char *)index->lines + hits->bits[j] / 8);
	return true;
}

HERE static void place(const struct block_index *index, struct scan_hits *hits)
{
	struct scan_hint hint = scan_hint_of(index, index->stretches);
	size_t i, j, end;

	hits->nlate = 0;
	for (i = 0; i < hits->n; i = end) {
		end = i + 4 < hits->n ? i + 4 : hits->n;
		if (end == i + 4 && place_four(index, hits, &hint, i))
			continue;
		for (j = i; j < end; j++)
			scan_place(index, hits, &hint, j);
	}
}

HERE static void look(const struct block_index *index, struct scan_hits *hits)
{
	scan_look_all(index, hits);
}

HERE static void settle(const struct block_index *index, struct scan_hits *hits)
{
	scan_settle_all(index, hits);
}

HERE static uint32_t find(const struct block_index *index, plat_addr at, uint64_t *offset)
{
	return block_find(index, at, offset);
}

static const struct scan_code code_avx2 = {
	.gather = gather,
	.place = place,
	.look = look,
	.settle = settle,
	.find = find,
};

const struct scan_code *scan_code_here(void)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
	    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"))
		return &code_avx2;
	return &scan_code_any;
}
