/* auxv, of both word sizes. */
#include "fuzz.h"

#include "base/assert.h"
#include "source/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct space space;
	uint64_t page;

	space_init(&space);
	facts_auxv(&space, data, size);
	page = space.machine.page_size;
	must(page >= 4096 && page <= 1 << 20 && (page & (page - 1)) == 0);
	must(space.process.bits == 0 || space.process.bits == 32 || space.process.bits == 64);
	space_fini(&space);
	return 0;
}
