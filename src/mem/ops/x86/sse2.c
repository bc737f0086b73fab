/* With SSE2, which every processor of 64 bits has: vectors of 16 bytes. */
#include "mem/ops/x86/x86.h"

#include "mem/ops/loops.h"
#include "mem/ops/x86/part16.h"

#define NAME(op) plat__sse2_##op
#define VARIANT "sse2"
#define HERE FOR_PROCESSORS_WITH("sse2")
#define SIZE ((size_t)16)
#define LANE 1
#define ALL ((uint64_t)0xffff)

typedef __m128i vector;
typedef __m128i hits;

HERE static ALWAYS_INLINE vector load(const uint8_t *from)
{
	return _mm_loadu_si128((const __m128i *)from);
}

HERE static ALWAYS_INLINE vector load_part(const uint8_t *from, size_t n)
{
	return plat__part_of_16(from, n);
}

HERE static ALWAYS_INLINE void store(uint8_t *to, vector v)
{
	_mm_storeu_si128((__m128i *)to, v);
}

HERE static ALWAYS_INLINE vector splat(uint8_t byte)
{
	return _mm_set1_epi8((char)byte);
}

HERE static ALWAYS_INLINE hits same(vector a, vector b)
{
	return _mm_cmpeq_epi8(a, b);
}

HERE static ALWAYS_INLINE hits both(hits a, hits b)
{
	return _mm_and_si128(a, b);
}

HERE static ALWAYS_INLINE hits either(hits a, hits b)
{
	return _mm_or_si128(a, b);
}

HERE static ALWAYS_INLINE uint64_t bits_of(hits h)
{
	return (uint32_t)_mm_movemask_epi8(h);
}

#include "mem/ops/pairs.h"
#include "mem/ops/vector.h"
