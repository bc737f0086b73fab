/*
 * What the allocator writes and a reader outside finds: types and constants only.
 *
 *     granule  64 KiB of address space, aligned: the smallest piece the allocator hands about
 *     chunk    up to 64 granules in a row, from one page source: one bit each
 *     slab     one or more granules, cut into slots of one stride; or one block alone
 *     slot     room for one block
 *
 *     | block of n bytes | canary, 2 bytes | rest of the slot |
 *      <------------- stride --------------------------------->
 *
 * All that is known of a slot is its tag, which stands in the slab's descriptor, far from the
 * block: 0 is free, anything else is stride - n of a live block. A tag is one aligned store, so
 * that whoever stops the process at any instruction reads for each slot either "live" or "free",
 * never half of it. Whatever else stands here (counts, lists, windows) only says where to look.
 *
 * In hard mode a slot is laid out otherwise, the first one of a slab is never handed out, and a
 * freed one gets the tag 1, which no live block has, until somebody has once passed it by:
 *
 *     | zone of the slot before, 6 bytes | block of n bytes | canary | zeros | zone, 6 bytes |
 *                                         <------------------- stride ---------------------->
 *
 * Behind the tags of such a slab, from the next multiple of 64 on, stand the kinds of its blocks,
 * a byte a slot.
 *
 * A block whose size is 0 or that is watched more closely stands alone between pages that nobody
 * can touch (SLAB_GUARDED); it ends at the end of a page, so that base is any multiple of 16.
 */
#ifndef PLAT_ALLOC_STATE_H
#define PLAT_ALLOC_STATE_H

#include <stddef.h>
#include <stdint.h>

#define STATE_MAGIC 0x6c6c616d74616c70u /* "platmall" in memory */
#define STATE_VERSION 1

#define GRANULE_SHIFT 16
#define GRANULE ((size_t)1 << GRANULE_SHIFT)
#define CHUNK_GRANULES 64
#define CHUNK_BYTES (CHUNK_GRANULES * GRANULE)

#define SLOT_GRAIN 16
#define CANARY_BYTES 2
/* In hard mode, what lies between one slot's block and the next's. */
#define ZONE_BYTES 6
/*
 * Small slots have tags of one byte. Their strides are every multiple of 16 up to 256, of 32 up to
 * 512, of 64 up to 1024: with more of them a small program would have pages of each.
 */
#define SMALL_STRIDE_MAX 1024
#define SMALL_CLASSES 33
/* Wide slots have tags of two bytes, and eight strides for each doubling; from 8 KiB on, four. */
#define WIDE_STRIDE_MAX 32768
#define WIDE_CLASSES 32
#define NCLASSES (SMALL_CLASSES + WIDE_CLASSES)

/* Of slots that are not live: free, and free but not to be handed out the next time. */
#define TAG_FREE 0
#define TAG_WAITS 1

/* A window is 64 slots of a slab: one bit each in a mask. */
#define WINDOW 64
/*
 * Those of its slots that are handed out span no more than this, or half of those in use: a
 * class in little use touches few pages, and finds in the cache what it has just freed.
 */
#define WINDOW_BYTES 4096

enum slab_kind {
	SLAB_NONE,
	SLAB_SMALL,
	SLAB_WIDE,
	SLAB_RUN,     /* one block in granules of a chunk */
	SLAB_MAPPING, /* one block in a mapping of its own */
	SLAB_GUARDED, /* one block between guard pages */
};

/* Who may hand out slots of a slab, and how it is found. */
enum slab_state {
	SLAB_UNUSED,
	SLAB_CURRENT, /* its owner's heap allocates from it */
	SLAB_LISTED,  /* it waits in a list of its owner */
	SLAB_FULL,    /* in no list: whoever frees enough of it takes it */
	SLAB_POOLED,  /* has no owner; it waits in its class's pool */
	SLAB_PURGING, /* it waits in the pool, and somebody is dropping its pages */
	SLAB_HELD,    /* somebody is moving it from one of the others to another */
	SLAB_RESTING, /* it is empty, and given back in a while */
};

struct heap;

