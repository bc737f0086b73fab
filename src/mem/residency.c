/*
 * mincore tells what is in memory, /proc/self/pagemap what of it is ours: both are asked for as
 * many pages at a time as fit on the stack.
 */
#include "../include/plat/residency.h"
#include "base/compiler.h"
#include "base/pagemap.h"
#include "mem/advice.h"
#include "mem/pages.h"
#include "mem/result.h"

#include <fcntl.h>
#include <sys/mman.h>

#define AT_A_TIME 1024

#define OF_PAGEMAP (PLAT_PAGE_MAPPED | PLAT_PAGE_SWAPPED | PLAT_PAGE_FILE)

struct look {
	int pagemap; /* negative: there is none */
	int known;   /* of enum plat_page */
	size_t page_size;
};

static uint64_t entry_of(int pagemap, uintptr_t address, size_t page_size)
{
	off_t at = (off_t)(address / page_size * sizeof(uint64_t));
	uint64_t entry;

	return pread(pagemap, &entry, sizeof(entry), at) == sizeof(entry) ? entry : 0;
}

/* Guards are in page tables since 6.13, and in pagemap since 6.15: one is made, and looked for. */
static bool tells_guards(const struct look *look)
{
	static int answer; /* 0: not asked yet; 1: no; 2: yes */
	void *p;

	if (__atomic_load_n(&answer, __ATOMIC_RELAXED) == 0) {
		p = mmap(NULL, look->page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return false;
		madvise(p, look->page_size, PLAT__GUARD_INSTALL);
		__atomic_store_n(
			&answer,
			entry_of(look->pagemap, (uintptr_t)p, look->page_size) & PAGEMAP_GUARD ? 2
											       : 1,
			__ATOMIC_RELAXED);
		munmap(p, look->page_size);
	}
	return __atomic_load_n(&answer, __ATOMIC_RELAXED) == 2;
}

static void look_init(struct look *look)
{
	look->page_size = plat__page_size();
	look->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	look->known = PLAT_PAGE_IN_MEMORY;
	if (look->pagemap < 0)
		return;
	look->known |= OF_PAGEMAP;
	if (tells_guards(look))
		look->known |= PLAT_PAGE_GUARD;
}

static void look_fini(struct look *look)
{
	if (look->pagemap >= 0)
		close(look->pagemap);
}

static unsigned char state_of(uint64_t entry)
{
	static const struct {
		uint64_t bit;
		unsigned char state;
	} bits[] = {
		{PAGEMAP_PRESENT, PLAT_PAGE_MAPPED},
		{PAGEMAP_SWAPPED, PLAT_PAGE_SWAPPED},
		{PAGEMAP_FILE, PLAT_PAGE_FILE},
		{PAGEMAP_GUARD, PLAT_PAGE_GUARD},
	};
	unsigned char state = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (entry & bits[i].bit)
			state |= bits[i].state;
	return state;
}

/* To mincore and to pagemap's older bits the mark of a guard looks like a page in swap. */
static unsigned char merge(const struct look *look, unsigned char in_memory, unsigned char mapped)
{
	unsigned char known = (unsigned char)look->known;

	return mapped & known & PLAT_PAGE_GUARD ? PLAT_PAGE_GUARD : (in_memory | mapped) & known;
}

/* n pages from `start` on, AT_A_TIME at most. */
static int look_at(const struct look *look, uintptr_t start, unsigned char *states, size_t n)
{
	uint64_t entries[AT_A_TIME];
	size_t size = n * sizeof(entries[0]), i;
	off_t at = (off_t)(start / look->page_size * sizeof(entries[0]));

	if (mincore((void *)start, n * look->page_size, states) < 0)
		return -errno;
	for (i = 0; i < n; i++)
		states[i] &= PLAT_PAGE_IN_MEMORY;
	if (look->pagemap < 0)
		return 0;
	if (pread(look->pagemap, entries, size, at) != (ssize_t)size)
		return -EIO;
	for (i = 0; i < n; i++)
		states[i] = merge(look, states[i], state_of(entries[i]));
	return 0;
}

static int states_of(const struct look *look, const struct plat__range *range, unsigned char *ret)
{
	size_t n = (range->end - range->start) / look->page_size, done, part;

	for (done = 0; done < n; done += part) {
		uintptr_t start = range->start + done * look->page_size;
		int r;

		part = n - done < AT_A_TIME ? n - done : AT_A_TIME;
		r = look_at(look, start, ret + done, part);
		if (r < 0)
			return r;
	}
	return look->known;
}

int plat_page_states(const void *p, size_t size, unsigned char *ret, size_t n)
{
	int before = errno, r;
	struct plat__range range;
	struct look look;

	r = plat__pages_around(p, size, &range);
	if (r < 0)
		return r;
	if ((range.end - range.start) / plat__page_size() > n)
		return -ERANGE;
	look_init(&look);
	r = states_of(&look, &range, ret);
	look_fini(&look);
	return plat__result(before, r);
}

/* --- in sum --- */

static void add_states(struct plat_residency *sum, const unsigned char *states, size_t n,
		       size_t page_size)
{
	size_t i;

	for (i = 0; i < n; i++) {
		sum->in_memory += states[i] & PLAT_PAGE_IN_MEMORY ? page_size : 0;
		sum->mapped += states[i] & PLAT_PAGE_MAPPED ? page_size : 0;
		sum->swapped += states[i] & PLAT_PAGE_SWAPPED ? page_size : 0;
		sum->file += states[i] & PLAT_PAGE_FILE ? page_size : 0;
		sum->guard += states[i] & PLAT_PAGE_GUARD ? page_size : 0;
	}
}

static void forget_unknown(struct plat_residency *sum, int known)
{
	if (!(known & PLAT_PAGE_MAPPED))
		sum->mapped = sum->swapped = sum->file = SIZE_MAX;
	if (!(known & PLAT_PAGE_GUARD))
		sum->guard = SIZE_MAX;
}

static int sum_up(const struct look *look, const struct plat__range *range,
		  struct plat_residency *ret)
{
	struct plat_residency sum = {.size = range->end - range->start};
	unsigned char states[AT_A_TIME];
	uintptr_t at = range->start;

	while (at < range->end) {
		size_t left = (range->end - at) / look->page_size;
		size_t n = left < AT_A_TIME ? left : AT_A_TIME;
		int r = look_at(look, at, states, n);

		if (r < 0)
			return r;
		add_states(&sum, states, n, look->page_size);
		at += n * look->page_size;
	}
	forget_unknown(&sum, look->known);
	*ret = sum;
	return 0;
}

int plat_residency(const void *p, size_t size, struct plat_residency *ret, size_t ret_size)
{
	struct plat_residency sum;
	int before = errno, r;
	struct plat__range range;
	struct look look;

	r = plat__pages_around(p, size, &range);
	if (r < 0)
		return r;
	look_init(&look);
	r = sum_up(&look, &range, &sum);
	look_fini(&look);
	errno = before;
	if (r < 0)
		return r;
	plat__answer(ret, ret_size, &sum, sizeof(sum), PLAT__NOT_KNOWN);
	return 0;
}
