/*
 * A block's bits grow until nothing changes: bits that are new to it go on along its edges. Each
 * round brings all kinds at once, so that most blocks are passed through once, not once a kind; at
 * worst once a bit.
 *
 * Several workers may mark one block: bits are added by atomic or, and whoever adds one goes on
 * from there. Whoever adds the first writes the level, alone; as the flood goes level by level, it
 * is that of the shortest way.
 */
#include "heap/reach.h"

#include "heap/flood.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Calls take() for what each root of these kinds points to, with its number; until it returns
 * false. */
static void each_anchor(const struct graph *graph, unsigned kinds,
			bool (*take)(void *context, uint32_t root, uint32_t edge), void *context)
{
	size_t i, j;

	for (i = 0; i < graph->nspans; i++) {
		uint32_t root = graph->spans[i].root;
		struct edge_list row = edges_of(&graph->anchors, (uint32_t)i);

		if (!(kinds >> graph->roots[root].kind & 1))
			continue;
		for (j = 0; j < row.n; j++)
			if (!take(context, root, row.edges[j]))
				return;
	}
}

/* The same for blocks of unknown state, which are roots themselves. */
static void each_unknown(const struct graph *graph, unsigned kinds,
			 bool (*take)(void *context, uint32_t root, uint32_t edge), void *context)
{
	const struct block_index *index = graph->index;
	uint32_t i;

	if (!(kinds >> ROOT_UNKNOWN & 1) || !index->nunknown)
		return;
	for (i = 0; i < index->n; i++)
		if (block_state_of(index, i) == BLOCK_UNKNOWN && !take(context, NO_ROOT, i << 1))
			return;
}

/*
 * Marking.
 */

struct marking {
	struct reach reach;
	struct flood flood;
};

