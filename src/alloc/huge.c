#include "alloc/huge.h"

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/system.h"

enum kernels_way { WAY_UNKNOWN, WAY_ASKED, WAY_ALWAYS };

static uint32_t way;

/* Whether the kernel gives huge pages to who has not asked. It is looked up once. */
static bool is_always(void)
{
	uint32_t seen = load_relaxed(&way);

	if (seen == WAY_UNKNOWN) {
		seen = plat__system_huge_always() ? WAY_ALWAYS : WAY_ASKED;
		store_relaxed(&way, seen);
	}
	return seen == WAY_ALWAYS;
}

struct stretch plat__huge_grew(uintptr_t start, size_t bytes, size_t lent)
{
	const struct stretch none = {start, start},
			     whole = {(start + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1),
				      (start + bytes) & ~(HUGE_BYTES - 1)};
	uint32_t huge = load_relaxed(&plat__options.huge);

	/* No huge page fits into less. */
	if (lent < HUGE_BYTES || plat__page_bytes != 4096)
		return none;
	if (lent < HUGE_HEAP_MIN || huge == HUGE_OFF) {
		if (is_always())
			plat__system_huge(start, bytes, false);
		return none;
	}
	if (whole.start >= whole.end)
		return none;
	if (huge == HUGE_DENSE)
		return plat__system_huge(whole.start, whole.end - whole.start, true) < 0 ? none
											 : whole;
	return is_always() ? whole : none;
}
