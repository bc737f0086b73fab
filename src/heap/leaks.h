/*
 * What is lost, as a report tells it: by trees, and by what their roots have in common.
 *
 *     lost      trees of blocks         -> less those that were there before, or are not to be told
 *     group     trees whose roots have one size, one type and one site
 */
#ifndef HEAP_LEAKS_H
#define HEAP_LEAKS_H

#include "base/compiler.h"
#include "heap/lost.h"
#include "heap/reach.h"

#define NO_SITE UINT32_MAX

/* A tree of lost->trees, by the same number. */
struct leak_tree {
	uint64_t bytes; /* of its blocks, those that are told */
	uint32_t blocks;
	uint32_t site; /* of its root, or NO_SITE */
	uint16_t type; /* as well, or NO_TYPE: see types.h */
	bool is_suppressed;
};

struct leak_group {
	uint64_t bytes, blocks, trees;
	uint64_t size; /* of each root */
	uint32_t tree; /* the one that holds most */
	bool is_cycle;
};

struct leak_sums {
	uint64_t bytes, blocks, trees;
};

struct leaks {
	const struct reach *reach;
	const struct lost *lost;
	const struct block_index *since; /* or NULL */
	struct leak_tree *trees;
	struct leak_group *groups; /* those that hold most first */
	size_t ngroups, groups_room;

	struct leak_sums told, suppressed, before;
	/* Reached, but only over pointers into blocks. */
	struct leak_sums possible;
};

/*
 * `since`: blocks that were live earlier, or NULL; what is among them is not told. Types, sites and
 * what is suppressed are the caller's to set in `trees`, before leaks_group(). 0, and *ret is the
 * caller's to leaks_fini(); or -ENOMEM. All that it is given must outlive it.
 */
int leaks_make(const struct reach *reach, const struct lost *lost, const struct block_index *since,
	       struct leaks *ret) MUST_CHECK;
void leaks_fini(struct leaks *leaks);

/* Adds up what is told, and makes the groups. 0 or -ENOMEM. */
int leaks_group(struct leaks *leaks) MUST_CHECK;

/* Whether this block is told: it is lost, was not there before, and is not suppressed. */
bool leaks_tell(const struct leaks *leaks, uint32_t block);

#endif
