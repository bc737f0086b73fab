#include "heap/anchors.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

#define ENOUGH 1 /* what a taker returns to end the scan */

struct finding {
	const struct anchors_ask *ask;
	struct anchors *anchors;
	uint32_t root;
};

/* 0, ENOUGH or -ENOMEM. */
static int add(struct finding *finding, plat_addr at, uint32_t edge)
{
	const struct anchors_ask *ask = finding->ask;
	struct anchors *anchors = finding->anchors;

	if (edge == NO_EDGE || (ask->block != NO_BLOCK && edge_block(edge) != ask->block))
		return 0;
	if (anchors->n == ask->most) {
		anchors->is_cut = true;
		return ENOUGH;
	}
	if (list_reserve(&anchors->list, &anchors->room, anchors->n, 1) < 0)
		return -ENOMEM;
	anchors->list[anchors->n++] = (struct anchor){at, finding->root, edge};
	return 0;
}

static int take_hits(void *context, plat_addr base, const struct scan_hits *hits)
{
	struct finding *finding = context;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < hits->n; i++)
		r = add(finding, base + (uint64_t)hits->words[i] * finding->ask->input->form.width,
			hits->edges[i]);
	return r;
}

static struct scan scan_of(const struct graph_input *input)
{
	return (struct scan){
		.index = input->index,
		.reader = input->readers[0],
		.form = input->form,
		.code = input->code ? input->code : scan_code_here(),
	};
}

static int find_in_root(struct finding *finding, struct scan *scan)
{
	const struct graph_input *input = finding->ask->input;
	const struct root *root = &input->roots[finding->root];
	const struct scan_taker taker = {take_hits, finding};

	if (root->is_word)
		return add(finding, UNKNOWN, scan_word(input->index, root->word));
	return graph_scan(input, scan, root->start, root->end, &taker);
}

static bool is_asked(const struct anchors_ask *ask, size_t i)
{
	return (ask->kinds >> ask->input->roots[i].kind & 1) && (!ask->roots || ask->roots[i]);
}

static int finish(struct anchors *anchors, int r)
{
	if (r < 0)
		anchors_fini(anchors);
	return r < 0 ? r : 0;
}

int anchors_of_roots(const struct anchors_ask *ask, struct anchors *ret)
{
	struct scan scan = scan_of(ask->input);
	struct finding finding = {.ask = ask, .anchors = ret};
	size_t i;
	int r = 0;

	*ret = (struct anchors){.list = NULL};
	for (i = 0; r == 0 && i < ask->input->nroots; i++) {
		finding.root = (uint32_t)i;
		if (is_asked(ask, i))
			r = find_in_root(&finding, &scan);
	}
	scan_fini(&scan);
	return finish(ret, r);
}

int anchors_within(const struct anchors_ask *ask, plat_addr start, plat_addr end,
		   struct anchors *ret)
{
	struct scan scan = scan_of(ask->input);
	struct finding finding = {.ask = ask, .anchors = ret, .root = NO_ROOT};
	const struct scan_taker taker = {take_hits, &finding};
	int r;

	*ret = (struct anchors){.list = NULL};
	r = graph_scan(ask->input, &scan, start, end, &taker);
	scan_fini(&scan);
	return finish(ret, r);
}

void anchors_fini(struct anchors *anchors)
{
	free(anchors->list);
	*anchors = (struct anchors){.list = NULL};
}
