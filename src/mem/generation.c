/*
 * The number is written on a page that children find empty. They count on from what they were left.
 */
#include "mem/generation.h"

#include "mem/advice.h"
#include "mem/pages.h"

#include <sys/mman.h>
#include <unistd.h>

static uint32_t no_page;
static uint32_t *page; /* NULL: nobody has asked yet; &no_page: it cannot be had */
static uint32_t last;

static uint32_t *make_page(void)
{
	size_t size = plat__page_size();
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return &no_page;
	if (plat__advise(p, size, MADV_WIPEONFORK) < 0) {
		munmap(p, size);
		return &no_page;
	}
	return p;
}

/* Who comes second uses the first one's. Once it is known that there is none, it stays so. */
static uint32_t *find_page(void)
{
	uint32_t *found = NULL, *mine = make_page();

	if (__atomic_compare_exchange_n(&page, &found, mine, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return mine;
	if (mine != &no_page)
		munmap(mine, plat__page_size());
	return found;
}

static uint32_t write_number(uint32_t *to)
{
	uint32_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED), written = 0;

	return __atomic_compare_exchange_n(to, &written, number, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED)
		       ? number
		       : written;
}

uint32_t plat__generation(void)
{
	uint32_t *from = __atomic_load_n(&page, __ATOMIC_ACQUIRE), number;

	if (!from)
		from = find_page();
	if (from == &no_page)
		return (uint32_t)getpid();
	number = __atomic_load_n(from, __ATOMIC_RELAXED);
	return number != 0 ? number : write_number(from);
}
