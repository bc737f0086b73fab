/*
 * Reads a process's memory without changing it: only pages that are there. A page that was never
 * touched, or lies in swap, is not faulted in; it reads as -ENODATA.
 */
#ifndef SOURCE_MEMORY_H
#define SOURCE_MEMORY_H

#include "base/reader.h"
#include "source/procdir.h"

#define MEMORY_PAGE_MOST 65536

struct memory {
	struct reader reader; /* hand this to who wants to read */
	const struct procdir *dir;
	int mem, pagemap; /* descriptors, or -1 */
	uint64_t page_size;
	plat_addr held; /* the page in `page`, or UNKNOWN */
	unsigned char *page;
};

/* 0, or -errno where the memory may not be read; close works in both cases. */
int memory_open(struct memory *memory, const struct procdir *dir, uint64_t page_size) MUST_CHECK;
void memory_close(struct memory *memory);

#endif
