/*
 *     while it stands still    the graph, and what stands in memory: words, types, frames
 *     then                     what follows from the graph, and names
 */
#include "cli/ties.h"

#include "base/list.h"
#include "heap/reach.h"
#include "source/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_WORDS_MOST 100000 /* that point to one block, and are counted */

struct seen_type {
	plat_addr address;
	uint16_t type;
};

static struct tied_block tied(const struct ties_look *look, uint32_t block)
{
	const struct block_index *index = &look->look.index;

	return (struct tied_block){block_address_of(index, block), block_size_of(index, block),
				   NULL};
}

/* Its type is found now; its name later. */
static int see(struct ties_look *look, uint32_t block)
{
	uint16_t type;
	int r = types_of_block(look->types, &look->look.index, block, &type);

	if (r == 0)
		r = list_reserve(&look->seen, &look->seen_room, look->nseen, 1);
	if (r == 0)
		look->seen[look->nseen++] =
			(struct seen_type){block_address_of(&look->look.index, block), type};
	return r;
}

static void name_type(const struct ties_look *look, struct tied_block *block)
{
	size_t i;

	for (i = 0; i < look->nseen; i++)
		if (look->seen[i].address == block->address && look->seen[i].type != NO_TYPE)
			block->type = look->type_names[look->seen[i].type];
}

/*
 * What stands in it.
 */

static void note_word(struct ties_look *look, struct ties *ties, uint64_t at, uint64_t value)
{
	const struct block_index *index = &look->look.index;
	const struct region *region;
	struct tied_word *word = &ties->words[ties->nwords];
	uint64_t offset;
	uint32_t block = index->n ? block_index_find(index, value, &offset) : NO_BLOCK;

	*word = (struct tied_word){.at = at, .value = value};
	if (block != NO_BLOCK && block_is_target(index, block)) {
		word->is_block = true;
		word->offset = offset;
		word->block = tied(look, block);
		ties->nwords++;
		return;
	}
	region = space_find(&look->target.space, value);
	if (!region || region->module == NO_MODULE)
		return;
	word->module = allocator_module_name(&look->target.space, region->module);
	ties->nwords++;
}

static int read_content(struct ties_look *look, struct ties *ties)
{
	unsigned width = look->target.space.process.bits == 32 ? 4 : 8;
	size_t at, size = (size_t)min_u64(ties->block.size, TIES_BYTES);
	char kept[16];
	int r = 0;

	if (!look->wish->content) {
		ties->bytes_why = "not shown: --no-content";
		return 0;
	}
	if (look->target.dir.snapshot &&
	    strcmp(snapshot_text(look->target.dir.snapshot, "content", kept, sizeof(kept)),
		   "full") != 0)
		ties->bytes_why = "not in the snapshot, which keeps no more than pointers";
	if (reader_read(graph_look_reader(&look->look), ties->block.address, ties->bytes, size) <
	    0) {
		ties->bytes_why = "not known: it cannot be read";
		return 0;
	}
	ties->nbytes = ties->bytes_why ? 0 : size;
	for (at = 0; r == 0 && at + width <= size && ties->nwords < TIES_WORDS; at += width) {
		uint64_t value = 0, offset;
		size_t before = ties->nwords;

		memcpy(&value, ties->bytes + at, width);
		note_word(look, ties, at, value);
		if (ties->nwords > before && ties->words[before].is_block)
			r = see(look, block_index_find(&look->look.index, value, &offset));
	}
	return r;
}

/*
 * Who points to it.
 */

struct referrers {
	struct ties_look *look;
	struct ties *ties;
	bool *roots; /* whether each points to it */
	bool has_roots;
	struct tie *blocks;
	size_t n;
};

static int take_root(void *context, uint32_t root, bool is_interior)
{
	struct referrers *referrers = context;

	(void)is_interior;
	referrers->roots[root] = true;
	referrers->has_roots = true;
	return 0;
}

static int take_block(void *context, uint32_t block, bool is_interior)
{
	struct referrers *referrers = context;

	referrers->ties->nblocks++;
	if (referrers->n == referrers->look->wish->top)
		return 0;
	referrers->blocks[referrers->n++] = (struct tie){
		.is_interior = is_interior,
		.block = tied(referrers->look, block),
		.at = UNKNOWN,
	};
	return see(referrers->look, block);
}

