/* The allocator knows each block's size: so whether bytes lie within one is a look at its tag. */
#include "alloc/ranges.h"

#include "alloc/fault.h"
#include "alloc/malloc.h"
#include "alloc/slab.h"

#define EXPORT __attribute__((visibility("default")))

/* The block that p lies in; or, where there is none, the one that lies ahead on the next granule.
 */
static bool find_first(const void *p, size_t bytes, struct found *ret)
{
	uintptr_t next = ((uintptr_t)p | (GRANULE - 1)) + 1;

	if (plat__find(p, ret))
		return true;
	return next - (uintptr_t)p < bytes && plat__find((const void *)next, ret);
}

/* A fault is said at the address where it begins. */
EXPORT void plat_check_range(const void *p, size_t bytes)
{
	struct found found;
	const void *start;
	uintptr_t end;

	if (bytes == 0 || !find_first(p, bytes, &found))
		return;
	start = (const void *)found.start;
	if (!found.is_live) {
		plat__fault(FAULT_USE_AFTER_FREE, p, SIZE_MAX, start);
		return;
	}
	end = found.start + found.size;
	if ((uintptr_t)p < found.start)
		plat__fault(FAULT_UNDERFLOW, p, found.size, start);
	else if ((uintptr_t)p > end || bytes > end - (uintptr_t)p)
		plat__fault(FAULT_PAST_END, (uintptr_t)p > end ? p : (const void *)end, found.size,
			    start);
}
