/*
 * A walk through a heap, seen together with the pages that are in memory:
 *
 *     held     | live | slack | free | live |     free     |     free     | live | rest |
 *     pages    |  in memory  |  in memory   |  in memory   |    absent    |  in memory  |
 *                 occupied       occupied        idle            idle        occupied
 *
 * Each byte that is held has one use, each page that holds any byte of a live block, or what that
 * keeps from others, is occupied. Idle pages in memory are what a heap costs for nothing.
 *
 * Nothing here grows with the number of blocks.
 */
#ifndef HEAP_SURVEY_H
#define HEAP_SURVEY_H

#include "heap/heap.h"

enum use {
	USE_LIVE,   /* as asked for, or as can be used */
	USE_SLACK,  /* what else a live block keeps from others */
	USE_FREE,   /* of free blocks */
	USE_CACHED, /* of free blocks that are set aside for one thread */
	USE_REST,   /* of no block; or damage hides of which */
	NUSES
};

/* Pages in a row that are in memory and belong to no file, in order. */
struct heap_runs {
	struct heap_run *items;
	size_t n, room;
};

int heap_runs_add(struct heap_runs *runs, plat_addr start, plat_addr end) MUST_CHECK;
void heap_runs_fini(struct heap_runs *runs);

/* Bytes of [start, end) that are in memory. *at: a hint; 0 at first, then for addresses further on.
 */
uint64_t heap_runs_bytes(const struct heap_runs *runs, size_t *at, plat_addr start, plat_addr end);

/* An arena, or all of them: bytes by use. */
struct survey_sums {
	uint64_t held[NUSES], resident[NUSES];
	/* Whole pages that trimming gives back. */
	uint64_t returnable, returnable_resident;
	/* Pages in memory that are kept there by few live bytes of small blocks. */
	uint64_t pinned, pinned_live, pinned_blocks;
};

uint64_t survey_held(const struct survey_sums *sums);
uint64_t survey_resident(const struct survey_sums *sums);

/* Pages in a row, in memory, that hold few live bytes, of small blocks. */
struct survey_pin {
	plat_addr start, end;
	uint64_t live, blocks;
	plat_addr first; /* the first of these blocks */
	uint64_t first_size;
};

struct survey_size {
	uint64_t size, blocks;
};

/* A piece of held memory, in the order of addresses: bytes. */
struct survey_cell {
	uint64_t held, occupied, resident, idle_resident;
};

#define SURVEY_BUCKETS 65 /* the n-th: blocks of up to 2^n bytes */
#define SURVEY_CELLS 256

/* What allocators have in one region. */
struct survey_share {
	uint64_t held, live, free; /* free: with what is cached */
	uint64_t resident;
	uint64_t arenas;    /* a bit for each of the first 63; the last one for all others */
	uint32_t reading;   /* the number of the survey that has counted here first */
	bool is_of_several; /* so have others */
};

/* A page that is being counted. */
struct survey_page {
	plat_addr start;
	bool is_begun, is_occupied;
	bool has_large; /* a block that one page would not hold */
	uint32_t arena; /* of the bytes in `bytes` */
	uint64_t bytes[NUSES];
	uint64_t held, live, blocks;
	plat_addr first;
	uint64_t first_size;
};

struct survey {
	/* Given. */
	const struct space *space;
	const struct heap_runs *runs;
	uint64_t page_size;
	uint32_t number;
	struct survey_share *shares; /* one a region, added to; or NULL */
	size_t npins_most;

	/* Found. */
	struct survey_sums all;
	struct survey_sums *arenas; /* as those of the reading; there may be fewer */
	size_t narenas, arenas_room;
	uint64_t occupied, occupied_resident, idle, idle_resident;
	struct survey_pin *pins; /* those that cost most, the worst first */
	size_t npins, pins_room;
	struct block top_block; /* the last live one below the break; address 0: there is none */
	uint64_t bucket_blocks[SURVEY_BUCKETS], bucket_bytes[SURVEY_BUCKETS];
	struct survey_size *sizes; /* after survey_finish(): by bytes, the most first */
	size_t nsizes;
	uint64_t uncounted; /* blocks of sizes for which there was no room */
	struct survey_cell cells[SURVEY_CELLS];
	size_t ncells;
	uint64_t cell_bytes;

	/* On the way. */
	const struct heap_visitor *also;
	struct survey_page page;
	struct survey_pin pin;
	uint32_t pin_arena;
	plat_addr at, end; /* of the range: what lies below `at` has been counted */
	uint32_t arena;	   /* of the last block */
	size_t at_run, at_region;
	size_t sizes_room;
};

/* `npins`: so many are kept. *ret is the caller's to survey_fini(); what is given must outlive it.
 */
void survey_init(struct survey *ret, const struct space *space, const struct heap_runs *runs,
		 size_t npins);
void survey_fini(struct survey *survey);

/*
 * Walks, once, and shows all of it to `also`, too, which may be NULL. As heap_walk().
 */
int survey_walk(struct survey *survey, struct heap_reading *heap,
		const struct heap_visitor *also) MUST_CHECK;

#endif
