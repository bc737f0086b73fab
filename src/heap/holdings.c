#include "heap/holdings.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Exclusive.
 */

struct ranked {
	uint32_t owner;
	unsigned tier;
	uint64_t exclusive;
	size_t first, n; /* its starts */
};

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

static void add_start(struct owners *owners, uint32_t rank, const struct holding_start *start)
{
	if (start->is_span)
		owners_add_span(owners, rank, start->number);
	else
		owners_add(owners, rank, start->number);
}

/* What each has alone, in whatever order they come. */
static int find_exclusive(const struct graph *graph, const struct holding_start *starts,
			  struct ranked *ranked, size_t n, struct owned *totals)
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
	owners_count(&owners, totals, n, sizeof(*totals));
	owners_fini(&owners);
	for (i = 0; i < n; i++)
		ranked[i].exclusive = totals[i].exclusive_bytes;
	return 0;
}

/*
 * Assigning blocks.
 */

#define NOBODY UINT32_MAX

struct assigning {
	const struct graph *graph;
	uint32_t *of; /* of each block: whose it is, or NOBODY */
	uint32_t owner;
	bool is_firm; /* only pointers to first bytes count */
	struct flood flood;
};

static bool assign(void *context, uint32_t from, uint32_t edge)
{
	struct assigning *assigning = context;

	(void)from;
	if (assigning->of[edge_block(edge)] != NOBODY ||
	    (assigning->is_firm && edge_is_interior(edge)))
		return false;
	assigning->of[edge_block(edge)] = assigning->owner;
	return true;
}

static void push_edge(struct assigning *assigning, uint32_t edge)
{
	if (assign(assigning, NO_BLOCK, edge))
		flood_push(&assigning->flood, edge_block(edge));
}

static void push_start(struct assigning *assigning, const struct holding_start *start)
{
	struct edge_list row;
	size_t i;

	if (!start->is_span) {
		push_edge(assigning, start->number << 1 | start->is_interior);
		return;
	}
	row = edges_of(&assigning->graph->anchors, start->number);
	for (i = 0; i < row.n; i++)
		push_edge(assigning, row.edges[i]);
}

static void assign_firmly(struct assigning *assigning, const struct holding_start *starts,
			  const struct ranked *ranked, size_t n)
{
	size_t i, j;

	assigning->is_firm = true;
	for (i = 0; i < n; i++) {
		assigning->owner = ranked[i].owner;
		for (j = 0; j < ranked[i].n; j++)
			push_start(assigning, &starts[ranked[i].first + j]);
		flood_drain(&assigning->flood);
	}
}

/* Blocks by owner: those of owner i are order[begins[i]] to order[begins[i + 1] - 1]. */
static void put_in_order(const struct assigning *assigning, size_t n, uint32_t *order,
			 size_t *begins)
{
	size_t i, nblocks = assigning->graph->index->n, sum = 0;

	memset(begins, 0, (n + 2) * sizeof(*begins));
	for (i = 0; i < nblocks; i++)
		if (assigning->of[i] != NOBODY)
			begins[assigning->of[i] + 1]++;
	for (i = 0; i <= n; i++) {
		sum += begins[i];
		begins[i] = sum;
	}
	for (i = 0; i < nblocks; i++)
		if (assigning->of[i] != NOBODY)
			order[begins[assigning->of[i]]++] = (uint32_t)i;
	memmove(begins + 1, begins, n * sizeof(*begins));
	begins[0] = 0;
}

/* From what each has, and from where it points into blocks, to what is nobody's yet. */
static int assign_rest(struct assigning *assigning, const struct holding_start *starts,
		       const struct ranked *ranked, size_t n)
{
	uint32_t *order = malloc((assigning->graph->index->n + 1) * sizeof(*order));
	size_t *begins = malloc((n + 2) * sizeof(*begins));
	size_t i, j;

	if (order && begins)
		put_in_order(assigning, n, order, begins);
	assigning->is_firm = false;
	for (i = 0; order && begins && i < n; i++) {
		uint32_t owner = ranked[i].owner;

		assigning->owner = owner;
		for (j = begins[owner]; j < begins[owner + 1]; j++)
			flood_push(&assigning->flood, order[j]);
		for (j = 0; j < ranked[i].n; j++)
			push_start(assigning, &starts[ranked[i].first + j]);
		flood_drain(&assigning->flood);
	}
	i = order && begins;
	free(order);
	free(begins);
	return i ? 0 : -ENOMEM;
}

static void add_held(const struct assigning *assigning, struct holding *ret)
{
	const struct block_index *index = assigning->graph->index;
	struct block_cursor cursor;

	block_cursor_init(&cursor, index, 0);
	while (block_cursor_next(&cursor, index)) {
		uint32_t owner = assigning->of[cursor.number];

		if (owner == NOBODY)
			continue;
		ret[owner].owned.blocks++;
		ret[owner].owned.bytes += cursor.block.size;
	}
}

static int find_held(const struct graph *graph, const struct holding_start *starts,
		     const struct ranked *ranked, size_t n, struct holding *ret)
{
	size_t size = (graph->index->n + 1) * sizeof(uint32_t);
	struct assigning assigning = {
		.graph = graph,
		.of = malloc(size),
		.flood = {.graph = graph, .enter = assign, .mark_bytes = 4},
	};
	int r = -ENOMEM;

	assigning.flood.context = &assigning;
	assigning.flood.marks = assigning.of;
	if (assigning.of)
		r = flood_init(&assigning.flood);
	if (r == 0) {
		memset(assigning.of, 0xff, size);
		assign_firmly(&assigning, starts, ranked, n);
		r = assign_rest(&assigning, starts, ranked, n);
		flood_fini(&assigning.flood);
	}
	if (r == 0)
		add_held(&assigning, ret);
	free(assigning.of);
	return r;
}

/*
 * Both.
 */

static int count(const struct graph *graph, const struct holding_start *starts,
		 struct ranked *ranked, struct owned *totals, struct holding *ret, size_t n)
{
	size_t i;
	int r = find_exclusive(graph, starts, ranked, n, totals);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		ranked[i].tier = ret[i].tier;
		ret[i].owned = (struct owned){
			.exclusive_bytes = totals[i].exclusive_bytes,
			.exclusive_blocks = totals[i].exclusive_blocks,
		};
	}
	qsort(ranked, n, sizeof(*ranked), by_rank);
	return find_held(graph, starts, ranked, n, ret);
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
		r = count(graph, starts, ranked, totals, ret, n);
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