struct slab {
	/*
	 * Read by everybody, written when the slab changes hands; but for `left`. It is one line:
	 * who frees needs no other, nor who asks whether some bytes lie in a block.
	 */
	uintptr_t base;
	uint64_t inverse;    /* of stride >> shift, which is odd, modulo 2^64: see slab_slot_at() */
	uint64_t nshort;     /* small slots that the short way of free finds here: all, or none */
	uint64_t size;	     /* a block alone: its requested size + 1; 0 is free */
	uint64_t reciprocal; /* 2^SLOT_SHIFT / stride, rounded up */
	struct heap *owner;
	uint32_t stride;
	/*
	 * Frees until somebody looks at the slab again. Written by whoever frees, without care: a
	 * count may be lost. It stands here since who frees has read the rest of this line.
	 */
	uint32_t left;
	uint32_t nwide; /* as nshort, of wide slots */
	uint8_t shift;
	uint8_t kind;
	uint8_t class;
	uint8_t is_hard; /* slots are laid out for hard mode; so many are never handed out */

	/* Written by whoever holds the slab. What opens a window is in the same line. */
	uint32_t state;
	uint32_t nslots;
	uint32_t ngranules;
	union {
		uint32_t interval; /* what left was after the last look */
		uint32_t site;	   /* a guarded block: where it was made */
	};
	union {
		uint32_t used;	     /* slots live or in the window, as far as they are counted */
		uint32_t freed_site; /* a guarded block: where it was freed */
	};
	union {
		uint32_t line;	 /* of 64 slots: the window's */
		uint32_t teller; /* a block alone: as plat__huge_ask() tells */
	};
	uint32_t prepared;  /* lines below it have been used */
	uint32_t idle;	    /* bytes, free but perhaps resident, at the last look */
	uint32_t high;	    /* slots from here on have been in no window */
	uint8_t nspan;	    /* slots that lie within WINDOW_BYTES, or those of a window */
	uint8_t is_sampled; /* a block alone: it is among the samples */
	uint8_t is_guarded; /* a block alone: what lies behind it cannot be touched */
	uint8_t is_huge;    /* a block alone: huge pages were asked for where it is */
	union {
		struct slab *next;
		uint64_t freed_size; /* a guarded block that is free: what its size was */
	};
	union {
		struct slab *previous;
		uint64_t front; /* a block alone: bytes of its mapping that nobody may touch */
	};
	union {
		uint64_t pages;	 /* that may be resident, a bit each */
		uint64_t region; /* a guarded block: where its mapping begins */
	};

	uint64_t generation;
	union {
		uint64_t dropped; /* pages that were given back */
		/* A mapping: bytes before those that cannot be touched. A run that is free and
		 * waits: those whose pages it keeps, all or none. */
		uint64_t guard;
	};
	uint64_t mapped; /* a block alone: bytes of its mapping */

	/* Written by everybody. */
	uint64_t pool_next;

	/* A byte a slot, two in wide slabs. A window's are one line of the cache. */
	_Alignas(64) uint8_t tags[];
};

/* Where a heap takes slots of one class from. */
struct bin {
	uint64_t mask;	      /* of the window: slots not yet handed out */
	uint64_t none;	      /* 0: the mask that is found while the heap is away */
	uintptr_t base;	      /* of the window's first slot */
	uint8_t *tags;	      /* of the window's first slot */
	struct slab *current; /* that the window is in */
	struct slab
		*listed;    /* slabs of this heap with free slots: the first; before it, the last */
	uint64_t stride;    /* of its slots */
	uint16_t grace;	    /* frees between looks at a slab in use */
	uint8_t wanted;	    /* pages that its next slab is likely to need */
	uint8_t width;	    /* slots in a window, at most */
	uint8_t keeps;	    /* what is left of credit */
	uint8_t credit : 7; /* how often an empty slab is kept, since it was soon needed again */
	uint8_t has_given : 1;	/* its last slab, because that was empty */
	uint8_t nwaiting : 7;	/* slots of the window that were not handed out at the last look */
	uint8_t has_opened : 1; /* a window, since the last look */
	uint8_t turn : 6;	/* hard mode: the bit from which the next slot is looked for */
	uint8_t is_due : 1;	/* the window ends where a sample is due, the next slot */
};

/* A thread that takes slots, or moves slabs, sees its heap so far off: each mask is `none` then. */
#define HEAP_AWAY 8
/* Of room for a wide block, in bins_of_wide. */
#define WIDE_GRAIN 128

struct heap {
	struct bin bins[NCLASSES];
	uint32_t is_busy; /* on the long way: a signal handler leaves it as it is */
	uint32_t is_alive;
	struct heap *next_heap; /* of all there ever were */
	struct heap *nested;	/* for signal handlers that interrupt malloc */
	uint64_t next_free;	/* of those without a thread */
	uint32_t allowed; /* slabs that may be made before other classes' empty ones are used */

