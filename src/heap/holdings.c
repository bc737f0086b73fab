#include "heap/holdings.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Held and exclusive.
 */

struct ranked {
	uint32_t owner;
	unsigned tier;
	uint64_t exclusive;
	size_t first, n; /* its starts */
};

static void add_start(struct owners *owners, uint32_t rank, const struct holding_start *start)
{
	if (start->is_span)
		owners_add_span(owners, rank, start->number);
	else
		owners_add(owners, rank, start->number);
}

/* Totals of owners in this order: totals[i] of ranked[i]. */
static int count_in_order(const struct graph *graph, const struct holding_start *starts,
			  const struct ranked *ranked, size_t n, struct owned *totals)
{
	struct owners owners;
	size_t i, j;
	int r = owners_init(&owners, graph);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		for (j = 0; j < ranked[i].n; j++)
			add_start(&owners, (uint32_t)i, &starts[ranked[i].first + j]);
		owners_spread(&owners);
	}
	memset(totals, 0, n * sizeof(*totals));
	owners_count(&owners, totals, n, sizeof(*totals));
	owners_fini(&owners);
	return 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	if (x->exclusive != y->exclusive)
		return x->exclusive > y->exclusive ? -1 : 1;
	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

static void find_starts(const struct holding_start *starts, size_t nstarts, struct ranked *ranked,
			size_t n)
{
	size_t i, at = 0;

	for (i = 0; i < n; i++) {
		ranked[i] = (struct ranked){.owner = (uint32_t)i, .first = at};
		for (; at < nstarts && starts[at].owner == i; at++)
			ranked[i].n++;
	}
	assert(at == nstarts);
}

static int count_twice(const struct graph *graph, const struct holding_start *starts,
		       struct ranked *ranked, struct owned *totals, struct holding *ret, size_t n)
{
	size_t i;
	int r = count_in_order(graph, starts, ranked, n, totals);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		ranked[i].tier = ret[i].tier;
		ranked[i].exclusive = totals[i].exclusive_bytes;
	}
	qsort(ranked, n, sizeof(*ranked), by_rank);
	r = count_in_order(graph, starts, ranked, n, totals);
	for (i = 0; r == 0 && i < n; i++)
		ret[ranked[i].owner].owned = totals[i];
	return r;
}

int holdings_count(const struct graph *graph, const struct holding_start *starts, size_t nstarts,
		   struct holding *ret, size_t n)
{
	struct ranked *ranked = calloc(n + 1, sizeof(*ranked));
	struct owned *totals = calloc(n + 1, sizeof(*totals));
	int r = ranked && totals ? 0 : -ENOMEM;

	assert(n <= OWNERS_MOST);
	if (r == 0 && n) {
		find_starts(starts, nstarts, ranked, n);
		r = count_twice(graph, starts, ranked, totals, ret, n);
	}
	free(ranked);
	free(totals);
	return r;
}

/*
 * In all: a bit for each owner.
 */

struct spreading {
	uint16_t *bits; /* of each block */
	struct flood flood;
};

static_assert(HOLDINGS_AT_ONCE <= 16, "an owner has a bit");

static bool add_bits(struct spreading *spreading, uint32_t block, uint16_t bits)
{
	uint16_t old = spreading->bits[block];

	spreading->bits[block] = old | bits;
	return (bits & ~old) != 0;
}

static bool enter(void *context, uint32_t from, uint32_t edge)
{
	struct spreading *spreading = context;

	return add_bits(spreading, edge_block(edge), spreading->bits[from]);
}

static void begin_with(struct spreading *spreading, const struct graph *graph,
		       const struct holding_start *start, uint16_t bit)
{
	struct edge_list row = {.edges = NULL};
	size_t i;

	if (start->is_span)
		row = edges_of(&graph->anchors, start->number);
	else if (add_bits(spreading, start->number, bit))
		flood_push(&spreading->flood, start->number);
	for (i = 0; i < row.n; i++)
		if (add_bits(spreading, edge_block(row.edges[i]), bit))
			flood_push(&spreading->flood, edge_block(row.edges[i]));
}

static void begin_all(struct spreading *spreading, const struct graph *graph,
		      const struct holding_start *starts, size_t nstarts, const uint32_t *owners,
		      size_t n)
{
	size_t i, j;

	for (i = 0; i < nstarts; i++)
		for (j = 0; j < n; j++)
			if (starts[i].owner == owners[j])
				begin_with(spreading, graph, &starts[i], (uint16_t)(1u << j));
}

static void add_up(const struct spreading *spreading, const struct block_index *index,
		   struct holding_all *ret)
{
	struct block_cursor cursor;

	block_cursor_init(&cursor, index, 0);
	while (block_cursor_next(&cursor, index)) {
		unsigned bits = spreading->bits[cursor.number];

		for (; bits; bits &= bits - 1) {
			struct holding_all *all = &ret[__builtin_ctz(bits)];

			all->blocks++;
			all->bytes += cursor.block.size;
		}
	}
}

int holdings_in_all(const struct graph *graph, const struct holding_start *starts, size_t nstarts,
		    const uint32_t *owners, size_t n, struct holding_all *ret)
{
	struct spreading spreading = {
		.bits = calloc(graph->index->n + 1, sizeof(*spreading.bits)),
		.flood = {.graph = graph, .enter = enter, .mark_bytes = 2},
	};
	int r = -ENOMEM;

	assert(n <= HOLDINGS_AT_ONCE);
	spreading.flood.context = &spreading;
	spreading.flood.marks = spreading.bits;
	if (spreading.bits)
		r = flood_init(&spreading.flood);
	if (r == 0) {
		memset(ret, 0, n * sizeof(*ret));
		begin_all(&spreading, graph, starts, nstarts, owners, n);
		/* Level by level: many bits go on together. */
		flood_run(&spreading.flood);
		flood_fini(&spreading.flood);
		add_up(&spreading, graph->index, ret);
	}
	free(spreading.bits);
	return r;
}
