/*
 * A heap of any blocks, in any order, with any contents. An index must be valid and no larger than
 * its blocks; what is said of the graph must fit together.
 *
 *     form  blocks: how, address, size ...  roots: how, start, end ...  words of memory at BASE
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/assert.h"
#include "heap/lost.h"
#include "heap/owners.h"
#include "heap/reach.h"

#define BASE UINT64_C(0x40000000)
#define MEMORY_MOST 16384
#define BLOCKS_TRIED 8 /* for a path, and for who points to them */

static unsigned char memory[MEMORY_MOST];

/* Near the memory that there is, or anywhere. */
static uint64_t draw_address(struct input *input, bool is_near)
{
	return is_near ? BASE + input_number(input, 2) : input_number(input, 8);
}

static void make_index(struct input *input, unsigned width, struct block_index *ret)
{
	struct blocks blocks;
	unsigned i, n = (unsigned)input_number(input, 1);

	must(blocks_init(&blocks, width) == 0);
	for (i = 0; i < n; i++) {
		unsigned how = (unsigned)input_number(input, 1);
		uint64_t address = draw_address(input, how & 1);
		uint64_t size = input_number(input, how & 2 ? 2 : 8);

		must(blocks_add(&blocks, address, size, (enum block_state)(how >> 2 & 3)) == 0);
	}
	must(blocks_finish(&blocks, ret) == 0);
	blocks_fini(&blocks);
	must(ret->n + ret->nleft_out == n);
	must(block_index_valid(ret));
	must(ret->nlines <= 2 * ret->n + 2048 && ret->nranges <= ret->n);
}

static size_t make_roots(struct input *input, struct root *roots, size_t most)
{
	size_t i, n = (size_t)input_number(input, 1) % (most + 1);

	for (i = 0; i < n; i++) {
		unsigned how = (unsigned)input_number(input, 1);

		roots[i] = (struct root){
			.kind = (enum root_kind)((how >> 3) % ROOT_UNKNOWN),
			.is_word = how & 2,
			.word = draw_address(input, how & 1),
		};
		roots[i].start = roots[i].word;
		roots[i].end = draw_address(input, how & 4);
	}
	return n;
}

/* Every second word or so points near. */
static size_t fill_memory(struct input *input, unsigned width)
{
	size_t at = 0;

	while (input->size && at + 8 <= MEMORY_MOST) {
		uint64_t number = input_number(input, 3);
		uint64_t word = number >> 23 ? BASE + (number & 0xffff) : number;
		unsigned i;

		for (i = 0; i < width; i++)
			memory[at + i] = (unsigned char)(word >> (8 * i));
		at += width;
	}
	return at;
}

static int take_referrer(void *context, uint32_t number, bool is_interior)
{
	(void)number;
	(void)is_interior;
	++*(size_t *)context;
	return 0;
}

static void ask_for_blocks(const struct graph *graph, const struct reach *reach)
{
	uint32_t i;

	for (i = 0; i < graph->index->n && i < BLOCKS_TRIED; i++) {
		size_t n = 0;
		const struct graph_referrers ask = {take_referrer, take_referrer, &n};
		struct path path;

		must(graph_referrers(graph, i, &ask) == 0);
		must(!reach_has(reach, i) || n || block_state_of(graph->index, i) == BLOCK_UNKNOWN);
		if (path_find(graph, ROOTS_ALL, i, &path) < 0) {
			must(!reach_has(reach, i));
			continue;
		}
		must(path.n == reach_level(reach, i) + 1 || path.n > LEVEL_MOST);
		must(edge_block(path.edges[path.n - 1]) == i);
		path_fini(&path);
	}
}

static void ask(const struct graph *graph, struct crew *crew)
{
	struct reach reach;
	struct lost lost;
	uint64_t blocks = 0;
	uint32_t i;

	must(reach_make(graph, ROOTS_ALL, crew, &reach) == 0);
	must(lost_find(&reach, &lost) == 0);
	for (i = 0; i < graph->index->n; i++) {
		must(reach_is_lost(&reach, i) == (owners_first(&lost.owners, i) < lost.n));
		blocks += reach_is_lost(&reach, i);
		must(block_is_target(graph->index, i) || !reach_has(&reach, i));
	}
	must(blocks == lost.blocks);
	ask_for_blocks(graph, &reach);
	lost_fini(&lost);
	reach_fini(&reach);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned form = (unsigned)input_number(&input, 1);
	struct scan_form scan_form = {.width = form & 1 ? 4 : 8};
	struct crew crew = {.nworkers = 1 + (form >> 1 & 3), .run = crew_run_in_turn};
	struct heap_run present = {.start = BASE};
	struct reader *readers[CREW_MOST];
	struct root roots[16];
	struct block_index index;
	struct graph graph;
	struct array array;
	size_t nroots, i;

	if (form & 8)
		scan_form.mangle = (struct mangle){scan_form.width, input_number(&input, 4)};
	make_index(&input, scan_form.width, &index);
	nroots = make_roots(&input, roots, ARRAY_SIZE(roots));
	present.end = BASE + fill_memory(&input, scan_form.width);
	array = array_at(BASE, memory, (size_t)(present.end - BASE));
	for (i = 0; i < CREW_MOST; i++)
		readers[i] = &array.reader;
	must(graph_make(&(struct graph_input){.index = &index,
					      .roots = roots,
					      .nroots = nroots,
					      .crew = &crew,
					      .readers = readers,
					      .form = scan_form,
					      .present = &present,
					      .npresent = 1},
			&graph) == 0);
	ask(&graph, &crew);
	graph_fini(&graph);
	block_index_fini(&index);
	return 0;
}
