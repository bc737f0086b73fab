/*
 * What readers of allocators tell: blocks, sums, and how far they are to be believed.
 *
 *     held     | slab                                    | free |  | block alone   |
 *              | live | free | live | slack | cached | . |         | live  | slack |
 *
 * Held is what the kernel lent for blocks. It is the sum of live bytes, as the program asked for
 * them, or can use them where nobody has written down what was asked for; of slack, what the
 * allocator added to them and what is left over; and of free bytes.
 *
 * A reader knows one allocator. It finds its state in a process and opens it as a struct
 * heap_reading; what is the same of all allocators stands there, and the reader's own struct begins
 * with it.
 */
#ifndef HEAP_HEAP_H
#define HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/reader.h"
#include "space/space.h"

#define NO_CLASS UINT32_MAX
#define NO_ARENA UINT32_MAX

enum block_state {
	BLOCK_LIVE,
	BLOCK_FREE,
	BLOCK_CACHED,  /* free, and set aside for one thread */
	BLOCK_UNKNOWN, /* damage hides which */
	NBLOCK_STATES
};

/* "live", "free", "cached", "unknown" */
const char *block_state_name(enum block_state state);

struct heap_arena;

/* "main", "arena 2", "thread 1", "groups", "shared", "mapped": each is there once in a heap. */
#define ARENA_NAME_SIZE 24
const char *arena_name(const struct heap_arena *arena, char to[ARENA_NAME_SIZE]);

struct block {
	plat_addr address; /* what malloc returned, or would return */
	uint64_t size; /* what was asked for, or can be used; of a free one what it has room for */
	uint64_t extent; /* bytes that it keeps others from using, from address - before on */
	uint32_t before;
	bool is_requested; /* `size` is what was asked for */
	enum block_state state;
	uint32_t class; /* index in the list of classes, or NO_CLASS */
	uint32_t arena; /* index in the list of arenas, or NO_ARENA */
};

#define NO_NUMBER UINT32_MAX

/* Where an allocator keeps a block that is not live, in its own words. */
struct shelf {
	const char *name; /* "tcache", "fast bin", "unsorted bin", "top"; NULL: none is known */
	uint32_t number;  /* of several, as the allocator counts them; or NO_NUMBER */
	int tid;	  /* of the thread that it is set aside for, as our /proc shows it; or 0 */
};

struct heap_sums {
	uint64_t held;
	uint64_t live_bytes, live_blocks;
	uint64_t slack;
	uint64_t free_bytes; /* with what is cached */
	uint64_t cached_bytes;
	uint64_t free_blocks, cached_blocks; /* the second are not among the first */
	uint64_t largest_free;		     /* of the free blocks that are not cached */
	uint64_t unknown_bytes;		     /* of held, beside all above: damage hides them */
};

enum arena_kind {
	ARENA_MAIN,    /* grows by brk, or takes its place */
	ARENA_FURTHER, /* of glibc, for threads */
	ARENA_THREAD,  /* a heap of one thread, or of one that is gone */
	ARENA_GROUPS,  /* of musl: all groups of slots */
	ARENA_SHARED,  /* what belongs to none */
	ARENA_MAPPED,  /* blocks that stand alone: in mappings of their own, or in runs of pages */
	NARENA_KINDS
};

/* A part of a heap that hands out blocks for itself. */
struct heap_arena {
	enum arena_kind kind;
	uint32_t number;   /* as it is shown, from 1 */
	plat_addr address; /* of the allocator's state for it; or UNKNOWN */
	int tid;	   /* of the one thread whose it is, as our /proc shows it; or 0 */
	struct heap_sums sums;
};

/* Blocks of one sort. */
struct heap_class {
	const char *name; /* of a sort that is no class: "run"; else NULL */
	uint32_t number;
	uint64_t stride; /* bytes from one block to the next; 0 where each stands alone */
	uint64_t slabs;	 /* or blocks alone, the free ones too */
	struct heap_sums sums;
};

/* What two sources tell of one thing, compared when a walk is over. */
enum proof_result { PROOF_HOLDS, PROOF_FAILS, PROOF_NOT_MADE };

struct heap_proof {
	enum proof_result result;
	char words[120]; /* what was compared: "arena 2: the sum of all chunks is system_mem" */
	uint64_t found, told; /* by the walk, and by the allocator; UNKNOWN: not a number */
	char why[120];	      /* of one that fails or was not made */
};

