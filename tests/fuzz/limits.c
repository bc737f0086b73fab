/* limits. */
#include "fuzz.h"

#include "base/assert.h"
#include "source/facts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_string(data, size);
	struct space space;
	unsigned i;

	space_init(&space);
	facts_limits(&space, text);
	for (i = 0; i < NLIMITS; i++)
		must(space.limits[i].known || space.limits[i].soft == UNKNOWN);
	space_fini(&space);
	free(text);
	return 0;
}
