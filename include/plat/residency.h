/*
 * Which pages are in memory: of a range of our own, and of a file in the page cache.
 *
 * An answer is about a moment that is over. Pages that are locked (plat/lock.h) stay.
 */
#ifndef PLAT_RESIDENCY_H
#define PLAT_RESIDENCY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What holds of a page. */
enum plat_page {
	/*
	 * An access reads nothing from disk: mincore(2). Of a file that is neither the process's
	 * own nor writable to it, Linux since 5.2 says so of every page, and means nothing by it.
	 */
	PLAT_PAGE_IN_MEMORY = 1,
	/* In the process's own page tables: an access does not even fault. /proc/self/pagemap. */
	PLAT_PAGE_MAPPED = 2,
	PLAT_PAGE_SWAPPED = 4, /* in swap */
	PLAT_PAGE_FILE = 8,    /* mapped or swapped, and a file's or shared memory's */
	/* A guard by MADV_GUARD_INSTALL, and nothing else. Told since Linux 6.15; 6.13 and 6.14,
	 * which have guards, say that they are in swap. */
	PLAT_PAGE_GUARD = 16
};

/*
 * Writes one byte, of enum plat_page, for each page that holds a part of these bytes, and returns
 * which of enum plat_page the kernel tells: what is not in the answer is 0 in all bytes, and not
 * known. Without /proc that is PLAT_PAGE_IN_MEMORY alone.
 *
 * -ENOMEM: a part is not mapped. -ERANGE: there are more than n pages. -EINVAL: no bytes, or they
 * wrap around. On an error what is written to ret is of no meaning.
 */
int plat_page_states(const void *p, size_t size, unsigned char *ret, size_t n);

/* The same in sum, in bytes of whole pages. SIZE_MAX: the kernel does not tell. */
struct plat_residency {
	size_t size; /* of all the pages */
	size_t in_memory;
	size_t mapped;
	size_t swapped;
	size_t file;
	size_t guard;
};

/* Fills *ret, of which the caller knows ret_size bytes: sizeof(*ret). Errors as above. */
int plat_residency(const void *p, size_t size, struct plat_residency *ret, size_t ret_size);

/* What the page cache has of a part of a file, in bytes of whole pages; UINT64_MAX: not told. */
struct plat_cached {
	uint64_t cached;	   /* in memory */
	uint64_t dirty;		   /* of these: not yet written to the file, Linux 6.5 */
	uint64_t writeback;	   /* of these: being written right now, Linux 6.5 */
	uint64_t evicted;	   /* was there, and went: Linux 6.5 */
	uint64_t recently_evicted; /* of these: so recently that memory is short, Linux 6.5 */
};

/*
 * Of `size` bytes of the file behind fd, from offset on; 0 stands for the rest of the file. Fills
 * *ret, of which the caller knows ret_size bytes. By cachestat(2) since Linux 6.5; before, the file
 * is mapped for the time of the call, and only `cached` is told.
 *
 * -EPERM: the kernel tells it to who owns the file or may write to it, and to nobody else.
 * -EBADF: fd is not open. -EACCES: before 6.5, it is not open for reading. -ENODEV, -EOPNOTSUPP: it
 * is no file with a page cache. -EINVAL: the part wraps around, or is all of a block device, whose
 * size this function does not know.
 */
int plat_cached(int fd, uint64_t offset, uint64_t size, struct plat_cached *ret, size_t ret_size);

#ifdef __cplusplus
}
#endif

#endif