	/* What to look at more closely: see sample.h. */
	int64_t until_guard;   /* slots to the next guarded block */
	uint64_t until_sample; /* bytes to the next sample */
	uint64_t mean;	       /* that until_sample was drawn with */
	uint64_t random;
	uint32_t events;    /* what is to be done with the block being made */
	uint32_t weighed;   /* bytes that it counts for */
	uint32_t has_drawn; /* until_guard */

	uint64_t trimmed; /* the last of `trim.asked` that it has done */

	uint32_t homes[NCLASSES]; /* by class: the granule of the last slab that it gave back */
	uint8_t nslabs[NCLASSES]; /* by class: that it has taken and not given back, about */

	/*
	 * From a block's size to its bin, which is so many units of 8 bytes behind the first one of
	 * its kind: by the size of a small one, by the room in units of 128 that a wide one needs.
	 */
	uint8_t bins_of_small[SMALL_STRIDE_MAX + 1 + HEAP_AWAY];
	uint8_t bins_of_wide[WIDE_STRIDE_MAX / WIDE_GRAIN + 1 + HEAP_AWAY];
};

/* What a tool may ask for from outside: all that can be given back to the kernel. */
struct trim {
	uint64_t asked; /* a number: another one asks again. A tool may write it. */
};

/* Where blocks are made or freed: a stack of return addresses, the innermost first. */
#define SITE_FRAMES 16

struct site {
	/*
	 * What would have been seen if every block were a sample, in 65536ths of a block, and in
	 * bytes: estimates. Live is what was made less what was freed.
	 */
	uint64_t made;
	uint64_t made_bytes;
	uint64_t freed;
	uint64_t freed_bytes;
	uint64_t nsamples;
	/* The variance of made_bytes as an estimate, in units of 256 bytes, squared. */
	uint64_t made_variance;
	uint64_t hash;
	uint32_t next; /* number of the next one of the same hash; 0 is none */
	uint32_t nframes;
	uint64_t frames[SITE_FRAMES];
};

/* A sample that is live. An address of 0 is an empty place, and 1 one that is being filled. */
struct sample {
	uint64_t address;
	uint64_t size;
	uint64_t weight; /* blocks that it stands for, in 65536ths */
	uint32_t site;
	uint32_t spare;
};

#define SAMPLES_ROW 3

/* Samples whose addresses hash alike. */
struct sample_row {
	struct sample samples[SAMPLES_ROW];
	struct sample_row *next;
};

#define SITES_BLOCK 64
#define SITE_BLOCKS 1024
#define SITE_BUCKETS 1024
#define SAMPLE_BUCKETS 4096
/* So many rows, 16 MiB, are the most. */
#define SAMPLE_ROWS ((uint32_t)1 << 17)

/* Of what `mean` may be, beside 0. */
#define SAMPLE_MEAN_MIN ((uint64_t)1) /* all but each block is a sample */
#define SAMPLE_MEAN_MAX ((uint64_t)1 << 32)

/*
 * What can be set, by names that begin with PLAT_: whether only the environment sets it, the most
 * that it may be, or 0 where it is no number, and the words that it may be, in the order of what
 * they stand for; "off" of a number is 0. With neither, it may be anything.
 */
#define SETTING_WORDS 4
#define SETTINGS(ROW)                                                                              \
	ROW(ALONE, true, 0, NULL)                                                                  \
	ROW(GUARD, true, 0, "sampled", "all", "off")                                               \
	ROW(HARD, true, 0, "0", "1")                                                               \
	ROW(HUGE, false, 0, "full", "kernel", "dense", "off")                                      \
	ROW(LIBRARY, true, 0, NULL)                                                                \
	ROW(MMAP_MAX, false, UINT64_MAX, NULL)                                                     \
	ROW(MMAP_THRESHOLD, false, UINT64_MAX, NULL)                                               \
	ROW(ON_ERROR, false, 0, "abort", "report", "ignore")                                       \
	ROW(PERTURB, false, UINT8_MAX, NULL)                                                       \
	ROW(REPORT, true, 0, NULL)                                                                 \
	ROW(SAMPLE, false, SAMPLE_MEAN_MAX, "off")                                                 \
	ROW(SCRATCH, true, 0, NULL)                                                                \
	ROW(SEED, true, UINT64_MAX, NULL)                                                          \
	ROW(TOP_PAD, false, UINT64_MAX, NULL)                                                      \
	ROW(TRIM_THRESHOLD, false, UINT64_MAX, NULL)

struct site_block {
	struct site sites[SITES_BLOCK];
};

