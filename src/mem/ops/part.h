/*
 * Fewer bytes than a vector has, without a look beyond them: two words that overlap, or three bytes
 * that may be the same, are put together.
 */
#ifndef MEM_OPS_PART_H
#define MEM_OPS_PART_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

static ALWAYS_INLINE uint64_t plat__word64(const uint8_t *from)
{
	uint64_t word;

	__builtin_memcpy(&word, from, sizeof(word));
	return word;
}

static ALWAYS_INLINE uint32_t plat__word32(const uint8_t *from)
{
	uint32_t word;

	__builtin_memcpy(&word, from, sizeof(word));
	return word;
}

/* n bytes, less than 8, the first of them lowest; above them zeros. */
static ALWAYS_INLINE uint64_t plat__part_of_word(const uint8_t *from, size_t n)
{
	if (n >= 4)
		return plat__word32(from) | (uint64_t)plat__word32(from + n - 4) << 8 * (n - 4);
	if (n == 0)
		return 0;
	return from[0] | (uint64_t)from[n / 2] << 8 * (n / 2) |
	       (uint64_t)from[n - 1] << 8 * (n - 1);
}

/* n bytes, less than 16, as two words. */
static ALWAYS_INLINE void plat__part_of_two(const uint8_t *from, size_t n, uint64_t *low,
					    uint64_t *high)
{
	if (n < 8) {
		*low = plat__part_of_word(from, n);
		*high = 0;
	} else {
		*low = plat__word64(from);
		*high = n == 8 ? 0 : plat__word64(from + n - 8) >> 8 * (16 - n);
	}
}

/* Two pieces that cover n bytes, from one to two times as many as a piece has. */
#define PLAT__MOVE_BY(type)                                                                        \
	do {                                                                                       \
		type at_start, at_end;                                                             \
                                                                                                   \
		__builtin_memcpy(&at_start, from, sizeof(type));                                   \
		__builtin_memcpy(&at_end, from + n - sizeof(type), sizeof(type));                  \
		__builtin_memcpy(to, &at_start, sizeof(type));                                     \
		__builtin_memcpy(to + n - sizeof(type), &at_end, sizeof(type));                    \
	} while (0)

/* The same with what is at `bytes`. */
#define PLAT__SET_BY(type)                                                                         \
	do {                                                                                       \
		__builtin_memcpy(to, &bytes, sizeof(type));                                        \
		__builtin_memcpy(to + n - sizeof(type), &bytes, sizeof(type));                     \
	} while (0)

typedef uint64_t plat__bytes16 __attribute__((vector_size(16)));

/* n less than 16. */
static ALWAYS_INLINE void plat__move_few(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n >= 8)
		PLAT__MOVE_BY(uint64_t);
	else if (n >= 4)
		PLAT__MOVE_BY(uint32_t);
	else if (n >= 2)
		PLAT__MOVE_BY(uint16_t);
	else if (n == 1)
		*to = *from;
}

/* n less than 16; of `bytes` each is the same. */
static ALWAYS_INLINE void plat__set_few(uint8_t *to, uint64_t bytes, size_t n)
{
	if (n >= 8)
		PLAT__SET_BY(uint64_t);
	else if (n >= 4)
		PLAT__SET_BY(uint32_t);
	else if (n >= 2)
		PLAT__SET_BY(uint16_t);
	else if (n == 1)
		*to = (uint8_t)bytes;
}

#endif
