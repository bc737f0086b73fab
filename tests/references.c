#include "references.h"

#include "base/assert.h"
#include "heap/anchors.h"
#include "heap/holdings.h"
#include "heap/lost.h"
#include "heap/owners.h"
#include "heap/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOWN_PAGE 4096
#define NONE SIZE_MAX

/* What is to be said of a town. */
struct truth {
	const struct town *town;
	size_t n;
	uint8_t edge[TOWN_BLOCKS_MOST][TOWN_BLOCKS_MOST];  /* 1: into it, 2: to its start; both */
	uint8_t anchor[TOWN_ROOTS_MOST][TOWN_BLOCKS_MOST]; /* the same */
	bool way[TOWN_BLOCKS_MOST][TOWN_BLOCKS_MOST]; /* between lost blocks, of one edge or more */
	unsigned kinds[TOWN_BLOCKS_MOST];
	unsigned level[TOWN_BLOCKS_MOST];
};

static struct truth truth;

struct crew crew_in_turn(unsigned nworkers)
{
	return (struct crew){.nworkers = nworkers, .run = crew_run_in_turn};
}

/*
 * Making one.
 */

static bool is_readable(const struct town *town, plat_addr from, size_t size)
{
	plat_addr page;

	if (from < town->base || from - town->base > town->size ||
	    size > town->size - (size_t)(from - town->base))
		return false;
	for (page = (from - town->base) / TOWN_PAGE; page * TOWN_PAGE < from + size - town->base;
	     page++)
		if (page < 64 && (town->unreadable >> page & 1))
			return false;
	return true;
}

static int read_town(struct reader *reader, plat_addr from, void *to, size_t size)
{
	const struct town *town = (const struct town *)reader;

	if (!is_readable(town, from, size))
		return -EFAULT;
	memcpy(to, town->memory + (from - town->base), size);
	return 0;
}

static const void *view_town(struct reader *reader, plat_addr from, size_t *size)
{
	const struct town *town = (const struct town *)reader;

	if (!town->has_view || !is_readable(town, from, 1))
		return NULL;
	/* At most to the end of the page: another one may not be readable. */
	*size = (size_t)min_u64(town->size - (from - town->base),
				TOWN_PAGE - (from - town->base) % TOWN_PAGE);
	return town->memory + (from - town->base);
}

void town_init(struct town *town, struct scan_form form, void *memory, size_t size)
{
	*town = (struct town){
		.reader = {.read = read_town, .view = view_town},
		.form = form,
		.base = form.width == 8 ? TOWN_BASE : TOWN_BASE_32,
		.memory = memory,
		.size = size,
	};
	memset(memory, 0, size);
}

void town_put(struct town *town, plat_addr at, uint64_t word)
{
	uint32_t narrow = (uint32_t)word;

	must(at >= town->base && at - town->base + town->form.width <= town->size);
	if (town->form.is_swapped) {
		word = __builtin_bswap64(word);
		narrow = __builtin_bswap32(narrow);
	}
	if (town->form.width == 8)
		memcpy(town->memory + (at - town->base), &word, 8);
	else
		memcpy(town->memory + (at - town->base), &narrow, 4);
}

void town_add_block(struct town *town, plat_addr address, uint64_t size, enum block_state state)
{
	must(town->nblocks < TOWN_BLOCKS_MOST);
	town->blocks[town->nblocks++] = (struct town_block){address, size, state};
}

void town_add_root(struct town *town, enum root_kind kind, plat_addr start, plat_addr end)
{
	must(town->nroots < TOWN_ROOTS_MOST);
	town->roots[town->nroots++] = (struct root){.kind = kind, .start = start, .end = end};
}

void town_add_word(struct town *town, enum root_kind kind, uint64_t word)
{
	must(town->nroots < TOWN_ROOTS_MOST);
	town->roots[town->nroots++] = (struct root){.kind = kind, .is_word = true, .word = word};
}

