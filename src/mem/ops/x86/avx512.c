/* With AVX-512: vectors of 64 bytes, and masks that keep what is not asked for from being touched.
 */
#include "mem/ops/x86/x86.h"

#include "mem/ops/x86/string.h"

#include <immintrin.h>

#define NAME(op) plat__avx512_##op
#define VARIANT "avx512"
#define HERE FOR_PROCESSORS_WITH("avx512f,avx512bw,avx512vl,avx512vbmi,bmi,bmi2,lzcnt")
#define SIZE ((size_t)64)
#define LANE 1
#define ALL UINT64_MAX
#define MUCH 4096
#define PAGE ((size_t)4096)
#define OR_OF_XOR 0xf6 /* of three bits: the first, or one of the others alone */

typedef __m512i vector;
typedef __mmask64 hits;

HERE static ALWAYS_INLINE vector load(const uint8_t *from)
{
	return _mm512_loadu_si512(from);
}

static const uint8_t each_place[64] __attribute__((aligned(64))) = {
	0,  1,	2,  3,	4,  5,	6,  7,	8,  9,	10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
	22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
	44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* As the end of a vector, whose first bytes move behind them; n is 1 or more. */
HERE static ALWAYS_INLINE vector load_at_end(const uint8_t *from, size_t n)
{
	size_t before = SIZE - n;
	vector end = _mm512_maskz_loadu_epi8(ALL << before, from - before);

	return _mm512_permutexvar_epi8(
		_mm512_add_epi8(load(each_place), _mm512_set1_epi8((char)before)), end);
}

/*
 * Where what is left out lies in a page that cannot be read, the processor finds out byte by byte
 * that nobody asked for it, for some 200 ns; and what ends before a guard is not rare here. What is
 * before it is in the same page.
 */
HERE static ALWAYS_INLINE vector load_part(const uint8_t *from, size_t n)
{
	uintptr_t at = (uintptr_t)from;

	if (((at + SIZE - 1) & -PAGE) >= at + n && n > 0)
		return load_at_end(from, n);
	return _mm512_maskz_loadu_epi8(((uint64_t)1 << n) - 1, from);
}

HERE static ALWAYS_INLINE void store(uint8_t *to, vector v)
{
	_mm512_storeu_si512(to, v);
}

HERE static ALWAYS_INLINE vector splat(uint8_t byte)
{
	return _mm512_set1_epi8((char)byte);
}

HERE static ALWAYS_INLINE hits same(vector a, vector b)
{
	return _mm512_cmpeq_epi8_mask(a, b);
}

HERE static ALWAYS_INLINE hits both(hits a, hits b)
{
	return a & b;
}

HERE static ALWAYS_INLINE hits either(hits a, hits b)
{
	return a | b;
}

HERE static ALWAYS_INLINE uint64_t bits_of(hits h)
{
	return h;
}

/* Zeros where both bytes are: that takes fewer instructions than putting masks together. */
typedef vector pairs;

HERE static ALWAYS_INLINE pairs pairs_of(vector a, vector one, vector b, vector other)
{
	return _mm512_ternarylogic_epi64(_mm512_xor_si512(a, one), b, other, OR_OF_XOR);
}

HERE static ALWAYS_INLINE bool has_pairs(pairs first, pairs second)
{
	vector least = _mm512_min_epu8(first, second);

	return _mm512_testn_epi8_mask(least, least) != 0;
}

HERE static ALWAYS_INLINE hits where_pairs(pairs in)
{
	return _mm512_testn_epi8_mask(in, in);
}

HERE static ALWAYS_INLINE void move_much(uint8_t *to, const uint8_t *from, size_t n)
{
	plat__copy_string(to, from, n);
}

HERE static ALWAYS_INLINE void set_much(uint8_t *to, uint8_t byte, size_t n)
{
	plat__fill_string(to, byte, n);
}

#include "mem/ops/vector.h"
