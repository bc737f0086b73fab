/*
 * Arenas, and where their memory lies.
 *
 *     main      | sbrk_base ..................... | top |     by brk, in one piece
 *     further   | heap_info | arena | chunks ... | fence |    at a multiple of heap_bytes,
 *               | heap_info | chunks ........... | top |      each with a pointer to the one before
 *
 * A main arena that could not grow by brk is scattered: its pieces are found as mapped blocks are.
 */
#include "heap/ptmalloc_parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENAS_MOST 65536
#define HEAPS_MOST (1u << 20)
#define STATE_MOST 4096 /* bytes of a struct malloc_state */
#define TRIES 3
#define FLAG_SCATTERED 2
#define GROWTH_MOST (UINT64_C(1) << 30)
#define HUGE_PAGE_MOST (UINT64_C(1) << 30)

/*
 * One arena.
 */

static uint64_t digest(const unsigned char *bytes, size_t size)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 8; i + 4 <= size; i += 4) { /* without lock and flags */
		uint32_t x;

		memcpy(&x, bytes + i, 4);
		sum = (sum ^ x) * UINT64_C(0x100000001b3);
	}
	return sum;
}

static void take_bins(const struct ptmalloc *heap, const unsigned char *bytes,
		      struct ptmalloc_arena *arena)
{
	unsigned word = heap->layout.word, i;

	for (i = 0; i < NBINS; i++) {
		size_t at = heap->layout.bins + 2 * i * word;

		ptmalloc_link(&arena->links, arena->address + at - 2 * word,
			      ptmalloc_word(heap, bytes + at),
			      ptmalloc_word(heap, bytes + at + word));
	}
}

static int read_state(struct ptmalloc *heap, plat_addr at, unsigned char *bytes)
{
	struct reader *reader = heap->reading.reader;
	uint32_t locked = 1;
	unsigned i;
	int r = 0;

	/* Who holds the lock is about to change it; a moment later it may be done. */
	for (i = 0; r == 0 && locked && i < TRIES; i++) {
		r = reader_read(reader, at, bytes, heap->layout.size);
		if (r == 0)
			memcpy(&locked, bytes, sizeof(locked));
	}
	return r;
}

int ptmalloc_read_arena(struct ptmalloc *heap, plat_addr at, struct ptmalloc_arena *ret)
{
	const struct ptmalloc_layout *layout = &heap->layout;
	unsigned char bytes[STATE_MOST], top[16];
	unsigned word = layout->word;
	uint32_t locked, flags;
	int r = read_state(heap, at, bytes);

	if (r < 0)
		return r;
	memcpy(&locked, bytes, sizeof(locked));
	memcpy(&flags, bytes + layout->flags, sizeof(flags));
	*ret = (struct ptmalloc_arena){
		.address = at,
		.top = ptmalloc_word(heap, bytes + layout->top),
		.system_mem = ptmalloc_word(heap, bytes + layout->system_mem),
		.attached = UNKNOWN,
		.digest = digest(bytes, layout->size),
		.is_locked = locked != 0,
		.is_scattered = flags & FLAG_SCATTERED,
	};
	if (layout->has_attached)
		ret->attached = ptmalloc_word(heap, bytes + layout->system_mem - word);
	take_bins(heap, bytes, ret);
	/* At first the unsorted bin stands in for it. */
	if (ret->top == at + layout->bins - 2 * word)
		ret->top = 0;
	if (ret->top && is_chunk_place(heap, ret->top) &&
	    reader_read(heap->reading.reader, ret->top, top, 2 * word) == 0)
		ret->top_size = ptmalloc_word(heap, top + word) & ~(uint64_t)CHUNK_FLAGS;
	return 0;
}

static int add_arena(struct ptmalloc *heap, plat_addr at)
{
	int r = list_reserve(&heap->arenas, &heap->arenas_room, heap->narenas, 1);

	if (r < 0)
		return r;
	if (ptmalloc_read_arena(heap, at, &heap->arenas[heap->narenas]) < 0) {
		heap->reading.proofs.unreadable++;
		return 0;
	}
	heap->narenas++;
	return 0;
}

/* The ring names the newest first, behind the main one. */
static void reverse_further(struct ptmalloc *heap)
{
	size_t low = 1, high = heap->narenas;

	while (low + 1 < high) {
		struct ptmalloc_arena arena = heap->arenas[low];

		heap->arenas[low++] = heap->arenas[--high];
		heap->arenas[high] = arena;
	}
}