int town_index(const struct town *town, uint64_t shuffle, struct block_index *ret)
{
	struct blocks blocks;
	size_t order[TOWN_BLOCKS_MOST], i;
	int r = blocks_init(&blocks, town->form.width);

	for (i = 0; i < town->nblocks; i++)
		order[i] = i;
	for (i = town->nblocks; shuffle && i > 1; i--) {
		size_t other = (size_t)(shuffle >> 33) % i, swap = order[i - 1];

		shuffle = shuffle * UINT64_C(6364136223846793005) + 1442695040888963407u;
		order[i - 1] = order[other];
		order[other] = swap;
	}
	for (i = 0; r == 0 && i < town->nblocks; i++) {
		const struct town_block *block = &town->blocks[order[i]];

		r = blocks_add(&blocks, block->address, block->size, block->state);
	}
	if (r == 0)
		r = blocks_finish(&blocks, ret);
	blocks_fini(&blocks);
	return r;
}

/*
 * The truth, by trying everything.
 */

static bool is_target(const struct town_block *block)
{
	return block->state == BLOCK_LIVE || block->state == BLOCK_UNKNOWN;
}

static size_t block_at(const struct town *town, plat_addr at)
{
	size_t i;

	for (i = 0; i < town->nblocks; i++)
		if (at == town->blocks[i].address ||
		    (at > town->blocks[i].address &&
		     at - town->blocks[i].address < town->blocks[i].size))
			return i;
	return NONE;
}

static void note_word(uint8_t *row, uint64_t word)
{
	size_t to = block_at(truth.town, word);

	if (to != NONE && is_target(&truth.town->blocks[to]))
		row[to] |= word == truth.town->blocks[to].address ? 2 : 1;
}

/* Whether any block begins before it, and any ends behind it. */
static bool is_among_blocks(const struct town *town, plat_addr at)
{
	const struct town_block *last = town->blocks + town->nblocks - 1;

	return town->nblocks && at >= town->blocks[0].address &&
	       at < last->address + max_u64(last->size, 1);
}

/* A word of memory may be mangled, where it cannot be a pointer as it is. */
static void note_word_or_mangled(uint8_t *row, uint64_t word)
{
	const struct mangle *mangle = &truth.town->form.mangle;

	if (mangle->width && !is_among_blocks(truth.town, word))
		word = mangle_undo(mangle, word);
	note_word(row, word);
}

static void note_words(uint8_t *row, plat_addr start, plat_addr end)
{
	const struct town *town = truth.town;
	plat_addr at;

	for (at = align_up(start, town->form.width); at + town->form.width <= end;
	     at += town->form.width) {
		const unsigned char *bytes;
		uint64_t word = 0;
		unsigned i;

		if (!is_readable(town, at, town->form.width))
			continue;
		bytes = town->memory + (at - town->base);
		for (i = 0; i < town->form.width; i++)
			word |= (uint64_t)
					bytes[town->form.is_swapped ? town->form.width - 1 - i : i]
				<< (8 * i);
		note_word_or_mangled(row, word);
	}
}

static void find_edges(void)
{
	const struct town *town = truth.town;
	size_t i;

	for (i = 0; i < town->nblocks; i++) {
		const struct town_block *block = &town->blocks[i];

		if (is_target(block))
			note_words(truth.edge[i], block->address, block->address + block->size);
		truth.edge[i][i] = 0;
	}
	for (i = 0; i < town->nroots; i++) {
		if (town->roots[i].is_word)
			note_word(truth.anchor[i], town->roots[i].word);
		else
			note_words(truth.anchor[i], town->roots[i].start, town->roots[i].end);
	}
}

