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

	/*
	 * Where the bytes at `from` lie in our own memory, for as long as the reader is open, and
	 * in *size how many there are in a row; or NULL: they must be copied. A reader of which
	 * nothing lies here has no such function.
	 */
	const void *(*view)(struct reader *reader, plat_addr from, size_t *size);
};

static inline int reader_read(struct reader *reader, plat_addr from, void *to, size_t size)
{
	return reader->read(reader, from, to, size);
}

static inline const void *reader_view(struct reader *reader, plat_addr from, size_t *size)
{
	return reader->view ? reader->view(reader, from, size) : NULL;
}

#endif
