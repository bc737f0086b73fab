#include "cli/heap_look.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TLS_MOST (64 * 1024) /* bytes of a thread's own memory that are looked at */

/* A second copy of the library may serve what loads it alone, as a namespace does. */
static bool is_begun(struct heap_look *look, plat_addr at, struct error *err)
{
	if (own_open(&look->content.reader, at, &look->own, err) < 0)
		return false;
	if (look->own.page_bytes != 0)
		return true;
	own_close(&look->own);
	return false;
}

static void find_elsewhere(struct heap_look *look, const struct space *space)
{
	struct error err;
	plat_addr at;
	uint32_t i;

	for (i = 0; i < space->nmodules && !look->has_own; i++) {
		if (own_find(&look->content.reader, &space->modules[i], &at) < 0)
			continue;
		look->has_own = is_begun(look, at, &err);
		look->module = i;
	}
}

static void say_what_it_is(struct heap_look *look, const struct space *space)
{
	const struct allocator *allocator = &look->allocator;
	char path[256];
	int r;

	text_escape(allocator_module_name(space, allocator->provider), path, sizeof(path), 0);
	if (allocator->how == ALLOCATOR_STATIC)
		r = fail(&look->why, -ENOTSUP,
			 "a static program with a malloc of its own, which is not plat's: its "
			 "heap cannot be read yet");
	else if (allocator->how == ALLOCATOR_LINKED)
		r = fail(&look->why, -ENOTSUP, "it uses %s, of %s, which cannot be read yet",
			 allocator_words(allocator->kind), path);
	else
		r = fail(&look->why, -ENOTSUP, "its allocator was not found: %s", allocator->why);
	(void)r;
}

static void find_own(struct heap_look *look, const struct space *space)
{
	if (look->allocator.state) {
		look->module = look->allocator.provider;
		look->has_own = own_open(&look->content.reader, look->allocator.state, &look->own,
					 &look->why) == 0;
		return;
	}
	find_elsewhere(look, space);
	if (!look->has_own)
		say_what_it_is(look, space);
}

int heap_look_open(const struct procdir *dir, const struct space *space, struct heap_look *ret,
		   struct error *err)
{
	int r;

	*ret = (struct heap_look){.module = NO_MODULE};
	r = content_open(&ret->content, dir, space);
	if (r < 0) {
		content_close(&ret->content);
		return fail(err, -r, "%d: its memory cannot be read", dir->pid);
	}
	r = allocator_find(space, &ret->content.reader, &ret->allocator);
	if (r < 0) {
		content_close(&ret->content);
		return fail(err, -r, "%d", dir->pid);
	}
	find_own(ret, space);
	return 0;
}

void heap_look_close(struct heap_look *look)
{
	if (look->has_own)
		own_close(&look->own);
	allocator_fini(&look->allocator);
	content_close(&look->content);
	free(look->tids);
	look->tids = NULL;
}

/*
 * Threads.
 */

static void look_at_thread(struct heap_look *look, const struct thread *thread,
			   unsigned char *bytes)
{
	const struct own_layout *layout = &look->own.layout;
	uint64_t size = min_u64(thread->tls_end - thread->tls_start, TLS_MOST), i;
	unsigned word = layout->pointer_bytes;
	const struct own_heap *heap;

	/* Static memory of threads ends at the descriptor: what libraries have is near that. */
	if (size == 0 ||
	    reader_read(&look->content.reader, thread->tls_end - size, bytes, (size_t)size) < 0)
		return;
	for (i = 0; i + word <= size; i += word) {
		heap = own_heap_at(&look->own, own_number(layout, bytes + i, word));
		if (heap)
			look->tids[heap->number] = thread->tid;
	}
}

static bool has_heap(const struct heap_look *look, int tid)
{
	size_t i;

	for (i = 1; i <= look->own.nheaps; i++)
		if (look->tids[i] == tid)
			return true;
	return false;
}

/*
 * Where one thread and one heap are left, they belong together: the first thread's own memory is
 * not always known.
 */
static void match_last(struct heap_look *look, const struct space *space)
{
	size_t i, nheaps = 0, nthreads = 0;
	uint32_t heap = 0;
	int tid = 0;

	for (i = 0; i < look->own.nheaps; i++)
		if (look->own.heaps[i].is_alive && !look->tids[look->own.heaps[i].number]) {
			heap = look->own.heaps[i].number;
			nheaps++;
		}
	for (i = 0; nheaps == 1 && i < space->nthreads; i++)
		if (space->threads[i].tid && !has_heap(look, space->threads[i].tid)) {
			tid = space->threads[i].tid;
			nthreads++;
		}
	if (nthreads == 1)
		look->tids[heap] = tid;
}

void heap_look_threads(struct heap_look *look, const struct space *space)
{
	unsigned char *bytes = malloc(TLS_MOST);
	size_t i;

	if (!look->has_own || look->own.nheaps == 0 || !bytes)
		goto out;
	free(look->tids);
	look->tids = calloc(look->own.nheaps + 1, sizeof(*look->tids));
	for (i = 0; look->tids && i < space->nthreads; i++)
		if (space->threads[i].tid &&
		    space->threads[i].tls_end > space->threads[i].tls_start)
			look_at_thread(look, &space->threads[i], bytes);
	if (look->tids)
		match_last(look, space);
out:
	free(bytes);
}
