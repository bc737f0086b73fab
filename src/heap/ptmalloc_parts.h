/* What the files of ptmalloc.c share. */
#ifndef HEAP_PTMALLOC_PARTS_H
#define HEAP_PTMALLOC_PARTS_H

#include "base/reader_cache.h"
#include "heap/ptmalloc.h"
#include "heap/window.h"

/* Bits of a chunk's size. */
#define CHUNK_PREV_INUSE 1u
#define CHUNK_MAPPED 2u
#define CHUNK_FURTHER 4u
#define CHUNK_FLAGS 7u

#define NBINS 127 /* from 1 on; the first is of the unsorted chunks, the last is always empty */

/* The form of a struct malloc_state: offsets in bytes. */
struct ptmalloc_layout {
	unsigned word;	/* 4 or 8 */
	unsigned align; /* of blocks: 8 or 16 */
	unsigned nfast;
	uint32_t flags, fast, top, bins, next, system_mem;
	uint32_t size; /* of all of it */
	bool has_attached;
};

/* Where the numbers of struct malloc_par are; 0: not found. */
struct ptmalloc_par {
	plat_addr n_mmaps, mmapped_mem, sbrk_base;
	plat_addr thp_pagesize, hp_pagesize; /* 0: this version has none */
};

/* What the threads are at. */
enum ptmalloc_call {
	CALL_NOT_LOOKED,
	CALL_NONE,
	CALL_UNDER_WAY, /* one stands in malloc's code */
	CALL_ABORTED,	/* one in abort's */
};

enum tcache_link { LINK_PLAIN, LINK_MANGLED, NLINKS };

/* A chunk that is in use by its header, and is in a list all the same. */
struct ptmalloc_mark {
	plat_addr chunk;
	bool is_cached; /* in a thread's cache; else in a fast bin */
};

/* A chunk that holds what a thread has cached. */
struct ptmalloc_cache {
	plat_addr chunk;
	unsigned form; /* of ptmalloc_tcache.c */
	int tid;       /* or 0: not known, or the thread is gone */
};

/* Where chunks lie in a row, or one that has a mapping of its own. */
enum segment_kind { SEGMENT_TOP, SEGMENT_FENCED, SEGMENT_MAPPED };

struct ptmalloc_segment {
	plat_addr start, end;
	plat_addr first; /* chunk */
	uint32_t arena;
	enum segment_kind kind;
};

/* Sums over the links of free chunks, by which lists are proved without walking them. */
struct ptmalloc_links {
	uint64_t nodes, forward, backward, edges;
};

/* Contradictions. */
struct ptmalloc_doubts {
	uint64_t n;
	plat_addr at; /* the first */
	const char *what;
};

struct ptmalloc_arena {
	plat_addr address;
	plat_addr top; /* 0: it has no memory yet */
	uint64_t top_size, system_mem, attached;
	uint64_t held;	 /* of its segments */
	uint64_t nfree;	 /* chunks that must be in bins */
	uint64_t digest; /* of its state, when it was read */
	plat_addr ended; /* where the chain of the last segment did */
	struct ptmalloc_links links;
	struct ptmalloc_doubts doubts;
	bool is_locked, is_scattered; /* its memory is not in one piece */
	bool is_torn;
	unsigned nthreads; /* whose it is */
};

struct ptmalloc {
	struct heap_reading reading;
	struct ptmalloc_layout layout;
	struct ptmalloc_par par;
	plat_addr main_arena;
	uint64_t page_size;
	unsigned version; /* 36 for 2.36; 0: not known */

