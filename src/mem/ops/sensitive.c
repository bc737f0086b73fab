/* The two that are not about speed: what they do must not depend on what a compiler finds out. */
#include "../include/plat/ops.h"
#include "mem/ops/part.h"

/* The compiler knows no more about a value than that it is one. */
static ALWAYS_INLINE uint64_t hidden(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

/* What looks at all of memory, as far as the compiler knows, comes behind. */
void plat_memzero_explicit(void *to, size_t n)
{
	plat_memset(to, 0, n);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* As long as it cannot see that bits were found, it cannot leave before the end. */
int plat_memequal_ct(const void *a, const void *b, size_t n)
{
	const uint8_t *one = a, *other = b;
	uint64_t different = 0;
	size_t i;

	for (i = 0; n - i >= 8; i += 8)
		different = hidden(different | (plat__word64(one + i) ^ plat__word64(other + i)));
	different = hidden(different | (plat__part_of_word(one + i, n - i) ^
					plat__part_of_word(other + i, n - i)));
	different |= different >> 32;
	different = hidden(different & 0xffffffff);
	return (int)(1 & ((different - 1) >> 32));
}
