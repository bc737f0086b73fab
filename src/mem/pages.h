/* Ranges of our own memory, in whole pages. */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

struct plat__range {
	uintptr_t start, end;
};

static inline size_t plat__page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The pages that hold these bytes. -EINVAL: there are no bytes, or they wrap around. */
static inline int plat__pages_around(const void *p, size_t size, struct plat__range *ret)
{
	uintptr_t page = plat__page_size(), start = (uintptr_t)p, end;

	if (size == 0 || __builtin_add_overflow(start, size, &end) ||
	    __builtin_add_overflow(end, page - 1, &end))
		return -EINVAL;
	ret->start = start & ~(page - 1);
	ret->end = end & ~(page - 1);
	return 0;
}

/* These bytes, which have to be whole pages; -EINVAL otherwise, too. */
static inline int plat__whole_pages(const void *p, size_t size, struct plat__range *ret)
{
	struct plat__range around;
	int r = plat__pages_around(p, size, &around);

	if (r < 0)
		return r;
	if (around.start != (uintptr_t)p || around.end - around.start != size)
		return -EINVAL;
	*ret = around;
	return 0;
}

#endif