	/* Of the last walk. */
	struct ptmalloc_arena *arenas;
	size_t narenas, arenas_room;
	struct ptmalloc_segment *segments; /* in order */
	size_t nsegments, segments_room;
	struct ptmalloc_mark *marks; /* in order */
	size_t nmarks, marks_room;
	struct ptmalloc_cache *caches; /* in order */
	size_t ncaches, caches_room;
	plat_addr *witnesses; /* chunks that are there for sure, in order: ptmalloc_witness.c */
	size_t nwitnesses, witnesses_room;
	uint64_t heap_bytes; /* distance of further heaps */
	uint64_t n_mmaps, mmapped_mem, sbrk_base, thp_pagesize, hp_pagesize; /* or UNKNOWN */
	uint64_t key;		 /* of cached chunks; 0: none */
	uint64_t nkeys, nothers; /* of cached chunks: that have it, and all */
	uint64_t held;		 /* of all segments */
	uint64_t ncached, nfast; /* marks of either kind */
	uint64_t cached_met, fast_met;
	struct ptmalloc_doubts doubts; /* of no arena */
	enum ptmalloc_call call;
	uint64_t ndoubts;     /* in all */
	uint64_t nprobes;     /* addresses at which something was looked for */
	unsigned nretries;    /* pieces that were read again */
	uint64_t nlinks;      /* links of lists that were followed */
	bool is_torn;	      /* something changed meanwhile */
	bool are_caches_torn; /* as well: their lists are not whole */
	struct reader_cache *cache;
};

/* Classes of blocks, with those that have mappings of their own. */
#define PTMALLOC_MAPPED_CLASS 255
#define PTMALLOC_NCLASSES 256

/* A walk under way. */
struct ptmalloc_walk {
	struct ptmalloc *heap;
	const struct heap_visitor *visitor;
	unsigned states; /* of blocks that it wants to be shown */
	struct window window;
	size_t mark, cache; /* the next ones */
	plat_addr special;  /* the lower of both */
	struct tally {
		uint64_t n, bytes, most;
	} tallies[PTMALLOC_NCLASSES][NBLOCK_STATES]; /* of a segment */
};

/*
 * Chunks up to 128 bytes have a class for each size; above there are four to a doubling.
 */

#define CLASS_EXACT_MOST 128
#define CLASS_EXACT_STEP 8
#define NCLASSES_EXACT (CLASS_EXACT_MOST / CLASS_EXACT_STEP)

static inline uint32_t ptmalloc_class(uint64_t size)
{
	unsigned power;

	if (size <= CLASS_EXACT_MOST)
		return (uint32_t)((size - 1) / CLASS_EXACT_STEP);
	power = 63 - (unsigned)__builtin_clzll(size - 1);
	return NCLASSES_EXACT + (power - 7) * 4 + ((size - 1) >> (power - 2) & 3);
}

/*
 * Memory.
 */

static inline uint64_t ptmalloc_word(const struct ptmalloc *heap, const unsigned char *bytes)
{
	uint64_t wide;
	uint32_t narrow;

	if (heap->layout.word == 8) {
		__builtin_memcpy(&wide, bytes, 8);
		return wide;
	}
	__builtin_memcpy(&narrow, bytes, 4);
	return narrow;
}

/* A word of memory, through pages that are remembered. 0 or as the reader. */
int ptmalloc_read_word(struct ptmalloc *heap, plat_addr at, uint64_t *ret) MUST_CHECK;

/* The smallest chunk. */
static inline uint64_t chunk_least(const struct ptmalloc *heap)
{
	return 4 * heap->layout.word;
}

static inline bool is_chunk_place(const struct ptmalloc *heap, plat_addr chunk)
{
	return is_aligned(chunk + 2 * heap->layout.word, heap->layout.align);
}

static inline plat_addr first_chunk(const struct ptmalloc *heap, plat_addr from)
{
	return align_up(from + 2 * heap->layout.word, heap->layout.align) - 2 * heap->layout.word;
}

/*
 * What contradicts itself, in this arena, or NO_ARENA: whether it is damage or the middle of a call
 * is settled when all has been seen. ptmalloc_call.c
 */
void ptmalloc_doubt(struct ptmalloc *heap, uint32_t arena, plat_addr at, const char *what);
void ptmalloc_settle(struct ptmalloc *heap);
/* Whether a call is under way: in this arena; or anywhere, which mapped blocks and caches feel. */
bool ptmalloc_is_arena_called(struct ptmalloc *heap, const struct ptmalloc_arena *arena);
bool ptmalloc_is_called(struct ptmalloc *heap);
/* All threads are stopped by a signal or a debugger, or there are none. */
bool ptmalloc_is_held(const struct ptmalloc *heap);
/* A call is under way in this arena, and the process stands still: what is read now stays. */
bool ptmalloc_is_arena_stopped(struct ptmalloc *heap, const struct ptmalloc_arena *arena);

