#include "base/names.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a. */
static uint64_t hash_of(const char *string)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *string; string++)
		hash = (hash ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_at(const void *context, uint32_t number)
{
	const struct names *names = context;

	return hash_of(names->items[number]);
}

/* Where its number is, or would be; there are slots. */
static uint32_t *place_of(const struct names *names, const char *string)
{
	uint32_t *place = slots_first(&names->slots, hash_of(string));

	while (*place != NO_SLOT && strcmp(names->items[*place], string) != 0)
		place = slots_next(&names->slots, place);
	return place;
}

uint32_t names_find(const struct names *names, const char *string)
{
	return names->n ? *place_of(names, string) : NO_SLOT;
}

int names_add(struct names *names, const char *string, uint32_t *ret)
{
	uint32_t *place;
	char *copy;

	if (slots_reserve(&names->slots, names->n, hash_at, names) < 0 ||
	    list_reserve(&names->items, &names->room, names->n, 1) < 0)
		return -ENOMEM;
	place = place_of(names, string);
	if (*place == NO_SLOT) {
		copy = strndup(string, strlen(string));
		if (!copy)
			return -ENOMEM;
		*place = (uint32_t)names->n;
		names->items[names->n++] = copy;
	}
	*ret = *place;
	return 0;
}

void names_fini(struct names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
	slots_fini(&names->slots);
	*names = (struct names){.n = 0};
}
