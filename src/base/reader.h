/*
 * Copies bytes from the process we look at: live, a core file, a capture, or an array in a test.
 * What it returns is hostile input.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stddef.h>

#include "base/addr.h"

struct reader {
	/*
	 * Copies `size` bytes at `from`: all of them and 0, or a negative errno. -ENODATA means
	 * that the page is there but holds nothing that could be read without changing the process.
	 */
	int (*read)(struct reader *reader, plat_addr from, void *to, size_t size);
};

static inline int reader_read(struct reader *reader, plat_addr from, void *to, size_t size)
{
	return reader->read(reader, from, to, size);
}

#endif