static void find_kinds(void)
{
	size_t i, j;
	bool changes;

	for (i = 0; i < truth.town->nroots; i++)
		for (j = 0; j < truth.n; j++)
			if (truth.anchor[i][j])
				truth.kinds[j] |= 1u << truth.town->roots[i].kind |
						  (truth.anchor[i][j] & 2 ? REACH_FIRM : 0);
	for (j = 0; j < truth.n; j++)
		if (truth.town->blocks[j].state == BLOCK_UNKNOWN)
			truth.kinds[j] |= 1u << ROOT_UNKNOWN | REACH_FIRM;
	for (j = 0; j < truth.n; j++)
		truth.level[j] = truth.kinds[j] ? 0 : LEVEL_NONE;
	do {
		changes = false;
		for (i = 0; i < truth.n; i++)
			for (j = 0; j < truth.n; j++) {
				unsigned bits = truth.kinds[i];

				if (!truth.edge[i][j] || !bits)
					continue;
				bits &= truth.edge[i][j] & 2 ? ~0u : ~REACH_FIRM;
				if ((bits & ~truth.kinds[j]) == 0 &&
				    truth.level[j] <= truth.level[i] + 1)
					continue;
				truth.kinds[j] |= bits;
				if (truth.level[j] > truth.level[i] + 1)
					truth.level[j] = truth.level[i] + 1;
				changes = true;
			}
	} while (changes);
}

static bool is_lost(size_t i)
{
	return truth.town->blocks[i].state == BLOCK_LIVE && !truth.kinds[i];
}

static void find_ways(void)
{
	size_t i, j, k;

	for (i = 0; i < truth.n; i++)
		for (j = 0; j < truth.n; j++)
			truth.way[i][j] = truth.edge[i][j] && is_lost(i) && is_lost(j);
	for (k = 0; k < truth.n; k++)
		for (i = 0; i < truth.n; i++)
			for (j = 0; truth.way[i][k] && j < truth.n; j++)
				truth.way[i][j] |= truth.way[k][j];
}

static void find_truth(const struct town *town)
{
	memset(&truth, 0, sizeof(truth));
	truth.town = town;
	truth.n = town->nblocks;
	find_edges();
	find_kinds();
	find_ways();
}

/*
 * Comparing.
 */

static void check_index(const struct block_index *index)
{
	const struct town *town = truth.town;
	size_t i, step = town->form.width / 2;
	plat_addr at;

	must(block_index_valid(index) && index->n == town->nblocks);
	for (i = 0; i < town->nblocks; i++) {
		must(block_address_of(index, (uint32_t)i) == town->blocks[i].address);
		must(block_size_of(index, (uint32_t)i) == town->blocks[i].size);
		must(block_state_of(index, (uint32_t)i) == town->blocks[i].state);
		must(block_index_from(index, town->blocks[i].address) == i);
	}
	for (at = town->base - 64; at < town->base + town->size + 64; at += step) {
		uint64_t offset;
		size_t there = block_at(town, at);
		uint32_t found = block_index_find(index, at, &offset);

		must(found == (there == NONE ? NO_BLOCK : there));
		must(found == NO_BLOCK || offset == at - town->blocks[found].address);
	}
}

static void check_row(struct edge_list row, const uint8_t *expected)
{
	uint8_t found[TOWN_BLOCKS_MOST] = {0};
	size_t i;

	for (i = 0; i < row.n; i++) {
		must(edge_block(row.edges[i]) < truth.n);
		found[edge_block(row.edges[i])] |= edge_is_interior(row.edges[i]) ? 1 : 2;
		must(i == 0 || row.edges[i] != row.edges[i - 1]);
	}
	must(memcmp(found, expected, truth.n) == 0);
}

static void check_rows(const struct graph *graph)
{
	uint8_t found[TOWN_ROOTS_MOST][TOWN_BLOCKS_MOST] = {{0}};
	size_t i, j;

	for (i = 0; i < truth.n; i++)
		check_row(edges_of(&graph->edges, (uint32_t)i), truth.edge[i]);
	for (i = 0; i < graph->nspans; i++) {
		struct edge_list row = edges_of(&graph->anchors, (uint32_t)i);

		for (j = 0; j < row.n; j++)
			found[graph->spans[i].root][edge_block(row.edges[j])] |=
				edge_is_interior(row.edges[j]) ? 1 : 2;
	}
	for (i = 0; i < truth.town->nroots; i++)
		must(memcmp(found[i], truth.anchor[i], TOWN_BLOCKS_MOST) == 0);
}

struct asked {
	uint32_t block;
	size_t nroots, nblocks;
};

static int check_root(void *context, uint32_t root, bool is_interior)
{
	struct asked *asked = context;
	uint8_t edge = truth.anchor[root][asked->block];

	must(edge && is_interior == !(edge & 2));
	asked->nroots++;
	return 0;
}

