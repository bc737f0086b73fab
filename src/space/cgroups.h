/*
 * The control groups that a process is in, from its own up to the root, as far as they limit
 * memory.
 *
 * Such a limit refuses no mapping. It counts pages that are there; where no more can be had, the
 * kernel ends a process of the group.
 */
#ifndef SPACE_CGROUPS_H
#define SPACE_CGROUPS_H

#include "space/space.h"

enum cgroup_figure {
	CGROUP_USAGE,	   /* memory.current; v1 memory.usage_in_bytes */
	CGROUP_MAX,	   /* memory.max; v1 memory.limit_in_bytes */
	CGROUP_HIGH,	   /* memory.high: above it the process is held up; v1 has none */
	CGROUP_SWAP_USAGE, /* memory.swap.current; v1 memory.memsw.usage_in_bytes: memory and swap
			    */
	CGROUP_SWAP_MAX,   /* memory.swap.max; v1 memory.memsw.limit_in_bytes */
	NCGROUP_FIGURES
};

struct cgroup {
	char *name;	  /* "/user.slice", as the process is told to be in it */
	unsigned version; /* 1 or 2 */
	struct {
		bool known;
		uint64_t bytes; /* or LIMIT_INFINITE */
	} figures[NCGROUP_FIGURES];
};

struct cgroups {
	struct cgroup *levels; /* the process's own first */
	size_t nlevels, levels_room;
	char why[160]; /* why they are not known; "" if they are */
};

#define CGROUPS_EMPTY ((struct cgroups){0})

void cgroups_fini(struct cgroups *cgroups);

/* "memory.max", or what version 1 calls it. */
const char *cgroup_figure_name(const struct cgroup *cgroup, enum cgroup_figure figure);

/*
 * Takes the text of a file: "max" or a number. What it does not understand stays unknown. Version 1
 * writes the largest number of pages where it does not limit.
 */
void cgroup_parse(struct cgroup *cgroup, enum cgroup_figure figure, const char *text);

/* What may still be used before somebody is killed. */
struct memory_left {
	uint64_t bytes;		    /* or UNKNOWN */
	const struct cgroup *group; /* the one that allows least; NULL: the machine itself */
};

/*
 * Memory that no limit holds back, and swap. What the page cache uses counts as used in groups,
 * although the kernel drops it first; of the machine it counts as left.
 */
struct memory_left memory_left(const struct machine *machine, const struct cgroups *cgroups);

#endif
