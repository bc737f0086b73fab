/*
 * The pages that a process has for itself: those of its private mappings that are in memory and in
 * no file, and which of them were written to.
 *
 * By PAGEMAP_SCAN, or, before Linux 6.7, by the entries of pagemap. These do not tell the page of
 * zeros from others, so that it is listed as one of them; and mappings of more than 256 GiB are
 * left out, as there would be gigabytes of entries.
 */
#ifndef SOURCE_PRIVATE_PAGES_H
#define SOURCE_PRIVATE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "source/procdir.h"
#include "source/track.h"

/* A private mapping: what is not there is zeros, or the file's. */
struct private_area {
	plat_addr start, end;
	bool is_file;
	bool is_left_out; /* nobody knows what is there */
};

struct private_run {
	plat_addr start, end;
	bool is_written; /* since it is tracked; true where it is not */
};

struct private_pages {
	const struct procdir *dir;
	int fd; /* pagemap */
	uint64_t page_size;
	bool no_scan;		    /* the kernel has no PAGEMAP_SCAN */
	struct private_area *areas; /* by address */
	size_t n, room;
	bool no_memory;
};

/* 0 or -errno; close works in both cases. `dir` must outlive it. */
int private_pages_open(const struct procdir *dir, struct private_pages *ret) MUST_CHECK;
void private_pages_close(struct private_pages *pages);

/* The mappings as they are now. 0 or -errno. */
int private_pages_load(struct private_pages *pages) MUST_CHECK;

/* The one that an address is in, or NULL. */
const struct private_area *private_pages_area(const struct private_pages *pages, plat_addr at);

/* 0, -errno, or what `take` returned, if that was not 0: it ends then. */
int private_pages_each(struct private_pages *pages, enum track_how how,
		       int (*take)(void *context, const struct private_run *run),
		       void *context) MUST_CHECK;

#endif
