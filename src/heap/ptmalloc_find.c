/*
 * main_arena, found by its form in the initialised data of libc or of a static program:
 *
 *     | mutex | flags | ... | top | last_remainder | bins: 127 pairs | binmap | next | ...
 *     A                                            B                          |
 *     ^------------------------------------------------ ... <- arena <- arena-'
 *
 * Each pair is the head of a list. An empty one points to itself, as if it were a chunk that begins
 * two words before; any other one to chunks that point back. The last pair is always empty, which
 * is where the search begins. The ring of `next` tells A, and with it the offsets of all else.
 *
 * In one bin of a process that runs a chunk may just be put in or taken out: so few may be wrong.
 */
#include "heap/ptmalloc_parts.h"

#include "space/dynamic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MOST (64u << 20) /* bytes of a segment that are looked at */
#define BINS_WRONG_MOST 7
#define LIST_TRIES 4
#define TRIES_MOST 4096	      /* places that look like the last bin */
#define RING_MOST 65536	      /* steps from arena to arena */
#define STEPS_MOST (1u << 22) /* as well, in all */
#define HEAD_MOST 0x90	      /* bytes before the bins */

/* The data of one segment. */
struct data {
	plat_addr at;
	unsigned char *bytes;
	size_t size;
};

static uint64_t word_at(const struct ptmalloc *heap, const struct data *data, size_t offset)
{
	return ptmalloc_word(heap, data->bytes + offset);
}

/* What cannot be read is zeros: main_arena is not there. */
static int read_data(struct ptmalloc *heap, const struct segment *segment, struct data *ret)
{
	size_t size = (size_t)min_u64(segment->file_end - segment->start, DATA_MOST), done, part;
	struct reader *reader = heap->reading.reader;

	*ret = (struct data){.at = align_down(segment->start, 16)};
	ret->size = size;
	ret->bytes = calloc(size ? size : 1, 1);
	if (!ret->bytes)
		return -ENOMEM;
	if (size && reader_read(reader, ret->at, ret->bytes, size) == 0)
		return 0;
	for (done = 0; done < size; done += part) {
		plat_addr at = ret->at + done;

		part = (size_t)min_u64(size - done, heap->page_size - at % heap->page_size);
		if (reader_read(reader, at, ret->bytes + done, part) < 0)
			memset(ret->bytes + done, 0, part);
	}
	return 0;
}

/* The head of a list is never anything else, also while it changes. */
static bool are_pointers(const struct ptmalloc *heap, const unsigned char *pair)
{
	unsigned word = heap->layout.word;
	uint64_t forward = ptmalloc_word(heap, pair), backward = ptmalloc_word(heap, pair + word);

	return forward && backward && is_aligned(forward, word) && is_aligned(backward, word);
}

/* The head of a list: two pointers, to chunks that point back. */
static bool is_list_of(struct ptmalloc *heap, struct reader *reader, plat_addr head,
		       const unsigned char *pair)
{
	unsigned word = heap->layout.word;
	uint64_t forward = ptmalloc_word(heap, pair), backward = ptmalloc_word(heap, pair + word);
	unsigned char back[8];

	if (forward == head && backward == head)
		return true;
	return are_pointers(heap, pair) &&
	       reader_read(reader, forward + 3 * word, back, word) == 0 &&
	       ptmalloc_word(heap, back) == head &&
	       reader_read(reader, backward + 2 * word, back, word) == 0 &&
	       ptmalloc_word(heap, back) == head;
}

/* `pair` is what stood at `at` a while ago; a process that runs may have changed it. */
static bool is_list(struct ptmalloc *heap, plat_addr at, const unsigned char *pair)
{
	struct reader *reader = heap->reading.reader;
	unsigned word = heap->layout.word, i;
	unsigned char again[16];

	if (is_list_of(heap, &heap->cache->reader, at - 2 * word, pair))
		return true;
	if (!are_pointers(heap, pair))
		return false;
	for (i = 0; i < LIST_TRIES; i++)
		if (reader_read(reader, at, again, 2 * word) == 0 &&
		    is_list_of(heap, reader, at - 2 * word, again))
			return true;
	return false;
}

static bool are_bins(struct ptmalloc *heap, plat_addr at, const unsigned char *bytes)
{
	unsigned pair = 2 * heap->layout.word, i, nwrong = 0;

	for (i = NBINS; i-- > 0 && nwrong <= BINS_WRONG_MOST;)
		nwrong += !is_list(heap, at + i * pair, bytes + i * pair);
	return nwrong <= BINS_WRONG_MOST;
}

/*
 * From arena to arena, until the first one comes again. By a wrong offset words lead anywhere, also
 * into a circle without it: that must leave steps for the right one.
 */
static bool is_ring(struct ptmalloc *heap, plat_addr arena, uint64_t next)
{
	plat_addr at = arena;
	unsigned n;

	for (n = 0; n < RING_MOST && heap->nprobes < STEPS_MOST; n++, heap->nprobes++) {
		if (ptmalloc_read_word(heap, at + next, &at) < 0 || !at || !is_aligned(at, 4))
			return false;
		if (at == arena)
			return true;
	}
	return false;
}

/*
 * Where the state begins: glibc 2.43 has top behind the flags; before, fast bins, and from 2.27 on
 * one more number.
 */
