/*
 * Rows of edges: for each of many sources, in order, what it points to.
 *
 *     edges     | 4 9 | 2 |     | 7 7 1 | ...
 *     row         0     1    2    3
 *
 * Where a row begins is told by 32 bits, counted from where its group of rows begins. Several
 * workers write parts of their own; parts stay where they were written.
 */
#ifndef HEAP_EDGES_H
#define HEAP_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crew.h"
#include "base/search.h"

#define ROWS_IN_GROUP 4096
#define EDGES_PARTS_MOST 64

struct edges_part {
	uint32_t first, n; /* its rows */
	uint32_t filled;   /* of these, from the first on, those whose begin is known */
	uint64_t *groups;  /* where each group begins */
	uint32_t *begins;  /* of each row, from there */
	uint32_t *edges;
	size_t nedges, room;
	size_t last; /* where the row begins that is written */
};

struct edges {
	struct edges_part parts[EDGES_PARTS_MOST];
	unsigned nparts; /* their rows follow one another, from 0 on */
};

/* 0, or -ENOMEM with nothing to be freed. */
int edges_part_init(struct edges_part *part, uint32_t first, uint32_t n) MUST_CHECK;
/*
 * There will hardly be more edges than that: where room costs nothing until it is written, all of
 * it is taken at once. A part that grows is copied, or its pages are moved.
 */
void edges_part_expect(struct edges_part *part, const struct crew *crew, uint64_t nedges);
/*
 * Writing: room for so many edges; a row, behind those before; and its edges, of which one that
 * follows its equal is not kept. 0, -ENOMEM, or -E2BIG: more than 2^32 edges in a group.
 */
int edges_part_reserve(struct edges_part *part, size_t nedges) MUST_CHECK;
int edges_part_enter(struct edges_part *part, uint32_t row) MUST_CHECK;
/* No more edges come. As above. */
int edges_part_end(struct edges_part *part) MUST_CHECK;

static inline void edges_part_put(struct edges_part *part, uint32_t edge)
{
	if (part->nedges == part->last || part->edges[part->nedges - 1] != edge)
		part->edges[part->nedges++] = edge;
}

/* The row that is written, if one is. */
static inline bool edges_part_is_in(const struct edges_part *part, uint32_t row)
{
	return part->first + part->filled == row + 1;
}

void edges_fini(struct edges *edges);

struct edge_list {
	const uint32_t *edges;
	size_t n;
};

static ALWAYS_INLINE bool edges_part_begins(const void *part, uint64_t row)
{
	return ((const struct edges_part *)part)->first <= row;
}

static inline const struct edges_part *edges_part_of(const struct edges *edges, uint32_t row)
{
	return search_last(edges->parts, edges->nparts, sizeof(*edges->parts), row,
			   edges_part_begins);
}

static inline size_t edges_part_begin(const struct edges_part *part, uint32_t i)
{
	return i < part->n ? (size_t)(part->groups[i / ROWS_IN_GROUP] + part->begins[i])
			   : part->nedges;
}

static inline struct edge_list edges_of(const struct edges *edges, uint32_t row)
{
	const struct edges_part *part = edges_part_of(edges, row);
	size_t begin = edges_part_begin(part, row - part->first);

	return (struct edge_list){part->edges + begin,
				  edges_part_begin(part, row - part->first + 1) - begin};
}

#endif
