/*
 * Huge pages for anonymous memory, from the surest to the cheapest: pages of the pool, which an
 * administrator has set aside; memory aligned so that transparent huge pages fit, with the advice
 * to use them; and, where the kernel was told never to, nothing.
 */
#include "mem/lend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* At most size - 1 bytes, ended with a NUL; none of a file that is not there. */
static void read_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = '\0';
}

/* The decimal number behind the word, 0 if there is none. */
static size_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	size_t n = 0;

	if (!at)
		return 0;
	for (at += strlen(word); *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9' && n < SIZE_MAX / 16; at++)
		n = n * 10 + (size_t)(*at - '0');
	return n;
}

static bool is_unit(size_t size)
{
	return size && (size & (size - 1)) == 0;
}

static size_t pool_unit(void)
{
	char text[4096];

	read_text("/proc/meminfo", text, sizeof(text));
	return number_behind(text, "Hugepagesize:") * 1024;
}

/* 0 where they are not used. */
static size_t transparent_unit(void)
{
	char text[128];

	read_text(THP "enabled", text, sizeof(text));
	if (!*text || strstr(text, "[never]"))
		return 0;
	read_text(THP "hpage_pmd_size", text, sizeof(text));
	return number_behind(text, "");
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
