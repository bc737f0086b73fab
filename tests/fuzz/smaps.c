/*
 * smaps as a second look: the input up to a NUL is the first look, maps; what follows is smaps.
 * Without a NUL one text is both.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "source/maps.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t first = nul ? (size_t)(nul - data) : size, i;
	struct space space;
	struct maps_reader reader = {.space = &space};

	space_init(&space);
	must(maps_feed(&reader, (const char *)data, first) == 0);
	must(maps_finish(&reader) == 0);

	space.details = calloc(space.nmappings + 1, sizeof(*space.details));
	must(space.details);
	reader = (struct maps_reader){.space = &space, .with_details = true, .number = SIZE_MAX};
	if (nul) {
		data = nul + 1;
		size -= first + 1;
	}
	must(maps_feed(&reader, (const char *)data, size) == 0);
	must(maps_finish(&reader) == 0);
	for (i = 0; i < space.nmappings; i++)
		must(memchr(space.details[i].flags, '\0', sizeof(space.details[i].flags)));
	check_space(&space);
	space_fini(&space);
	return 0;
}
