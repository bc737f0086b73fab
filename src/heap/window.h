/*
 * Memory that is read in order: in large pieces, each once, so that a word of it costs a
 * comparison. Where a piece cannot be read whole, as much of it as can be is.
 */
#ifndef HEAP_WINDOW_H
#define HEAP_WINDOW_H

#include "base/compiler.h"
#include "base/reader.h"

#include <stdbool.h>

#define WINDOW_BYTES (256 * 1024)

struct window {
	struct reader *reader;
	unsigned char *bytes;
	uint64_t page_size;
	plat_addr start, end; /* what it holds */
	plat_addr limit;      /* nothing from here on is read */
};

/* 0, and the window is the caller's to window_fini(); or -ENOMEM. */
int window_init(struct window *window, struct reader *reader, uint64_t page_size) MUST_CHECK;
void window_fini(struct window *window);

/* Makes it hold what is at `at`, up to `size` bytes, or NULL where they cannot be read. */
const unsigned char *window_move(struct window *window, plat_addr at, size_t size);

/* What was read is read anew. */
static inline void window_forget(struct window *window)
{
	window->start = window->end = 0;
}

/* `size` bytes at `at`, until the next call; or NULL where they cannot be read. */
static inline const unsigned char *window_at(struct window *window, plat_addr at, size_t size)
{
	if (at >= window->start && at < window->end && size <= window->end - at)
		return window->bytes + (at - window->start);
	return window_move(window, at, size);
}

#endif
