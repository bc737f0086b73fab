#include "space/growth.h"

#include "space/kinds.h"

#include <stdio.h>

/* Says the distance if it is the smallest so far. */
static void stop_at(struct growth *growth, uint64_t bytes, const char *because)
{
	if (growth->bytes != UNKNOWN && growth->bytes <= bytes)
		return;
	growth->bytes = bytes;
	snprintf(growth->because, sizeof(growth->because), "%s", because);
}

static void stop_at_limit(struct growth *growth, const struct space *space, enum limit_name limit,
			  uint64_t used, const char *name)
{
	const struct limit *l = &space->limits[limit];

	if (l->known && l->soft != LIMIT_INFINITE && used != UNKNOWN)
		stop_at(growth, align_down(sub_floored(l->soft, used), space->machine.page_size),
			name);
}

static void stop_at_neighbour(struct growth *growth, const struct space *space, uint64_t bytes,
			      const struct region *neighbour)
{
	char name[256], line[sizeof(growth->because)];
	const char *short_name = name, *slash;

	region_name(space, neighbour, name, sizeof(name));
	for (slash = name; *slash; slash++)
		if (*slash == '/' && slash[1])
			short_name = slash + 1;
	snprintf(line, sizeof(line), "%s %.100s", kind_name(neighbour->kind), short_name);
	stop_at(growth, bytes, line);
}

/* Nothing that is known stops it: says so. */
static struct growth finish(struct growth growth)
{
	if (growth.bytes == UNKNOWN)
		snprintf(growth.because, sizeof(growth.because), "nothing that is known");
	return growth;
}

struct growth growth_of_heap(const struct space *space)
{
	struct growth growth = {.bytes = UNKNOWN};
	plat_addr brk;
	size_t next;

	if (space->brk == UNKNOWN) {
		snprintf(growth.because, sizeof(growth.because), "the break is not known");
		return growth;
	}
	/* A heap that was never used begins where .bss ends, which can be inside a page. */
	brk = align_up(space->brk, space->machine.page_size);
	next = space_at_or_above(space, brk);
	if (next < space->nregions && space->regions[next].start < space->user_end) {
		/* Linux mm/mmap.c brk: find_vma_intersection(mm, oldbrk, newbrk + PAGE_SIZE) */
		const struct region *neighbour = &space->regions[next];
		uint64_t keep = space->machine.page_size;

		if (neighbour->kind == KIND_STACK)
			keep += space->machine.stack_guard_gap;
		stop_at_neighbour(&growth, space,
				  sub_floored(sub_floored(neighbour->start, brk), keep), neighbour);
	} else if (space->user_end != UNKNOWN) {
		stop_at(&growth, sub_floored(space->user_end, brk), "the end of user space");
	}
	stop_at_limit(&growth, space, LIMIT_AS, space->figures[VM_SIZE], "RLIMIT_AS");
	stop_at_limit(&growth, space, LIMIT_DATA, space->figures[VM_DATA], "RLIMIT_DATA");
	return finish(growth);
}

/* The lowest region of the main stack's mapping. */
static bool find_stack(const struct space *space, size_t *lowest)
{
	size_t i;

	for (i = space->nregions; i-- > 0;)
		if (space->regions[i].kind == KIND_STACK) {
			size_t low = i;

			while (low > 0 &&
			       space->regions[low - 1].mapping == space->regions[i].mapping)
				low--;
			*lowest = low;
			return true;
		}
	return false;
}

struct growth growth_downward(const struct space *space, size_t lowest)
{
	struct growth growth = {.bytes = UNKNOWN};
	plat_addr start, end;

	space_mapping_range(space, lowest, &start, &end);
	if (lowest > 0) {
		const struct region *below = &space->regions[lowest - 1];
		uint64_t free_bytes = start - below->end;
		bool open = below->rights & (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC);

		/* Linux mm/mmap.c expand_downwards: inaccessible neighbours need no gap. */
		stop_at_neighbour(&growth, space,
				  open ? sub_floored(free_bytes, space->machine.stack_guard_gap)
				       : free_bytes,
				  below);
	} else if (space->machine.mmap_min_addr != UNKNOWN) {
		stop_at(&growth, sub_floored(start, space->machine.mmap_min_addr),
			"vm.mmap_min_addr");
	}
	stop_at_limit(&growth, space, LIMIT_STACK, end - start, "RLIMIT_STACK");
	stop_at_limit(&growth, space, LIMIT_AS, space->figures[VM_SIZE], "RLIMIT_AS");
	return finish(growth);
}

struct growth growth_of_stack(const struct space *space)
{
	struct growth growth = {.bytes = UNKNOWN};
	size_t lowest;

	if (find_stack(space, &lowest))
		return growth_downward(space, lowest);
	snprintf(growth.because, sizeof(growth.because), "no [stack] in the map");
	return growth;
}

struct growth growth_of_mmap(const struct space *space)
{
	struct growth growth = {.bytes = UNKNOWN};
	uint64_t largest = 0;
	size_t i;

	for (i = 0; i < space->ngaps; i++)
		if (space->gaps[i].kind == GAP_FREE)
			largest = max_u64(largest, gap_size(&space->gaps[i]));
	if (space->ngaps == 0) {
		snprintf(growth.because, sizeof(growth.because), "the gaps are not known");
		return growth;
	}
	stop_at(&growth, largest, "the largest gap");
	stop_at_limit(&growth, space, LIMIT_AS, space->figures[VM_SIZE], "RLIMIT_AS");
	if (space->machine.max_map_count != UNKNOWN &&
	    space->nmappings > space->machine.max_map_count)
		stop_at(&growth, 0, "vm.max_map_count");
	return growth;
}
