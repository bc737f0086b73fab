/*
 * Graphs of references against something simpler: graph [--seed SEED] [--rounds ROUNDS].
 *
 * Small towns, drawn, against the slow way (references.h). Large ones, in shapes that are hard on
 * who goes through them, with workers at the same time: against one that goes from block to block.
 * A failure prints its seed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "heap/lost.h"
#include "heap/owners.h"
#include "heap/reach.h"
#include "references.h"
#include "source/crew.h"

#define SMALL_BYTES (64 * 1024)
#define LARGE 200000
#define STRIDE 64
#define WORKERS 3

static uint64_t seed = 1, random_state;
static const char *doing = "";

static uint64_t draw(uint64_t most)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (random_state >> 33) % most;
}

static void say_seed(int signal)
{
	(void)signal;
	dprintf(STDOUT_FILENO, "Bail out! %s failed with seed %llu\n", doing,
		(unsigned long long)seed);
	_exit(1);
}

/*
 * Small ones.
 */

static uint64_t draw_size(void)
{
	switch (draw(8)) {
	case 0:
		return 0;
	case 1:
		return 1 + draw(9000);
	default:
		return 8 + draw(120);
	}
}

static void draw_blocks(struct town *town)
{
	size_t n = draw(TOWN_BLOCKS_MOST + 1);
	unsigned grain = town->form.width == 8 ? 16 : 8;
	bool is_skewed = draw(4) == 0, has_all_states = draw(2) == 0;
	plat_addr at = town->base, end = town->base + town->size;

	while (town->nblocks < n) {
		uint64_t size = draw_size();
		enum block_state state =
			has_all_states ? (enum block_state)draw(NBLOCK_STATES) : BLOCK_LIVE;
		plat_addr start = align_up(at, grain) + (is_skewed ? draw(grain) : 0);

		if (draw(4) == 0)
			start += grain * draw(200);
		if (start + size > end)
			return;
		town_add_block(town, start, size, state);
		at = align_up(start + (size ? size : 1), grain);
	}
}

static plat_addr draw_address(const struct town *town)
{
	const struct town_block *block;

	if (!town->nblocks || draw(8) == 0)
		return town->base + draw(town->size);
	block = &town->blocks[draw(town->nblocks)];
	return block->address + (draw(2) ? 0 : draw(block->size + 2));
}

static void draw_pointers(struct town *town)
{
	size_t i, j, most = 1 + draw(6);

	for (i = 0; i < town->nblocks; i++)
		for (j = draw(most); j-- > 0;) {
			const struct town_block *block = &town->blocks[i];
			plat_addr at = align_down(block->address + draw(block->size + 1),
						  town->form.width);

			uint64_t word = draw_address(town);

			if (town->form.mangle.width && draw(2))
				word = mangle_do(&town->form.mangle, word);
			if (at >= town->base && at + town->form.width <= town->base + town->size)
				town_put(town, at, word);
		}
}

static void draw_roots(struct town *town)
{
	size_t n = draw(6);

	while (n-- > 0) {
		enum root_kind kind = (enum root_kind)draw(ROOT_UNKNOWN);

		if (draw(2)) {
			town_add_word(town, kind, draw_address(town));
		} else {
			plat_addr start = town->base + draw(town->size);
			uint64_t left = town->base + town->size - start;

			town_add_root(town, kind, start, start + draw(left < 512 ? left : 512));
		}
	}
}

static void a_small_town(void)
{
	struct scan_form forms[] =
		{
			{.width = 8},
			{.width = 8},
			{.width = 8, .is_swapped = true},
			{.width = 4},
			{.width = 4, .is_swapped = true},
		},
			 *form = &forms[draw(ARRAY_SIZE(forms))];
	static _Alignas(16) unsigned char memory[SMALL_BYTES];
	struct crew crew = crew_in_turn(1 + (unsigned)draw(4));
	struct block_index index;
	struct town town;

	if (draw(2))
		form->mangle = (struct mangle){form->width, draw(1u << 31) << 32 | draw(1u << 31)};
	if (form->width == 4)
		form->mangle.guard &= UINT32_MAX;
	town_init(&town, *form, memory, 4096 * (1 + draw(16)));
	town.has_view = draw(2);
	town.unreadable = draw(4) ? 0 : draw(1 << 16);
	draw_blocks(&town);
	draw_pointers(&town);
	draw_roots(&town);
	must(town_index(&town, draw(2) ? draw(1 << 30) : 0, &index) == 0);
	must(town_check(&town, &index, &crew, draw(2) ? &scan_code_any : NULL) == 0);
	block_index_fini(&index);
}

