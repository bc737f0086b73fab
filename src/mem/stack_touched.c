/*
 * Which pages of a stack were ever touched. What the kernel has once given stays in memory or goes
 * to swap: /proc/self/pagemap tells both. mincore would take what is in swap for never touched.
 */
#include "../include/plat/protect.h"
#include "../include/plat/stack.h"
#include "mem/mappings.h"
#include "mem/pages.h"

#include <errno.h>
#include <fcntl.h>

/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (UINT64_C(1) << 63)
#define SWAPPED (UINT64_C(1) << 62)
#define GUARD (UINT64_C(1) << 58) /* by MADV_GUARD_INSTALL, which counts as swapped; Linux 6.15 */

#define CHUNK_PAGES 512

static bool is_touched(uint64_t page)
{
	return (page & PRESENT) || ((page & SWAPPED) && !(page & GUARD));
}

/* The main thread's has not grown to its base, and nobody needs to look there. */
static int first_mapped(struct plat__range *range)
{
	struct plat__mappings mappings;
	struct plat__mapping mapping;
	int r = plat__mappings_open(&mappings);

	if (r < 0)
		return r;
	r = plat__mappings_next(&mappings, range->start, &mapping);
	plat__mappings_close(&mappings);
	if (r < 0)
		return r;
	if (mapping.start >= range->end)
		return -ENOENT;
	if (mapping.start > range->start)
		range->start = mapping.start;
	return 0;
}

/* The first page of the range that was touched, or its end. */
static int first_touched(int fd, const struct plat__range *range, uintptr_t *ret)
{
	uint64_t pages[CHUNK_PAGES];
	size_t page = plat__page_size();
	uintptr_t at = range->start;

	while (at < range->end) {
		size_t left = (range->end - at) / page, i;
		size_t n = left < CHUNK_PAGES ? left : CHUNK_PAGES;
		ssize_t size = pread(fd, pages, n * sizeof(pages[0]),
				     (off_t)(at / page * sizeof(pages[0])));

		if (size < (ssize_t)sizeof(pages[0]))
			return size < 0 ? -errno : -EIO;
		n = (size_t)size / sizeof(pages[0]);
		for (i = 0; i < n && !is_touched(pages[i]); i++)
			at += page;
		if (i < n)
			break;
	}
	*ret = at;
	return 0;
}

static int find_touched(const struct plat__range *range, uintptr_t *ret)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = first_touched(fd, range, ret);
	close(fd);
	return r;
}

int plat_stack_high_water(const struct plat_stack *stack, size_t *ret)
{
	struct plat_stack mine;
	struct plat__range range;
	uintptr_t touched = 0;
	int before = errno, r = 0;

	if (!stack) {
		r = plat_stack_bounds(&mine);
		stack = &mine;
	}
	if (r == 0)
		r = plat__pages_around(stack->base, stack->size, &range);
	if (r == 0)
		r = first_mapped(&range);
	if (r == 0)
		r = find_touched(&range, &touched);
	if (r == 0)
		*ret = range.end - touched;
	errno = before;
	return r;
}
