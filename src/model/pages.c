/*
 * Pages mostly come in few and long ranges, so that a flat list is enough: a change moves what lies
 * above it, 16 bytes a range.
 *
 * Always: ranges are in order, none is empty, and none touches the next.
 */
#include "model/pages.h"

#include "base/addr.h"
#include "base/assert.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pages_fini(struct pages_present *pages)
{
	free(pages->ranges);
	*pages = (struct pages_present){0};
}

int pages_copy(const struct pages_present *pages, struct pages_present *ret)
{
	struct pages_present copy = {0};
	int r = list_reserve(&copy.ranges, &copy.ranges_room, 0, pages->nranges);

	if (r < 0)
		return r;
	if (pages->nranges > 0)
		memcpy(copy.ranges, pages->ranges, pages->nranges * sizeof(*copy.ranges));
	copy.nranges = pages->nranges;
	*ret = copy;
	return 0;
}

/* Whether the range at i is not empty, and stands apart from the one below. */
static bool range_valid(const struct pages_present *pages, size_t i)
{
	const struct pages_range *range = &pages->ranges[i];

	return range->start < range->end && (i == 0 || range[-1].end < range->start);
}

/* Whether the ranges [i, end) are in order. */
static bool ranges_valid(const struct pages_present *pages, size_t i, size_t end)
{
	for (; i < end && i < pages->nranges; i++)
		if (!range_valid(pages, i))
			return false;
	return true;
}

bool pages_valid(const struct pages_present *pages)
{
	return ranges_valid(pages, 0, pages->nranges);
}

/* The first range whose end is above addr. */
static size_t find(const struct pages_present *pages, uint64_t addr)
{
	size_t low = 0, high = pages->nranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pages->ranges[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many ranges from `i` on start below addr. */
static size_t starting_below(const struct pages_present *pages, size_t i, uint64_t addr)
{
	size_t n = 0;

	while (i + n < pages->nranges && pages->ranges[i + n].start < addr)
		n++;
	return n;
}

/* Makes `n` ranges out of the `old` that stand at i. There is room, and the caller fills them. */
static void replace(struct pages_present *pages, size_t i, size_t old, size_t n)
{
	struct pages_range *at = &pages->ranges[i];

	if (n != old)
		memmove(at + n, at + old, (pages->nranges - i - old) * sizeof(*at));
	pages->nranges += n - old;
}

static int reserve(struct pages_present *pages, size_t more)
{
	return list_reserve(&pages->ranges, &pages->ranges_room, pages->nranges, more);
}

int pages_add(struct pages_present *pages, uint64_t start, uint64_t end)
{
	/* Ranges that only touch become one with the new. */
	size_t i = start > 0 ? find(pages, start - 1) : 0;
	size_t n = starting_below(pages, i, add_capped(end, 1));
	int r;

	assert(start <= end);
	if (start == end)
		return 0;
	if (n == 0) {
		r = reserve(pages, 1);
		if (r < 0)
			return r;
	} else {
		start = min_u64(start, pages->ranges[i].start);
		end = max_u64(end, pages->ranges[i + n - 1].end);
	}
	replace(pages, i, n, 1);
	pages->ranges[i] = (struct pages_range){start, end};
	assert(ranges_valid(pages, i, i + 2));
	return 0;
}

int pages_take(struct pages_present *pages, uint64_t start, uint64_t end)
{
	struct pages_range low, high; /* what is left of the first and the last */
	size_t i = find(pages, start), n = starting_below(pages, i, end), left;
	int r;

	assert(start <= end);
	if (n == 0 || start == end)
		return 0;
	low = (struct pages_range){pages->ranges[i].start, start};
	high = (struct pages_range){end, pages->ranges[i + n - 1].end};
	left = (size_t)(low.start < low.end) + (size_t)(high.start < high.end);
	if (left > n) {
		r = reserve(pages, 1);
		if (r < 0)
			return r;
	}

	replace(pages, i, n, left);
	if (high.start < high.end)
		pages->ranges[i + left - 1] = high;
	if (low.start < low.end)
		pages->ranges[i] = low;
	assert(ranges_valid(pages, i, i + left + 1));
	return 0;
}

/* If the range at i touches the one below, they become one. */
static void join(struct pages_present *pages, size_t i)
{
	struct pages_range *range = &pages->ranges[i];

	if (i == 0 || i == pages->nranges || range[-1].end != range->start)
		return;
	range[-1].end = range->end;
	replace(pages, i, 1, 0);
}

int pages_move(struct pages_present *pages, uint64_t from, uint64_t to, uint64_t size)
{
	size_t i = find(pages, from), n = starting_below(pages, i, from + size), k;
	struct pages_range *moved;
	int r;

	assert(size <= UINT64_MAX - from && size <= UINT64_MAX - to);
	if (n == 0 || size == 0)
		return 0;
	r = reserve(pages, n + 1); /* what is taken out may leave one range more */
	if (r < 0)
		return r;
	moved = malloc(n * sizeof(*moved));
	if (!moved)
		return -ENOMEM;

	for (k = 0; k < n; k++) {
		const struct pages_range *range = &pages->ranges[i + k];

		moved[k].start = to + (max_u64(range->start, from) - from);
		moved[k].end = to + (min_u64(range->end, from + size) - from);
	}
	r = pages_take(pages, from, from + size);
	assert(r == 0 && pages_in(pages, to, to + size) == 0);
	i = find(pages, to);
	replace(pages, i, 0, n);
	memcpy(&pages->ranges[i], moved, n * sizeof(*moved));
	free(moved);
	join(pages, i + n);
	join(pages, i);
	assert(ranges_valid(pages, i > 0 ? i - 1 : 0, i + n + 1));
	return r;
}

uint64_t pages_in(const struct pages_present *pages, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;
	size_t i;

	for (i = find(pages, start); i < pages->nranges && pages->ranges[i].start < end; i++)
		sum += overlap(pages->ranges[i].start, pages->ranges[i].end, start, end);
	return sum;
}

uint64_t pages_reach(const struct pages_present *pages, uint64_t start, uint64_t end)
{
	size_t i = find(pages, start);

	if (i == pages->nranges || pages->ranges[i].start > start || end <= start)
		return start;
	return min_u64(end, pages->ranges[i].end);
}
