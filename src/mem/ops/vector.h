/*
 * The operations, as text for vectors of any size. A file includes it once, after it has said what
 * a vector is:
 *
 *	NAME(op)	the name of an operation here
 *	HERE		what every function needs to use this processor's instructions
 *	SIZE		bytes in a vector
 *	LANE		bits for each byte of a vector in what bits_of() makes; one of them is used
 *	ALL		what it makes of a vector in which every byte is a hit
 *	vector, hits	a vector, and what comparing two gives
 *	load, load_part, store, splat, same, both, either, bits_of
 *	pairs, pairs_of, has_pairs, where_pairs		two bytes at once; pairs.h, where
 *							nothing is better
 *	MUCH		from how many bytes on move_much() and set_much() are better than loops
 *
 * find.h, the search for a needle, is a part of it.
 *
 * Ends are met by vectors that overlap, and what is shorter than a vector by load_part(): nothing
 * outside is read, so that guard pages, sanitizers and other threads have nothing to say.
 */
#include "mem/ops/ops.h"
#include "mem/ops/part.h"

#include <stdint.h>

/* The bits of the first n bytes, n up to SIZE. */
static ALWAYS_INLINE uint64_t first_bits(size_t n)
{
	return n * LANE >= 64 ? ALL : ALL & (((uint64_t)1 << n * LANE) - 1);
}

static ALWAYS_INLINE size_t first_of(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits) / LANE;
}

static ALWAYS_INLINE size_t last_of(uint64_t bits)
{
	return (63 - (size_t)__builtin_clzll(bits)) / LANE;
}

/* --- copies --- */

typedef uint8_t bytes32 __attribute__((vector_size(32)));

/* Less than a vector. */
HERE static ALWAYS_INLINE void move_part(uint8_t *to, const uint8_t *from, size_t n)
{
	if (SIZE > 32 && n >= 32)
		PLAT__MOVE_BY(bytes32);
	else if (SIZE > 16 && n >= 16)
		PLAT__MOVE_BY(plat__bytes16);
	else
		plat__move_few(to, from, n);
}

/* Up to 8 vectors: all are read before the first is written. */
HERE static ALWAYS_INLINE void move_few(uint8_t *to, const uint8_t *from, size_t n)
{
	const uint8_t *end = from + n;
	uint8_t *to_end = to + n;
	vector a = load(from), h = load(end - SIZE), b, c, d, e, f, g;

	if (n > 2 * SIZE) {
		b = load(from + SIZE);
		g = load(end - 2 * SIZE);
		if (n > 4 * SIZE) {
			c = load(from + 2 * SIZE);
			d = load(from + 3 * SIZE);
			e = load(end - 4 * SIZE);
			f = load(end - 3 * SIZE);
			store(to + 2 * SIZE, c);
			store(to + 3 * SIZE, d);
			store(to_end - 4 * SIZE, e);
			store(to_end - 3 * SIZE, f);
		}
		store(to + SIZE, b);
		store(to_end - 2 * SIZE, g);
	}
	store(to, a);
	store(to_end - SIZE, h);
}

/* No byte is both read and written. */
HERE static ALWAYS_INLINE void move_long(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t skip = SIZE - (uintptr_t)to % SIZE;

	store(to, load(from));
	move_much(to + skip, from + skip, n - skip);
}

/* `to` is not in the middle of what is to be read; what comes last may be overwritten on the way.
 */
HERE static void move_up(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t skip = SIZE - (uintptr_t)to % SIZE, i;
	vector head = load(from);
	vector a = load(from + n - 4 * SIZE), b = load(from + n - 3 * SIZE);
	vector c = load(from + n - 2 * SIZE), d = load(from + n - SIZE);

	for (i = skip; i < n - 4 * SIZE; i += 4 * SIZE) {
		vector e = load(from + i), f = load(from + i + SIZE);
		vector g = load(from + i + 2 * SIZE), h = load(from + i + 3 * SIZE);

		store(to + i, e);
		store(to + i + SIZE, f);
		store(to + i + 2 * SIZE, g);
		store(to + i + 3 * SIZE, h);
	}
	store(to + n - 4 * SIZE, a);
	store(to + n - 3 * SIZE, b);
	store(to + n - 2 * SIZE, c);
	store(to + n - SIZE, d);
	store(to, head);
}

/* The same from the end, for a `to` that is. */
HERE static void move_down(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t i = n - ((uintptr_t)(to + n - 1) % SIZE + 1);
	vector tail = load(from + n - SIZE);
	vector a = load(from), b = load(from + SIZE);
	vector c = load(from + 2 * SIZE), d = load(from + 3 * SIZE);

	for (; i > 4 * SIZE; i -= 4 * SIZE) {
		vector e = load(from + i - SIZE), f = load(from + i - 2 * SIZE);
		vector g = load(from + i - 3 * SIZE), h = load(from + i - 4 * SIZE);

		store(to + i - SIZE, e);
		store(to + i - 2 * SIZE, f);
		store(to + i - 3 * SIZE, g);
		store(to + i - 4 * SIZE, h);
	}
	store(to, a);
	store(to + SIZE, b);
	store(to + 2 * SIZE, c);
	store(to + 3 * SIZE, d);
	store(to + n - SIZE, tail);
}

HERE static void *move(void *to, const void *from, size_t n)
{
	if (n < SIZE)
		move_part(to, from, n);
	else if (n <= 8 * SIZE)
		move_few(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from < n)
		move_down(to, from, n);
	else if (n >= MUCH && (uintptr_t)from - (uintptr_t)to >= n)
		move_long(to, from, n);
	else
		move_up(to, from, n);
	return to;
}

/* --- fills --- */

