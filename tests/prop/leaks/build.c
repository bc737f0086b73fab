/*
 * Blocks are filled when they are made: what an earlier block at the same place has pointed to
 * would still be pointed to, and no one who looks from outside could know that nobody means it.
 */
#include "build.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILLER 0xab
#define WORD sizeof(uintptr_t)
/* Words enough for a pointer to each of the others. */
#define NODE_LEAST (2 * STRUCTURE_MOST * WORD)

struct log *shared;
bool is_own;

uint64_t draw(uint64_t *seed)
{
	uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

size_t draw_below(uint64_t *seed, size_t n)
{
	return (size_t)(draw(seed) % n);
}

void block_fill(void *p, size_t size)
{
	size_t usable = malloc_usable_size(p);

	memset(p, FILLER, usable > size ? usable : size);
}

static void *make_any(size_t size, uint64_t *seed)
{
	void *p = NULL;

	switch (draw_below(seed, 8)) {
	case 0:
		return calloc(1, size);
	case 1:
		return posix_memalign(&p, (size_t)16 << draw_below(seed, 10), size) == 0 ? p : NULL;
	case 2:
		return realloc(malloc(16 + draw_below(seed, 500)), size ? size : 1);
	case 3:
		return realloc(malloc((150 << 10) + draw_below(seed, 100000)), size ? size : 1);
	default:
		return malloc(size);
	}
}

void *block_make(size_t size, uint64_t *seed)
{
	void *p = make_any(size, seed);

	if (!p)
		_exit(3);
	block_fill(p, size);
	return forget(p);
}

void note_block(const volatile void *p, size_t size, enum note_state state, const char *kind)
{
	uint32_t i = __atomic_fetch_add(&shared->nnotes, 1, __ATOMIC_SEQ_CST);
	struct note *note = &shared->notes[i];

	if (i >= LOG_NOTES)
		_exit(4);
	note->address = note->root = hide(p);
	note->size = (uint32_t)size;
	snprintf(note->kind, sizeof(note->kind), "%s", kind);
	note->state = (uint8_t)state;
}

void structure_note(const struct structure *structure, enum note_state state, const char *kind)
{
	size_t i;

	for (i = 0; i < structure->n; i++) {
		uint32_t at = __atomic_fetch_add(&shared->nnotes, 1, __ATOMIC_SEQ_CST);
		struct note *note = &shared->notes[at];

		if (at >= LOG_NOTES)
			_exit(4);
		note->address = hide(structure->blocks[i]);
		note->root = hide(structure->roots[i]);
		note->size = (uint32_t)structure->sizes[i];
		note->is_cycle = structure->is_cycle;
		snprintf(note->kind, sizeof(note->kind), "%s", kind ? kind : structure->name);
		note->state = (uint8_t)state;
	}
}

/*
 * Shapes.
 */

static size_t draw_size(size_t least, uint64_t *seed)
{
	if (draw_below(seed, 24) == 0)
		return least + (140 << 10) + draw_below(seed, 400000);
	return least + draw_below(seed, draw_below(seed, 8) ? 300 : 4000);
}

static void add(struct structure *structure, size_t size, uint64_t *seed)
{
	structure->sizes[structure->n] = size;
	structure->blocks[structure->n] = block_make(size, seed);
	structure->roots[structure->n] = structure->blocks[0];
	structure->n++;
}

/* Into any word that is not yet used, often the last; to the first byte of a block or inside it. */
static void point(struct structure *structure, size_t from, size_t to, uint64_t *seed)
{
	uintptr_t filler, *words = structure->blocks[from];
	size_t n = structure->sizes[from] / WORD;
	size_t i = draw_below(seed, 3) ? draw_below(seed, n) : n - 1;

	memset(&filler, FILLER, sizeof(filler));
	while (words[i] != filler)
		i = (i + 1) % n;
	words[i] = (uintptr_t)structure->blocks[to];
	if (draw_below(seed, 2))
		words[i] += draw_below(seed, structure->sizes[to]);
}

/* From block `first` on, each gets a parent before it, but none before `first`. */
static void grow(struct structure *structure, size_t first, size_t n, uint64_t *seed)
{
	size_t i;

	for (i = first; i < n; i++) {
		add(structure, draw_size(NODE_LEAST, seed), seed);
		if (i > 0)
			point(structure, draw_below(seed, i), i, seed);
	}
}

static size_t draw_count(size_t least, uint64_t *seed)
{
	return least + draw_below(seed, STRUCTURE_MOST - least);
}

static void make_tree(struct structure *structure, uint64_t *seed)
{
	size_t i, n = draw_count(2, seed);

	structure->name = "tree";
	grow(structure, 0, n, seed);
	/* Some that form cycles below the root, and ways that meet again. */
	for (i = draw_below(seed, 3); i > 0; i--)
		point(structure, draw_below(seed, n), 1 + draw_below(seed, n - 1), seed);
}

/* The first in memory stands for a cycle. */
static void set_root(struct structure *structure, size_t nring)
{
	void *lowest = structure->blocks[0];
	size_t i;

	for (i = 1; i < nring; i++)
		if (structure->blocks[i] < lowest)
			lowest = structure->blocks[i];
	for (i = 0; i < structure->n; i++)
		structure->roots[i] = lowest;
}

static void make_ring(struct structure *structure, uint64_t *seed)
{
	size_t i, nring = 2 + draw_below(seed, 6);

	for (i = 0; i < nring; i++)
		add(structure, draw_size(NODE_LEAST, seed), seed);
	for (i = 0; i < nring; i++)
		point(structure, i, (i + 1) % nring, seed);
	structure->name = "cycle";
	structure->is_cycle = true;
	if (draw_below(seed, 2)) {
		structure->name = "cycle_with_tail";
		grow(structure, nring, nring + 1 + draw_below(seed, 6), seed);
	}
	set_root(structure, nring);
	structure->entry = structure->blocks[draw_below(seed, nring)];
}

void structure_make_single(struct structure *structure, size_t least, uint64_t *seed)
{
	memset(structure, 0, sizeof(*structure));
	structure->name = "single";
	add(structure, draw_size(least, seed), seed);
	structure->entry = structure->blocks[0];
}

void structure_make(struct structure *structure, uint64_t *seed)
{
	memset(structure, 0, sizeof(*structure));
	switch (draw_below(seed, 6)) {
	case 0:
	case 1:
		make_tree(structure, seed);
		break;
	case 2:
		make_ring(structure, seed);
		break;
	case 3:
		structure->name = "tiny";
		add(structure, draw_below(seed, 4 * WORD), seed);
		break;
	default:
		structure_make_single(structure, 1, seed);
	}
	if (!structure->entry)
		structure->entry = structure->blocks[0];
}