static int read_ring(struct ptmalloc *heap)
{
	plat_addr at = heap->main_arena, next;
	int r;

	do {
		r = add_arena(heap, at);
		if (r < 0)
			return r;
		if (ptmalloc_read_word(heap, at + heap->layout.next, &next) < 0) {
			heap->reading.proofs.unreadable++;
			break;
		}
		at = next;
		if (heap->narenas == ARENAS_MOST || !is_aligned(at, heap->layout.word)) {
			ptmalloc_doubt(heap, NO_ARENA, at, "the ring of arenas does not end");
			break;
		}
	} while (at != heap->main_arena);
	if (heap->narenas)
		reverse_further(heap);
	return 0;
}

/*
 * Segments.
 */

int ptmalloc_add_segment(struct ptmalloc *heap, const struct ptmalloc_segment *segment)
{
	int r = list_reserve(&heap->segments, &heap->segments_room, heap->nsegments, 1);

	if (r == 0)
		heap->segments[heap->nsegments++] = *segment;
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct ptmalloc_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Those that overlap the one before are left out: one of both is a lie. */
void ptmalloc_sort_segments(struct ptmalloc *heap)
{
	size_t i, kept = 0;

	if (!heap->nsegments)
		return;
	qsort(heap->segments, heap->nsegments, sizeof(*heap->segments), by_start);
	for (i = 0; i < heap->nsegments; i++) {
		if (kept && heap->segments[i].start < heap->segments[kept - 1].end) {
			ptmalloc_doubt(heap, NO_ARENA, heap->segments[i].start,
				       "two pieces of the heap overlap");
			continue;
		}
		heap->segments[kept++] = heap->segments[i];
	}
	heap->nsegments = kept;
}

const struct ptmalloc_segment *ptmalloc_segment_at(const struct ptmalloc *heap, plat_addr at)
{
	size_t low = 0, high = heap->nsegments;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap->segments[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < heap->nsegments && heap->segments[low].start <= at ? &heap->segments[low]
									: NULL;
}

/* How far memory from here on is mapped: all of it so that it can be written, or at all. */
static plat_addr mapped_end(const struct ptmalloc *heap, plat_addr start, unsigned rights)
{
	const struct space *space = heap->reading.space;
	size_t i = space_at_or_above(space, start);

	while (i < space->nregions && space->regions[i].start <= start &&
	       (space->regions[i].rights & rights) == rights)
		start = space->regions[i++].end;
	return start;
}

/* It may have grown since its mappings were listed, where nothing else is. */
static bool is_free(const struct ptmalloc *heap, plat_addr start, plat_addr end)
{
	const struct space *space = heap->reading.space;
	size_t i = space_at_or_above(space, start);

	return end - start <= GROWTH_MOST &&
	       (i == space->nregions || space->regions[i].start >= end);
}

/*
 * The main arena.
 */

static plat_addr main_start(const struct ptmalloc *heap, const struct ptmalloc_arena *arena,
			    plat_addr end)
{
	const struct space *space = heap->reading.space;

	if (heap->sbrk_base != UNKNOWN && heap->sbrk_base && heap->sbrk_base <= arena->top)
		return heap->sbrk_base;
	if (arena->system_mem <= end && end - arena->system_mem <= arena->top)
		return end - arena->system_mem;
	return space->start_brk != UNKNOWN && space->start_brk <= arena->top ? space->start_brk
									     : arena->top;
}

/*
 * Where it ends, by top's size and by system_mem. In the middle of a call, or when somebody has
 * written over it, top's size is not what it should be. 0: nowhere.
 */
static plat_addr main_end(const struct ptmalloc *heap, const struct ptmalloc_arena *arena,
			  plat_addr start)
{
	plat_addr mapped = mapped_end(heap, start, RIGHT_WRITE);
	plat_addr by_top = add_capped(arena->top, arena->top_size);
	plat_addr by_sum = add_capped(start, arena->system_mem);

	if (by_top > arena->top && is_aligned(by_top, heap->page_size) && by_top <= mapped)
		return by_top;
	if (by_sum > arena->top &&
	    (by_sum <= mapped || (by_sum == by_top && is_free(heap, mapped, by_sum))))
		return by_sum;
	return mapped > arena->top ? mapped : 0;
}

/* The part that brk made, of one that could not grow there any more. */
static int add_scattered(struct ptmalloc *heap, const struct ptmalloc_arena *arena)
{
	const struct space *space = heap->reading.space;
	struct ptmalloc_segment segment = {.start = heap->sbrk_base, .end = space->brk};

	if (heap->sbrk_base == UNKNOWN || !heap->sbrk_base || space->brk == UNKNOWN ||
	    heap->sbrk_base >= space->brk ||
	    mapped_end(heap, heap->sbrk_base, RIGHT_WRITE) < space->brk)
		return 0;
	segment.first = first_chunk(heap, segment.start);
	segment.kind = arena->top >= segment.start && arena->top < segment.end ? SEGMENT_TOP
									       : SEGMENT_FENCED;
	return ptmalloc_add_segment(heap, &segment);
}

static int add_main(struct ptmalloc *heap)
{
	const struct ptmalloc_arena *arena = &heap->arenas[0];
	struct ptmalloc_segment segment = {.kind = SEGMENT_TOP};

	if (!arena->top)
		return 0;
	if (arena->is_scattered)
		return add_scattered(heap, arena);
	segment.start = main_start(heap, arena, add_capped(arena->top, arena->top_size));
	segment.first = first_chunk(heap, segment.start);
	segment.end = main_end(heap, arena, segment.start);
	if (segment.end)
		return ptmalloc_add_segment(heap, &segment);
	ptmalloc_doubt(heap, 0, arena->top, "the main arena's top is not in its heap");
	return 0;
}

/*
 * Heaps of further arenas.
 */

struct heap_info {
	plat_addr arena, before;
	uint64_t size;
};

static int read_info(struct ptmalloc *heap, plat_addr at, struct heap_info *ret)
{
	unsigned word = heap->layout.word;
	int r = ptmalloc_read_word(heap, at, &ret->arena);

	if (r == 0)
		r = ptmalloc_read_word(heap, at + word, &ret->before);
	if (r == 0)
		r = ptmalloc_read_word(heap, at + 2 * word, &ret->size);
	return r;
}

/* Where nobody holds the threads, it can be newer than the list of mappings. */
static bool is_there(const struct ptmalloc *heap, plat_addr at, uint64_t size)
{
	return !ptmalloc_is_held(heap) ||
	       (mapped_end(heap, at, RIGHT_WRITE) > at && mapped_end(heap, at, 0) >= at + size);
}

static bool is_heap(struct ptmalloc *heap, plat_addr at, plat_addr arena, struct heap_info *info)
{
	return read_info(heap, at, info) == 0 && info->arena == arena &&
	       is_aligned(info->size, heap->page_size) && info->size <= heap->heap_bytes &&
	       info->size >= 4 * heap->layout.word && is_there(heap, at, info->size);
}

/*
 * How many arenas this distance fits to: each top lies in a heap of its arena. One that is given
 * back takes top with it for a moment; then another heap of the arena is farther below.
 */
static size_t count_fitting(struct ptmalloc *heap, uint64_t bytes)
{
	struct heap_info info;
	size_t i, n = 0;

	heap->heap_bytes = bytes;
	for (i = 1; i < heap->narenas; i++) {
		const struct ptmalloc_arena *arena = &heap->arenas[i];
		plat_addr at = align_down(arena->top, bytes);

		n += is_heap(heap, at, arena->address, &info) && arena->top - at < info.size;
	}
	return n;
}

/* Four huge pages where those are used (heap_max_size); else 64 MiB, of 32 bits 1 MiB. */
static uint64_t usual_heap_bytes(const struct ptmalloc *heap)
{
	uint64_t page = heap->hp_pagesize;

	if (page != UNKNOWN && page > heap->page_size && page <= HUGE_PAGE_MOST &&
	    (page & (page - 1)) == 0)
		return 4 * page;
	return heap->layout.word == 8 ? UINT64_C(64) << 20 : 1 << 20;
}

/* As it is usual, or as glibc was built. */
static void find_heap_bytes(struct ptmalloc *heap)
{
	uint64_t best = usual_heap_bytes(heap), bytes;
	size_t most = count_fitting(heap, best), n;

	for (bytes = 1 << 19; most < heap->narenas - 1 && bytes <= UINT64_C(1) << 32; bytes *= 2) {
		n = count_fitting(heap, bytes);
		if (n > most) {
			most = n;
			best = bytes;
		}
	}
	heap->heap_bytes = best;
}

static int add_heap(struct ptmalloc *heap, uint32_t number, plat_addr at, uint64_t size)
{
	const struct ptmalloc_arena *arena = &heap->arenas[number];
	plat_addr first = align_down(arena->address, heap->heap_bytes);
	struct ptmalloc_segment segment = {.start = at, .end = at + size, .arena = number};

	segment.first = first_chunk(heap, at == first ? arena->address + heap->layout.size
						      : at + (arena->address - first));
	segment.kind = arena->top >= segment.start && arena->top < segment.end ? SEGMENT_TOP
									       : SEGMENT_FENCED;
	return segment.first < segment.end ? ptmalloc_add_segment(heap, &segment) : 0;
}

/*
 * From top's heap to the one before, until the one that the arena lies in. 0; -EILSEQ with a word
 * where this does not lead there; -ENOMEM.
 */
static int follow_heaps(struct ptmalloc *heap, uint32_t number, const char **wrong, plat_addr *ret)
{
	const struct ptmalloc_arena *arena = &heap->arenas[number];
	plat_addr first = align_down(arena->address, heap->heap_bytes);
	plat_addr at = align_down(arena->top, heap->heap_bytes);
	struct heap_info info;
	int r = 0;

	while (r == 0 && heap->nsegments < HEAPS_MOST) {
		*ret = at;
		*wrong = "a heap of an arena has an impossible head";
		if (!is_heap(heap, at, arena->address, &info))
			return -EILSEQ;
		r = add_heap(heap, number, at, info.size);
		if (at == first || info.before == at)
			return r;
		at = info.before;
		*wrong = "a heap of an arena is not aligned";
		if (!is_aligned(at, heap->heap_bytes))
			return -EILSEQ;
	}
	return r;
}

/* Wherever one could begin: a heap says whose it is. */
static int search_heaps(struct ptmalloc *heap, uint32_t number)
{
	const struct space *space = heap->reading.space;
	size_t i, nsteps = 0;
	int r = 0;

	for (i = 0; r == 0 && i < space->nregions; i++) {
		const struct region *region = &space->regions[i];
		plat_addr at = align_up(region->start, heap->heap_bytes);
		struct heap_info info;

		if (!(region->rights & RIGHT_WRITE) || at < region->start)
			continue;
		for (; r == 0 && at < region->end && nsteps++ < HEAPS_MOST; at += heap->heap_bytes)
			if (is_heap(heap, at, heap->arenas[number].address, &info))
				r = add_heap(heap, number, at, info.size);
	}
	return r;
}

/*
 * A thread that gives back an arena's last heap, or makes one, leaves top for a moment in memory
 * that is not there any more, or not yet.
 */
static int add_heaps(struct ptmalloc *heap, uint32_t number)
{
	size_t before = heap->nsegments;
	const char *wrong = "";
	plat_addr at = 0;
	int r = follow_heaps(heap, number, &wrong, &at);

	if (r != -EILSEQ)
		return r;
	ptmalloc_doubt(heap, number, at, wrong);
	heap->nsegments = before;
	return search_heaps(heap, number);
}

static uint64_t read_number(struct ptmalloc *heap, plat_addr at, unsigned width)
{
	uint64_t x = 0;

	return at && reader_read(heap->reading.reader, at, &x, width) == 0 ? x : UNKNOWN;
}

static void read_par(struct ptmalloc *heap)
{
	unsigned word = heap->layout.word;

	heap->n_mmaps = read_number(heap, heap->par.n_mmaps, 4);
	heap->mmapped_mem = read_number(heap, heap->par.mmapped_mem, word);
	heap->sbrk_base = read_number(heap, heap->par.sbrk_base, word);
	heap->thp_pagesize = read_number(heap, heap->par.thp_pagesize, word);
	heap->hp_pagesize = read_number(heap, heap->par.hp_pagesize, word);
}

int ptmalloc_read_arenas(struct ptmalloc *heap)
{
	uint32_t i;
	int r;

	heap->narenas = heap->nsegments = 0;
	read_par(heap);
	r = read_ring(heap);
	if (r < 0 || !heap->narenas)
		return r;
	r = add_main(heap);
	if (heap->narenas > 1)
		find_heap_bytes(heap);
	for (i = 1; r == 0 && i < heap->narenas; i++)
		if (heap->arenas[i].top)
			r = add_heaps(heap, i);
	if (r == 0)
		ptmalloc_sort_segments(heap);
	return r;
}
