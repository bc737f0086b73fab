/*
 * The blocks are scanned as ranges of memory that many of them lie in, whatever lies between: where
 * there are few pointers nothing is done for a block. Each word that is a pointer to one then asks
 * which block it lies in itself; the answers come in order, so that rows are written as they come.
 *
 * Workers take parts in turn. A part ends where a block ends, so that nobody shares a row: the
 * array that is most of a heap is scanned by one worker alone.
 */
#include "heap/graph.h"

#include "base/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PARTS_PER_WORKER 4
#define SPAN_LEAST (UINT64_C(8) << 20) /* roots are cut into pieces of this size, or larger */

static const char *const kind_names[NROOT_KINDS] = {
	[ROOT_GLOBAL] = "global", [ROOT_STACK] = "stack",	  [ROOT_REGISTER] = "register",
	[ROOT_TLS] = "tls",	  [ROOT_UNCLAIMED] = "unclaimed", [ROOT_UNKNOWN] = "unknown",
};

const char *root_kind_name(enum root_kind kind)
{
	return kind_names[kind];
}

/* What all workers share. */
struct making {
	const struct graph_input *input;
	struct graph *graph;
	struct edges *edges; /* that are written now */
	int (*scan_part)(struct making *making, struct scan *scan, unsigned part);
	struct graph_told *told;
	struct block_range cuts[EDGES_PARTS_MOST]; /* of blocks: the memory of each part */
	atomic_uint next;			   /* part that nobody has taken */
	atomic_int error;
	atomic_ullong bytes, unread;
};

/*
 * One worker.
 */

static size_t run_behind(const struct graph_input *input, plat_addr at)
{
	size_t low = 0, high = input->npresent;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (input->present[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int graph_scan(const struct graph_input *input, struct scan *scan, plat_addr start, plat_addr end,
	       const struct scan_taker *taker)
{
	size_t i;
	int r = 0;

	if (start >= end)
		return 0;
	if (!input->present)
		return scan_range(scan, start, end, taker);
	for (i = run_behind(input, start);
	     r == 0 && i < input->npresent && input->present[i].start < end; i++)
		r = scan_range(scan, max_u64(start, input->present[i].start),
			       min_u64(end, input->present[i].end), taker);
	return r;
}

static void work(void *context, unsigned worker)
{
	struct making *making = context;
	const struct graph_input *input = making->input;
	struct scan scan = {
		.index = input->index,
		.reader = input->readers[worker],
		.form = input->form,
		.code = input->code ? input->code : scan_code_here(),
	};
	unsigned part;
	int r = 0;

	while (r == 0 && atomic_load(&making->error) == 0) {
		part = atomic_fetch_add(&making->next, 1);
		if (part >= making->edges->nparts)
			break;
		r = making->scan_part(making, &scan, part);
		if (r == 0)
			r = edges_part_end(&making->edges->parts[part]);
	}
	if (r < 0)
		atomic_store(&making->error, r);
	atomic_fetch_add(&making->bytes, scan.bytes);
	atomic_fetch_add(&making->unread, scan.unread);
	scan_fini(&scan);
}

static int work_together(struct making *making)
{
	making->next = 0;
	making->error = 0;
	making->bytes = making->unread = 0;
	crew_run(making->input->crew, work, making);
	making->told->bytes = making->bytes + making->unread;
	making->told->unread = making->unread;
	return making->error;
}

/*
 * Blocks.
 */

/* The block in which the scan is. */
struct block_scan {
	const struct block_index *index;
	const struct scan_code *code;
	struct edges_part *part;
	unsigned width;
	plat_addr start;
	uint64_t size; /* of the words that are all in it; 0: it has none, or is not live */
	uint32_t number;
};

static void enter_block(struct block_scan *in, plat_addr at)
{
	uint64_t offset;

	in->size = 0;
	in->number = in->code->find(in->index, at, &offset);
	if (in->number == NO_BLOCK)
		return;
	in->start = at - offset;
	if (block_is_target(in->index, in->number))
		in->size = sub_floored(block_size_of(in->index, in->number), in->width - 1);
}

/* Takes hits from the i-th on, as long as they lie in this block; returns the first that does not.
 */
static size_t take_row(const struct block_scan *in, plat_addr base, const struct scan_hits *hits,
		       size_t i)
{
	struct edges_part *part = in->part;
	uint32_t *restrict to = part->edges + part->nedges;
	uint32_t last = part->nedges > part->last ? to[-1] : NO_EDGE;
	const uint64_t start = in->start - base, size = in->size;
	const uint32_t number = in->number, width = in->width;
	size_t n = 0;

	for (; i < hits->n && (uint64_t)hits->words[i] * width - start < size; i++) {
		uint32_t edge = hits->edges[i];

		if (edge == NO_EDGE || edge_block(edge) == number || edge == last)
			continue;
		to[n++] = last = edge;
	}
	part->nedges += n;
	return i;
}

static int take_edges(void *context, plat_addr base, const struct scan_hits *hits)
{
	struct block_scan *in = context;
	size_t i = 0;
	int r = edges_part_reserve(in->part, hits->n);

	while (r == 0 && i < hits->n) {
		plat_addr at = base + (uint64_t)hits->words[i] * in->width;

		if (at - in->start >= in->size && hits->edges[i] != NO_EDGE)
			enter_block(in, at);
		if (at - in->start >= in->size) {
			i++;
			continue;
		}
		if (!edges_part_is_in(in->part, in->number))
			r = edges_part_enter(in->part, in->number);
		if (r == 0)
			i = take_row(in, base, hits, i);
	}
	return r;
}

static int scan_blocks(struct making *making, struct scan *scan, unsigned part)
{
	const struct block_index *index = making->input->index;
	const struct block_range *cut = &making->cuts[part];
	struct block_scan in = {
		.index = index,
		.code = scan->code,
		.part = &making->edges->parts[part],
		.width = making->input->form.width,
	};
	const struct scan_taker taker = {take_edges, &in};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < index->nranges && index->ranges[i].start < cut->end; i++)
		r = graph_scan(making->input, scan, max_u64(index->ranges[i].start, cut->start),
			       min_u64(index->ranges[i].end, cut->end), &taker);
	return r;
}

/* The first block behind `bytes` of the ranges. */
static uint32_t block_behind(const struct block_index *index, uint64_t bytes)
{
	size_t i;

	for (i = 0; i < index->nranges; i++) {
		uint64_t size = index->ranges[i].end - index->ranges[i].start;

		if (bytes < size)
			return block_index_from(index, index->ranges[i].start + bytes);
		bytes -= size;
	}
	return (uint32_t)index->n;
}

static unsigned parts_for(const struct crew *crew)
{
	unsigned n = crew->nworkers > 1 ? crew->nworkers * PARTS_PER_WORKER : 1;

	return n < EDGES_PARTS_MOST ? n : EDGES_PARTS_MOST;
}

static uint64_t bytes_of_ranges(const struct block_index *index)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < index->nranges; i++)
		sum += index->ranges[i].end - index->ranges[i].start;
	return sum;
}

