/*
 * Memory is scanned for words that point to live blocks.
 *
 *     words -> those between the lowest and the highest block -> those in a live block -> targets
 *
 * The first step goes at the speed of memory; where there are many pointers, the second decides,
 * and what it waits for is memory, too. So it is taken in three steps, each by many words at once,
 * and between one step and the next of the same words comes work on others:
 *
 *     place   which line of the index is it?      the line is on its way
 *     look    which block is it?                  its size is on its way, if that matters
 *     settle  does it reach so far?               done
 *
 * All of them exist once for any processor and once for a better one (scan_x86_64.c).
 *
 * Only aligned words are looked at. What cannot be read is left out, and counted.
 */
#ifndef HEAP_SCAN_H
#define HEAP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/reader.h"
#include "heap/block_index.h"
#include "space/mangle.h"

/* A block's number, and in the lowest bit whether it is pointed into, not to its first byte. */
#define NO_EDGE UINT32_MAX

static inline uint32_t edge_block(uint32_t edge)
{
	return edge >> 1;
}

static inline bool edge_is_interior(uint32_t edge)
{
	return edge & 1;
}

/*
 * So many that what is on its way is there when the others' step is done, and so few that all of it
 * still lies in the first cache then.
 */
#define HITS_MOST 64
#define HITS_SLACK 16 /* as many words as are looked at at once */
#define HITS_STEPS 3

/* Words that may be pointers. */
struct scan_hits {
	size_t n;
	uint64_t values[HITS_MOST + HITS_SLACK];
	uint32_t words[HITS_MOST + HITS_SLACK]; /* which word of the piece it is */
	uint32_t edges[HITS_MOST + HITS_SLACK]; /* what it points to, or NO_EDGE; when settled */

	/* Between the steps: scan_steps.h. */
	uint64_t bits[HITS_MOST + HITS_SLACK];
	uint32_t late[HITS_MOST + HITS_SLACK];
	size_t nlate;
};

/* How words are laid out in the process. */
struct scan_form {
	unsigned width;	      /* 8 or 4 bytes */
	bool is_swapped;      /* the other byte order than ours */
	struct mangle mangle; /* words that are pointers when this is undone are some, too */
};

/*
 * Which words are looked up: those in [low, low + span); and those that are there when they are no
 * longer mangled. As what is there begins alike, these have some bits in common, so that nearly all
 * words are told by one comparison.
 */
struct scan_sieve {
	struct scan_form form;
	uint64_t low, span;
	uint64_t mask, bits; /* mangled words that may be there have these of those */
};

/* What there is for several processors. */
struct scan_code {
	/*
	 * Gathers from `n` words, the first of them number `from`, those that the sieve keeps, as
	 * they are when nothing mangles them, until there are none or hits are full; returns which
	 * word comes next.
	 */
	size_t (*gather)(const struct scan_sieve *sieve, const unsigned char *bytes, size_t from,
			 size_t n, struct scan_hits *hits);
	/* The steps. The index has blocks. */
	void (*place)(const struct block_index *index, struct scan_hits *hits);
	void (*look)(const struct block_index *index, struct scan_hits *hits);
	void (*settle)(const struct block_index *index, struct scan_hits *hits);
	/* block_index_find() */
	uint32_t (*find)(const struct block_index *index, plat_addr at, uint64_t *offset);
};

extern const struct scan_code scan_code_any;
/* The best for the processor that this runs on. */
const struct scan_code *scan_code_here(void);

struct scan_sieve scan_sieve_of(const struct block_index *index, const struct scan_form *form);

/* Takes hits, in order; word 0 is at `base`. Something else than 0 ends the scan. */
struct scan_taker {
	int (*take)(void *context, plat_addr base, const struct scan_hits *hits);
	void *context;
};

/* What stands from `bytes` on is 0 at first. */
struct scan {
	const struct block_index *index;
	struct reader *reader;
	struct scan_form form;
	const struct scan_code *code;

	uint64_t bytes, unread;		   /* of what was scanned */
	unsigned char *buffer;		   /* for what must be copied; or NULL */
	struct scan_hits hits[HITS_STEPS]; /* each at another step */
};

void scan_fini(struct scan *scan);
/* 0, -ENOMEM, or what take() returned. */
int scan_range(struct scan *scan, plat_addr start, plat_addr end,
	       const struct scan_taker *taker) MUST_CHECK;

/* What a single word points to, or NO_EDGE. */
uint32_t scan_word(const struct block_index *index, uint64_t word);

#endif
