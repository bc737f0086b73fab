/*
 * Addresses in the process we look at, and sums over them that cannot wrap.
 *
 * A plat_addr is never a pointer of ours. A range is [start, end): end is one past the last byte.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t plat_addr;

#define ADDR_MAX UINT64_MAX

/* `unit` is a power of two in the four functions below. */
static inline uint64_t align_down(uint64_t x, uint64_t unit)
{
	return x & ~(unit - 1);
}

/* Saturates at the highest multiple of `unit` instead of wrapping to 0. */
static inline uint64_t align_up(uint64_t x, uint64_t unit)
{
	uint64_t up;

	if (__builtin_add_overflow(x, unit - 1, &up))
		return align_down(UINT64_MAX, unit);
	return align_down(up, unit);
}

static inline bool is_aligned(uint64_t x, uint64_t unit)
{
	return (x & (unit - 1)) == 0;
}

/* a + b, or the largest number where that would wrap. */
static inline uint64_t add_capped(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* a - b, or 0 where that would wrap. */
static inline uint64_t sub_floored(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The bytes that [a, b) and [c, d) have in common. */
static inline uint64_t overlap(plat_addr a, plat_addr b, plat_addr c, plat_addr d)
{
	return sub_floored(min_u64(b, d), max_u64(a, c));
}

#endif