HERE static ALWAYS_INLINE void set_part(uint8_t *to, vector bytes, size_t n)
{
	uint64_t few;

	if (SIZE > 32 && n >= 32) {
		PLAT__SET_BY(bytes32);
	} else if (SIZE > 16 && n >= 16) {
		PLAT__SET_BY(plat__bytes16);
	} else {
		__builtin_memcpy(&few, &bytes, sizeof(few));
		plat__set_few(to, few, n);
	}
}

HERE static void *set(void *start, int byte, size_t n)
{
	uint8_t *to = start, *end = to + n;
	vector bytes = splat((uint8_t)byte);

	if (n < SIZE) {
		set_part(to, bytes, n);
		return start;
	}
	store(to, bytes);
	store(end - SIZE, bytes);
	if (n <= 2 * SIZE)
		return start;
	store(to + SIZE, bytes);
	store(end - 2 * SIZE, bytes);
	if (n <= 4 * SIZE)
		return start;
	to += SIZE - (uintptr_t)to % SIZE;
	if (n >= MUCH) {
		set_much(to, (uint8_t)byte, (size_t)(end - to));
		return start;
	}
	for (; (size_t)(end - to) > 4 * SIZE; to += 4 * SIZE) {
		store(to, bytes);
		store(to + SIZE, bytes);
		store(to + 2 * SIZE, bytes);
		store(to + 3 * SIZE, bytes);
	}
	store(end - 4 * SIZE, bytes);
	store(end - 3 * SIZE, bytes);
	return start;
}

/* --- compares --- */

HERE static ALWAYS_INLINE hits same_at(const uint8_t *a, const uint8_t *b)
{
	return same(load(a), load(b));
}

HERE static ALWAYS_INLINE int difference(const uint8_t *a, const uint8_t *b, uint64_t bits)
{
	size_t i;

	if (bits == ALL)
		return 0;
	i = first_of(bits ^ ALL);
	return a[i] - b[i];
}

HERE static int compare(const void *one, const void *other, size_t n)
{
	const uint8_t *a = one, *b = other, *end = a + n;
	uint64_t bits;

	if (n < SIZE)
		return difference(a, b, bits_of(same(load_part(a, n), load_part(b, n))));
	while ((size_t)(end - a) > 4 * SIZE) {
		hits first = both(same_at(a, b), same_at(a + SIZE, b + SIZE));
		hits second = both(same_at(a + 2 * SIZE, b + 2 * SIZE),
				   same_at(a + 3 * SIZE, b + 3 * SIZE));

		if (bits_of(both(first, second)) != ALL)
			break;
		a += 4 * SIZE;
		b += 4 * SIZE;
	}
	while ((size_t)(end - a) > SIZE) {
		bits = bits_of(same_at(a, b));
		if (bits != ALL)
			return difference(a, b, bits);
		a += SIZE;
		b += SIZE;
	}
	b -= SIZE - (size_t)(end - a);
	a = end - SIZE;
	return difference(a, b, bits_of(same_at(a, b)));
}

/* --- searches for a byte --- */

HERE static void *find_byte(const void *in, int byte, size_t n)
{
	const uint8_t *p = in, *end = p + n;
	vector wanted = splat((uint8_t)byte);
	uint64_t bits;

	if (n < SIZE) {
		bits = bits_of(same(load_part(p, n), wanted)) & first_bits(n);
		return bits ? (void *)(p + first_of(bits)) : NULL;
	}
	bits = bits_of(same(load(p), wanted));
	if (bits)
		return (void *)(p + first_of(bits));
	for (p += SIZE - (uintptr_t)p % SIZE; (size_t)(end - p) > 4 * SIZE; p += 4 * SIZE) {
		hits first = either(same(load(p), wanted), same(load(p + SIZE), wanted));
		hits second =
			either(same(load(p + 2 * SIZE), wanted), same(load(p + 3 * SIZE), wanted));

		if (bits_of(either(first, second)))
			break;
	}
	for (; (size_t)(end - p) > SIZE; p += SIZE) {
		bits = bits_of(same(load(p), wanted));
		if (bits)
			return (void *)(p + first_of(bits));
	}
	bits = bits_of(same(load(end - SIZE), wanted));
	return bits ? (void *)(end - SIZE + first_of(bits)) : NULL;
}

HERE static void *find_last_byte(const void *in, int byte, size_t n)
{
	const uint8_t *start = in, *p = start + n;
	vector wanted = splat((uint8_t)byte);
	uint64_t bits;

	if (n < SIZE) {
		bits = bits_of(same(load_part(start, n), wanted)) & first_bits(n);
		return bits ? (void *)(start + last_of(bits)) : NULL;
	}
	bits = bits_of(same(load(p - SIZE), wanted));
	if (bits)
		return (void *)(p - SIZE + last_of(bits));
	for (p -= (uintptr_t)(p - 1) % SIZE + 1; (size_t)(p - start) > 4 * SIZE; p -= 4 * SIZE) {
		hits first = either(same(load(p - SIZE), wanted), same(load(p - 2 * SIZE), wanted));
		hits second =
			either(same(load(p - 3 * SIZE), wanted), same(load(p - 4 * SIZE), wanted));

		if (bits_of(either(first, second)))
			break;
	}
	for (; (size_t)(p - start) > SIZE; p -= SIZE) {
		bits = bits_of(same(load(p - SIZE), wanted));
		if (bits)
			return (void *)(p - SIZE + last_of(bits));
	}
	bits = bits_of(same(load(start), wanted));
	return bits ? (void *)(start + last_of(bits)) : NULL;
}

#include "mem/ops/find.h"

const struct plat__ops NAME(ops) = {
	.name = VARIANT,
	.move = move,
	.set = set,
	.compare = compare,
	.find_byte = find_byte,
	.find_last_byte = find_last_byte,
	.find = NAME(find),
};
