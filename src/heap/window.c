#include "heap/window.h"

#include <errno.h>
#include <stdlib.h>

int window_init(struct window *window, struct reader *reader, uint64_t page_size)
{
	/* It ends with a page; of a page that is larger it holds a part. */
	*window = (struct window){
		.reader = reader,
		.page_size = min_u64(page_size, WINDOW_BYTES),
		.limit = ADDR_MAX,
	};
	window->bytes = malloc(WINDOW_BYTES);
	return window->bytes ? 0 : -ENOMEM;
}

void window_fini(struct window *window)
{
	free(window->bytes);
	*window = (struct window){0};
}

/* A page in swap spoils a read: half as much is tried, down to the bytes that are wanted. */
const unsigned char *window_move(struct window *window, plat_addr at, size_t size)
{
	uint64_t most;

	window_forget(window);
	if (at >= window->limit || size > window->limit - at)
		return NULL;
	most = min_u64(window->limit - at, WINDOW_BYTES - at % window->page_size);
	while (most >= size) {
		if (reader_read(window->reader, at, window->bytes, (size_t)most) == 0) {
			window->start = at;
			window->end = at + most;
			return window->bytes;
		}
		if (most == size)
			break;
		most = max_u64(most / 2, size);
	}
	return NULL;
}