static int check_block(void *context, uint32_t block, bool is_interior)
{
	struct asked *asked = context;
	uint8_t edge = truth.edge[block][asked->block];

	must(edge && is_interior == !(edge & 2));
	asked->nblocks++;
	return 0;
}

static void check_referrers(const struct graph *graph)
{
	struct asked asked;
	const struct graph_referrers ask = {check_root, check_block, &asked};
	size_t i;

	for (asked.block = 0; asked.block < truth.n; asked.block++) {
		asked.nroots = asked.nblocks = 0;
		must(graph_referrers(graph, asked.block, &ask) == 0);
		for (i = 0; i < truth.n; i++)
			asked.nblocks -= truth.edge[i][asked.block] != 0;
		for (i = 0; i < truth.town->nroots; i++)
			asked.nroots -= truth.anchor[i][asked.block] != 0;
		must(asked.nroots == 0 && asked.nblocks == 0);
	}
}

static void check_reach(const struct reach *reach)
{
	size_t i;

	for (i = 0; i < truth.n; i++) {
		must(reach_kinds(reach, (uint32_t)i) == truth.kinds[i]);
		must(reach_level(reach, (uint32_t)i) == truth.level[i]);
		must(reach_is_lost(reach, (uint32_t)i) == is_lost(i));
	}
}

static int check_path(const struct graph *graph, uint32_t block)
{
	struct path path;
	size_t i;
	int r = path_find(graph, ROOTS_ALL, block, &path);

	if (r == -ENOMEM)
		return r;
	must(r == (truth.kinds[block] ? 0 : -ENOENT));
	if (r < 0)
		return 0;
	must(path.n == truth.level[block] + 1);
	must(edge_block(path.edges[path.n - 1]) == block);
	for (i = 0; i < path.n; i++) {
		uint32_t to = edge_block(path.edges[i]);
		uint8_t edge = i ? truth.edge[edge_block(path.edges[i - 1])][to]
			       : path.root == NO_ROOT ? 2
						      : truth.anchor[path.root][to];

		must(edge & (edge_is_interior(path.edges[i]) ? 1 : 2));
	}
	must(path.root != NO_ROOT ||
	     truth.town->blocks[edge_block(path.edges[0])].state == BLOCK_UNKNOWN);
	path_fini(&path);
	return 0;
}

/* The same by pointers to first bytes alone. */
static int check_firm_path(const struct graph *graph, uint32_t block)
{
	struct path path;
	size_t i;
	int r = path_find(graph, ROOTS_ALL | REACH_FIRM, block, &path);

	if (r == -ENOMEM)
		return r;
	must(r == (truth.kinds[block] & REACH_FIRM ? 0 : -ENOENT));
	if (r < 0)
		return 0;
	must(edge_block(path.edges[path.n - 1]) == block);
	for (i = 0; i < path.n; i++) {
		uint32_t to = edge_block(path.edges[i]);

		must(!edge_is_interior(path.edges[i]));
		if (i)
			must(truth.edge[edge_block(path.edges[i - 1])][to] & 2);
		else if (path.root != NO_ROOT)
			must(truth.anchor[path.root][to] & 2);
	}
	path_fini(&path);
	return 0;
}

/* Alone, or the lowest of a cycle, and no other lost block leads there. */
static bool is_tree_root(size_t i)
{
	size_t j;

	if (!is_lost(i))
		return false;
	for (j = 0; j < truth.n; j++)
		if (truth.way[j][i] && (!truth.way[i][j] || j < i))
			return false;
	return true;
}

static bool is_held_by(size_t root, size_t block)
{
	return root == block || truth.way[root][block];
}

