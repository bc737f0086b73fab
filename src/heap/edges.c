#include "heap/edges.h"

#include "base/addr.h"
#include "base/assert.h"
#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

#define EXPECTED_MOST (UINT64_C(1) << 29)
#define ROOM_LEAST 1024
#define LARGE_LEAST ((size_t)16 << 20) /* bytes of room, beside which a large page is nothing */

int edges_part_init(struct edges_part *part, uint32_t first, uint32_t n)
{
	*part = (struct edges_part){.first = first, .n = n};
	part->groups = malloc((n / ROWS_IN_GROUP + 1) * sizeof(*part->groups));
	part->begins = malloc(((size_t)n + 1) * sizeof(*part->begins));
	if (part->groups && part->begins)
		return 0;
	free(part->groups);
	free(part->begins);
	*part = (struct edges_part){.n = 0};
	return -ENOMEM;
}

/* All rows below `row` have no more edges. */
static int fill(struct edges_part *part, uint32_t row)
{
	uint32_t i = part->filled;

	if (part->nedges - (i ? part->groups[(i - 1) / ROWS_IN_GROUP] : 0) > UINT32_MAX)
		return -E2BIG;
	for (; i < row; i++) {
		uint64_t *group = &part->groups[i / ROWS_IN_GROUP];

		if (i % ROWS_IN_GROUP == 0)
			*group = part->nedges;
		part->begins[i] = (uint32_t)(part->nedges - *group);
	}
	part->filled = row;
	return 0;
}

int edges_part_reserve(struct edges_part *part, size_t nedges)
{
	return list_reserve(&part->edges, &part->room, part->nedges, nedges);
}

void edges_part_expect(struct edges_part *part, const struct crew *crew, uint64_t nedges)
{
	size_t n = (size_t)min_u64(nedges, EXPECTED_MOST);
	uint32_t *edges;

	assert(!part->edges);
	crew_expect(crew, part->begins, ((size_t)part->n + 1) * sizeof(*part->begins));
	if (!crew->expect || !n)
		return;
	edges = malloc(n * sizeof(*edges));
	if (!edges)
		return;
	if (n * sizeof(*edges) >= LARGE_LEAST)
		crew_expect(crew, edges, n * sizeof(*edges));
	part->edges = edges;
	part->room = n;
}

int edges_part_enter(struct edges_part *part, uint32_t row)
{
	assert(row - part->first < part->n && row - part->first >= part->filled);
	part->last = part->nedges;
	return fill(part, row - part->first + 1);
}

/* What no edge was written to is given back; a part that has grown has little of that. */
static void cut(struct edges_part *part)
{
	uint32_t *edges;

	if (part->room / 2 <= part->nedges + ROOM_LEAST)
		return;
	edges = realloc(part->edges, (part->nedges + 1) * sizeof(*edges));
	if (!edges)
		return;
	part->edges = edges;
	part->room = part->nedges + 1;
}

int edges_part_end(struct edges_part *part)
{
	cut(part);
	return fill(part, part->n);
}

void edges_fini(struct edges *edges)
{
	unsigned i;

	for (i = 0; i < edges->nparts; i++) {
		free(edges->parts[i].groups);
		free(edges->parts[i].begins);
		free(edges->parts[i].edges);
	}
	edges->nparts = 0;
}
