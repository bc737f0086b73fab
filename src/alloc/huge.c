#include "alloc/huge.h"

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/system.h"

/* Of blocks that could have huge pages one in so many has ordinary ones, to be looked at. */
#define ORDINARY 16
/* Of a block so many stretches of the size of a huge page are looked at. */
#define LOOKS 4
#define SMALL_PAGE 4096

static uint32_t way; /* an enum system_huge + 1, once it was asked for */

/* Whether the last large block that was looked at was full. */
static uint32_t is_full;
static uint32_t nmade;
/* The one made last. Others may free it meanwhile: what is read there then does no harm. */
static uintptr_t last_start;
static size_t last_bytes;

/* What the kernel does is looked up once. */
static enum system_huge kernels_way(void)
{
	uint32_t seen = load_relaxed(&way);

	if (seen == 0) {
		seen = (uint32_t)plat__system_huge_way() + 1;
		store_relaxed(&way, seen);
	}
	return (enum system_huge)(seen - 1);
}

static bool is_asked_for_blocks(void)
{
	uint32_t huge = load_relaxed(&plat__options.huge);

	return (huge == HUGE_FULL || huge == HUGE_DENSE) && plat__page_bytes == SMALL_PAGE &&
	       kernels_way() == SYSTEM_HUGE_ASKED;
}

struct stretch plat__huge_grew(uintptr_t start, size_t bytes, size_t lent, size_t wanted)
{
	const struct stretch none = {start, start},
			     whole = {(start + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1),
				      (start + bytes) & ~(HUGE_BYTES - 1)};
	uint32_t huge = load_relaxed(&plat__options.huge);
	bool is_always;

	/* No huge page fits into less. */
	if (lent < HUGE_BYTES || plat__page_bytes != SMALL_PAGE)
		return none;
	is_always = kernels_way() == SYSTEM_HUGE_ALWAYS;
	if (lent < HUGE_HEAP_MIN || huge == HUGE_OFF) {
		if (is_always)
			plat__system_huge(start, bytes, false);
		return none;
	}
	if (whole.start >= whole.end)
		return none;
	if (huge == HUGE_DENSE || plat__huge_is_due(wanted))
		return plat__huge_ask(whole.start, whole.end - whole.start) ? whole : none;
	return is_always ? whole : none;
}

bool plat__huge_is_due(size_t bytes)
{
	uintptr_t start;

	if (bytes < HUGE_BLOCK_MIN || !is_asked_for_blocks())
		return false;
	start = load_relaxed(&last_start);
	if (start)
		plat__huge_look(start, load_relaxed(&last_bytes));
	return load_relaxed(&is_full) && fetch_add(&nmade, 1) % ORDINARY != ORDINARY - 1;
}

bool plat__huge_ask(uintptr_t start, size_t bytes)
{
	return plat__system_huge(start, bytes, true) == 0;
}

void plat__huge_made(uintptr_t start, size_t bytes)
{
	store_relaxed(&last_start, start);
	store_relaxed(&last_bytes, bytes);
}

/* Seven eighths of its pages are resident, as far as is looked at. */
bool plat__huge_look(uintptr_t start, size_t bytes)
{
	unsigned char pages[HUGE_BYTES / SMALL_PAGE];
	size_t looks = bytes / HUGE_BYTES, npages = 0, step, i, k;

	if (bytes < HUGE_BLOCK_MIN || !is_asked_for_blocks())
		return false;
	if (looks > LOOKS)
		looks = LOOKS;
	/* The last one ends where the block does. */
	step = (bytes - HUGE_BYTES) / (looks - 1) & ~(size_t)(SMALL_PAGE - 1);
	for (i = 0; i < looks; i++) {
		if (plat__system_resident(start + i * step, HUGE_BYTES, pages) < 0)
			return false;
		for (k = 0; k < sizeof(pages); k++)
			npages += pages[k];
	}
	store_relaxed(&is_full, npages >= looks * sizeof(pages) / 8 * 7);
	if (load_relaxed(&last_start) == start)
		store_relaxed(&last_start, 0);
	return load_relaxed(&is_full);
}
