/*
 * A tree over points in the plane that is built, walked and torn down again in each step, as
 * simulations do: many nodes of two sizes that live equally long, then long walks through them.
 */
#include "work.h"

#include <stdlib.h>

enum { POINTS = 20000, STEPS_DEEP = 24 };

struct point {
	uint32_t x, y;
};

struct node {
	struct node *children[4]; /* all NULL in a leaf */
	uint64_t npoints, x, y;
	struct point *leaf;
};

static struct node *node_new(void)
{
	return need(calloc(1, sizeof(struct node)));
}

static unsigned quarter(const struct point *point, unsigned bit)
{
	return (point->x >> bit & 1) | (point->y >> bit & 1) << 1;
}

static void insert(struct node *node, struct point *point, unsigned depth)
{
	unsigned bit = 31 - depth;
	struct point *other;
	struct node **child;

	node->npoints++;
	node->x += point->x;
	node->y += point->y;
	if (node->npoints == 1) {
		node->leaf = point;
		return;
	}
	if (depth == STEPS_DEEP) { /* too close to tell apart */
		free(point);
		return;
	}
	other = node->leaf;
	node->leaf = NULL;
	if (other) {
		child = &node->children[quarter(other, bit)];
		*child = node_new();
		insert(*child, other, depth + 1);
	}
	child = &node->children[quarter(point, bit)];
	if (!*child)
		*child = node_new();
	insert(*child, point, depth + 1);
}

/* Far groups count as one: most of a walk ends early. */
static uint64_t pull(const struct node *node, uint64_t x, uint64_t y, uint64_t side)
{
	uint64_t cx = node->x / node->npoints, cy = node->y / node->npoints, far, sum = 0;
	unsigned i;

	far = (cx > x ? cx - x : x - cx) + (cy > y ? cy - y : y - cy);
	if (node->leaf || far > side * 2)
		return node->npoints * (far >> 20);
	for (i = 0; i < 4; i++)
		if (node->children[i])
			sum += pull(node->children[i], x, y, side / 2);
	return sum;
}

static void tear_down(struct node *node)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		if (node->children[i])
			tear_down(node->children[i]);
	free(node->leaf);
	free(node);
}

uint64_t bodies(const struct job *job)
{
	struct dice dice = dice_new(3);
	uint64_t i, j, check = 0;
	struct point *point;
	struct node *root;

	for (i = 0; i < job->n; i++) {
		root = node_new();
		for (j = 0; j < POINTS; j++) {
			point = need(malloc(sizeof(*point)));
			point->x = (uint32_t)roll(&dice);
			point->y = (uint32_t)roll(&dice);
			insert(root, point, 0);
		}
		if (i == job->n / 2)
			peak();
		for (j = 0; j < 200; j++)
			check += pull(root, roll(&dice) & UINT32_MAX, roll(&dice) & UINT32_MAX,
				      (uint64_t)1 << 32);
		tear_down(root);
	}
	return check;
}