/* Whether any of the bits is new to the block. */
static bool add_bits(struct reach *reach, uint32_t block, unsigned bits, uint32_t level)
{
	_Atomic uint16_t *mark = (_Atomic uint16_t *)&reach->marks[block];
	uint16_t old = atomic_load_explicit(mark, memory_order_relaxed), new;
	unsigned most = level < LEVEL_MOST ? level : LEVEL_MOST;

	do {
		if (!(bits & ~(unsigned)old))
			return false;
		new = (uint16_t)(old & 0xff ? old | bits : most << 8 | bits);
	} while (!atomic_compare_exchange_weak_explicit(mark, &old, new, memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

static bool enter(void *context, uint32_t from, uint32_t edge)
{
	struct marking *marking = context;
	unsigned bits = atomic_load_explicit((_Atomic uint16_t *)&marking->reach.marks[from],
					     memory_order_relaxed) &
			0xff;

	if (edge_is_interior(edge))
		bits &= ~REACH_FIRM;
	return add_bits(&marking->reach, edge_block(edge), bits, marking->flood.level + 1);
}

static bool take_anchor(void *context, uint32_t root, uint32_t edge)
{
	struct marking *marking = context;
	const struct graph *graph = marking->reach.graph;
	unsigned kind = root == NO_ROOT ? ROOT_UNKNOWN : graph->roots[root].kind;
	unsigned bits = 1u << kind | (edge_is_interior(edge) ? 0 : REACH_FIRM);

	if (add_bits(&marking->reach, edge_block(edge), bits, 0))
		flood_push(&marking->flood, edge_block(edge));
	return true;
}

int reach_make(const struct graph *graph, unsigned kinds, struct crew *crew, struct reach *ret)
{
	size_t i, n = graph->index->n + 1;
	struct marking marking = {
		.reach = {.graph = graph, .marks = malloc(n * sizeof(*marking.reach.marks))},
		.flood = {.graph = graph, .enter = enter, .crew = crew, .mark_bytes = 2},
	};
	int r = -ENOMEM;

	marking.flood.context = &marking;
	marking.flood.marks = marking.reach.marks;
	if (marking.reach.marks)
		r = flood_init(&marking.flood);
	if (r < 0) {
		reach_fini(&marking.reach);
		return r;
	}
	crew_expect(crew, marking.reach.marks, n * sizeof(*marking.reach.marks));
	for (i = 0; i < n; i++)
		marking.reach.marks[i] = LEVEL_NONE << 8;
	each_anchor(graph, kinds, take_anchor, &marking);
	each_unknown(graph, kinds, take_anchor, &marking);
	flood_run(&marking.flood);
	flood_fini(&marking.flood);
	*ret = marking.reach;
	return 0;
}

void reach_fini(struct reach *reach)
{
	free(reach->marks);
	reach->marks = NULL;
}

/*
 * A path: each block knows the one that it was reached from first.
 */

struct finding {
	const struct graph *graph;
	struct flood flood;
	bool is_firm; /* only along pointers to first bytes */
	uint32_t target;
	uint32_t *parents; /* NO_BLOCK: not reached; itself: a root points to it */
	struct path path;
	bool has_root;
};

static bool find_enter(void *context, uint32_t from, uint32_t edge)
{
	struct finding *finding = context;
	uint32_t to = edge_block(edge);

	if (finding->parents[to] != NO_BLOCK || (finding->is_firm && edge_is_interior(edge)))
		return false;
	finding->parents[to] = from;
	/* Who has arrived goes on from nowhere else: levels that follow find nothing to enter. */
	return finding->parents[finding->target] == NO_BLOCK;
}

static bool find_begin(void *context, uint32_t root, uint32_t edge)
{
	struct finding *finding = context;
	uint32_t to = edge_block(edge);

	(void)root;
	if (finding->parents[to] == NO_BLOCK && !(finding->is_firm && edge_is_interior(edge))) {
		finding->parents[to] = to;
		flood_push(&finding->flood, to);
	}
	return true;
}

/* The first root that points to the path's first block. */
static bool find_root(void *context, uint32_t root, uint32_t edge)
{
	struct finding *finding = context;

	if (edge_block(edge) != edge_block(finding->path.edges[0]) ||
	    (finding->is_firm && edge_is_interior(edge)))
		return true;
	finding->path.root = root;
	finding->path.edges[0] = edge;
	finding->has_root = true;
	return false;
}

/* The first edge of a row that leads to a block, one to its first byte before others. */
static uint32_t edge_between(const struct graph *graph, uint32_t from, uint32_t to)
{
	struct edge_list row = edges_of(&graph->edges, from);
	uint32_t edge = to << 1 | 1;
	size_t i;

	for (i = 0; i < row.n; i++)
		if (row.edges[i] == to << 1)
			edge = to << 1;
	return edge;
}

static int write_path(struct finding *finding)
{
	struct path *path = &finding->path;
	uint32_t block = finding->target;
	size_t i;

	for (path->n = 1; finding->parents[block] != block; path->n++)
		block = finding->parents[block];
	path->edges = malloc(path->n * sizeof(*path->edges));
	if (!path->edges)
		return -ENOMEM;
	block = finding->target;
	for (i = path->n; i-- > 1; block = finding->parents[block])
		path->edges[i] = edge_between(finding->graph, finding->parents[block], block);
	path->edges[0] = block << 1;
	return 0;
}

static int find_path(struct finding *finding, unsigned kinds)
{
	int r = flood_init(&finding->flood);

	if (r < 0)
		return r;
	memset(finding->parents, 0xff, (finding->graph->index->n + 1) * sizeof(*finding->parents));
	each_anchor(finding->graph, kinds, find_begin, finding);
	each_unknown(finding->graph, kinds, find_begin, finding);
	flood_run(&finding->flood);
	flood_fini(&finding->flood);
	if (finding->parents[finding->target] == NO_BLOCK)
		return -ENOENT;
	r = write_path(finding);
	if (r < 0)
		return r;
	each_anchor(finding->graph, kinds, find_root, finding);
	if (!finding->has_root)
		each_unknown(finding->graph, kinds, find_root, finding);
	return 0;
}

int path_find(const struct graph *graph, unsigned kinds, uint32_t block, struct path *ret)
{
	struct finding finding = {
		.graph = graph,
		.flood = {.graph = graph, .enter = find_enter, .mark_bytes = 4},
		.is_firm = kinds & REACH_FIRM,
		.target = block,
		.parents = malloc((graph->index->n + 1) * sizeof(*finding.parents)),
	};
	int r = -ENOMEM;

	finding.flood.context = &finding;
	finding.flood.marks = finding.parents;
	if (finding.parents)
		r = find_path(&finding, kinds);
	free(finding.parents);
	if (r == 0)
		*ret = finding.path;
	return r;
}

void path_fini(struct path *path)
{
	free(path->edges);
	path->edges = NULL;
	path->n = 0;
}
