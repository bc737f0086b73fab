/*
 * What a process that stands still has in memory, copied at once: a reader of heaps asks for it
 * word by word, and each word by itself is a call of the kernel's or two.
 */
#ifndef PROP_HEAP_COPY_H
#define PROP_HEAP_COPY_H

#include "base/reader.h"
#include "space/space.h"

#define COPY_RANGES_MOST 256

struct copied {
	plat_addr start, end;
	size_t at; /* in the bytes */
};

/* All 0: empty. Its memory serves the next copy; who made it frees it. */
struct copy {
	struct reader reader;
	struct reader *live; /* for what is not copied */
	struct copied ranges[COPY_RANGES_MOST];
	size_t nranges;
	unsigned char *bytes;
	size_t size;
};

/* A reader of it, which is good until the process goes on. */
struct reader *copy_take(struct copy *copy, int process, const struct space *space,
			 struct reader *live);

#endif
