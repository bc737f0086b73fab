/*
 * Who points to whom: roots to blocks, and blocks to blocks.
 *
 *     roots:  globals, stacks, registers, ...     blocks:  rows, in the order of addresses
 *     anchors: a row each                         4 bytes an edge, 4 a block
 *
 * Any aligned word that would be a pointer into a live block is one: at its first byte, or inside
 * it (edge_is_interior()). A block whose state damage hides is taken for live. Pointers from what
 * is free are none, nor are those of a block to itself.
 *
 * On the graph stand: which blocks can be reached from which roots (reach.h), which are lost and
 * which of these hold the others (lost.h), how much each of several owners holds (owners.h).
 */
#ifndef HEAP_GRAPH_H
#define HEAP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/crew.h"
#include "heap/block_index.h"
#include "heap/edges.h"
#include "heap/heap.h"
#include "heap/scan.h"

#define NO_ROOT UINT32_MAX

enum root_kind {
	ROOT_GLOBAL,	/* a module's writable segment */
	ROOT_STACK,	/* of a thread, from its stack pointer on; or of its signals */
	ROOT_REGISTER,	/* of a thread */
	ROOT_TLS,	/* thread-local storage */
	ROOT_UNCLAIMED, /* writable memory that nobody knows the use of */
	ROOT_UNKNOWN,	/* a block whose state damage hides; these are found here */
	NROOT_KINDS
};

/* "global", "stack", "register", "tls", "unclaimed", "unknown" */
const char *root_kind_name(enum root_kind kind);

/* Memory that the program can get at by itself; or one word, as it is when nothing mangles it. */
struct root {
	enum root_kind kind;
	uint32_t owner; /* for whoever made it: the number of a module, a thread, ... */
	bool is_word;
	uint64_t word;
	plat_addr start, end;
};

struct graph_input {
	const struct block_index *index;
	const struct root *roots;
	size_t nroots;
	struct crew *crew;
	struct reader *const *readers; /* one for each worker: they read at the same time */
	struct scan_form form;
	/*
	 * The memory that there is, in order; all else is not looked at. NULL: all is. Who looks at
	 * a stranger's core needs it: a block may pretend to be of any size.
	 */
	const struct heap_run *present;
	size_t npresent;
	const struct scan_code *code; /* NULL: scan_code_here() */
};

/* All of a root, or a part. */
struct graph_span {
	uint32_t root;
	plat_addr start, end;
};

struct graph {
	const struct block_index *index;
	const struct root *roots;
	size_t nroots;
	struct graph_span *spans;
	size_t nspans;
	struct edges anchors; /* what each span points to */
	struct edges edges;   /* what each block points to; nothing where it is not live */

	struct graph_told {
		uint64_t bytes;	 /* scanned */
		uint64_t unread; /* of these could not be read */
	} told_roots, told_blocks;
};

/*
 * 0, and *ret is the caller's to graph_fini(); -ENOMEM; -E2BIG: see edges.h. The index and the
 * roots must outlive it, not the readers.
 */
int graph_make(const struct graph_input *input, struct graph *ret) MUST_CHECK;
void graph_fini(struct graph *graph);

/* As scan_range(), of what of a range is present. */
int graph_scan(const struct graph_input *input, struct scan *scan, plat_addr start, plat_addr end,
	       const struct scan_taker *taker) MUST_CHECK;

uint64_t graph_edges(const struct graph *graph);

/*
 * Who points to a block: roots, each once for each of its spans that does, and blocks, in order.
 * Something else than 0 ends it, and is returned.
 */
struct graph_referrers {
	int (*root)(void *context, uint32_t root, bool is_interior);
	int (*block)(void *context, uint32_t block, bool is_interior);
	void *context;
};

int graph_referrers(const struct graph *graph, uint32_t block,
		    const struct graph_referrers *ask) MUST_CHECK;

#endif