static void check_tree(const struct lost *lost, size_t number, size_t block)
{
	const struct lost_tree *tree = &lost->trees[number];
	struct owned held = {0};
	size_t i, j;

	must(number < lost->n && tree->block == block);
	must(tree->is_cycle == truth.way[block][block]);
	for (i = 0; i < truth.n; i++) {
		bool is_first = true, is_only = true;

		if (!is_held_by(block, i))
			continue;
		for (j = 0; j < truth.n; j++)
			if (j != block && is_tree_root(j) && is_held_by(j, i)) {
				is_only = false;
				is_first &= j > block;
			}
		must(owners_are_several(&lost->owners, (uint32_t)i) == !is_only);
		if (!is_first)
			continue;
		must(owners_first(&lost->owners, (uint32_t)i) == number);
		held.blocks++;
		held.bytes += truth.town->blocks[i].size;
		held.exclusive_blocks += is_only;
		held.exclusive_bytes += is_only ? truth.town->blocks[i].size : 0;
	}
	must(memcmp(&held, &tree->owned, sizeof(held)) == 0);
}

static void check_lost(const struct lost *lost)
{
	uint64_t bytes = 0, blocks = 0;
	size_t i, n = 0;

	for (i = 0; i < truth.n; i++) {
		if (is_lost(i)) {
			blocks++;
			bytes += truth.town->blocks[i].size;
		} else {
			must(owners_first(&lost->owners, (uint32_t)i) == NO_OWNER);
		}
		if (is_tree_root(i))
			check_tree(lost, n++, i);
	}
	must(lost->n == n && lost->blocks == blocks && lost->bytes == bytes);
}

/* What a root reaches, with the roots as owners. */
static void reach_from(size_t root, bool *reached)
{
	size_t i, j;
	bool changes = true;

	for (i = 0; i < truth.n; i++)
		reached[i] = truth.anchor[root][i];
	while (changes) {
		changes = false;
		for (i = 0; i < truth.n; i++)
			for (j = 0; reached[i] && j < truth.n; j++)
				if (truth.edge[i][j] && !reached[j])
					reached[j] = changes = true;
	}
}

static void check_owners(const struct owners *owners, const struct owned *totals)
{
	bool reached[TOWN_ROOTS_MOST][TOWN_BLOCKS_MOST];
	struct owned expected[TOWN_ROOTS_MOST] = {{0}};
	size_t i, j, nroots = truth.town->nroots;

	for (i = 0; i < nroots; i++)
		reach_from(i, reached[i]);
	for (j = 0; j < truth.n; j++) {
		uint64_t size = truth.town->blocks[j].size;
		size_t first = nroots, holders = 0;

		for (i = nroots; i-- > 0;)
			if (reached[i][j]) {
				first = i;
				holders++;
			}
		must(owners_first(owners, (uint32_t)j) == (holders ? first : NO_OWNER));
		must(owners_are_several(owners, (uint32_t)j) == (holders > 1));
		if (!holders)
			continue;
		expected[first].blocks++;
		expected[first].bytes += size;
		expected[first].exclusive_blocks += holders == 1;
		expected[first].exclusive_bytes += holders == 1 ? size : 0;
	}
	must(memcmp(expected, totals, nroots * sizeof(*totals)) == 0);
}

static int try_owners(const struct graph *graph)
{
	struct owned totals[TOWN_ROOTS_MOST] = {{0}};
	struct owners owners;
	uint32_t i, span = 0;
	int r = owners_init(&owners, graph);

	if (r < 0)
		return r;
	for (i = 0; i < graph->nroots; i++) {
		for (; span < graph->nspans && graph->spans[span].root == i; span++)
			owners_add_span(&owners, i, span);
		owners_spread(&owners);
	}
	owners_count(&owners, totals, graph->nroots, sizeof(*totals));
	check_owners(&owners, totals);
	owners_fini(&owners);
	return 0;
}

#define TIER(root) ((unsigned)((root) % 3 == 0)) /* some come last */

/* Whether a root comes before another when shared blocks are counted. */
static bool is_before(const struct owned *exclusive, size_t a, size_t b)
{
	if (TIER(a) != TIER(b))
		return TIER(a) < TIER(b);
	if (exclusive[a].exclusive_bytes != exclusive[b].exclusive_bytes)
		return exclusive[a].exclusive_bytes > exclusive[b].exclusive_bytes;
	return a < b;
}

