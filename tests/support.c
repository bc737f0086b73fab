#include "support.h"

#include "base/assert.h"
#include "model/headroom.h"
#include "space/kinds.h"
#include "space/stacks.h"

#include <errno.h>
#include <string.h>

static int read_array(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct array *array = (const struct array *)reader;

	if (from < array->base || from - array->base > array->size ||
	    size > array->size - (from - array->base))
		return -EFAULT;
	memcpy(to, array->data + (from - array->base), size);
	return 0;
}

struct array array_at(plat_addr base, const void *data, size_t size)
{
	return (struct array){{.read = read_array}, base, data, size};
}

static void check_name(const char *name)
{
	for (; *name; name++)
		must((unsigned char)*name >= 0x20 && *name != 0x7f);
}

static void check_regions(const struct space *space)
{
	char name[300];
	size_t i;

	must(space_valid(space));
	for (i = 0; i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		plat_addr start, end;

		must(region->pages.rss <= region_size(region));
		must(region->pages.swap <= region_size(region));
		must(region->pages.zero <= region_size(region));
		must(region->pages.file <= region->pages.rss);
		must(space_find(space, region->start) == region);
		must(space_find(space, region->end - 1) == region);
		if (i % 64 == 0) {
			space_mapping_range(space, i, &start, &end);
			must(start <= region->start && region->end <= end);
		}
		must(region_sharing(space, region) <= SHARED_BY_PROCESSES);
		check_name(region_name(space, region, name, sizeof(name)));
	}
}

/* From 0 to the top each address lies in one region or one gap. */
static void check_gaps(const struct space *space)
{
	size_t region = 0, gap = 0;
	plat_addr at = 0;

	if (space->nregions == 0)
		return;
	do {
		if (region < space->nregions && space->regions[region].start == at) {
			at = space->regions[region++].end;
		} else {
			must(gap < space->ngaps && space->gaps[gap].start == at);
			must(gap_size(&space->gaps[gap]) > 0);
			at = space->gaps[gap++].end;
		}
	} while (at != TOP_OF_MEMORY);
	must(region == space->nregions && gap == space->ngaps);
}

static void check_because(const struct space *space, struct headroom headroom)
{
	char because[HEADROOM_WORDS];

	must((headroom.bytes == UNKNOWN) == (headroom.why != NULL));
	headroom_because(space, &headroom, because);
	must(because[0]);
	check_name(because);
}

static void check_headroom(const struct space *space)
{
	struct headrooms headrooms;
	size_t i;

	if (headrooms_of_space(space, &headrooms) < 0)
		return;
	check_because(space, headrooms.heap);
	check_because(space, headrooms.mmap);
	check_because(space, headrooms.reserve);
	for (i = 0; i < headrooms.nstacks; i++)
		check_because(space, headrooms.stacks[i]);
	headrooms_fini(&headrooms);
}

void check_space(struct space *space)
{
	size_t i;

	check_regions(space);
	if (space_find_gaps(space) == 0)
		check_gaps(space);
	check_headroom(space);
	for (i = 0; i < space->nthreads; i++) {
		const struct thread *thread = &space->threads[i];
		uint64_t used = stack_used(space, thread);
		uint64_t high_water = stack_high_water(space, thread);

		must(used == UNKNOWN || used <= thread->stack_end - thread->stack_start);
		must(high_water == UNKNOWN ||
		     high_water <= thread->stack_end - thread->stack_start);
	}
}