/* Finds main_arena, and all offsets. 0, -ENOENT, -ENOMEM. ptmalloc_find.c */
int ptmalloc_find(struct ptmalloc *heap) MUST_CHECK;

/* In words. ptmalloc_version.c */
void ptmalloc_find_version(struct ptmalloc *heap);

/* Of struct malloc_par, in the same segment. ptmalloc_par.c */
void ptmalloc_find_par(struct ptmalloc *heap, plat_addr at, const unsigned char *bytes,
		       size_t size);

/* Reads all arenas, and where their memory lies. 0 or -ENOMEM. ptmalloc_arenas.c */
int ptmalloc_read_arenas(struct ptmalloc *heap) MUST_CHECK;
int ptmalloc_read_arena(struct ptmalloc *heap, plat_addr at, struct ptmalloc_arena *ret) MUST_CHECK;
int ptmalloc_add_segment(struct ptmalloc *heap, const struct ptmalloc_segment *segment) MUST_CHECK;
const struct ptmalloc_segment *ptmalloc_segment_at(const struct ptmalloc *heap, plat_addr at);
void ptmalloc_sort_segments(struct ptmalloc *heap);

/* Blocks with mappings of their own, and pieces of a scattered main arena. ptmalloc_mapped.c */
int ptmalloc_find_mapped(struct ptmalloc *heap) MUST_CHECK;
/* So many bytes of mappings are what glibc has counted. */
bool ptmalloc_is_mapped_sum(const struct ptmalloc *heap, uint64_t bytes);
/* Of the segments from this one on, in order, chunks that are none go. ptmalloc_excess.c */
void ptmalloc_drop_excess(struct ptmalloc *heap, size_t first);

/* Fast bins, and the caches of threads. ptmalloc_lists.c, ptmalloc_tcache.c */
int ptmalloc_add_mark(struct ptmalloc *heap, plat_addr chunk, bool is_cached) MUST_CHECK;
int ptmalloc_read_fast(struct ptmalloc *heap) MUST_CHECK;
int ptmalloc_read_caches(struct ptmalloc *heap) MUST_CHECK;
/* Which bin of which thread's cache a chunk is in now; *tid as above. False: in none. */
bool ptmalloc_find_cached(struct ptmalloc *heap, plat_addr chunk, uint32_t *bin, int *tid);
plat_addr ptmalloc_follow(const struct ptmalloc *heap, plat_addr at, uint64_t value,
			  enum tcache_link link);

/* As heap_type.find_shelf. ptmalloc_shelves.c */
struct shelf ptmalloc_find_shelf(struct heap_reading *reading, const struct block *block);

/* One chain after the other. ptmalloc_chain.c */
int ptmalloc_walk_segment(struct ptmalloc_walk *walk,
			  const struct ptmalloc_segment *segment) MUST_CHECK;
/* A link more is followed; false: more than all chunks can have. */
bool ptmalloc_may_follow(struct ptmalloc *heap);

/* Classes, sums, visitors. ptmalloc_show.c */
uint64_t ptmalloc_class_most(uint32_t class); /* its largest chunk */
int ptmalloc_show_range(const struct ptmalloc_walk *walk, plat_addr start,
			plat_addr end) MUST_CHECK;
int ptmalloc_show_block(const struct ptmalloc_walk *walk, const struct block *block) MUST_CHECK;
int ptmalloc_show_returnable(const struct ptmalloc_walk *walk, uint32_t arena, plat_addr start,
			     plat_addr end) MUST_CHECK;

/* Compares what was found with what the allocator says. 0 or -ENOMEM. ptmalloc_proofs.c */
int ptmalloc_prove(struct ptmalloc *heap) MUST_CHECK;

/* Sums over links: each chunk's, and the heads of the bins. */
void ptmalloc_link(struct ptmalloc_links *links, plat_addr chunk, plat_addr forward,
		   plat_addr backward);

#endif
