/*
 * Which thread has which heap: a heap's address stands in its thread's own memory, where the
 * library keeps it.
 */
#include "heap/own_parts.h"

#include <stdlib.h>

#define TLS_MOST (64 * 1024) /* bytes of a thread's own memory that are looked at */

static void look_at_thread(struct own *own, const struct thread *thread, unsigned char *bytes)
{
	uint64_t size = min_u64(thread->tls_end - thread->tls_start, TLS_MOST), i;
	unsigned word = own->layout.pointer_bytes;
	const struct own_heap *heap;

	/* Static memory of threads ends at the descriptor: what libraries have is near that. */
	if (size == 0 ||
	    reader_read(own->reading.reader, thread->tls_end - size, bytes, (size_t)size) < 0)
		return;
	for (i = 0; i + word <= size; i += word) {
		heap = own_heap_at(own, own_number(&own->layout, bytes + i, word));
		if (heap)
			own->reading.arenas[heap->number - 1].tid = thread->tid;
	}
}

static bool has_heap(const struct own *own, int tid)
{
	size_t i;

	for (i = 0; i < own->nheaps; i++)
		if (own->reading.arenas[i].tid == tid)
			return true;
	return false;
}

/*
 * Where one thread and one heap are left, they belong together: the first thread's own memory is
 * not always known.
 */
static void match_last(struct own *own)
{
	const struct space *space = own->reading.space;
	struct heap_arena *arena, *left = NULL;
	size_t i, nheaps = 0, nthreads = 0;
	int tid = 0;

	for (i = 0; i < own->nheaps; i++) {
		arena = &own->reading.arenas[own->heaps[i].number - 1];
		if (!own->heaps[i].is_alive || arena->tid)
			continue;
		left = arena;
		nheaps++;
	}
	for (i = 0; nheaps == 1 && i < space->nthreads; i++)
		if (space->threads[i].tid && !has_heap(own, space->threads[i].tid)) {
			tid = space->threads[i].tid;
			nthreads++;
		}
	if (nthreads == 1)
		left->tid = tid;
}

int own_find_threads(struct own *own)
{
	const struct space *space = own->reading.space;
	unsigned char *bytes;
	size_t i;

	if (!space || own->nheaps == 0)
		return 0;
	bytes = malloc(TLS_MOST);
	if (!bytes)
		return -ENOMEM;
	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].tid &&
		    space->threads[i].tls_end > space->threads[i].tls_start)
			look_at_thread(own, &space->threads[i], bytes);
	match_last(own);
	free(bytes);
	return 0;
}
