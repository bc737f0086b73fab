/*
 * All blocks of a process by their addresses: which block is this address in?
 *
 *     stretch                                       stretch
 *     | line 0      | line 1      | line 2      |   | line 3      |
 *     |1..1.1...1...|......1......|1.1.1........|   |1............|   a bit where a block begins
 *      0  1 2   3          4       5 6 7             8                its number
 *
 * Blocks have numbers in the order of addresses. A grain is 16 bytes (8 in a program of 32 bits); a
 * line is 384 of them, with a bit for each in which a block begins. The number of the block that an
 * address is in, or behind, is a count of bits: that of the lines before is written down, and so is
 * that of the words before in the line; one word is counted. All of that is one line of the
 * processor's cache. So a block takes neither pointer nor address of its own: about a byte for
 * bits, two for its size, and what is odd about it stands in a list.
 *
 * Always: blocks do not overlap, and no two begin in one grain. Of blocks that do, as a damaged
 * heap may show them, the first ends where the second begins, or the second is left out.
 *
 * Memory follows the blocks, however far apart they are: a stretch ends where so many lines would
 * be empty that the blocks so far do not pay for them (bridge() in block_index.c).
 */
#ifndef HEAP_BLOCK_INDEX_H
#define HEAP_BLOCK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "base/crew.h"
#include "heap/heap.h"

#define NO_BLOCK UINT32_MAX
#define BLOCKS_MOST ((size_t)INT32_MAX) /* so that an edge has a bit to spare */

#define LINE_WORDS 6
#define LINE_GRAINS (64 * LINE_WORDS)

/* Blocks without large holes between them. */
struct block_stretch {
	plat_addr base;	      /* where its first line begins: at a grain */
	plat_addr start, end; /* from its first block to the end of its last */
	size_t line, nlines;  /* the first of its lines; the last is where its last block begins */
};

struct block_line {
	uint64_t begins[LINE_WORDS]; /* a bit for each grain */
	uint64_t before; /* blocks in the line before each of its words: nine bits each */
	uint32_t first;	 /* blocks before the line */
	uint32_t back;	 /* grains from here back to the block before, of the same stretch */
};

#define CACHE_LINE 64
static_assert(sizeof(struct block_line) == CACHE_LINE, "one look is one miss");

/* What does not fit into `sizes`. */
struct block_odd {
	uint64_t size;
	uint32_t number;
	uint32_t skew; /* bytes from its grain to where it begins */
};

struct block_range {
	plat_addr start, end;
};

struct block_index {
	unsigned grain_shift;
	size_t n; /* blocks */
	size_t nlive, nunknown;
	size_t nskewed;	       /* begin between grains */
	bool has_targets_only; /* all are live or unknown: who scans need not ask */
	plat_addr start, end;  /* from the first to the end of the last */

	/* What went wrong: the allocator is damaged, or ran. */
	size_t noverlapping; /* were cut off by the next */
	size_t nleft_out;    /* begin in the grain of another, or are beyond BLOCKS_MOST */

	/* Where live blocks are, and those of unknown state; holes of a few KiB are not told. */
	struct block_range *ranges;
	size_t nranges, ranges_room;

	struct block_stretch *stretches;
	size_t nstretches, stretches_room;
	struct block_line *lines; /* when it is made, in lines of the cache */
	size_t nlines, lines_room;
	void *lines_memory; /* that they lie in, then */
	uint16_t *sizes;    /* of each block: bytes above, enum block_state in the low bits */
	size_t sizes_room;
	struct block_odd *odd; /* in order */
	size_t nodd, odd_room;

	size_t bridged; /* lines without a block in them, between others of their stretch */
	struct {	/* the last block, of which the next decides where it ends */
		plat_addr address;
		uint64_t size;
		enum block_state state;
		bool is_there;
	} pending;
};

#define BLOCK_STATE_BITS 2
#define BLOCK_SIZE_ODD 0x3fff

static_assert(NBLOCK_STATES <= 1 << BLOCK_STATE_BITS, "a state fits beside the size");

/*
 * Making one. Blocks may come in any order; in that of their addresses they come cheapest. Whoever
 * gets an error from one of these still calls blocks_fini().
 */
struct block_entry {
	plat_addr address;
	uint64_t size;
	enum block_state state;
};

#define BLOCKS_BUFFER 4096
#define BLOCKS_RUNS 64

struct blocks {
	unsigned grain_shift;
	struct block_entry *buffer;
	size_t nbuffer;
	struct block_index runs[BLOCKS_RUNS]; /* each at least twice as large as the next */
	unsigned nruns;
};

/* `word` is a pointer's size in the process: 8 or 4. 0 or -ENOMEM. */
int blocks_init(struct blocks *blocks, unsigned word) MUST_CHECK;
void blocks_fini(struct blocks *blocks);
int blocks_add(struct blocks *blocks, plat_addr address, uint64_t size,
	       enum block_state state) MUST_CHECK;
/* 0, and *ret is the caller's to block_index_fini(); or -ENOMEM. */
int blocks_finish(struct blocks *blocks, struct block_index *ret) MUST_CHECK;

/* A visitor's block(); its context is a struct blocks. */
int blocks_take(void *context, const struct block *block) MUST_CHECK;

void block_index_fini(struct block_index *index);
/*
 * What is looked at for each pointer moves to memory that the crew expects, if it does, and if
 * there is some: in large pages, where the kernel has any, the processor finds it sooner.
 */
void block_index_move(struct block_index *index, const struct crew *crew);
bool block_index_valid(const struct block_index *index);

static inline enum block_state block_state_of(const struct block_index *index, uint32_t number)
{
	return (enum block_state)(index->sizes[number] & ((1 << BLOCK_STATE_BITS) - 1));
}

/* What a pointer can hold: a live block, or one that may be. */
static inline bool block_is_target(const struct block_index *index, uint32_t number)
{
	enum block_state state = block_state_of(index, number);

	return state == BLOCK_LIVE || state == BLOCK_UNKNOWN;
}

uint64_t block_size_of(const struct block_index *index, uint32_t number);
plat_addr block_address_of(const struct block_index *index, uint32_t number);

/*
 * The block that `at` is in, of any state, or NO_BLOCK; *offset says where in it. In it are its
 * first byte, also of a block of no bytes, and all below its size: what lies behind a block's end
 * is no part of it, as it is for LeakSanitizer, also where the allocator has kept room there.
 */
uint32_t block_index_find(const struct block_index *index, plat_addr at, uint64_t *offset);

/* The first block that begins at `at` or behind it; index->n where there is none. */
uint32_t block_index_from(const struct block_index *index, plat_addr at);

/* Goes through all blocks, or those from a number on, in order. */
struct block_cursor {
	size_t stretch, line;
	unsigned word;
	uint64_t bits; /* of the word, that are still to come */
	uint32_t number;
	size_t odd;
	struct block_entry block;
};

void block_cursor_init(struct block_cursor *cursor, const struct block_index *index, uint32_t from);
/* Its block is then cursor->number and cursor->block; false behind the last. */
bool block_cursor_next(struct block_cursor *cursor, const struct block_index *index);

#endif