/* Where in a block the word stands that points to another. */
static int find_word(struct ties_look *look, struct tie *tie, uint32_t to)
{
	const struct graph_input input = graph_look_input(&look->look);
	const struct anchors_ask ask = {.input = &input, .block = to, .most = 1};
	struct anchors anchors;
	int r = anchors_within(&ask, tie->block.address,
			       add_capped(tie->block.address, tie->block.size), &anchors);

	if (r == 0 && anchors.n)
		tie->at = anchors.list[0].at - tie->block.address;
	if (r == 0)
		anchors_fini(&anchors);
	return r;
}

static int find_root_words(struct ties_look *look, struct ties *ties, const bool *roots)
{
	const struct graph_input input = graph_look_input(&look->look);
	const struct anchors_ask ask = {
		.input = &input,
		.kinds = ROOTS_ALL,
		.roots = roots,
		.block = look->block,
		.most = ROOT_WORDS_MOST,
	};
	int r = anchors_of_roots(&ask, &look->roots);

	if (r < 0)
		return r;
	ties->nroots = look->roots.n;
	ties->is_cut = look->roots.is_cut;
	/* One more will be the root of the path. */
	look->roots.n = (size_t)min_u64(look->roots.n, look->wish->top);
	return list_reserve(&look->roots.list, &look->roots.room, look->roots.n, 1);
}

static int find_referrers(struct ties_look *look, struct ties *ties)
{
	struct referrers referrers = {
		.look = look,
		.ties = ties,
		.roots = calloc(look->look.roots.n + 1, sizeof(*referrers.roots)),
		.blocks = calloc(look->wish->top + 1, sizeof(*referrers.blocks)),
	};
	const struct graph_referrers ask = {take_root, take_block, &referrers};
	size_t i, nroots;
	int r = -ENOMEM;

	if (referrers.roots && referrers.blocks)
		r = graph_referrers(&look->look.graph, look->block, &ask);
	if (r == 0)
		r = find_root_words(look, ties, referrers.roots);
	nroots = look->roots.n;
	ties->list = r == 0 ? calloc(nroots + referrers.n + 1, sizeof(*ties->list)) : NULL;
	if (r == 0 && !ties->list)
		r = -ENOMEM;
	ties->n = (size_t)min_u64(nroots + referrers.n, look->wish->top);
	for (i = nroots; r == 0 && i < ties->n; i++) {
		ties->list[i] = referrers.blocks[i - nroots];
		r = find_word(look, &ties->list[i], look->block);
	}
	free(referrers.roots);
	free(referrers.blocks);
	return r;
}

/*
 * How it is reached.
 */

/* The word of the root that the path begins with. */
static int find_path_root(struct ties_look *look, const struct path *path)
{
	const struct graph_input input = graph_look_input(&look->look);
	bool *roots = calloc(input.nroots + 1, sizeof(*roots));
	const struct anchors_ask ask = {
		.input = &input,
		.kinds = ROOTS_ALL,
		.roots = roots,
		.block = edge_block(path->edges[0]),
		.most = 1,
	};
	struct anchor found = {UNKNOWN, path->root, path->edges[0]};
	struct anchors anchors = {.list = NULL};
	int r = roots ? 0 : -ENOMEM;

	if (r == 0 && path->root != NO_ROOT) {
		roots[path->root] = true;
		r = anchors_of_roots(&ask, &anchors);
	}
	free(roots);
	if (r < 0)
		return r;
	if (anchors.n)
		found = anchors.list[0];
	anchors_fini(&anchors);
	look->roots.list[look->roots.n] = found;
	look->has_path_root = true;
	return 0;
}

/* Block i of the path, from which an edge leads on. */
static int take_step(struct ties_look *look, const struct path *path, size_t i, struct tie *step)
{
	uint32_t from = edge_block(path->edges[i]);
	int r;

	*step = (struct tie){
		.is_interior = edge_is_interior(path->edges[i + 1]),
		.block = tied(look, from),
		.at = UNKNOWN,
	};
	r = find_word(look, step, edge_block(path->edges[i + 1]));
	return r == 0 ? see(look, from) : r;
}

static int take_path(struct ties_look *look, const struct path *path, struct ties *ties)
{
	size_t i, n = path->n - 1, half = TIES_PATH_HALF;
	bool is_long = n > 2 * half;
	int r = find_path_root(look, path);

	ties->path = calloc(2 * half + 2, sizeof(*ties->path));
	if (!ties->path)
		return -ENOMEM;
	ties->nleft_out = is_long ? n - 2 * half : 0;
	ties->path[ties->npath++] = (struct tie){
		.is_root = true, .is_interior = edge_is_interior(path->edges[0]), .at = UNKNOWN};
	for (i = 0; r == 0 && i < n; i++) {
		if (is_long && i == half)
			i = n - half;
		r = take_step(look, path, i, &ties->path[ties->npath++]);
	}
	return r;
}

