/*
 * libplat-malloc's own interface, beside malloc and its family: figures, options, and what lies
 * where.
 *
 * A program that is to run on any malloc asks whether it has this one: declare the function weak,
 * or look for it with dlsym(RTLD_DEFAULT, "plat_malloc_stats").
 *
 * Sizes are in bytes. Every function may be called from any thread at any time; none takes a lock,
 * allocates, or changes errno, unless it says so. Those that may also be called from a signal
 * handler say so.
 *
 * Link with -lplat-malloc, or run the program under `plat run`.
 */
#ifndef PLAT_ALLOC_H
#define PLAT_ALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What there is. The heap is what the kernel lent for all blocks but those with a mapping of their
 * own:
 *
 *     | heap_bytes                                                   | mapped_bytes |
 *     | taken by live blocks: | free_bytes                           |              |
 *     | live_bytes and more   | resident_bytes |                     |              |
 *
 * live_bytes counts blocks in mappings, too. A block takes what was asked for, a canary behind it,
 * and the rest of its slot.
 */
struct plat_malloc_stats {
	size_t live_blocks;
	size_t live_bytes;     /* as requested */
	size_t mapped_blocks;  /* of the live ones: with a mapping of their own */
	size_t mapped_bytes;   /* pages of these mappings */
	size_t heap_bytes;     /* address space of the heap */
	size_t free_bytes;     /* of these, in no live block */
	size_t resident_bytes; /* of the free ones, that may still be in memory */
	size_t state_bytes;    /* what the allocator knows of all this, apart from it */
	size_t faults;	       /* misuses that were found, see PLAT_ON_ERROR */
};

/*
 * Fills *ret, of which the caller knows `size` bytes: sizeof(*ret). Fields that this library does
 * not know are 0, those that the caller does not know are left out. Takes as long as it takes to
 * look at every block, some nanoseconds each. While other threads allocate, each figure is that of
 * a moment, but not all of the same.
 */
void plat_malloc_stats(struct plat_malloc_stats *ret, size_t size);

/*
 * Gives all memory that is free back to the kernel, as malloc_trim(0) does, but what waits in other
 * threads' hands: up to 8 KiB for each size in use there. Returns 1 if something went back, else 0.
 */
int plat_malloc_purge(void);

/*
 * Options by the name of the environment variable, "PLAT_ON_ERROR", and the same values, as text;
 * libplat-malloc(3) lists them.
 *
 * plat_malloc_set: 0; -ENOENT: there is no option of this name; -EINVAL: it cannot have this value;
 * -EPERM: it can only be set in the environment. PLAT_SAMPLE may load libgcc_s.so.1, by dlopen.
 *
 * plat_malloc_get writes at most `size` bytes to ret, a NUL included, and returns how long the
 * value is without it, or -ENOENT. What does not fit is cut off; ret may be NULL if size is 0.
 */
int plat_malloc_set(const char *name, const char *value);
int plat_malloc_get(const char *name, char *ret, size_t size);

/* A block, live or free. */
struct plat_block {
	void *start;
	/*
	 * As requested; of a small block with an alignment from 256 to 1024 perhaps more, as
	 * malloc_usable_size tells. Of a free one, what fits in.
	 */
	size_t size;
	int is_live;
};

/* What plat_malloc_visit calls for. */
#define PLAT_VISIT_LIVE 1
#define PLAT_VISIT_FREE 2

/*
 * Calls visit for every live or free block, or both, in the order of addresses, until it returns
 * something else than 0; returns that, or 0. visit gets a block that is its own until it returns.
 * It may allocate and free, these and other blocks; those that come or go meanwhile, in whatever
 * thread, are visited or not. Each other one is visited once.
 */
int plat_malloc_visit(unsigned which, int (*visit)(const struct plat_block *block, void *data),
		      void *data);

/*
 * The live block that the address lies in, of whatever size, however far from its start. 0, or
 * -ENOENT: it lies in none; what lies behind a block's last byte does not lie in it, but
 * malloc(0)'s own address does.
 *
 * Takes as long as a few loads from memory. May be called from a signal handler. The answer is of
 * use for as long as nobody frees the block.
 */
int plat_block_of(const void *p, struct plat_block *ret);

/*
 * What the sampling profile (PLAT_SAMPLE) knows of a place in the program. Numbers of blocks and
 * bytes are estimates of what was made there while there were samples: with n samples they are
 * wrong by about one part in the square root of n. Live is what of that was not freed.
 */
struct plat_site {
	size_t nsamples; /* that were taken there */
	size_t made_blocks;
	size_t made_bytes;
	size_t live_blocks;
	size_t live_bytes;
	/* Return addresses, the innermost first; none: there was no room to tell sites apart. */
	const void *const *frames;
	size_t nframes;
};

/*
 * Calls visit for each site that has samples until it returns something else than 0; returns that,
 * or 0. visit gets a site that is its own until it returns; it may allocate and free. The same
 * frames may come twice.
 */
int plat_visit_sites(int (*visit)(const struct plat_site *site, void *data), void *data);

#ifdef __cplusplus
}
#endif

#endif
