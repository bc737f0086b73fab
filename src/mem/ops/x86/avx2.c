/* With AVX2: vectors of 32 bytes. */
#include "mem/ops/x86/x86.h"

#include "mem/ops/loops.h"
#include "mem/ops/x86/part16.h"

#define NAME(op) plat__avx2_##op
#define VARIANT "avx2"
#define HERE FOR_PROCESSORS_WITH("avx2,bmi,bmi2,lzcnt")
#define SIZE ((size_t)32)
#define LANE 1
#define ALL ((uint64_t)0xffffffff)

typedef __m256i vector;
typedef __m256i hits;

/* From the byte k on: which bytes move down by k; zeros come behind. */
static const uint8_t down_by[32] __attribute__((aligned(32))) = {
	0,    1,    2,	  3,	4,    5,    6,	  7,	8,    9,    10,
	11,   12,   13,	  14,	15,   0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};

HERE static ALWAYS_INLINE vector load(const uint8_t *from)
{
	return _mm256_loadu_si256((const __m256i *)from);
}

HERE static ALWAYS_INLINE vector load_part(const uint8_t *from, size_t n)
{
	__m128i low, high;

	if (n < 16)
		return _mm256_zextsi128_si256(plat__part_of_16(from, n));
	low = _mm_loadu_si128((const __m128i *)from);
	high = _mm_loadu_si128((const __m128i *)(from + n - 16));
	high = _mm_shuffle_epi8(high, _mm_loadu_si128((const __m128i *)(down_by + 32 - n)));
	return _mm256_set_m128i(high, low);
}

HERE static ALWAYS_INLINE void store(uint8_t *to, vector v)
{
	_mm256_storeu_si256((__m256i *)to, v);
}

HERE static ALWAYS_INLINE vector splat(uint8_t byte)
{
	return _mm256_set1_epi8((char)byte);
}

HERE static ALWAYS_INLINE hits same(vector a, vector b)
{
	return _mm256_cmpeq_epi8(a, b);
}

HERE static ALWAYS_INLINE hits both(hits a, hits b)
{
	return _mm256_and_si256(a, b);
}

HERE static ALWAYS_INLINE hits either(hits a, hits b)
{
	return _mm256_or_si256(a, b);
}

HERE static ALWAYS_INLINE uint64_t bits_of(hits h)
{
	return (uint32_t)_mm256_movemask_epi8(h);
}

#include "mem/ops/pairs.h"
#include "mem/ops/vector.h"
