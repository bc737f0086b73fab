#include "space/cgroups.h"

#include <stdlib.h>
#include <string.h>

void cgroups_fini(struct cgroups *cgroups)
{
	size_t i;

	for (i = 0; i < cgroups->nlevels; i++)
		free(cgroups->levels[i].name);
	free(cgroups->levels);
	*cgroups = CGROUPS_EMPTY;
}

const char *cgroup_figure_name(const struct cgroup *cgroup, enum cgroup_figure figure)
{
	static const char *const names[2][NCGROUP_FIGURES] = {
		{
			[CGROUP_USAGE] = "memory.usage_in_bytes",
			[CGROUP_MAX] = "memory.limit_in_bytes",
			[CGROUP_HIGH] = NULL,
			[CGROUP_SWAP_USAGE] = "memory.memsw.usage_in_bytes",
			[CGROUP_SWAP_MAX] = "memory.memsw.limit_in_bytes",
		},
		{
			[CGROUP_USAGE] = "memory.current",
			[CGROUP_MAX] = "memory.max",
			[CGROUP_HIGH] = "memory.high",
			[CGROUP_SWAP_USAGE] = "memory.swap.current",
			[CGROUP_SWAP_MAX] = "memory.swap.max",
		},
	};

	return names[cgroup->version != 1][figure];
}

void cgroup_parse(struct cgroup *cgroup, enum cgroup_figure figure, const char *text)
{
	uint64_t bytes = 0;
	const char *s = text;

	if (strncmp(text, "max", 3) == 0) {
		bytes = LIMIT_INFINITE;
	} else {
		for (; *s >= '0' && *s <= '9'; s++)
			if (__builtin_mul_overflow(bytes, 10, &bytes) ||
			    __builtin_add_overflow(bytes, (unsigned)(*s - '0'), &bytes))
				return;
		if (s == text)
			return;
		if (cgroup->version == 1 && bytes >= UINT64_C(1) << 62)
			bytes = LIMIT_INFINITE;
	}
	cgroup->figures[figure].known = true;
	cgroup->figures[figure].bytes = bytes;
}

/* What lies between two figures: LIMIT_INFINITE where nothing limits, or nothing is known. */
static uint64_t between(const struct cgroup *cgroup, enum cgroup_figure usage,
			enum cgroup_figure most)
{
	if (!cgroup->figures[usage].known || !cgroup->figures[most].known ||
	    cgroup->figures[most].bytes == LIMIT_INFINITE)
		return LIMIT_INFINITE;
	return sub_floored(cgroup->figures[most].bytes, cgroup->figures[usage].bytes);
}

/* Version 1 limits memory, and memory together with swap; version 2 each of them. */
static uint64_t left_in(const struct cgroup *cgroup, uint64_t swap_free)
{
	uint64_t memory = between(cgroup, CGROUP_USAGE, CGROUP_MAX);
	uint64_t swap = between(cgroup, CGROUP_SWAP_USAGE, CGROUP_SWAP_MAX);

	if (cgroup->version == 1)
		return min_u64(add_capped(memory, swap_free), swap);
	return add_capped(memory, min_u64(swap, swap_free));
}

struct memory_left memory_left(const struct machine *machine, const struct cgroups *cgroups)
{
	uint64_t swap_free = machine->swap_free == UNKNOWN ? 0 : machine->swap_free;
	struct memory_left left = {.bytes = UNKNOWN};
	size_t i;

	if (machine->available != UNKNOWN)
		left.bytes = add_capped(machine->available, swap_free);
	for (i = 0; i < cgroups->nlevels; i++) {
		uint64_t bytes = left_in(&cgroups->levels[i], swap_free);

		if (bytes < left.bytes)
			left = (struct memory_left){bytes, &cgroups->levels[i]};
	}
	return left;
}