static size_t assigned[TOWN_BLOCKS_MOST]; /* of each block: to which root; or NONE */

/* What leads from the blocks of a root, and from itself, to what is nobody's is the root's. */
static void assign_to(size_t root, unsigned bits)
{
	bool changes = true;
	size_t i, j;

	for (j = 0; j < truth.n; j++)
		if (assigned[j] == NONE && (truth.anchor[root][j] & bits))
			assigned[j] = root;
	while (changes) {
		changes = false;
		for (i = 0; i < truth.n; i++)
			for (j = 0; assigned[i] == root && j < truth.n; j++)
				if (assigned[j] == NONE && (truth.edge[i][j] & bits)) {
					assigned[j] = root;
					changes = true;
				}
	}
}

/* In order, first by pointers to first bytes, then by all. */
static void assign_all(const struct owned *exclusive)
{
	size_t order[TOWN_ROOTS_MOST], i, j, nroots = truth.town->nroots;

	for (i = 0; i < nroots; i++) {
		for (j = i; j > 0 && is_before(exclusive, i, order[j - 1]); j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	for (j = 0; j < truth.n; j++)
		assigned[j] = NONE;
	for (i = 0; i < nroots; i++)
		assign_to(order[i], 2);
	for (i = 0; i < nroots; i++)
		assign_to(order[i], 3);
}

static void check_holdings(const struct holding *holdings, const struct holding_all *alls)
{
	bool reached[TOWN_ROOTS_MOST][TOWN_BLOCKS_MOST];
	struct owned expected[TOWN_ROOTS_MOST] = {{0}};
	struct holding_all all[TOWN_ROOTS_MOST] = {{0}};
	size_t i, j, nroots = truth.town->nroots;

	for (i = 0; i < nroots; i++)
		reach_from(i, reached[i]);
	for (j = 0; j < truth.n; j++) {
		size_t only = nroots, holders = 0;

		for (i = 0; i < nroots; i++)
			if (reached[i][j]) {
				only = i;
				holders++;
				all[i].blocks++;
				all[i].bytes += truth.town->blocks[j].size;
			}
		if (holders != 1)
			continue;
		expected[only].exclusive_blocks++;
		expected[only].exclusive_bytes += truth.town->blocks[j].size;
	}
	assign_all(expected);
	for (j = 0; j < truth.n; j++) {
		if (assigned[j] == NONE)
			continue;
		expected[assigned[j]].blocks++;
		expected[assigned[j]].bytes += truth.town->blocks[j].size;
	}
	for (i = 0; i < nroots; i++)
		must(memcmp(&expected[i], &holdings[i].owned, sizeof(*expected)) == 0);
	must(memcmp(all, alls, nroots * sizeof(*all)) == 0);
}

static int try_holdings(const struct graph *graph)
{
	struct holding_start *starts = calloc(graph->nspans + 1, sizeof(*starts));
	struct holding holdings[TOWN_ROOTS_MOST];
	struct holding_all alls[TOWN_ROOTS_MOST];
	uint32_t numbers[TOWN_ROOTS_MOST];
	size_t i;
	int r = starts ? 0 : -ENOMEM;

	for (i = 0; r == 0 && i < graph->nspans; i++)
		starts[i] = (struct holding_start){graph->spans[i].root, (uint32_t)i, true, false};
	for (i = 0; i < graph->nroots; i++) {
		numbers[i] = (uint32_t)i;
		holdings[i].tier = TIER(i);
	}
	if (r == 0)
		r = holdings_count(graph, starts, graph->nspans, holdings, graph->nroots);
	if (r == 0)
		r = holdings_in_all(graph, starts, graph->nspans, numbers, graph->nroots, alls);
	if (r == 0)
		check_holdings(holdings, alls);
	free(starts);
	return r;
}

static int try_lost(const struct graph *graph, struct crew *crew)
{
	struct reach reach;
	struct lost lost;
	int r = reach_make(graph, ROOTS_ALL, crew, &reach);

	if (r < 0)
		return r;
	check_reach(&reach);
	r = lost_find(&reach, &lost);
	if (r == 0) {
		check_lost(&lost);
		lost_fini(&lost);
	}
	reach_fini(&reach);
	return r;
}

static int try_all(const struct graph *graph, struct crew *crew)
{
	uint32_t i;
	int r;

	check_rows(graph);
	check_referrers(graph);
	r = try_lost(graph, crew);
	if (r == 0)
		r = try_owners(graph);
	if (r == 0)
		r = try_holdings(graph);
	for (i = 0; r == 0 && i < truth.n; i++)
		r = check_path(graph, i);
	for (i = 0; r == 0 && i < truth.n; i++)
		r = check_firm_path(graph, i);
	return r;
}

/* What a word leads to is what stands there. */
static void note_anchor(const struct anchor *anchor, uint8_t *row)
{
	uint8_t there[TOWN_BLOCKS_MOST] = {0};
	uint32_t block = edge_block(anchor->edge);
	uint8_t bit = edge_is_interior(anchor->edge) ? 1 : 2;

	must(block < truth.n);
	if (anchor->at != UNKNOWN) {
		note_words(there, anchor->at, anchor->at + truth.town->form.width);
		must(there[block] == bit);
	}
	row[block] |= bit;
}

static int check_anchors_of_roots(const struct graph_input *input)
{
	const struct anchors_ask ask = {input, ROOTS_ALL, NULL, NO_BLOCK, SIZE_MAX};
	uint8_t found[TOWN_ROOTS_MOST][TOWN_BLOCKS_MOST] = {{0}};
	struct anchors anchors;
	size_t i;
	int r = anchors_of_roots(&ask, &anchors);

	if (r < 0)
		return r;
	for (i = 0; i < anchors.n; i++) {
		must(i == 0 || anchors.list[i].root >= anchors.list[i - 1].root);
		note_anchor(&anchors.list[i], found[anchors.list[i].root]);
	}
	anchors_fini(&anchors);
	for (i = 0; i < truth.town->nroots; i++)
		must(memcmp(found[i], truth.anchor[i], TOWN_BLOCKS_MOST) == 0);
	return 0;
}

/* Where a block points to one, or to any: NO_BLOCK. */
static int check_anchors_within(const struct graph_input *input, size_t from, uint32_t to)
{
	const struct anchors_ask ask = {input, 0, NULL, to, SIZE_MAX};
	const struct town_block *block = &truth.town->blocks[from];
	uint8_t found[TOWN_BLOCKS_MOST] = {0};
	struct anchors anchors;
	size_t i;
	int r = anchors_within(&ask, block->address, block->address + block->size, &anchors);

	if (r < 0)
		return r;
	for (i = 0; i < anchors.n; i++)
		note_anchor(&anchors.list[i], found);
	anchors_fini(&anchors);
	for (i = 0; i < truth.n; i++)
		must(i == from ||
		     found[i] == (to == NO_BLOCK || i == to ? truth.edge[from][i] : 0));
	return 0;
}

static int check_anchors(const struct graph_input *input)
{
	size_t i;
	int r = check_anchors_of_roots(input);

	for (i = 0; r == 0 && i < truth.n; i++) {
		if (!is_target(&truth.town->blocks[i]))
			continue;
		r = check_anchors_within(input, i, NO_BLOCK);
		if (r == 0)
			r = check_anchors_within(input, i, (uint32_t)((7 * i + 1) % truth.n));
	}
	return r;
}

int town_check(struct town *town, const struct block_index *index, struct crew *crew,
	       const struct scan_code *code)
{
	struct reader *readers[CREW_MOST];
	const struct graph_input input = {
		.index = index,
		.roots = town->roots,
		.nroots = town->nroots,
		.crew = crew,
		.readers = readers,
		.form = town->form,
		.code = code,
	};
	struct graph graph;
	unsigned i;
	int r;

	for (i = 0; i < CREW_MOST; i++)
		readers[i] = &town->reader;
	find_truth(town);
	check_index(index);
	r = graph_make(&input, &graph);
	if (r < 0)
		return r;
	r = try_all(&graph, crew);
	if (r == 0)
		r = check_anchors(&input);
	graph_fini(&graph);
	return r;
}
