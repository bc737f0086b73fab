#include "alloc/huge.h"

#include "alloc/atomic.h"
#include "alloc/options.h"
#include "alloc/system.h"

/* Of blocks of huge pages one in so many has ordinary ones in one place, to be looked at. */
#define TELLING 16
/* Of a block so many stretches of the size of a huge page are looked at. */
#define LOOKS 4
#define SMALL_PAGE 4096

static uint32_t way; /* an enum system_huge + 1, once it was asked for */

/* Whether the last large block that was looked at was full. */
static uint32_t is_full;
static uint32_t nasked;
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

static uintptr_t first_from(uintptr_t start)
{
	return (start + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* What whole huge pages fit into. */
static struct stretch inside(uintptr_t start, size_t bytes)
{
	uintptr_t first = first_from(start), end = (start + bytes) & ~(HUGE_BYTES - 1);

	return first < end ? (struct stretch){first, end} : (struct stretch){start, start};
}

static bool ask(struct stretch huge)
{
	return huge.start < huge.end &&
	       plat__system_huge(huge.start, huge.end - huge.start, true) == 0;
}

struct stretch plat__huge_grew(uintptr_t start, size_t bytes, size_t lent)
{
	const struct stretch none = {start, start}, whole = inside(start, bytes);
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
	if (huge == HUGE_DENSE)
		return ask(whole) ? whole : none;
	return is_always ? whole : none;
}

bool plat__huge_is_due(size_t bytes)
{
	struct stretch last;

	if (bytes < HUGE_BLOCK_MIN || !is_asked_for_blocks())
		return false;
	last.start = load_relaxed(&last_start);
	last.end = last.start + load_relaxed(&last_bytes);
	if (last.start)
		plat__huge_look(last);
	return load_relaxed(&is_full);
}

struct stretch plat__huge_place(uintptr_t start, uint32_t teller)
{
	uintptr_t at = first_from(start) + (teller - 1) * HUGE_BYTES;

	return (struct stretch){at, at + HUGE_BYTES};
}

/* One of its places, if it is time for one; they follow each other in no order. */
static uint32_t choose_teller(struct stretch huge)
{
	uint32_t n = fetch_add(&nasked, 1), teller;

	if (n % TELLING != TELLING - 1)
		return 0;
	n = n / TELLING * UINT32_C(0x9e3779b1) >> 16;
	teller = n % (uint32_t)((huge.end - huge.start) / HUGE_BYTES) + 1;
	if (plat__system_huge(plat__huge_place(huge.start, teller).start, HUGE_BYTES, false) < 0)
		return 0;
	return teller;
}

struct stretch plat__huge_ask(uintptr_t start, size_t bytes, uint32_t *teller)
{
	struct stretch huge = inside(start, bytes);

	if (!ask(huge))
		return (struct stretch){start, start};
	if (teller)
		*teller = choose_teller(huge);
	return huge;
}

void plat__huge_fill_ends(struct stretch huge, uintptr_t start, size_t bytes)
{
	uintptr_t end = start + bytes;

	if (huge.start >= huge.end)
		return;
	if (start < huge.start)
		plat__system_populate(start, huge.start - start);
	if (huge.end < end)
		plat__system_populate(huge.end, end - huge.end);
}

struct stretch plat__huge_decline(uintptr_t start, size_t bytes, size_t kept)
{
	uintptr_t from = (start + kept) & ~(HUGE_BYTES - 1);
	struct stretch huge = inside(start, bytes);

	if (huge.start < from)
		huge.start = from;
	if (huge.start >= huge.end || load_relaxed(&plat__options.huge) == HUGE_DENSE ||
	    plat__system_huge(huge.start, huge.end - huge.start, false) < 0)
		return (struct stretch){start, start};
	return huge;
}

void plat__huge_made(struct stretch telling)
{
	store_relaxed(&last_start, telling.start);
	store_relaxed(&last_bytes, telling.end - telling.start);
}

/* Seven eighths of the pages are resident, as far as is looked at. */
bool plat__huge_look(struct stretch telling)
{
	unsigned char pages[HUGE_BYTES / SMALL_PAGE];
	size_t bytes = telling.end - telling.start, looks = bytes / HUGE_BYTES;
	size_t npages = 0, step = 0, i, k;

	if (looks == 0 || !is_asked_for_blocks())
		return false;
	if (looks > LOOKS)
		looks = LOOKS;
	/* The last one ends where the block does. */
	if (looks > 1)
		step = (bytes - HUGE_BYTES) / (looks - 1) & ~(size_t)(SMALL_PAGE - 1);
	for (i = 0; i < looks; i++) {
		uintptr_t at = telling.start + i * step;

		if (plat__system_resident(at, HUGE_BYTES, pages) < 0)
			return false;
		for (k = 0; k < sizeof(pages); k++)
			npages += pages[k];
	}
	store_relaxed(&is_full, npages >= looks * sizeof(pages) / 8 * 7);
	if (load_relaxed(&last_start) == telling.start)
		store_relaxed(&last_start, 0);
	return load_relaxed(&is_full);
}
