/*
 * Covers of boolean functions: does a list of cubes cover everything? The question is split by a
 * variable and asked twice; each half gets a list of its own with copies of the cubes that concern
 * it. Lists of 32 to some 1000 bytes and cubes of 16 to 48, freed in the order of the recursion.
 */
#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 24 };

/* One bit each for "may be 0" and "may be 1", and room for a name as real cubes have. */
struct cube {
	uint64_t may[2];
	char rest[];
};

struct cover {
	size_t ncubes;
	struct cube *cubes[];
};

static struct cover *cover_new(size_t ncubes)
{
	return need(malloc(sizeof(struct cover) + ncubes * sizeof(struct cube *)));
}

static void cover_free(struct cover *cover)
{
	size_t i;

	for (i = 0; i < cover->ncubes; i++)
		free(cover->cubes[i]);
	free(cover);
}

static struct cube *cube_copy(const struct cube *from)
{
	size_t size = sizeof(*from) + (from->may[0] & 31);
	struct cube *cube = need(malloc(size));

	memcpy(cube, from, sizeof(*from));
	((volatile char *)cube)[size - 1] = 1;
	cube->may[0] = from->may[0];
	cube->may[1] = from->may[1];
	return cube;
}

/* The variable that most cubes depend on, or -1 if a cube depends on none or there are no cubes. */
static int split_at(const struct cover *cover)
{
	unsigned count[VARIABLES] = {0}, most = 0;
	int v, best = -1;
	uint64_t cares;
	size_t i;

	for (i = 0; i < cover->ncubes; i++) {
		cares = ~(cover->cubes[i]->may[0] & cover->cubes[i]->may[1]);
		cares &= (1u << VARIABLES) - 1;
		if (!cares)
			return -1;
		for (; cares; cares &= cares - 1)
			count[__builtin_ctzll(cares)]++;
	}
	for (v = 0; v < VARIABLES; v++)
		if (count[v] > most) {
			most = count[v];
			best = v;
		}
	return best;
}

static struct cover *half(const struct cover *cover, int v, int side)
{
	uint64_t bit = (uint64_t)1 << v;
	struct cover *part;
	size_t i, n = 0;

	for (i = 0; i < cover->ncubes; i++)
		n += (cover->cubes[i]->may[side] & bit) != 0;
	part = cover_new(n);
	for (n = 0, i = 0; i < cover->ncubes; i++) {
		if (!(cover->cubes[i]->may[side] & bit))
			continue;
		part->cubes[n] = cube_copy(cover->cubes[i]);
		part->cubes[n]->may[0] |= bit;
		part->cubes[n]->may[1] |= bit;
		n++;
	}
	part->ncubes = n;
	return part;
}

/* How many leaves the question takes; a cover that is empty answers at once. */
static uint64_t leaves(const struct cover *cover)
{
	struct cover *part;
	uint64_t n = 0;
	int side, v = split_at(cover);

	if (v < 0)
		return 1;
	for (side = 0; side < 2; side++) {
		part = half(cover, v, side);
		n += leaves(part);
		cover_free(part);
	}
	return n;
}

uint64_t cubes(const struct job *job)
{
	struct dice dice = dice_new(2);
	uint64_t i, check = 0, fixed;
	struct cover *cover;
	size_t k, j;

	for (i = 0; i < job->n; i++) {
		cover = cover_new(between(&dice, 20, 60));
		cover->ncubes = between(&dice, 16, 20);
		for (k = 0; k < cover->ncubes; k++) {
			struct cube cube = {.may = {UINT64_MAX, UINT64_MAX}};

			for (j = 0; j < 6; j++) {
				fixed = roll(&dice);
				cube.may[fixed & 1] &= ~((uint64_t)1 << (fixed >> 1) % VARIABLES);
				cube.may[~fixed & 1] |= (uint64_t)1 << (fixed >> 1) % VARIABLES;
			}
			cover->cubes[k] = cube_copy(&cube);
		}
		check += leaves(cover);
		if (i == job->n / 2)
			peak();
		cover_free(cover);
	}
	return check;
}
