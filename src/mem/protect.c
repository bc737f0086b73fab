/* Rights of our own pages: what they are, by /proc/self/maps, and what they shall be. */
#include "../include/plat/protect.h"
#include "mem/mappings.h"
#include "mem/pages.h"
#include "mem/result.h"

#include <limits.h>
#include <sys/mman.h>

#define WRITE_AND_EXEC (PLAT_RIGHT_WRITE | PLAT_RIGHT_EXEC)
#define RIGHTS (PLAT_RIGHT_READ | WRITE_AND_EXEC)

/* As a caller has to ask for them. */
static int with_consent(int rights)
{
	if ((rights & WRITE_AND_EXEC) == WRITE_AND_EXEC)
		return rights | PLAT_RIGHT_WRITE_EXEC;
	return rights;
}

static int protection_of(int rights)
{
	return (rights & PLAT_RIGHT_READ ? PROT_READ : 0) |
	       (rights & PLAT_RIGHT_WRITE ? PROT_WRITE : 0) |
	       (rights & PLAT_RIGHT_EXEC ? PROT_EXEC : 0);
}

int plat_pages_around(const void *p, size_t size, void **start, size_t *pages_size)
{
	struct plat__range range;
	int r = plat__pages_around(p, size, &range);

	if (r < 0)
		return r;
	*start = (void *)range.start;
	*pages_size = range.end - range.start;
	return 0;
}

static int set_rights(const struct plat__range *range, int rights)
{
	int before = errno, r = 0;

	if (rights & ~(RIGHTS | PLAT_RIGHT_WRITE_EXEC) || with_consent(rights & RIGHTS) != rights)
		return -EINVAL;
	if (mprotect((void *)range->start, range->end - range->start, protection_of(rights)) < 0)
		r = -errno;
	return plat__result(before, r);
}

/* A mapping more, of which a part lies in the range; it may continue the part before. */
static void add_part(const struct plat__range *range, const struct plat__mapping *mapping,
		     struct plat_rights *parts, size_t n, size_t *count, int *last)
{
	uintptr_t start = mapping->start > range->start ? mapping->start : range->start;
	uintptr_t end = mapping->end < range->end ? mapping->end : range->end;
	int rights = with_consent(mapping->rights);

	if (*count > 0 && rights == *last) {
		if (*count <= n)
			parts[*count - 1].size += end - start;
		return;
	}
	if (*count < n)
		parts[*count] = (struct plat_rights){(void *)start, end - start, rights};
	++*count;
	*last = rights;
}

static int list_rights(const struct plat__range *range, struct plat_rights *parts, size_t n)
{
	struct plat__mappings mappings;
	struct plat__mapping mapping;
	uintptr_t at = range->start;
	size_t count = 0;
	int r, last = 0, before = errno;

	r = plat__mappings_open(&mappings);
	if (r < 0)
		return plat__result(before, r);
	while (r == 0 && at < range->end) {
		r = plat__mappings_next(&mappings, at, &mapping);
		if (r == -ENOENT || (r == 0 && mapping.start > at))
			r = -ENOMEM;
		if (r < 0)
			break;
		add_part(range, &mapping, parts, n, &count, &last);
		at = mapping.end;
	}
	plat__mappings_close(&mappings);
	errno = before;
	if (r < 0)
		return r;
	return count < INT_MAX ? (int)count : INT_MAX;
}

int plat_rights_get(const void *start, size_t size, struct plat_rights *ret, size_t n)
{
	struct plat__range range;
	int r = plat__whole_pages(start, size, &range);

	return r < 0 ? r : list_rights(&range, ret, n);
}

int plat_rights_set(const struct plat_rights *parts, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int r = plat_protect(parts[i].start, parts[i].size, parts[i].rights, NULL);

		if (r < 0)
			return r;
	}
	return 0;
}

int plat_protect(void *start, size_t size, int rights, int *old)
{
	struct plat__range range;
	struct plat_rights all;
	int r = plat__whole_pages(start, size, &range);

	if (r < 0)
		return r;
	if (old) {
		r = list_rights(&range, &all, 1);
		if (r > 1)
			r = -ENOTUNIQ;
		if (r < 0)
			return r;
	}
	r = set_rights(&range, rights);
	if (r == 0 && old)
		*old = all.rights;
	return r;
}
