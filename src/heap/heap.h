/*
 * What readers of allocators tell: blocks, sums, and how far they are to be believed.
 *
 *     held     | slab                                    | free |  | block alone   |
 *              | live | free | live | slack | cached | . |         | live  | slack |
 *
 * Held is what the kernel lent for blocks. It is the sum of live bytes, as the program asked for
 * them; of slack, what the allocator added to them and what is left over; and of free bytes.
 */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"

#define NO_CLASS UINT32_MAX
#define NO_OWNER UINT32_MAX

enum block_state {
	BLOCK_LIVE,
	BLOCK_FREE,
	BLOCK_CACHED, /* free, and set aside for one thread */
	NBLOCK_STATES
};

/* "live", "free", "cached" */
const char *block_state_name(enum block_state state);

struct block {
	plat_addr address;
	uint64_t size;	 /* that was asked for; of a free one what it has room for */
	uint64_t extent; /* bytes that it keeps others from using */
	enum block_state state;
	uint32_t class; /* index in the list of classes, or NO_CLASS */
	uint32_t owner; /* which heap hands it out, from 1; or NO_OWNER */
};

struct heap_sums {
	uint64_t held;
	uint64_t live_bytes, live_blocks;
	uint64_t slack;
	uint64_t free_bytes; /* with what is cached */
	uint64_t cached_bytes;
};

/* Blocks of one sort. */
struct heap_class {
	const char *name; /* of a sort that is no class: "run"; else NULL */
	uint32_t number;
	uint64_t stride; /* bytes from one block to the next; 0 where each stands alone */
	uint64_t slabs;	 /* or blocks alone, the free ones too */
	struct heap_sums sums;
	uint64_t free_blocks, cached_blocks;
};

/* What was met on the way that is not as it should be. */
struct heap_proofs {
	uint64_t proved;     /* pieces that fit to all others */
	uint64_t unreadable; /* memory that could not be read: in swap, or gone */
	uint64_t unsteady;   /* pieces that changed while they were read: the process runs */
	uint64_t broken;     /* pieces that contradict themselves */
	char first[192];     /* the first of these, in words; or "" */
};

/*
 * What a walk shows, in the order of addresses. Either may be NULL. Something else than 0 ends the
 * walk, which returns it.
 */
struct heap_visitor {
	int (*block)(void *context, const struct block *block);
	/* Memory that is held; its blocks come next. */
	int (*range)(void *context, plat_addr start, plat_addr end);
	void *context;
	unsigned states; /* of which blocks: a bit for each enum block_state */
};

/* How much of what is held is in memory. */
struct heap_run {
	plat_addr start, end;
};

struct heap_residence {
	/* Given: the pages that are in memory and belong to no file, in order. */
	const struct heap_run *runs;
	size_t nruns;
	uint64_t page_size;
	/* Found. */
	uint64_t resident; /* bytes of held memory */
	uint64_t idle;	   /* of these, in pages without any byte of a live block */
	/* On the way. */
	size_t at_held, at_live;
	plat_addr counted; /* pages below have been seen to be live */
	uint64_t live;
};

/* Takes what a walk shows: held ranges, and live blocks. All in order. */
void heap_residence_range(struct heap_residence *residence, plat_addr start, plat_addr end);
void heap_residence_live(struct heap_residence *residence, plat_addr start, plat_addr end);
void heap_residence_finish(struct heap_residence *residence);

#endif