static int cut_blocks(struct making *making)
{
	const struct block_index *index = making->input->index;
	unsigned i, nparts = parts_for(making->input->crew);
	uint64_t part_bytes = bytes_of_ranges(index) / nparts + 1;
	uint32_t first = 0;
	plat_addr start = 0;
	int r = 0;

	for (i = 0; r == 0 && i < nparts; i++) {
		uint32_t next = i + 1 < nparts ? block_behind(index, part_bytes * (i + 1))
					       : (uint32_t)index->n;
		plat_addr end = next < index->n ? block_address_of(index, next) : ADDR_MAX;

		r = edges_part_init(&making->edges->parts[i], first, next - first);
		if (r == 0)
			edges_part_expect(&making->edges->parts[i], making->input->crew,
					  part_bytes / making->input->form.width);
		making->edges->nparts += r == 0;
		making->cuts[i] = (struct block_range){start, end};
		first = next;
		start = end;
	}
	return r;
}

static int make_rows(struct making *making)
{
	int r;

	making->edges = &making->graph->edges;
	making->told = &making->graph->told_blocks;
	making->scan_part = scan_blocks;
	r = cut_blocks(making);
	return r < 0 ? r : work_together(making);
}

/*
 * Roots.
 */

struct root_scan {
	struct edges_part *part;
	uint32_t span;
};

static int take_anchors(void *context, plat_addr base, const struct scan_hits *hits)
{
	const struct root_scan *in = context;
	size_t i;
	int r = edges_part_reserve(in->part, hits->n);

	(void)base;
	if (r < 0)
		return r;
	for (i = 0; i < hits->n; i++)
		if (hits->edges[i] != NO_EDGE)
			edges_part_put(in->part, hits->edges[i]);
	return 0;
}

static int scan_span(struct making *making, struct scan *scan, struct root_scan *in)
{
	const struct scan_taker taker = {take_anchors, in};
	const struct graph_span *span = &making->graph->spans[in->span];
	const struct root *root = &making->graph->roots[span->root];
	struct scan_hits word = {.n = 1};
	int r = edges_part_enter(in->part, in->span);

	if (r < 0)
		return r;
	if (!root->is_word)
		return graph_scan(making->input, scan, span->start, span->end, &taker);
	word.edges[0] = scan_word(making->input->index, root->word);
	return take_anchors(in, 0, &word);
}

static int scan_roots(struct making *making, struct scan *scan, unsigned part)
{
	struct edges_part *edges = &making->edges->parts[part];
	struct root_scan in = {.part = edges};
	int r = 0;

	for (in.span = edges->first; r == 0 && in.span < edges->first + edges->n; in.span++)
		r = scan_span(making, scan, &in);
	return r;
}

static uint64_t bytes_of_root(const struct root *root)
{
	return root->is_word ? 0 : sub_floored(root->end, root->start);
}

static uint64_t bytes_of_roots(const struct graph_input *input)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < input->nroots; i++)
		sum = add_capped(sum, bytes_of_root(&input->roots[i]));
	return sum;
}

