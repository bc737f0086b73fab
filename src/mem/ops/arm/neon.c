/* With NEON, which every processor of 64 bits has: vectors of 16 bytes. */
#include "mem/ops/arm/arm.h"

#include "mem/ops/loops.h"
#include "mem/ops/part.h"

#include <arm_neon.h>

#define NAME(op) plat__neon_##op
#define VARIANT "neon"
#define HERE
#define SIZE ((size_t)16)
#define LANE 4
#define ALL ((uint64_t)0x8888888888888888)

typedef uint8x16_t vector;
typedef uint8x16_t hits;

HERE static ALWAYS_INLINE vector load(const uint8_t *from)
{
	return vld1q_u8(from);
}

HERE static ALWAYS_INLINE vector load_part(const uint8_t *from, size_t n)
{
	uint64_t low, high;

	plat__part_of_two(from, n, &low, &high);
	return vcombine_u8(vcreate_u8(low), vcreate_u8(high));
}

HERE static ALWAYS_INLINE void store(uint8_t *to, vector v)
{
	vst1q_u8(to, v);
}

HERE static ALWAYS_INLINE vector splat(uint8_t byte)
{
	return vdupq_n_u8(byte);
}

HERE static ALWAYS_INLINE hits same(vector a, vector b)
{
	return vceqq_u8(a, b);
}

HERE static ALWAYS_INLINE hits both(hits a, hits b)
{
	return vandq_u8(a, b);
}

HERE static ALWAYS_INLINE hits either(hits a, hits b)
{
	return vorrq_u8(a, b);
}

/* Shifting pairs of bytes right by 4 and keeping the lower half leaves 4 bits of each byte. */
HERE static ALWAYS_INLINE uint64_t bits_of(hits h)
{
	uint8x8_t narrow = vshrn_n_u16(vreinterpretq_u16_u8(h), 4);

	return vget_lane_u64(vreinterpret_u64_u8(narrow), 0) & ALL;
}

#include "mem/ops/pairs.h"
#include "mem/ops/vector.h"