/*
 * Large ones: blocks of one size, a word of the roots for each shape's beginning.
 */

struct large {
	struct reader reader;
	uint64_t *words;
	size_t n;
	struct root roots[2];
	struct block_index index;
	struct graph graph;
};

static int read_here(struct reader *reader, plat_addr from, void *to, size_t size)
{
	(void)reader;
	memcpy(to, (const void *)(uintptr_t)from, size);
	return 0;
}

static uint64_t large_block(const struct large *large, size_t i)
{
	return (uintptr_t)large->words + i * STRIDE;
}

static void large_point(struct large *large, size_t from, size_t word, size_t to)
{
	large->words[from * STRIDE / 8 + word] = large_block(large, to);
}

static void chain(struct large *large)
{
	size_t i;

	for (i = 0; i + 1 < large->n; i++)
		large_point(large, i, 0, i + 1);
}

static void chain_backwards(struct large *large)
{
	size_t i;

	for (i = 1; i < large->n; i++)
		large_point(large, i, 0, i - 1);
	large_point(large, 0, 0, large->n - 1);
}

/* The first points to some, each of these to more: whole levels at once. */
static void fan(struct large *large)
{
	size_t i, j;

	for (i = 0; i < large->n; i++)
		for (j = 0; j < 7; j++)
			if (i * 7 + j + 1 < large->n)
				large_point(large, i, j, i * 7 + j + 1);
}

static void at_random(struct large *large)
{
	size_t i, j;

	for (i = 0; i < large->n; i++)
		for (j = draw(4); j-- > 0;)
			large_point(large, i, j, draw(large->n));
}

/* Many small cycles, some of which lead to the next. */
static void rings(struct large *large)
{
	size_t i;

	for (i = 0; i < large->n; i++) {
		size_t ring = i / 10 * 10, next = ring + (i + 1) % 10;

		large_point(large, i, 0, next < large->n ? next : ring);
		if (draw(12) == 0)
			large_point(large, i, 1, draw(large->n));
	}
}

static void nothing(struct large *large)
{
	(void)large;
}

static void large_init(struct large *large)
{
	struct blocks blocks;
	size_t i;

	*large = (struct large){.reader = {.read = read_here}, .n = LARGE};
	large->words = aligned_alloc(STRIDE, LARGE * STRIDE);
	must(large->words);
	memset(large->words, 0, LARGE * STRIDE);
	must(blocks_init(&blocks, 8) == 0);
	for (i = 0; i < LARGE; i++)
		must(blocks_add(&blocks, large_block(large, i), 60, BLOCK_LIVE) == 0);
	must(blocks_finish(&blocks, &large->index) == 0);
	blocks_fini(&blocks);
	large->roots[0] = (struct root){
		.kind = ROOT_STACK, .is_word = true, .word = large_block(large, draw(LARGE))};
	large->roots[1] = (struct root){
		.kind = ROOT_GLOBAL, .is_word = true, .word = large_block(large, draw(LARGE)) + 1};
}

static void large_fini(struct large *large)
{
	block_index_fini(&large->index);
	free(large->words);
}

static void make_graph(struct large *large, struct crew *crew, struct graph *ret)
{
	struct reader *readers[CREW_MOST];
	const struct graph_input input = {
		.index = &large->index,
		.roots = large->roots,
		.nroots = 2,
		.crew = crew,
		.readers = readers,
		.form = {.width = 8},
	};
	unsigned i;

	for (i = 0; i < CREW_MOST; i++)
		readers[i] = &large->reader;
	must(graph_make(&input, ret) == 0);
}

static void compare_rows(const struct graph *a, const struct graph *b)
{
	uint32_t i;

	for (i = 0; i < a->index->n; i++) {
		struct edge_list x = edges_of(&a->edges, i), y = edges_of(&b->edges, i);

		must(x.n == y.n);
		must(x.n == 0 || memcmp(x.edges, y.edges, x.n * sizeof(*x.edges)) == 0);
	}
}

/* From one block to the next, in a queue: levels; and what each kind reaches. */
static void walk_levels(const struct large *large, unsigned kinds, uint32_t *levels)
{
	uint32_t *queue = malloc(large->n * sizeof(*queue));
	size_t head = 0, tail = 0, i;

	must(queue);
	for (i = 0; i < large->n; i++)
		levels[i] = NO_BLOCK;
	for (i = 0; i < 2; i++) {
		uint32_t block =
			(uint32_t)((large->roots[i].word - large_block(large, 0)) / STRIDE);

		if ((kinds >> large->roots[i].kind & 1) && levels[block] == NO_BLOCK) {
			levels[block] = 0;
			queue[tail++] = block;
		}
	}
	for (; head < tail; head++)
		for (i = 0; i < STRIDE / 8; i++) {
			uint64_t word = large->words[queue[head] * STRIDE / 8 + i];
			uint32_t to = (uint32_t)((word - large_block(large, 0)) / STRIDE);

			if (!word || levels[to] != NO_BLOCK)
				continue;
			levels[to] = levels[queue[head]] + 1;
			queue[tail++] = to;
		}
	free(queue);
}