/* What was met on the way that is not as it should be. */
struct heap_proofs {
	uint64_t proved;     /* pieces that fit to all others */
	uint64_t unreadable; /* memory that could not be read: in swap, or gone */
	uint64_t unsteady;   /* pieces that changed while they were read: the process runs */
	uint64_t broken;     /* pieces that contradict themselves */
	char first[192];     /* the first of these, in words; or "" */
	/* The first piece that a call under way has left unfinished, as well; it is unsteady. */
	char first_unsteady[192];

	struct heap_proof *list; /* what was compared */
	size_t n, room;
};

/*
 * What a walk shows, in the order of addresses. Either may be NULL. Something else than 0 ends the
 * walk, which returns it.
 */
struct heap_visitor {
	int (*block)(void *context, const struct block *block);
	/* Memory that is held; its blocks come next. */
	int (*range)(void *context, plat_addr start, plat_addr end);
	/*
	 * A part of the last range that somebody else took from the kernel, in the same way, and
	 * has: counted as slack, but what stands there is the program's. In order.
	 */
	int (*foreign)(void *context, plat_addr start, plat_addr end);
	/*
	 * Whole pages without a byte in use that trimming gives back to the kernel, whether they
	 * are in memory or not: what malloc_trim(0) would do now. In order within an arena.
	 */
	int (*returnable)(void *context, uint32_t arena, plat_addr start, plat_addr end);
	/*
	 * Memory outside of what is held in which the allocator keeps its own state, in any order:
	 * what stands there says nothing of who uses a block. Pieces may overlap.
	 */
	int (*state)(void *context, plat_addr start, plat_addr end);
	void *context;
	unsigned states; /* of which blocks: a bit for each enum block_state */
};

struct heap_reading;

/* What a reader can do. All of it works on a process that runs, and on hostile memory. */
struct heap_type {
	const char *name; /* "glibc", as in allocator_name() */

	/*
	 * Finds and opens it. 0, and *ret is the caller's to heap_close(); -ENOENT where there is
	 * none; -ENOTSUP where it cannot be read, with a sentence; -ENOMEM; or as the reader. The
	 * space and the reader must outlive it.
	 */
	int (*open)(const struct space *space, struct reader *reader, struct heap_reading **ret,
		    struct error *err);
	int (*walk)(struct heap_reading *heap, const struct heap_visitor *visitor);
	/*
	 * Which shelf a block is on that the last walk has shown; of one that runs, or is damaged,
	 * it may be on none. NULL: this allocator has none.
	 */
	struct shelf (*find_shelf)(struct heap_reading *heap, const struct block *block);
	void (*close)(struct heap_reading *heap); /* frees what it has, and itself */
};

struct heap_reading {
	const struct heap_type *type;
	const struct space *space;
	struct reader *reader;
	uint32_t module;   /* whose it is, or NO_MODULE */
	char version[64];  /* what is read, in words: "2.36", "mallocng", "state 1"; or "" */
	char unproven[96]; /* why this version's reading is unproven; or "" */

	/* Of the last walk. */
	struct heap_sums sums;
	struct heap_arena *arenas;
	size_t narenas, arenas_room;
	struct heap_class *classes; /* those with slabs == 0 are not there */
	size_t nclasses;
	struct heap_proofs proofs;
	uint64_t state_bytes; /* what the kernel lent for the allocator's state; or UNKNOWN */
};

/*
 * Goes through all blocks, fills what is "of the last walk", and shows what `visitor` asks for; it
 * may be NULL. 0, what a visitor returned, or -ENOMEM.
 */
static inline MUST_CHECK int heap_walk(struct heap_reading *heap,
				       const struct heap_visitor *visitor)
{
	return heap->type->walk(heap, visitor);
}

/* As type->find_shelf: of a block that is free or cached, any other is on none. */
struct shelf heap_shelf_of(struct heap_reading *heap, const struct block *block);

/* For readers: tells a visitor of the allocator's own state. 0, or what it returned. */
static inline int heap_show_state(const struct heap_visitor *visitor, plat_addr start,
				  plat_addr end)
{
	return visitor && visitor->state && start < end
		       ? visitor->state(visitor->context, start, end)
		       : 0;
}

static inline void heap_close(struct heap_reading *heap)
{
	if (heap)
		heap->type->close(heap);
}

/*
 * What the readers share: they count a block, with what it takes from others, they add to sums,
 * they note a comparison. 0 or -ENOMEM.
 */
void heap_sums_count(struct heap_sums *sums, const struct block *block);
void heap_sums_add(struct heap_sums *to, const struct heap_sums *more);
int heap_prove(struct heap_proofs *proofs, const struct heap_proof *proof) MUST_CHECK;

/* Pages in a row. */
struct heap_run {
	plat_addr start, end;
};

#endif
