/*
 * Floods from block to block in the order of addresses, each of which leaves out what an earlier
 * one has reached, begin at some block of every tree and cycle that nobody points to: call those
 * that they begin at candidates. Some are too many, as A where a later B points to it.
 *
 * So a second round floods from the candidates, the last one first. Let one, X, not have been
 * reached in it when its turn comes. Who could point to it from outside, over whatever way, and lie
 * in no cycle with it? Some block that was reached, in the first round, from a candidate Y. Not
 * from an earlier one: that would have reached X as well, and X would be none. Not from X: that is
 * a cycle. Not from a later one: that has had its turn, and has reached X. So nobody does, and X is
 * a root.
 *
 * Being the first candidate of its cycle, X is the lowest block of it. Two rounds, linear both, and
 * no cycle has to be found out; a third counts what they hold, in the order of addresses again.
 */
#include "heap/lost.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct search {
	const struct reach *reach;
	uint64_t *passed; /* a bit for each block: it was reached, or is not lost */
	struct flood flood;
	uint32_t candidate; /* where the flood began */
	bool came_back;	    /* to there */

	uint32_t *candidates;
	size_t n, room;
};

static bool has_passed(const struct search *search, uint32_t block)
{
	return search->passed[block / 64] >> (block % 64) & 1;
}

static bool enter(void *context, uint32_t from, uint32_t edge)
{
	struct search *search = context;
	uint32_t to = edge_block(edge);

	(void)from;
	search->came_back |= to == search->candidate;
	if (has_passed(search, to))
		return false;
	search->passed[to / 64] |= UINT64_C(1) << (to % 64);
	return true;
}

static void flood_from(struct search *search, uint32_t block)
{
	search->candidate = block;
	search->came_back = false;
	search->passed[block / 64] |= UINT64_C(1) << (block % 64);
	flood_push(&search->flood, block);
	flood_drain(&search->flood);
}

static void begin_round(struct search *search)
{
	size_t i, n = search->reach->graph->index->n;

	memset(search->passed, 0, (n / 64 + 1) * sizeof(*search->passed));
	for (i = 0; i < n; i++)
		if (!reach_is_lost(search->reach, (uint32_t)i))
			search->passed[i / 64] |= UINT64_C(1) << (i % 64);
}

static int find_candidates(struct search *search)
{
	uint32_t i, n = (uint32_t)search->reach->graph->index->n;
	int r;

	begin_round(search);
	for (i = 0; i < n; i++) {
		if (has_passed(search, i))
			continue;
		r = list_reserve(&search->candidates, &search->room, search->n, 1);
		if (r < 0)
			return r;
		search->candidates[search->n++] = i;
		flood_from(search, i);
	}
	return 0;
}

static int choose_roots(struct search *search, struct lost *lost)
{
	size_t i;
	int r;

	begin_round(search);
	for (i = search->n; i-- > 0;) {
		if (has_passed(search, search->candidates[i]))
			continue;
		r = list_reserve(&lost->trees, &lost->room, lost->n, 1);
		if (r < 0)
			return r;
		flood_from(search, search->candidates[i]);
		lost->trees[lost->n++] = (struct lost_tree){.block = search->candidates[i],
							    .is_cycle = search->came_back};
	}
	return 0;
}

static void turn_around(struct lost *lost)
{
	size_t i;

	for (i = 0; i < lost->n / 2; i++) {
		struct lost_tree tree = lost->trees[i];

		lost->trees[i] = lost->trees[lost->n - 1 - i];
		lost->trees[lost->n - 1 - i] = tree;
	}
}

static int search_roots(const struct reach *reach, struct lost *lost)
{
	struct search search = {
		.reach = reach,
		.passed = malloc((reach->graph->index->n / 64 + 1) * sizeof(*search.passed)),
		.flood = {.graph = reach->graph, .enter = enter},
	};
	int r = -ENOMEM;

	search.flood.context = &search;
	search.flood.marks = search.passed;
	if (search.passed)
		r = flood_init(&search.flood);
	if (r == 0) {
		r = find_candidates(&search);
		if (r == 0)
			r = choose_roots(&search, lost);
		flood_fini(&search.flood);
	}
	free(search.candidates);
	free(search.passed);
	turn_around(lost);
	return r;
}

static void count(const struct reach *reach, struct lost *lost)
{
	const struct block_index *index = reach->graph->index;
	size_t i;

	for (i = 0; i < index->n; i++)
		if (!reach_is_lost(reach, (uint32_t)i))
			owners_close(&lost->owners, (uint32_t)i);
	for (i = 0; i < lost->n; i++) {
		owners_add(&lost->owners, (uint32_t)i, lost->trees[i].block);
		owners_spread(&lost->owners);
	}
	if (lost->n)
		owners_count(&lost->owners, &lost->trees[0].owned, lost->n, sizeof(*lost->trees));
	for (i = 0; i < lost->n; i++) {
		lost->blocks += lost->trees[i].owned.blocks;
		lost->bytes += lost->trees[i].owned.bytes;
	}
}

int lost_find(const struct reach *reach, struct lost *ret)
{
	struct lost lost = {.n = 0};
	int r = search_roots(reach, &lost);

	if (r == 0)
		r = owners_init(&lost.owners, reach->graph);
	if (r < 0) {
		free(lost.trees);
		return r;
	}
	count(reach, &lost);
	*ret = lost;
	return 0;
}

void lost_fini(struct lost *lost)
{
	free(lost->trees);
	owners_fini(&lost->owners);
	lost->trees = NULL;
	lost->n = 0;
}