static void check_reach(const struct large *large, const struct reach *reach, unsigned kinds)
{
	uint32_t *levels = malloc(large->n * sizeof(*levels));
	enum root_kind kind;
	size_t i;

	must(levels);
	walk_levels(large, kinds, levels);
	for (i = 0; i < large->n; i++)
		must(levels[i] == NO_BLOCK
			     ? !reach_has(reach, (uint32_t)i)
			     : reach_level(reach, (uint32_t)i) == min_u64(levels[i], LEVEL_MOST));
	for (kind = 0; kind < ROOT_UNKNOWN; kind++) {
		walk_levels(large, kinds & 1u << kind, levels);
		for (i = 0; i < large->n; i++)
			must((reach_kinds(reach, (uint32_t)i) >> kind & 1) ==
			     (levels[i] != NO_BLOCK));
	}
	free(levels);
}

/* Nobody points to a tree's root from outside of what it holds, and all that is lost is held. */
static void check_lost(const struct graph *graph, const struct reach *reach)
{
	struct lost lost;
	uint64_t blocks = 0;
	uint32_t i;
	size_t j;

	must(lost_find(reach, &lost) == 0);
	for (i = 0; i < graph->index->n; i++) {
		uint32_t tree = owners_first(&lost.owners, i);
		struct edge_list row = edges_of(&graph->edges, i);

		must((tree == NO_OWNER) == reach_has(reach, i));
		blocks += tree != NO_OWNER;
		for (j = 0; tree != NO_OWNER && j < row.n; j++) {
			uint32_t to = edge_block(row.edges[j]);
			uint32_t other = owners_first(&lost.owners, to);

			if (other == NO_OWNER)
				continue;
			must(other <= tree);
			must(other == tree || owners_are_several(&lost.owners, to));
			must(lost.trees[other].block != to ||
			     (other == tree && lost.trees[other].is_cycle));
		}
	}
	must(blocks == lost.blocks && lost.bytes == blocks * 60);
	for (j = 0; j < lost.n; j++)
		must(owners_first(&lost.owners, lost.trees[j].block) == j);
	lost_fini(&lost);
}

static void a_large_town(void (*shape)(struct large *large))
{
	struct crew threads = crew_of_threads(), alone = crew_in_turn(1);
	struct large large;
	struct graph graph, other;
	unsigned kinds;

	threads.nworkers = WORKERS;
	large_init(&large);
	shape(&large);
	make_graph(&large, &threads, &graph);
	make_graph(&large, &alone, &other);
	compare_rows(&graph, &other);
	graph_fini(&other);
	for (kinds = 0; kinds <= 3; kinds++) {
		unsigned bits =
			(kinds & 1 ? 1u << ROOT_STACK : 0) | (kinds & 2 ? 1u << ROOT_GLOBAL : 0);
		struct reach reach;

		must(reach_make(&graph, bits, &threads, &reach) == 0);
		check_reach(&large, &reach, bits);
		check_lost(&graph, &reach);
		reach_fini(&reach);
	}
	graph_fini(&graph);
	large_fini(&large);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*shape)(struct large *large);
	} shapes[] = {
		{"a chain", chain}, {"a chain backwards, to its end", chain_backwards},
		{"a fan", fan},	    {"a graph at random", at_random},
		{"rings", rings},   {"no pointers", nothing},
	};
	unsigned long rounds = 2000, i;
	uint64_t first;

	for (i = 1; i + 1 < (unsigned long)argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoul(argv[i + 1], NULL, 10);
	}
	signal(SIGABRT, say_seed);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", ARRAY_SIZE(shapes) + 1);
	first = seed;
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		random_state = seed * 77 + i;
		doing = shapes[i].name;
		a_large_town(shapes[i].shape);
		printf("ok %lu - %s\n", i + 1, doing);
	}
	doing = "a small town";
	for (seed = first; seed < first + rounds; seed++) {
		random_state = seed;
		a_small_town();
	}
	printf("ok %zu - %lu small towns\n", ARRAY_SIZE(shapes) + 1, rounds);
	return 0;
}
