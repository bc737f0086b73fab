/*
 * Packs the memory of a process, frame by frame: two threads read, filter and pack; who adds pages
 * writes what is ready, in order.
 *
 *     add pages -> | frame | frame | frame | ... |  -> the file
 *                    ready  at work  waiting
 */
#ifndef SOURCE_SNAPSHOT_PACK_H
#define SOURCE_SNAPSHOT_PACK_H

#include "base/addr.h"
#include "base/error.h"
#include "base/reader.h"
#include "source/snapshot_write.h"

struct snapshot_filter;
struct snapshot_packer;

/*
 * Begins. Several threads read `memory` at once; it and `pagemap`, that of /proc/PID, stay the
 * caller's. `filter` NULL keeps all content. 0, and *ret is the caller's to finish; -errno.
 */
int snapshot_packer_new(struct snapshot_writer *writer, struct reader *memory, int pagemap,
			uint64_t page_size, const struct snapshot_filter *filter,
			struct snapshot_packer **ret) MUST_CHECK;

/* Adds pages, in the order of their addresses; waits where too much is under way. */
void snapshot_pack_pages(struct snapshot_packer *packer, plat_addr start, uint64_t npages);

struct snapshot_packed {
	uint64_t pages;	     /* whose content is kept */
	uint64_t zero_pages; /* of these, zeros, which take no room */
	uint64_t unread;     /* pages that were there and could not be read */
};

/* Writes what is left; the packer is gone. 0 or -errno. */
int snapshot_packer_finish(struct snapshot_packer *packer, struct snapshot_packed *ret) MUST_CHECK;

#endif
