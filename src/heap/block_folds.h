/*
 * Blocks of a walk, summed up by stacks (folds.h): by the calls that made a block where that is
 * known, else by what it is.
 *
 *     a sample, or a guarded block    main --> load --> parse
 *     any other block                 heap --> thread 2 --> 48-byte class --> std::string
 *                                     kind     arena        class             type
 *
 * Each block counts once and as what it is, whatever a sample stands for: sums are exact.
 */
#ifndef HEAP_BLOCK_FOLDS_H
#define HEAP_BLOCK_FOLDS_H

#include "heap/heap.h"
#include "heap/own_profile.h"
#include "heap/folds.h"
#include "heap/survey.h"
#include "heap/types.h"

enum { FOLD_LIVE_BLOCKS, FOLD_LIVE_BYTES, FOLD_FREE_RESIDENT, NBLOCK_SUMS };
extern const struct fold_sum block_sums[NBLOCK_SUMS];

#define BLOCK_FOLDS_SEEN 64

/* What blocks are, and the node that stands for that; `power`: of 2, that the size is up to. */
struct block_fold {
	bool is_there;
	uint32_t kind, arena, class, power, node;
	uint64_t size; /* of one of them */
};

struct block_folds {
	/* Given. */
	const struct space *space;
	const struct heap_runs *runs;	   /* what is in memory, or NULL */
	const struct own_profile *profile; /* of the heap that is walked; NULL: it has none */
	const struct heap_reading *heap;   /* that is walked */
	const char *prefix;		   /* in front of its arenas: whose they are; or "" */
	struct types *types;		   /* that are told apart, by number; NULL: they are not */

	struct folds folds;

	/* On the way. */
	size_t at_run, at_region, at_site;
	uint32_t *site_nodes; /* by the numbers of sites; FOLD_TOP: not made yet */
	struct block_fold seen[BLOCK_FOLDS_SEEN];
};

/*
 * What is given must outlive it. `runs` NULL: nobody knows what is in memory, and there is no such
 * sum. 0, and *ret is the caller's to block_folds_fini(); or -ENOMEM.
 */
int block_folds_init(struct block_folds *ret, const struct space *space,
		     const struct heap_runs *runs) MUST_CHECK;
void block_folds_fini(struct block_folds *folds);

/* From here on another heap is walked. */
void block_folds_begin(struct block_folds *folds, const struct heap_reading *heap,
		       const struct own_profile *profile, const char *prefix);

/* A visitor's block(), for all states; its context is a struct block_folds. */
int block_folds_take(void *context, const struct block *block) MUST_CHECK;

/* The node that stands for what a block is, whoever made it. 0 or -ENOMEM. */
int block_folds_node(struct block_folds *folds, const struct block *block,
		     uint32_t *ret) MUST_CHECK;

#endif
