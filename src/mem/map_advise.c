/* What the kernel is told about a map's pages: what is wanted of them, and that they are not
 * needed. */
#include "base/compiler.h"
#include "mem/range.h"
#include "mem/result.h"

#include <errno.h>
#include <sys/mman.h>

/* linux/mman.h; newer than some headers. */
enum { LINUX_COLD = 20, LINUX_PAGEOUT = 21 };

static const int advices[] = {
	[PLAT_ADVICE_NORMAL] = MADV_NORMAL,	  [PLAT_ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL,
	[PLAT_ADVICE_RANDOM] = MADV_RANDOM,	  [PLAT_ADVICE_SOON] = MADV_WILLNEED,
	[PLAT_ADVICE_COLD] = LINUX_COLD,	  [PLAT_ADVICE_OUT] = LINUX_PAGEOUT,
	[PLAT_ADVICE_UNMAP] = MADV_DONTNEED,	  [PLAT_ADVICE_HUGE] = MADV_HUGEPAGE,
	[PLAT_ADVICE_NOT_HUGE] = MADV_NOHUGEPAGE, [PLAT_ADVICE_NO_DUMP] = MADV_DONTDUMP,
	[PLAT_ADVICE_DUMP] = MADV_DODUMP,
};

/* The kernel says -EINVAL of advice that it does not know before it looks at the range. */
static bool is_known(char *base, int advice)
{
	return madvise(base, 0, advice) == 0;
}

static int advise(struct plat__pages pages, int advice)
{
	int r;

	if (!pages.size || madvise(pages.start, pages.size, advice) == 0)
		return 0;
	r = -errno;
	return r == -EINVAL && !is_known(pages.start, advice) ? -EOPNOTSUPP : r;
}

int plat_map_advise(const struct plat_map *map, size_t at, size_t size, enum plat_advice advice)
{
	const struct plat__entry *entry = plat__entry_with(map, at, &size);
	int before = errno;

	if (!entry || (size_t)advice >= ARRAY_SIZE(advices))
		return -EINVAL;
	if (advice == PLAT_ADVICE_UNMAP && entry->sharing != MAP_SHARED)
		return -EINVAL; /* it would take away what was written there */
	return plat__result(before, advise(plat__pages_touched(entry, at, size), advices[advice]));
}

int plat_map_discard(const struct plat_map *map, size_t at, size_t size)
{
	const struct plat__entry *entry = plat__entry_with(map, at, &size);
	int before = errno, advice;

	if (!entry || !(entry->protection & PROT_WRITE))
		return -EINVAL;
	advice = entry->sharing == MAP_SHARED ? MADV_REMOVE : MADV_DONTNEED;
	return plat__result(before, advise(plat__pages_inside(entry, at, size), advice));
}
