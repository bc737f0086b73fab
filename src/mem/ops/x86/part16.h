/* Less than a vector of 16 bytes. */
#ifndef MEM_OPS_X86_PART16_H
#define MEM_OPS_X86_PART16_H

#include "mem/ops/part.h"

#include <immintrin.h>

FOR_PROCESSORS_WITH("sse2")
static ALWAYS_INLINE __m128i plat__part_of_16(const uint8_t *from, size_t n)
{
	uint64_t low, high;

	plat__part_of_two(from, n, &low, &high);
	return _mm_set_epi64x((long long)high, (long long)low);
}

#endif
