/*
 * The page cache: how much of a file is in memory, whoever brought it there. It says nothing about
 * whether the process that we look at has those pages mapped.
 *
 * By cachestat (Linux 6.5), else by mincore of a mapping of our own.
 */
#ifndef SOURCE_CACHE_H
#define SOURCE_CACHE_H

#include "source/procdir.h"
#include "space/space.h"

struct snapshot_cached;

/* A file that is asked about. */
struct cache {
	int fd;
	uint64_t page_size, file_size;
	bool by_mincore; /* cachestat has failed once */
	/* Of a snapshot: runs of pages that were cached. */
	struct snapshot_cached *runs;
	size_t nruns;
};

#define CACHE_CLOSED ((struct cache){.fd = -1})

/* Whether a region has a file that could be in the page cache. */
bool cache_has_file(const struct space *space, const struct region *region);

/* Opens the file behind a region. 0; or -errno, with the reason in *why: static text. */
int cache_open(const struct procdir *dir, const struct space *space, const struct region *region,
	       struct cache *ret, const char **why) MUST_CHECK;

/*
 * Writes down what is cached of the file behind a region, where a snapshot is taken. 0 or -ENOMEM.
 */
int cache_note(const struct procdir *dir, const struct space *space,
	       const struct region *region) MUST_CHECK;
void cache_close(struct cache *cache);

/* How many of `size` bytes from `offset` on are cached. As above. */
int cache_bytes(struct cache *cache, uint64_t offset, uint64_t size, uint64_t *ret,
		const char **why) MUST_CHECK;

#endif
