/*
 * Searching among what is sorted. Nothing branches on what is met: it becomes a conditional move,
 * for where questions come in no order a branch would be mispredicted every other time.
 */
#ifndef BASE_SEARCH_H
#define BASE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/*
 * The last of `n` items of `size` bytes for which `holds`. It does so for the first ones, up to the
 * one that is returned; the first is not asked, and is returned where there is no other.
 */
static ALWAYS_INLINE const void *search_last(const void *items, size_t n, size_t size,
					     uint64_t value,
					     bool (*holds)(const void *item, uint64_t value))
{
	const char *low = items;

	while (n > 1) {
		size_t half = n / 2;

		low += holds(low + half * size, value) ? half * size : 0;
		n -= half;
	}
	return low;
}

/* How many of the first items it holds for; for none behind them. */
static ALWAYS_INLINE size_t search_count(const void *items, size_t n, size_t size, uint64_t value,
					 bool (*holds)(const void *item, uint64_t value))
{
	const char *last = search_last(items, n, size, value, holds);

	return n ? (size_t)(last - (const char *)items) / size + holds(last, value) : 0;
}

#endif
