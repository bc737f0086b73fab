/*
 * What a worker that allocates has in common with the judge that reads its heap from outside: a
 * list of all blocks it has, kept by itself.
 */
#ifndef PROP_HEAP_LOG_H
#define PROP_HEAP_LOG_H

#include <stdint.h>

#define LOG_BLOCKS 3000
#define LOG_THREADS_MOST 16

/* While somebody is about to change it, `busy` is set, and the rest is as before. */
struct log_block {
	uint64_t address;      /* 0: none */
	uint64_t size, usable; /* what was asked for, and what malloc_usable_size() says */
	uint32_t busy;
	uint32_t version; /* counts changes */
};

enum log_order {
	ORDER_RUN,
	ORDER_STOP_YOURSELF, /* at the next SIGPROF */
	ORDER_STOP_BETWEEN,  /* two calls, of whichever thread sees it first */
	ORDER_END,
};

struct log {
	uint32_t order; /* of enum log_order; the judge's */
	uint32_t ready; /* so many threads are at work */
	uint32_t nthreads;
	uint32_t is_huge;	 /* also blocks of some MiB */
	uint32_t is_brk_stopped; /* something lies where the heap would grow */
	uint32_t nblocks;	 /* of these are used */
	uint64_t seed;
	uint64_t nops[LOG_THREADS_MOST];
	struct log_block blocks[LOG_BLOCKS];
};

#endif
