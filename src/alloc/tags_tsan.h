/*
 * One by one, as atomic loads: ThreadSanitizer sees then what a processor's loads give anyway, that
 * whoever reads a tag of 0 comes after the free that stored it. It knows no fences, and of a word
 * it does not know who stored its bytes.
 */

static inline uint64_t tags_zero(const uint8_t *tags)
{
	uint64_t mask = 0;
	unsigned i;

	for (i = 0; i < 64; i++)
		mask |= (uint64_t)(load_acquire(tags + i) == 0) << i;
	return mask;
}

static inline unsigned tags_count(const uint8_t *tags, size_t bytes)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < bytes; i += 64)
		n += 64 - count_bits(tags_zero(tags + i));
	return n;
}

static inline unsigned tags_zero_wide(const uint16_t *tags)
{
	unsigned mask = 0, i;

	for (i = 0; i < 16; i++)
		mask |= (unsigned)(load_acquire(tags + i) == 0) << i;
	return mask;
}

static inline bool tags_none(const uint8_t *tags, size_t bytes)
{
	return tags_count(tags, bytes) == 0;
}