/* Of two that are as short, one from what lasts: calls also leave words behind in stacks. */
static int prefer_lasting(const struct graph *graph, unsigned kinds, uint32_t block,
			  struct path *path)
{
	const unsigned passing = 1u << ROOT_STACK | 1u << ROOT_REGISTER;
	struct path lasting;
	int r;

	if (path->root == NO_ROOT || !(passing >> graph->roots[path->root].kind & 1))
		return 0;
	r = path_find(graph, kinds & ~passing, block, &lasting);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (lasting.n == path->n) {
		path_fini(path);
		*path = lasting;
	} else {
		path_fini(&lasting);
	}
	return 0;
}

/* By pointers to first bytes where there is such a way: what points inside may be no pointer. */
static int find_shortest(const struct graph *graph, uint32_t block, struct path *ret)
{
	unsigned kinds = ROOTS_ALL | REACH_FIRM;
	int r = path_find(graph, kinds, block, ret);

	if (r == -ENOENT) {
		kinds = ROOTS_ALL;
		r = path_find(graph, kinds, block, ret);
	}
	if (r < 0)
		return r;
	r = prefer_lasting(graph, kinds, block, ret);
	if (r < 0)
		path_fini(ret);
	return r;
}

static int find_way(struct ties_look *look, struct ties *ties)
{
	struct path path;
	int r = find_shortest(&look->look.graph, look->block, &path);

	if (r == -ENOENT) {
		ties->is_lost = true;
		return 0;
	}
	if (r < 0)
		return r;
	r = take_path(look, &path, ties);
	path_fini(&path);
	return r;
}

/*
 * What it holds: all that it leads to; and of that, what no root leads to but through it.
 */

static void add_roots(struct owners *owners, const struct graph *graph)
{
	const struct block_index *index = graph->index;
	uint32_t i;

	for (i = 0; i < graph->nspans; i++)
		owners_add_span(owners, 1, i);
	for (i = 0; index->nunknown && i < index->n; i++)
		if (block_state_of(index, i) == BLOCK_UNKNOWN)
			owners_add(owners, 1, i);
}

static int find_held(const struct ties_look *look, struct ties *ties)
{
	const struct graph *graph = &look->look.graph;
	struct edge_list row = edges_of(&graph->edges, look->block);
	struct owned totals[2] = {{0}};
	struct owners owners;
	size_t i;
	int r = owners_init(&owners, graph);

	if (r < 0)
		return r;
	owners_close(&owners, look->block);
	for (i = 0; i < row.n; i++)
		owners_add(&owners, 0, edge_block(row.edges[i]));
	owners_spread(&owners);
	add_roots(&owners, graph);
	owners_spread(&owners);
	owners_count(&owners, totals, ARRAY_SIZE(totals), sizeof(*totals));
	ties->owned = totals[0];
	owners_fini(&owners);
	return 0;
}

/*
 * Names.
 */

static void name_words(struct ties_look *look, struct ties *ties)
{
	plat_addr addrs[TIES_WORDS];
	size_t of[TIES_WORDS], i, n = 0;

	for (i = 0; i < ties->nwords; i++) {
		name_type(look, &ties->words[i].block);
		if (ties->words[i].is_block)
			continue;
		of[n] = i;
		addrs[n++] = ties->words[i].value;
	}
	if (!look->wish->symbols)
		return;
	symbols_find_many(&look->target.dir, &look->target.space, addrs, n, look->symbols);
	for (i = 0; i < n; i++) {
		struct tied_word *word = &ties->words[of[i]];

		if (!look->symbols[i].known)
			continue;
		word->symbol = look->symbols[i].name;
		word->offset = word->value - look->symbols[i].start;
	}
}

/*
 * Where it was made.
 */

static int read_sites(struct ties_look *look)
{
	struct error err;
	int r;

	if (!look->look.look.own)
		return 0;
	r = sites_read(&look->target, &look->look.look, &look->profile, &err);
	return r == -ENOMEM ? r : 0; /* else nothing is known of it */
}

