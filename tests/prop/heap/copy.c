#include "copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define REGION_MOST (64u << 20) /* larger ones are hardly touched, and left where they are */

static int copy_read(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct copy *copy = (const struct copy *)reader; /* its first member */
	size_t i;

	for (i = 0; i < copy->nranges; i++) {
		const struct copied *range = &copy->ranges[i];

		if (from < range->start || from >= range->end || size > range->end - from)
			continue;
		memcpy(to, copy->bytes + range->at + (from - range->start), size);
		return 0;
	}
	return reader_read(copy->live, from, to, size);
}

static bool is_wanted(const struct region *region)
{
	return (region->rights & RIGHT_READ) && !(region->rights & RIGHT_SHARED) &&
	       region->end - region->start <= REGION_MOST;
}

/* Regions that lie side by side are one range, so that what lies over their border is, too. */
static void add(struct copy *copy, int process, const struct region *region, size_t *done)
{
	const size_t size = region->end - region->start;
	struct copied *last = copy->nranges ? &copy->ranges[copy->nranges - 1] : NULL;
	struct iovec ours = {copy->bytes + *done, size};
	struct iovec theirs = {(void *)(uintptr_t)region->start, size};

	if (process_vm_readv(process, &ours, 1, &theirs, 1, 0) != (ssize_t)size)
		return;
	if (last && last->end == region->start)
		last->end = region->end;
	else if (copy->nranges < COPY_RANGES_MOST)
		copy->ranges[copy->nranges++] = (struct copied){region->start, region->end, *done};
	else
		return;
	*done += size;
}

static bool reserve(struct copy *copy, size_t size)
{
	if (size <= copy->size)
		return true;
	free(copy->bytes);
	copy->bytes = malloc(size);
	copy->size = copy->bytes ? size : 0;
	return copy->bytes != NULL;
}

struct reader *copy_take(struct copy *copy, int process, const struct space *space,
			 struct reader *live)
{
	size_t total = 0, done = 0, i;

	copy->reader = (struct reader){.read = copy_read};
	copy->live = live;
	copy->nranges = 0;
	for (i = 0; i < space->nregions; i++)
		if (is_wanted(&space->regions[i]))
			total += space->regions[i].end - space->regions[i].start;
	if (!reserve(copy, total))
		return live;
	for (i = 0; i < space->nregions; i++)
		if (is_wanted(&space->regions[i]))
			add(copy, process, &space->regions[i], &done);
	return &copy->reader;
}
