#include "base/ranges.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

#define LOOSE_MOST (1u << 16) /* behind those that have their order, before it is made anew */

void ranges_fini(struct ranges *ranges)
{
	free(ranges->items);
	*ranges = RANGES_EMPTY;
}

static int by_start(const void *a, const void *b)
{
	const struct range *one = a, *other = b;

	return (one->start > other->start) - (one->start < other->start);
}

static void put_in_order(struct ranges *ranges)
{
	size_t i, n = 0;

	if (ranges->n)
		qsort(ranges->items, ranges->n, sizeof(*ranges->items), by_start);
	for (i = 0; i < ranges->n; i++) {
		const struct range *range = &ranges->items[i];

		if (n && range->start <= ranges->items[n - 1].end)
			ranges->items[n - 1].end = max_u64(ranges->items[n - 1].end, range->end);
		else
			ranges->items[n++] = *range;
	}
	ranges->n = ranges->sorted = n;
}

void ranges_add(struct ranges *ranges, plat_addr start, plat_addr end)
{
	struct range *last = ranges->n > ranges->sorted ? &ranges->items[ranges->n - 1] : NULL;

	if (start >= end)
		return;
	/* Who reads on in order, or again, needs no more room. */
	if (last && start >= last->start && start <= last->end) {
		last->end = max_u64(last->end, end);
		return;
	}
	/* Half of the list at least is new: then ordering it costs little for each. */
	if (ranges->n - ranges->sorted > LOOSE_MOST && ranges->n / 2 > ranges->sorted)
		put_in_order(ranges);
	if (list_reserve(&ranges->items, &ranges->room, ranges->n, 1) < 0) {
		ranges->is_short = true;
		return;
	}
	ranges->items[ranges->n++] = (struct range){start, end};
}

int ranges_sort(struct ranges *ranges)
{
	put_in_order(ranges);
	return ranges->is_short ? -ENOMEM : 0;
}

const struct range *ranges_from(const struct ranges *ranges, plat_addr at)
{
	size_t low = 0, high = ranges->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->items[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ranges->n ? &ranges->items[low] : NULL;
}

static int read_noted(struct reader *reader, plat_addr from, void *to, size_t size)
{
	struct ranges_reader *noting = (struct ranges_reader *)reader; /* its first member */

	ranges_add(noting->read, from, add_capped(from, size));
	return reader_read(noting->from, from, to, size);
}

struct ranges_reader ranges_reader_of(struct reader *from, struct ranges *read)
{
	return (struct ranges_reader){.reader = {.read = read_noted}, .from = from, .read = read};
}
