/*
 * The walk: first what leads to blocks, the arenas, their memory, and the lists; then all memory
 * once, in order of its addresses.
 */
#include "heap/ptmalloc_chunk.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ptmalloc_read_word(struct ptmalloc *heap, plat_addr at, uint64_t *ret)
{
	unsigned char bytes[8];
	int r = reader_read(&heap->cache->reader, at, bytes, heap->layout.word);

	if (r == 0)
		*ret = ptmalloc_word(heap, bytes);
	return r;
}

/*
 * Opening and closing.
 */

static void name_classes(struct ptmalloc *heap)
{
	uint32_t i;

	for (i = 0; i < PTMALLOC_NCLASSES; i++)
		heap->reading.classes[i] =
			(struct heap_class){.number = i, .stride = ptmalloc_class_most(i)};
	heap->reading.classes[PTMALLOC_MAPPED_CLASS].name = "mapping";
}

static void ptmalloc_close(struct heap_reading *reading)
{
	struct ptmalloc *heap = (struct ptmalloc *)reading; /* its first member */

	free(reading->arenas);
	free(reading->classes);
	free(reading->proofs.list);
	free(heap->arenas);
	free(heap->segments);
	free(heap->marks);
	free(heap->caches);
	free(heap->witnesses);
	free(heap->cache);
	free(heap);
}

static int find(struct ptmalloc *heap, struct error *err)
{
	int r;

	reader_cache_init(heap->cache, heap->reading.reader);
	r = ptmalloc_find(heap);
	if (r == -ENOENT)
		return fail(err, r, "no heap of glibc's malloc was found");
	if (r < 0)
		return fail(err, -r, "the heap cannot be read");
	ptmalloc_find_version(heap);
	return 0;
}

static int ptmalloc_open(const struct space *space, struct reader *reader,
			 struct heap_reading **ret, struct error *err)
{
	struct ptmalloc *heap = calloc(1, sizeof(*heap));
	int r = -ENOMEM;

	if (!heap)
		return fail(err, ENOMEM, "the heap cannot be read");
	heap->reading = (struct heap_reading){
		.type = &ptmalloc_type, .space = space, .reader = reader, .module = NO_MODULE};
	heap->page_size = 4096;
	if (space->machine.page_size != UNKNOWN && space->machine.page_size)
		heap->page_size = space->machine.page_size;
	heap->cache = malloc(sizeof(*heap->cache));
	heap->reading.classes = calloc(PTMALLOC_NCLASSES, sizeof(*heap->reading.classes));
	heap->reading.nclasses = PTMALLOC_NCLASSES;
	if (heap->cache && heap->reading.classes)
		r = find(heap, err);
	else
		r = fail(err, ENOMEM, "the heap cannot be read");
	if (r < 0)
		ptmalloc_close(&heap->reading);
	else
		*ret = &heap->reading;
	return r;
}

/*
 * Walking.
 */

static void forget_last(struct ptmalloc *heap)
{
	struct heap_reading *reading = &heap->reading;

	reading->sums = (struct heap_sums){0};
	free(reading->proofs.list);
	reading->proofs = (struct heap_proofs){0};
	reading->narenas = 0;
	/* What it needs for itself lies in libc's data, and in the heaps. */
	reading->state_bytes = 0;
	heap->nmarks = heap->ncaches = 0;
	heap->key = heap->nkeys = heap->nothers = 0;
	heap->ncached = heap->nfast = heap->cached_met = heap->fast_met = 0;
	heap->nprobes = heap->nlinks = heap->ndoubts = 0;
	heap->doubts = (struct ptmalloc_doubts){0};
	heap->call = CALL_NOT_LOOKED;
	heap->nretries = 0;
	heap->is_torn = heap->are_caches_torn = false;
	name_classes(heap);
	reader_cache_init(heap->cache, reading->reader);
}

static int name_arenas(struct ptmalloc *heap)
{
	struct heap_reading *reading = &heap->reading;
	size_t i, n = heap->narenas + 1;
	int r = list_reserve(&reading->arenas, &reading->arenas_room, 0, n);

	if (r < 0)
		return r;
	for (i = 0; i < heap->narenas; i++)
		reading->arenas[i] = (struct heap_arena){
			.kind = i ? ARENA_FURTHER : ARENA_MAIN,
			.number = (uint32_t)i + 1,
			.address = heap->arenas[i].address,
		};
	reading->arenas[i] = (struct heap_arena){
		.kind = ARENA_MAPPED, .number = (uint32_t)n, .address = UNKNOWN};
	reading->narenas = n;
	return 0;
}

