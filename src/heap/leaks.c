#include "heap/leaks.h"

#include "base/list.h"
#include "heap/types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether it was there already, with that size. */
static bool was_before(const struct leaks *leaks, plat_addr address, uint64_t size)
{
	uint64_t offset;
	uint32_t block;

	if (!leaks->since)
		return false;
	block = block_index_find(leaks->since, address, &offset);
	return block != NO_BLOCK && offset == 0 && block_size_of(leaks->since, block) == size;
}

static uint32_t tree_of(const struct leaks *leaks, uint32_t block)
{
	return owners_first(&leaks->lost->owners, block);
}

bool leaks_tell(const struct leaks *leaks, uint32_t block)
{
	const struct block_index *index = leaks->reach->graph->index;
	uint32_t tree;

	if (!reach_is_lost(leaks->reach, block))
		return false;
	tree = tree_of(leaks, block);
	return tree != NO_OWNER && !leaks->trees[tree].is_suppressed &&
	       !was_before(leaks, block_address_of(index, block), block_size_of(index, block));
}

static void count(struct leak_sums *sums, uint64_t bytes)
{
	sums->blocks++;
	sums->bytes = add_capped(sums->bytes, bytes);
}

static void take_block(struct leaks *leaks, uint32_t block, const struct block_entry *entry)
{
	uint32_t tree;

	if (!reach_is_lost(leaks->reach, block)) {
		if (entry->state == BLOCK_LIVE && !(reach_kinds(leaks->reach, block) & REACH_FIRM))
			count(&leaks->possible, entry->size);
		return;
	}
	tree = tree_of(leaks, block);
	if (tree == NO_OWNER)
		return;
	if (was_before(leaks, entry->address, entry->size)) {
		count(&leaks->before, entry->size);
		return;
	}
	leaks->trees[tree].blocks++;
	leaks->trees[tree].bytes = add_capped(leaks->trees[tree].bytes, entry->size);
}

int leaks_make(const struct reach *reach, const struct lost *lost, const struct block_index *since,
	       struct leaks *ret)
{
	struct leaks leaks = {
		.reach = reach,
		.lost = lost,
		.since = since,
		.trees = calloc(lost->n + 1, sizeof(*leaks.trees)),
	};
	struct block_cursor cursor;
	size_t i;

	if (!leaks.trees)
		return -ENOMEM;
	for (i = 0; i < lost->n; i++) {
		leaks.trees[i].site = NO_SITE;
		leaks.trees[i].type = NO_TYPE;
	}
	block_cursor_init(&cursor, reach->graph->index, 0);
	while (block_cursor_next(&cursor, reach->graph->index))
		take_block(&leaks, cursor.number, &cursor.block);
	*ret = leaks;
	return 0;
}

void leaks_fini(struct leaks *leaks)
{
	free(leaks->trees);
	free(leaks->groups);
	leaks->trees = NULL;
	leaks->groups = NULL;
	leaks->ngroups = leaks->groups_room = 0;
}

/*
 * Groups.
 */

struct keyed {
	uint64_t size;
	uint32_t site, tree;
	uint16_t type;
	bool is_cycle;
};

static bool are_alike(const struct keyed *x, const struct keyed *y)
{
	return x->size == y->size && x->site == y->site && x->type == y->type &&
	       x->is_cycle == y->is_cycle;
}

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->is_cycle != y->is_cycle)
		return x->is_cycle ? 1 : -1;
	return x->tree < y->tree ? -1 : x->tree > y->tree;
}

static int by_bytes(const void *a, const void *b)
{
	const struct leak_group *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->tree < y->tree ? -1 : x->tree > y->tree;
}

static void add_tree(const struct leaks *leaks, struct leak_group *group, uint32_t tree)
{
	const struct leak_tree *leak = &leaks->trees[tree];

	if (leak->bytes > leaks->trees[group->tree].bytes)
		group->tree = tree;
	group->trees++;
	group->blocks += leak->blocks;
	group->bytes = add_capped(group->bytes, leak->bytes);
}

static int make_groups(struct leaks *leaks, const struct keyed *keyed, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++) {
		if (i == 0 || !are_alike(&keyed[i - 1], &keyed[i])) {
			r = list_reserve(&leaks->groups, &leaks->groups_room, leaks->ngroups, 1);
			if (r < 0)
				break;
			leaks->groups[leaks->ngroups++] =
				(struct leak_group){.size = keyed[i].size,
						    .tree = keyed[i].tree,
						    .is_cycle = keyed[i].is_cycle};
		}
		add_tree(leaks, &leaks->groups[leaks->ngroups - 1], keyed[i].tree);
	}
	return r;
}

/* Trees that are told, each with what groups it. */
static size_t key_trees(struct leaks *leaks, struct keyed *to)
{
	const struct block_index *index = leaks->reach->graph->index;
	size_t i, n = 0;

	for (i = 0; i < leaks->lost->n; i++) {
		const struct leak_tree *tree = &leaks->trees[i];
		struct leak_sums *sums = tree->is_suppressed ? &leaks->suppressed : &leaks->told;

		if (!tree->blocks)
			continue;
		sums->trees++;
		sums->blocks += tree->blocks;
		sums->bytes = add_capped(sums->bytes, tree->bytes);
		if (!tree->is_suppressed)
			to[n++] = (struct keyed){
				.size = block_size_of(index, leaks->lost->trees[i].block),
				.site = tree->site,
				.tree = (uint32_t)i,
				.type = tree->type,
				.is_cycle = leaks->lost->trees[i].is_cycle,
			};
	}
	return n;
}

int leaks_group(struct leaks *leaks)
{
	struct keyed *keyed = calloc(leaks->lost->n + 1, sizeof(*keyed));
	size_t n;
	int r;

	if (!keyed)
		return -ENOMEM;
	n = key_trees(leaks, keyed);
	qsort(keyed, n, sizeof(*keyed), by_key);
	r = make_groups(leaks, keyed, n);
	free(keyed);
	if (r == 0 && leaks->ngroups)
		qsort(leaks->groups, leaks->ngroups, sizeof(*leaks->groups), by_bytes);
	return r;
}
