/* maps, in pieces as large as the first byte says. */
#include "fuzz.h"

#include "base/assert.h"
#include "source/maps.h"
#include "space/kinds.h"
#include "space/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? *data++ : 0, i;
	struct space space;
	struct maps_reader reader = {.space = &space};

	space_init(&space);
	if (size)
		size--;
	if (piece == 0)
		piece = SIZE_MAX;
	for (i = 0; i < size; i += piece) {
		size_t part = size - i < piece ? size - i : piece;

		must(maps_feed(&reader, (const char *)data + i, part) == 0);
		if (piece == SIZE_MAX)
			break;
	}
	must(maps_finish(&reader) == 0);
	check_space(&space);
	layout_find(&space);
	must(kinds_assign(&space) == 0);
	check_space(&space);
	space_fini(&space);
	return 0;
}
