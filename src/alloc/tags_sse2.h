#include <emmintrin.h>

/* A bit for each of 64 bytes that is 0, the first byte's lowest. */
static inline uint64_t tags_zero(const uint8_t *tags)
{
	const __m128i none = _mm_setzero_si128();
	uint64_t mask = 0;
	unsigned i;

#pragma GCC unroll 4
	for (i = 0; i < 4; i++) {
		__m128i part = _mm_loadu_si128((const __m128i *)(tags + i * 16));

		mask |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, none))
			<< (i * 16);
	}
	return mask;
}

/* How many of so many bytes are not 0; what lies behind them up to the next multiple of 64 is 0. */
static inline unsigned tags_count(const uint8_t *tags, size_t bytes)
{
	const __m128i none = _mm_setzero_si128();
	__m128i sum = none;
	size_t i;

	for (i = 0; i < bytes; i += 64) {
		__m128i zeros = none;
		unsigned k;

		/* Each 0 takes one off, so that a byte holds at least -4. */
#pragma GCC unroll 4
		for (k = 0; k < 4; k++)
			zeros = _mm_add_epi8(
				zeros, _mm_cmpeq_epi8(_mm_loadu_si128(
							      (const __m128i *)(tags + i + k * 16)),
						      none));
		sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_add_epi8(zeros, _mm_set1_epi8(4)), none));
	}
	return (unsigned)(_mm_cvtsi128_si32(sum) + _mm_cvtsi128_si32(_mm_srli_si128(sum, 8)));
}

/* tags_zero of 16 tags of two bytes. */
static inline unsigned tags_zero_wide(const uint16_t *tags)
{
	const __m128i none = _mm_setzero_si128();
	__m128i low = _mm_loadu_si128((const __m128i *)tags);
	__m128i high = _mm_loadu_si128((const __m128i *)(tags + 8));
	__m128i zeros = _mm_packs_epi16(_mm_cmpeq_epi16(low, none), _mm_cmpeq_epi16(high, none));

	return (unsigned)_mm_movemask_epi8(zeros);
}
