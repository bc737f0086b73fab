#include <string.h>

/* A bit for each byte of the word that is zero, the lowest byte's first. */
static inline uint64_t word_zero(uint64_t word)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t zeros = ~(((word & low) + low) | word | low) >> 7;

	return zeros * UINT64_C(0x0102040810204080) >> 56;
}

/* A bit for each of 64 bytes that is 0, the first byte's lowest. */
static inline uint64_t tags_zero(const uint8_t *tags)
{
	uint64_t mask = 0, word;
	unsigned i;

	for (i = 0; i < 8; i++) {
		memcpy(&word, tags + i * 8, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		mask |= word_zero(word) << (i * 8);
	}
	return mask;
}

/* How many of so many bytes are not 0; what lies behind them up to the next multiple of 64 is 0. */
static inline unsigned tags_count(const uint8_t *tags, size_t bytes)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < bytes; i += 64)
		n += 64 - (unsigned)__builtin_popcountll(tags_zero(tags + i));
	return n;
}

/* tags_zero of 16 tags of two bytes. */
static inline unsigned tags_zero_wide(const uint16_t *tags)
{
	unsigned mask = 0, i;

	for (i = 0; i < 16; i++)
		mask |= (unsigned)(tags[i] == 0) << i;
	return mask;
}
