#include "heap/owners.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether the block changes, so that what it points to may change. */
static bool mark(struct owners *owners, uint32_t block)
{
	uint32_t *at = &owners->marks[block];

	if (*at >> 1 == NO_OWNER) {
		*at = owners->owner << 1;
		return true;
	}
	/*
	 * The first came to all that lies behind the block, too; so the second has to go there
	 * once, and nobody after it.
	 */
	if (*at >> 1 == owners->owner || (*at & 1))
		return false;
	*at |= 1;
	return true;
}

static bool enter(void *context, uint32_t from, uint32_t edge)
{
	(void)from;
	return mark(context, edge_block(edge));
}

int owners_init(struct owners *owners, const struct graph *graph)
{
	size_t size = (graph->index->n + 1) * sizeof(*owners->marks);
	int r = -ENOMEM;

	*owners = (struct owners){
		.graph = graph,
		.marks = malloc(size),
		.flood = {.graph = graph, .enter = enter, .mark_bytes = 4},
	};
	owners->flood.marks = owners->marks;
	if (owners->marks)
		r = flood_init(&owners->flood);
	if (r < 0) {
		free(owners->marks);
		owners->marks = NULL;
		return r;
	}
	memset(owners->marks, 0xff, size);
	return 0;
}

void owners_fini(struct owners *owners)
{
	flood_fini(&owners->flood);
	free(owners->marks);
	owners->marks = NULL;
}

void owners_close(struct owners *owners, uint32_t block)
{
	/* As if others had come already. */
	owners->marks[block] = OWNERS_MOST << 1 | 1;
}

void owners_add(struct owners *owners, uint32_t owner, uint32_t block)
{
	assert(owner < OWNERS_MOST);
	owners->owner = owner;
	if (mark(owners, block))
		flood_push(&owners->flood, block);
}

void owners_add_span(struct owners *owners, uint32_t owner, uint32_t span)
{
	struct edge_list row = edges_of(&owners->graph->anchors, span);
	size_t i;

	for (i = 0; i < row.n; i++)
		owners_add(owners, owner, edge_block(row.edges[i]));
}

void owners_spread(struct owners *owners)
{
	owners->flood.context = owners; /* which may have moved */
	flood_drain(&owners->flood);
}

void owners_count(const struct owners *owners, struct owned *totals, size_t n, size_t stride)
{
	const struct block_index *index = owners->graph->index;
	struct block_cursor cursor;

	block_cursor_init(&cursor, index, 0);
	while (block_cursor_next(&cursor, index)) {
		uint32_t owner = owners_first(owners, cursor.number);
		struct owned *total;

		if (owner >= n)
			continue;
		total = (struct owned *)((char *)totals + owner * stride);
		total->blocks++;
		total->bytes += cursor.block.size;
		if (owners_are_several(owners, cursor.number))
			continue;
		total->exclusive_blocks++;
		total->exclusive_bytes += cursor.block.size;
	}
}
