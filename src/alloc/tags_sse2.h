#include <emmintrin.h>

/* A bit for each of 64 bytes that is 0, the first byte's lowest. */
static inline uint64_t tags_zero(const uint8_t *tags)
{
	const __m128i none = _mm_setzero_si128();
	uint64_t mask = 0;
	unsigned i;

	for (i = 0; i < 4; i++) {
		__m128i part = _mm_loadu_si128((const __m128i *)(tags + i * 16));

		mask |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, none))
			<< (i * 16);
	}
	return mask;
}

/* The same of 8 tags of two bytes. */
static inline unsigned tags_zero_wide(const uint16_t *tags)
{
	__m128i part = _mm_loadu_si128((const __m128i *)tags);
	__m128i zeros = _mm_cmpeq_epi16(part, _mm_setzero_si128());

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(zeros, _mm_setzero_si128()));
}
