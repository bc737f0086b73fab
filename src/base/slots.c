/* Open addressing: a number whose slot is taken stands in the next one that is free. */
#include "base/slots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SHIFT_FIRST 6
#define SHIFT_MOST 32

static bool has_room(const struct slots *slots, size_t n)
{
	return slots->shift && n < ((size_t)3 << slots->shift) / 4;
}

static void put(const struct slots *slots, uint64_t hash, uint32_t number)
{
	uint32_t *place = slots_first(slots, hash);

	while (*place != NO_SLOT)
		place = slots_next(slots, place);
	*place = number;
}

int slots_reserve(struct slots *slots, size_t n,
		  uint64_t (*hash_at)(const void *context, uint32_t number), const void *context)
{
	struct slots larger = {.shift = slots->shift ? slots->shift + 1 : SHIFT_FIRST};
	uint32_t i;

	if (has_room(slots, n))
		return 0;
	if (larger.shift > SHIFT_MOST)
		return -ENOMEM;
	larger.items = malloc(sizeof(*larger.items) << larger.shift);
	if (!larger.items)
		return -ENOMEM;
	memset(larger.items, 0xff, sizeof(*larger.items) << larger.shift);
	for (i = 0; i < n; i++)
		put(&larger, hash_at(context, i), i);
	free(slots->items);
	*slots = larger;
	return 0;
}

void slots_fini(struct slots *slots)
{
	free(slots->items);
	*slots = (struct slots){.shift = 0};
}