static void add_up_segments(struct ptmalloc *heap)
{
	size_t i;

	heap->held = 0;
	for (i = 0; i < heap->nsegments; i++) {
		struct ptmalloc_segment *segment = &heap->segments[i];

		heap->held += segment->end - segment->start;
		if (segment->kind == SEGMENT_MAPPED)
			segment->arena = (uint32_t)heap->narenas;
		else
			heap->arenas[segment->arena].held += segment->end - segment->start;
	}
}

static int by_chunk(const void *a, const void *b)
{
	const struct ptmalloc_mark *x = a, *y = b;

	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static void doubt_mark(struct ptmalloc *heap, plat_addr chunk)
{
	const struct ptmalloc_segment *segment = ptmalloc_segment_at(heap, chunk);

	ptmalloc_doubt(heap, segment ? segment->arena : NO_ARENA, chunk,
		       "a free chunk is in two lists");
}

static void sort_marks(struct ptmalloc *heap)
{
	size_t i;

	if (!heap->nmarks)
		return;
	qsort(heap->marks, heap->nmarks, sizeof(*heap->marks), by_chunk);
	for (i = 1; i < heap->nmarks; i++)
		if (heap->marks[i].chunk == heap->marks[i - 1].chunk) {
			doubt_mark(heap, heap->marks[i].chunk);
			return;
		}
}

static int read_lists(struct ptmalloc *heap)
{
	int r = ptmalloc_read_arenas(heap);

	if (r == 0 && heap->narenas)
		r = ptmalloc_find_mapped(heap);
	if (r == 0)
		r = name_arenas(heap);
	if (r < 0)
		return r;
	add_up_segments(heap);
	r = ptmalloc_read_caches(heap);
	if (r == 0)
		r = ptmalloc_read_fast(heap);
	if (r == 0)
		r = ptmalloc_read_witnesses(heap);
	sort_marks(heap);
	/* What it remembers may have changed since. */
	reader_cache_init(heap->cache, heap->reading.reader);
	return r;
}

static void add_up(struct heap_reading *reading)
{
	size_t i;

	for (i = 0; i < reading->narenas; i++) {
		struct heap_sums *sums = &reading->arenas[i].sums;

		sums->slack =
			sums->held - sums->live_bytes - sums->free_bytes - sums->unknown_bytes;
		heap_sums_add(&reading->sums, sums);
	}
}

/*
 * Bins lead to chunks, which begin where the block before them ends: taken for pointers, they would
 * be some into that block. What the arenas of threads have lies in their heaps.
 */
static int show_states(const struct ptmalloc *heap, const struct heap_visitor *visitor)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < heap->narenas; i++)
		r = heap_show_state(visitor, heap->arenas[i].address,
				    add_capped(heap->arenas[i].address, heap->layout.size));
	if (r == 0 && heap->par.sbrk_base)
		r = heap_show_state(visitor, heap->par.sbrk_base,
				    heap->par.sbrk_base + heap->layout.word);
	return r;
}

static int ptmalloc_walk(struct heap_reading *reading, const struct heap_visitor *visitor)
{
	struct ptmalloc *heap = (struct ptmalloc *)reading; /* its first member */
	struct ptmalloc_walk walk = {.heap = heap, .visitor = visitor};
	size_t i;
	int r;

	if (visitor && visitor->block)
		walk.states = visitor->states;
	forget_last(heap);
	r = read_lists(heap);
	if (r == 0)
		r = window_init(&walk.window, reading->reader, heap->page_size);
	for (i = 0; r == 0 && i < heap->nsegments; i++)
		r = ptmalloc_walk_segment(&walk, &heap->segments[i]);
	window_fini(&walk.window);
	if (r == 0)
		r = show_states(heap, visitor);
	add_up(reading);
	return r ? r : ptmalloc_prove(heap);
}

const struct heap_type ptmalloc_type = {
	.name = "glibc",
	.open = ptmalloc_open,
	.walk = ptmalloc_walk,
	.find_shelf = ptmalloc_find_shelf,
	.close = ptmalloc_close,
};
