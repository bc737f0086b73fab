/*
 * What a process would find at an address, without making it look: pages that are there are copied;
 * those that are not yet are what they would become, zeros or a page of the mapped file. What lies
 * in swap stays there, and reads as -ENODATA.
 *
 * Unlike `memory`, nothing is remembered between two reads: who reads the same address twice sees
 * whether a running process has changed it.
 */
#ifndef SOURCE_CONTENT_H
#define SOURCE_CONTENT_H

#include "base/reader.h"
#include "source/memory.h"
#include "space/space.h"

struct content {
	struct reader reader; /* hand this to who wants to read */
	const struct procdir *dir;
	const struct space *space;
	struct memory captured; /* in a captured tree all is read through this */
	int mem, pagemap;
	uint64_t page_size;
	uint32_t file; /* the last one that was opened; or NO_FILE */
	int file_fd;   /* its descriptor, or -errno */
};

/* 0, or -errno where the memory may not be read; close works in both cases. */
int content_open(struct content *content, const struct procdir *dir,
		 const struct space *space) MUST_CHECK;
void content_close(struct content *content);

#endif
