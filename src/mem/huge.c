/*
 * Huge pages for anonymous memory, from the surest to the cheapest: pages of the pool, which an
 * administrator has set aside; memory aligned so that transparent huge pages fit, with the advice
 * to use them; and, where the kernel was told never to, nothing.
 */
#include "mem/lend.h"
#include "mem/told.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"

static bool is_unit(size_t size)
{
	return size && (size & (size - 1)) == 0;
}

static size_t pool_unit(void)
{
	char text[4096];

	plat__told_read("/proc/meminfo", text, sizeof(text));
	return plat__told_number(text, "Hugepagesize:") * 1024;
}

/* 0 where they are not used. */
static size_t transparent_unit(void)
{
	char text[128];

	plat__told_read(THP "enabled", text, sizeof(text));
	if (!*text || strstr(text, "[never]"))
		return 0;
	plat__told_read(THP "hpage_pmd_size", text, sizeof(text));
	return plat__told_number(text, "");
}

static void set(struct plat__entry *entry, char *base, size_t mapped, size_t size)
{
	entry->base = entry->data = base;
	entry->mapped = mapped;
	entry->size = size;
}

static int from_pool(struct plat__entry *entry, size_t size)
{
	size_t unit = pool_unit(), mapped;
	char *base;

	if (!is_unit(unit) || !plat__round_up(size, unit, &mapped))
		return -ENOMEM;
	/* Without MAP_NORESERVE: pages that are not there are refused here, and not by a signal. */
	base = mmap(NULL, mapped, entry->protection, entry->sharing | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	set(entry, base, mapped, size);
	entry->unit = unit;
	entry->huge = PLAT_HUGE_POOL;
	return 0;
}

/* More is mapped than needed, and what lies around the aligned part is given back. */
static char *map_aligned(const struct plat__entry *entry, size_t mapped, size_t unit)
{
	int flags = entry->sharing | MAP_ANONYMOUS |
		    (entry->flags & PLAT_MAP_SPARSE ? MAP_NORESERVE : 0);
	size_t around, before;
	char *base;

	if (__builtin_add_overflow(mapped, unit, &around))
		return NULL;
	base = mmap(NULL, around, entry->protection, flags, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)base & (unit - 1);
	if (before)
		munmap(base, before);
	munmap(base + before + mapped, unit - before);
	return base + before;
}

static int transparent(struct plat__entry *entry, size_t size)
{
	size_t unit = transparent_unit(), mapped;
	char *base;

	if (!is_unit(unit) || size < unit || !plat__round_up(size, entry->unit, &mapped))
		return -ENOMEM;
	base = map_aligned(entry, mapped, unit);
	if (!base)
		return -ENOMEM;
	if (madvise(base, mapped, MADV_HUGEPAGE) < 0) {
		munmap(base, mapped);
		return -EOPNOTSUPP;
	}
	set(entry, base, mapped, size);
	entry->huge = PLAT_HUGE_ADVISED;
	return 0;
}

int plat__lend_huge(struct plat__entry *entry, size_t size)
{
	return from_pool(entry, size) == 0 || transparent(entry, size) == 0 ? 0 : -ENOMEM;
}
