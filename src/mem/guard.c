/* Guards: marks in the page tables where the kernel has them, else memory without rights. */
#include "../include/plat/protect.h"
#include "mem/advice.h"
#include "mem/pages.h"

int plat_guard_add(void *start, size_t size)
{
	int before = errno;
	struct plat__range range;
	int r = plat__whole_pages(start, size, &range);

	if (r < 0)
		return r;
	r = plat__advise(start, size, PLAT__GUARD_INSTALL);
	errno = before;
	if (r == 0)
		return PLAT_GUARD_PAGES;
	if (r != -EINVAL)
		return r;
	r = plat_protect(start, size, PLAT_RIGHT_NONE, NULL);
	return r < 0 ? r : PLAT_GUARD_RIGHTS;
}

int plat_guard_remove(void *start, size_t size, int rights)
{
	int before = errno;
	/* First, as rights can be refused; under a guard they do not show. */
	int r = plat_protect(start, size, rights, NULL);

	if (r < 0)
		return r;
	r = plat__advise(start, size, PLAT__GUARD_REMOVE);
	errno = before;
	return r == -EINVAL ? 0 : r;
}