/* Large roots are cut, so that several workers have something of them. */
static int make_spans(struct graph *graph, const struct graph_input *input, uint64_t total)
{
	uint64_t most = max_u64(SPAN_LEAST, align_up(total / EDGES_PARTS_MOST + 1, SPAN_LEAST));
	size_t i, room = 0;
	int r = 0;

	for (i = 0; r == 0 && i < input->nroots; i++) {
		uint64_t left = bytes_of_root(&input->roots[i]);
		struct graph_span span = {.root = (uint32_t)i, .end = input->roots[i].start};

		do {
			span.start = span.end;
			span.end += min_u64(left, most);
			left -= span.end - span.start;
			r = list_reserve(&graph->spans, &room, graph->nspans, 1);
			if (r == 0)
				graph->spans[graph->nspans++] = span;
		} while (r == 0 && left);
	}
	return r;
}

static uint64_t bytes_of_span(const struct graph *graph, size_t i)
{
	const struct graph_span *span = &graph->spans[i];

	return graph->roots[span->root].is_word ? 0 : sub_floored(span->end, span->start);
}

static int cut_spans(struct making *making, uint64_t total)
{
	const struct graph *graph = making->graph;
	unsigned i, nparts = parts_for(making->input->crew);
	uint64_t part_bytes = total / nparts + 1, bytes = 0;
	uint32_t first = 0, next = 0;
	int r = 0;

	for (i = 0; r == 0 && i < nparts; i++) {
		bool is_last = i + 1 == nparts;

		for (bytes = 0; next < graph->nspans && (is_last || bytes < part_bytes); next++)
			bytes = add_capped(bytes, bytes_of_span(graph, next));
		r = edges_part_init(&making->edges->parts[i], first, next - first);
		making->edges->nparts += r == 0;
		first = next;
	}
	return r;
}

static int make_anchors(struct making *making)
{
	uint64_t total = bytes_of_roots(making->input);
	int r = make_spans(making->graph, making->input, total);

	making->edges = &making->graph->anchors;
	making->told = &making->graph->told_roots;
	making->scan_part = scan_roots;
	if (r == 0)
		r = cut_spans(making, total);
	return r < 0 ? r : work_together(making);
}

/*
 * All of it.
 */

int graph_make(const struct graph_input *input, struct graph *ret)
{
	struct graph graph = {
		.index = input->index, .roots = input->roots, .nroots = input->nroots};
	struct making making = {.input = input, .graph = &graph};
	int r = input->nroots < INT32_MAX ? make_anchors(&making) : -E2BIG;

	if (r == 0)
		r = make_rows(&making);
	if (r < 0)
		graph_fini(&graph);
	else
		*ret = graph;
	return r;
}

void graph_fini(struct graph *graph)
{
	edges_fini(&graph->anchors);
	edges_fini(&graph->edges);
	free(graph->spans);
	graph->spans = NULL;
	graph->nspans = 0;
}

uint64_t graph_edges(const struct graph *graph)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < graph->edges.nparts; i++)
		sum += graph->edges.parts[i].nedges;
	return sum;
}

/* The row in which an edge stands. */
static uint32_t row_of(const struct edges_part *part, size_t edge)
{
	uint32_t low = 0, high = part->n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (edges_part_begin(part, middle) <= edge)
			low = middle;
		else
			high = middle;
	}
	return part->first + low;
}

/* Each row that points to the block, once; it is interior where no edge of the row is none. */
static int find_rows(const struct edges_part *part, uint32_t block,
		     int (*found)(void *context, uint32_t row, bool is_interior), void *context)
{
	size_t i = 0, j, end;
	uint32_t row;
	int r = 0;

	while (r == 0 && i < part->nedges) {
		bool is_interior = true;

		if (edge_block(part->edges[i]) != block) {
			i++;
			continue;
		}
		row = row_of(part, i);
		end = edges_part_begin(part, row - part->first + 1);
		for (j = i; j < end; j++)
			is_interior &= part->edges[j] != block << 1;
		r = found(context, row, is_interior);
		i = end;
	}
	return r;
}

struct asking {
	const struct graph *graph;
	const struct graph_referrers *ask;
};

static int found_span(void *context, uint32_t row, bool is_interior)
{
	const struct asking *asking = context;

	return asking->ask->root(asking->ask->context, asking->graph->spans[row].root, is_interior);
}

static int found_block(void *context, uint32_t row, bool is_interior)
{
	const struct asking *asking = context;

	return asking->ask->block(asking->ask->context, row, is_interior);
}

int graph_referrers(const struct graph *graph, uint32_t block, const struct graph_referrers *ask)
{
	struct asking asking = {graph, ask};
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && ask->root && i < graph->anchors.nparts; i++)
		r = find_rows(&graph->anchors.parts[i], block, found_span, &asking);
	for (i = 0; r == 0 && ask->block && i < graph->edges.nparts; i++)
		r = find_rows(&graph->edges.parts[i], block, found_block, &asking);
	return r;
}