struct samples {
	uint64_t mean;	 /* bytes between samples, on average; 0: none. A tool may write it. */
	uint32_t nsites; /* that there are, and number 0 for what could not be told apart */
	uint32_t nrows;
	/* What was hit and is in no site, since there was no room: so many, and what they stand
	 * for.
	 */
	uint64_t nlost;
	uint64_t lost_bytes;
	/* What few sites need stands on the first page. */
	uint16_t buckets[SITE_BUCKETS]; /* numbers of sites; 0 is none */
	struct site_block *sites[SITE_BLOCKS];
	struct sample_row *rows[SAMPLE_BUCKETS];
};

/*
 * Memory for all this but what stands in the library itself: blocks of it, from their first byte to
 * `end`. All there ever were are in a list.
 */
struct meta_block {
	uintptr_t cursor; /* what is taken lies before it; it may be beyond the end */
	uintptr_t end;
	struct meta_block *older;
};

struct chunk {
	uintptr_t base;
	uint64_t used;	 /* granules that are taken, or not there */
	uint64_t dirty;	 /* free granules with pages that may be resident */
	uint64_t purged; /* free granules whose pages were dropped */
	uint64_t huge;	 /* granules of huge pages: all of one is resident once it is touched */
	uint32_t source; /* 0: the break; 1: mappings */
	uint32_t is_listed;
	uint32_t index;
	uint16_t pages[CHUNK_GRANULES]; /* of free granules, those that may be resident */
};

/*
 * The header: where a reader begins, and what it needs to read what another version has written.
 *
 *     | head | addresses and numbers | a row for each field of each struct that matters |
 *
 * The head and the form of a row never change. All else is found by the rows: a struct may grow,
 * and its fields may move or change their width. The row of a struct itself has its name alone, its
 * size as offset, and no width. Numbers of enums keep their meaning; new ones come at the end.
 *
 * From there to every block:
 *
 *     root[address / 1 GiB] -> leaf: slabs[granule] -> slab: SMALL, WIDE: tags, a slot each
 *                                                             alone: size, 0 is free
 *                                    chunks[4 MiB]  -> chunk: used, a bit each granule
 *
 * A slab is named by each of its granules, by the first of them first, and by the first of them no
 * longer before the others. While generation is odd, class and base are being changed.
 */
struct state_field {
	char name[24]; /* "slab.base"; ends with NUL */
	uint32_t offset;
	uint16_t width; /* bytes of one */
	uint16_t count; /* so many in a row */
};

#define STATE_BYTE_ORDER 0x01020304u

struct state {
	/* The head. */
	uint64_t magic;
	uint32_t byte_order;
	uint16_t version;
	uint8_t pointer_bytes;
	uint8_t spare;
	uint16_t nfields;
	uint16_t field_bytes; /* of a row */
	uint32_t fields_at;   /* the first row, from here on */

	uint64_t page_bytes; /* 0: nothing has been allocated yet */
	uint32_t granule_bytes;
	uint32_t chunk_granules;
	uint64_t leaf_bytes; /* of address space */
	uint32_t root_entries;
	uint32_t window; /* slots */
	uint32_t slot_grain;
	uint32_t canary_bytes; /* behind each block; 0: without checks */
	uint32_t tag_bias;     /* a block's size is stride + tag_bias - tag */
	uint32_t wide_class;   /* the first one of wide slots */
	const void *root;      /* so many addresses of leaves */
	const void *heaps;     /* where the newest heap's address stands */
	const void *options;
	const void *faults; /* where their number stands, a size_t */
	const void
		*meta_bytes; /* where it stands how much the kernel lent for all this, a size_t */
	const void *meta;    /* where the newest struct meta_block's address stands */
	const void *samples; /* a struct samples */
	const void *trim;    /* a struct trim */
};

/* In the note .note.plat, of the name "plat" and this type: an int32_t, state's distance from it.
 */
#define STATE_NOTE 1

/*
 * What programs tell `plat run`, in a page that all of them have; its number in the environment
 * proves that it is the one that is meant.
 */
#define REPORT_MAGIC 0x74726f7065723031u
#define REPORT_BYTES 4096

struct report {
	uint64_t magic;
	uint64_t number;
	uint64_t nfaults;
	uint32_t nloaded;   /* programs that have the library */
	uint32_t nprograms; /* and have asked it for a block */
	uint32_t pid;	    /* of the one that was started */
	uint32_t is_loaded; /* the same of this one */
	uint32_t is_active;
};

#endif
