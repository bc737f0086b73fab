/*
 * Folds: sums by stacks of calls, as flame graphs and profilers show them.
 *
 *     top --> main --> load --> parse        12 blocks, 480 bytes
 *         |                 '-> intern        3 blocks,  90 bytes
 *         '-> heap --> thread 2 --> up to 64 bytes        914 blocks, 51184 bytes
 *
 * They are a tree: a stack is a node, and its frames are the steps that lead there, the outermost
 * first. A frame is the return address of a call; or, where nobody knows who made a block, a word
 * for what it is.
 */
#ifndef HEAP_FOLDS_H
#define HEAP_FOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"
#include "base/names.h"
#include "base/slots.h"

#define FOLD_TOP 0  /* the node that all stacks begin at */
#define FOLD_SUMS 5 /* at most */

/* What is summed up. */
struct fold_sum {
	const char *name; /* "live_space" */
	const char *unit; /* "bytes", "count" */
};

enum fold_kind {
	FOLD_CALL, /* a return address */
	FOLD_NAME, /* a number in `names` */
	FOLD_TYPE, /* a number that the caller has for a type of which the name is found later */
};

struct fold_frame {
	enum fold_kind kind;
	uint64_t what;
};

struct fold_node {
	uint32_t parent;
	uint32_t frame; /* that leads here from there; of the top: nothing */
	uint64_t sums[FOLD_SUMS];
};

struct folds {
	const struct fold_sum *sums;
	size_t nsums;
	struct fold_frame *frames;
	size_t nframes, frames_room;
	struct fold_node *nodes; /* parents come before their children */
	size_t nnodes, nodes_room;
	struct names names;
	bool is_cut; /* some stacks have fewer frames than they should have: there are too many */

	/* By which frames and nodes are found again. */
	struct slots frame_slots, node_slots;
};

/* 0, and *ret is the caller's to folds_fini(), who gives sums that outlive it; or -ENOMEM. */
int folds_init(struct folds *ret, const struct fold_sum *sums, size_t nsums) MUST_CHECK;
void folds_fini(struct folds *folds);

/*
 * One step further from a node, by a frame of this kind. Where there are too many nodes, it is the
 * same node. 0 or -ENOMEM.
 */
int folds_step(struct folds *folds, uint32_t node, enum fold_kind kind, uint64_t what,
	       uint32_t *ret) MUST_CHECK;
int folds_step_name(struct folds *folds, uint32_t node, const char *name, uint32_t *ret) MUST_CHECK;

/* The same by a size, or rather by the power of two that it is up to: "up to 64 bytes". */
int folds_step_size(struct folds *folds, uint32_t node, uint64_t size, uint32_t *ret) MUST_CHECK;

/* 6 for sizes up to 64; small ones are one. */
uint32_t folds_power(uint64_t size);

/* The whole stack of return addresses, the innermost first. */
int folds_of_calls(struct folds *folds, const plat_addr *calls, size_t n, uint32_t *ret) MUST_CHECK;

static inline void folds_add(struct folds *folds, uint32_t node, size_t sum, uint64_t more)
{
	folds->nodes[node].sums[sum] = add_capped(folds->nodes[node].sums[sum], more);
}

/* Of all folds. */
uint64_t folds_sum(const struct folds *folds, size_t sum);

#endif