static bool find_begin(struct ptmalloc *heap, plat_addr bins)
{
	unsigned word = heap->layout.word;
	uint32_t next = (uint32_t)align_up(NBINS * 2 * word + 16, word), head;

	for (head = 8 + 2 * word; head <= HEAD_MOST; head += 4) {
		if (!is_ring(heap, bins - head, head + next))
			continue;
		heap->main_arena = bins - head;
		heap->layout.bins = head;
		heap->layout.top = head - 2 * word;
		heap->layout.next = head + next;
		return true;
	}
	return false;
}

/* 10 fast bins where blocks are aligned as two words are, 11 where more strictly. */
static void take_fast_bins(struct ptmalloc_layout *layout)
{
	uint32_t room = layout->top - 8;

	layout->flags = 4;
	layout->nfast = room >= 10 * layout->word ? 10 : 0;
	if (layout->word == 4 && room >= 11 * layout->word)
		layout->nfast = 11;
	layout->fast = layout->top - layout->nfast * layout->word;
	layout->align = layout->word == 4 && layout->nfast == 10 ? 8 : 16;
}

/*
 * From 2.23 on a count of threads stands before system_mem. Only the form without a third number
 * before the fast bins has both.
 */
static void take_sums(struct ptmalloc *heap)
{
	struct ptmalloc_layout *layout = &heap->layout;
	uint32_t at = layout->next + 2 * layout->word;
	uint64_t first = 0, second = 0;

	layout->has_attached = true;
	if (layout->nfast && layout->fast == 8 &&
	    ptmalloc_read_word(heap, heap->main_arena + at, &first) == 0 &&
	    ptmalloc_read_word(heap, heap->main_arena + at + layout->word, &second) == 0)
		layout->has_attached =
			!(first >= 4096 && is_aligned(first, 4096) && second >= first);
	layout->system_mem = at + (layout->has_attached ? layout->word : 0);
	layout->size = layout->system_mem + 2 * layout->word;
}

static bool take_bins(struct ptmalloc *heap, plat_addr bins)
{
	if (!find_begin(heap, bins))
		return false;
	take_fast_bins(&heap->layout);
	take_sums(heap);
	return true;
}

/* An empty list's head, by itself; behind the last bin there is none. */
static bool is_empty_list(const struct ptmalloc *heap, const struct data *data, size_t offset)
{
	unsigned word = heap->layout.word;
	plat_addr head = data->at + offset - 2 * word;

	return offset + 2 * word <= data->size && word_at(heap, data, offset) == head &&
	       word_at(heap, data, offset + word) == head;
}

static bool search(struct ptmalloc *heap, const struct data *data)
{
	unsigned word = heap->layout.word, ntries = 0;
	size_t before = (NBINS - 1) * 2 * word, i;

	for (i = before; i + 2 * word <= data->size && ntries < TRIES_MOST; i += word) {
		plat_addr at = data->at + i;

		if (!is_empty_list(heap, data, i) || is_empty_list(heap, data, i + 2 * word))
			continue;
		ntries++;
		if (are_bins(heap, at - before, data->bytes + i - before) &&
		    take_bins(heap, at - before))
			return true;
	}
	return false;
}

static int search_segment(struct ptmalloc *heap, const struct segment *segment, bool *found)
{
	struct data data;
	int r;

	if (!(segment->rights & RIGHT_WRITE) || segment->file_end <= segment->start)
		return 0;
	r = read_data(heap, segment, &data);
	if (r == 0 && search(heap, &data)) {
		ptmalloc_find_par(heap, data.at, data.bytes, data.size);
		*found = true;
	}
	free(data.bytes);
	return r;
}

static int search_module(struct ptmalloc *heap, const struct module *module, bool *found)
{
	size_t i;
	int r = 0;

	heap->layout.word = module->is_64 ? 8 : 4;
	for (i = 0; r == 0 && !*found && i < module->nsegments; i++)
		r = search_segment(heap, &module->segments[i], found);
	return r;
}

/* Where to look first: in what calls itself glibc, then in a static program, then anywhere. */
static unsigned rank(struct ptmalloc *heap, const struct module *module)
{
	struct dynamic dynamic;
	plat_addr at;

	if (module->role == MODULE_VDSO)
		return 3;
	if (dynamic_read(heap->reading.reader, module, &dynamic) == 0 &&
	    dynamic_find(heap->reading.reader, &dynamic, "gnu_get_libc_version", &at) == 0)
		return 0;
	return module->role == MODULE_PROGRAM && !module->has_interpreter ? 1 : 2;
}

static bool has_memory(struct ptmalloc *heap)
{
	uint64_t bytes;

	return ptmalloc_read_word(heap, heap->main_arena + heap->layout.system_mem, &bytes) == 0 &&
	       bytes;
}

int ptmalloc_find(struct ptmalloc *heap)
{
	const struct space *space = heap->reading.space;
	struct ptmalloc kept = *heap;
	unsigned wanted;
	uint32_t i;
	int r = 0;

	/* A second copy may serve what loaded it alone: one that has nothing waits for a better. */
	for (wanted = 0; r == 0 && wanted <= 2; wanted++)
		for (i = 0; r == 0 && i < space->nmodules; i++) {
			bool found = false;

			if (rank(heap, &space->modules[i]) != wanted)
				continue;
			r = search_module(heap, &space->modules[i], &found);
			heap->reading.module = i;
			if (r == 0 && found && has_memory(heap))
				return 0;
			if (r == 0 && found && !kept.main_arena)
				kept = *heap;
		}
	*heap = kept;
	if (r == 0 && !heap->main_arena)
		r = -ENOENT;
	return r;
}
