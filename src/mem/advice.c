/* Who takes any advice is found out by one that nobody knows. */
#include "mem/advice.h"

#include <errno.h>
#include <sys/mman.h>

#define NOBODYS_ADVICE 0x7ffe

int plat__advise(void *start, size_t size, int advice)
{
	if (madvise(start, size, NOBODYS_ADVICE) == 0)
		return -EINVAL;
	return madvise(start, size, advice) < 0 ? -errno : 0;
}