static int find_site(struct ties_look *look, struct ties *ties)
{
	const struct own_sited *made = own_sited_find(&look->profile, ties->block.address);
	const struct own_site *site;

	if (!made)
		return 0;
	site = &look->profile.sites[made->site];
	ties->made = site->frames;
	ties->nmade = site->nframes;
	return look->wish->symbols ? sites_calls(&look->target, site, 1, &ties->calls) : 0;
}

static int name_all(struct ties_look *look, struct ties *ties)
{
	struct anchors all = look->roots;
	size_t i;
	int r;

	all.n += look->has_path_root;
	r = look->wish->symbols ? root_names_find(&look->names, &all) : 0;
	if (r == 0)
		r = type_names_of(look->types, &look->type_names);
	if (r < 0)
		return r;
	name_type(look, &ties->block);
	name_words(look, ties);
	for (i = 0; i < ties->n; i++) {
		struct tie *tie = &ties->list[i];

		tie->is_root = i < look->roots.n;
		if (!tie->is_root) {
			name_type(look, &tie->block);
			continue;
		}
		root_names_of(&look->names, &look->roots.list[i], &tie->holder);
		tie->is_interior = edge_is_interior(look->roots.list[i].edge);
	}
	for (i = 0; i < ties->npath; i++)
		name_type(look, &ties->path[i].block);
	if (look->has_path_root && ties->npath)
		root_names_of(&look->names, &look->roots.list[look->roots.n],
			      &ties->path[0].holder);
	return 0;
}

/*
 * All of it.
 */

/* While it stands still. */
static int look_at_memory(struct ties_look *look, struct ties *ties)
{
	struct anchors all;
	int r;

	look->types = types_new(&look->target.space, graph_look_reader(&look->look));
	r = look->types ? see(look, look->block) : -ENOMEM;
	ties->block = tied(look, look->block);
	if (r == 0)
		r = read_sites(look);
	if (r == 0)
		r = read_content(look, ties);
	if (r == 0)
		r = find_referrers(look, ties);
	if (r == 0)
		r = find_way(look, ties);
	if (r < 0)
		return r;
	all = look->roots;
	all.n += look->has_path_root;
	return root_names_begin(&look->names, &look->look, &all);
}

static int look_at_block(struct ties_look *look, struct ties *ties)
{
	const struct block_index *index = &look->look.index;
	uint64_t offset;
	int r = 0;

	look->block = index->n ? block_index_find(index, look->wish->addr, &offset) : NO_BLOCK;
	if (look->block == NO_BLOCK)
		ties->why = "when all of the process was looked at, no live block was there any "
			    "more";
	else
		r = look_at_memory(look, ties);
	freeze_end(look->target.freeze);
	graph_look_judge(&look->look);
	ties->looked = target_looked(&look->target, look->looked);
	if (r < 0 || ties->why)
		return r;
	r = find_held(look, ties);
	if (r == 0)
		r = find_site(look, ties);
	return r == 0 ? name_all(look, ties) : r;
}

static int report(const struct ties_look *look, const struct command *command)
{
	const char *whys[GRAPH_LOOK_WHYS];
	size_t i;

	for (i = 0; i < look->look.nwhys; i++)
		whys[i] = look->look.whys[i].text;
	return report_unknown(command, look->target.name, whys, look->look.nwhys, false);
}

int ties_look_open(struct ties_look *ret, const struct options *options, const char *operand,
		   const struct ties_wish *wish, struct ties *ties)
{
	int r, code;

	*ret = (struct ties_look){.wish = wish};
	*ties = (struct ties){.is_wanted = true};
	code = target_open(options, operand, 0, &ret->target);
	ret->has_target = code == 0;
	if (code == 0)
		code = graph_look_open(options->command, &ret->target, &ret->look);
	if (code) {
		ties->why = "the process could not be looked at as a whole";
		return EXIT_PARTIAL;
	}
	ret->has_graph = true;
	r = look_at_block(ret, ties);
	if (r < 0) {
		ties->why = strerror(-r);
		return look_error(options->command, "%s: %s", ret->target.name, ties->why);
	}
	return report(ret, options->command);
}

void ties_look_close(struct ties_look *look, struct ties *ties)
{
	free(ties->list);
	free(ties->path);
	calls_fini(&ties->calls);
	own_profile_fini(&look->profile);
	if (look->has_graph) {
		root_names_fini(&look->names);
		if (look->types)
			type_names_free(look->types, look->type_names);
		types_free(look->types);
		anchors_fini(&look->roots);
		free(look->seen);
		graph_look_close(&look->look);
	}
	if (look->has_target)
		target_close(&look->target);
}
