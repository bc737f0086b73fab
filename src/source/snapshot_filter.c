/*
 * A word is kept if it is
 *
 *     an address in a mapping, or one past its end
 *     the same, hidden by glibc: (where it stands >> 12) xor the address; or mangled
 *     below 4096, or a multiple of 4096: a count, a mask, a size in pages
 *     a chunk's size: it leads to another size, or to the end of a page
 *     the size of the chunk before, which says the same
 *     how far a mapped chunk of glibc's lies from where its mapping begins, for its alignment
 *     a count of what a thread has cached
 *     a header of a slot, where the walk over a heap has met one
 *
 *     | size | ........ | size | .... | size of that | size |
 *         '-----------------^  ^-------------'
 *
 * Of a text this leaves what happens to be one of these: an address has eight bytes, of which two
 * are zero, and sizes are smaller than the heap that they are in.
 */
#include "source/snapshot_filter.h"

#include "base/compiler.h"
#include "base/search.h"

#include <string.h>

#define SMALL 4096
#define UNIT 4096	     /* of sizes in pages; a target's page may be larger */
#define MANGLE_SHIFT 12	     /* glibc malloc.c PROTECT_PTR */
#define SIZE_FLAGS 7	     /* glibc malloc.c SIZE_BITS */
#define SIZE_MAPPED 2	     /* the same, IS_MMAPPED */
#define SLOT_MOST (1u << 17) /* musl mallocng/meta.h MMAP_THRESHOLD is a little less */
#define FAR_MOST 512	     /* words beyond a window that are asked for, per window */

struct filtering {
	const struct snapshot_filter *filter;
	const struct filter_window *window;
	struct range here; /* the mappings that the window lies in */
	struct range last; /* that an address was found in */
	unsigned nfar;
};

void snapshot_filter_prepare(struct snapshot_filter *filter)
{
	uint64_t i, last;
	size_t j;

	for (j = 0; j < filter->mapped->n; j++) {
		i = filter->mapped->items[j].start >> FILTER_SHIFT;
		last = filter->mapped->items[j].end >> FILTER_SHIFT; /* its end counts, too */
		for (; i <= last && i >> (FILTER_BITS - FILTER_SHIFT) == 0; i++)
			filter->somewhere[i / 64] |= UINT64_C(1) << i % 64;
	}
}

static bool is_in_another_mapping(struct filtering *filtering, uint64_t word)
{
	const struct range *range = ranges_from(filtering->filter->mapped, word - 1);

	if (!range || word < range->start)
		return false;
	filtering->last = *range;
	return true;
}

/* `word` has no more than FILTER_BITS bits. */
static inline bool is_address(struct filtering *filtering, uint64_t word)
{
	uint64_t i = word >> FILTER_SHIFT;

	if (!(filtering->filter->somewhere[i / 64] >> i % 64 & 1) || word == 0)
		return false;
	return (word >= filtering->last.start && word <= filtering->last.end) ||
	       is_in_another_mapping(filtering, word);
}

static inline uint64_t load(const unsigned char *at, unsigned word)
{
	uint64_t wide;
	uint32_t narrow;

	if (word == sizeof(wide)) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

static bool word_at(struct filtering *filtering, plat_addr at, uint64_t *ret)
{
	const struct filter_window *window = filtering->window;
	unsigned word = filtering->filter->word;

	if (at >= window->start && at - window->start <= window->size - word) {
		*ret = load(window->bytes + (at - window->start), word);
		return true;
	}
	return filtering->nfar++ < FAR_MOST && window->far(window->context, at, word, ret);
}

/* Whether a size at `at` fits there. */
static bool fits(const struct filtering *filtering, uint64_t size, plat_addr at)
{
	unsigned word = filtering->filter->word;

	size &= ~(uint64_t)SIZE_FLAGS;
	return size >= 2 * word && is_aligned(size, 2 * word) &&
	       size <= filtering->here.end - at + word;
}

/* The size of a chunk stands behind a word for the one before it. */
static bool is_chunk_size(struct filtering *filtering, plat_addr at, uint64_t value)
{
	unsigned word = filtering->filter->word;
	plat_addr next;
	uint64_t follows;

	if (!is_aligned(at + word, 2 * word) || !fits(filtering, value, at))
		return false;
	next = at + (value & ~(uint64_t)SIZE_FLAGS);
	if (is_aligned(next - word, UNIT))
		return true;
	return next < filtering->here.end && word_at(filtering, next, &follows) &&
	       fits(filtering, follows, next);
}

/* The size of a free chunk stands behind it, too; musl's oldmalloc has flags in it. */
static bool is_size_before(struct filtering *filtering, plat_addr at, uint64_t value)
{
	unsigned word = filtering->filter->word;
	uint64_t size;

	value &= ~(uint64_t)SIZE_FLAGS;
	return is_aligned(at | value, 2 * word) && value <= at - filtering->here.start &&
	       word_at(filtering, at - value + word, &size) &&
	       (size & ~(uint64_t)SIZE_FLAGS) == value;
}

/* Of any other word one in 2^17 passes so far, for addresses have as many zeros before them. */
static inline bool is_mangled_address(struct filtering *filtering, uint64_t value)
{
	const struct mangle *mangle = &filtering->filter->mangle;

	if (mangle->width != filtering->filter->word)
		return false;
	value = mangle_undo(mangle, value);
	return value >> FILTER_BITS == 0 && is_address(filtering, value);
}

/* Before the size of a chunk whose flags say that it is mapped; it begins at a page. */
static bool is_padding(struct filtering *filtering, plat_addr at, uint64_t value)
{
	unsigned word = filtering->filter->word;
	uint64_t size;

	return is_aligned(at, 2 * word) && value <= at - filtering->here.start &&
	       is_aligned(at - value, UNIT) && word_at(filtering, at + word, &size) &&
	       (size & SIZE_FLAGS) == SIZE_MAPPED && fits(filtering, size, at + word);
}

static inline bool is_kept(struct filtering *filtering, plat_addr at, uint64_t value)
{
	uint64_t plain = value ^ at >> MANGLE_SHIFT;

	if (value < SMALL || is_mangled_address(filtering, value))
		return true;
	if (value >> FILTER_BITS)
		return false;
	return is_aligned(value, UNIT) || is_address(filtering, value) || plain == 0 ||
	       (is_aligned(plain, filtering->filter->word) && is_address(filtering, plain)) ||
	       is_chunk_size(filtering, at, value) || is_size_before(filtering, at, value) ||
	       is_padding(filtering, at, value);
}

/*
 * What a thread has cached is counted at the beginning of a chunk of glibc's own, which is told by
 * its size: by bytes until 2.29, then by 16 bits. Such a count is no character of a text.
 */
static const struct counts {
	unsigned word;
	uint64_t chunk, bytes;
} counts[] = {
	{8, 0x250, 64}, {8, 0x290, 128}, {8, 0x300, 152},
	{4, 0x150, 64}, {4, 0x190, 128}, {4, 0x1d0, 152},
};

#define CHUNK_LEAST 0x150
#define CHUNK_MOST 0x307			 /* with its flags */
#define COUNTS_MOST 152				 /* bytes */
#define IN_NO_COUNT UINT64_C(0xe0e0e0e0e0e0e0e0) /* bits: a count is below 32 */

static bool are_counts(struct filtering *filtering, plat_addr at, uint64_t bytes)
{
	unsigned word = filtering->filter->word;
	uint64_t i, value;

	for (i = 0; i < bytes; i += word)
		if (!word_at(filtering, at + i, &value) || (value & IN_NO_COUNT))
			return false;
	return true;
}

/* Behind a chunk's size; of both, some may lie beyond the window. */
static void keep_counts(struct filtering *filtering, plat_addr at, uint64_t size, unsigned char *to)
{
	const struct filter_window *window = filtering->window;
	size_t i;

	if (size < CHUNK_LEAST || size > CHUNK_MOST)
		return;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		plat_addr from = max_u64(at, window->start);
		plat_addr end = min_u64(at + counts[i].bytes, window->start + window->size);

		if (counts[i].word == filtering->filter->word &&
		    counts[i].chunk == (size & ~(uint64_t)SIZE_FLAGS) && from < end &&
		    are_counts(filtering, at, counts[i].bytes))
			memcpy(to + (from - window->start), window->bytes + (from - window->start),
			       (size_t)(end - from));
	}
}

/* Those whose chunk begins before the window. */
static void keep_counts_begun(struct filtering *filtering, unsigned char *to)
{
	const struct filter_window *window = filtering->window;
	unsigned word = filtering->filter->word;
	uint64_t back, size;

	for (back = 0; back < COUNTS_MOST; back += 2 * word) {
		if (back + word > window->start - filtering->here.start ||
		    !word_at(filtering, window->start - back - word, &size))
			return;
		keep_counts(filtering, window->start - back, size, to);
	}
}

static ALWAYS_INLINE void keep_words_of(struct filtering *filtering, unsigned char *to,
					const unsigned word)
{
	const struct filter_window window = *filtering->window;
	size_t i;

	for (i = 0; i + word <= window.size; i += word) {
		uint64_t value = load(window.bytes + i, word);

		if (!value || !is_kept(filtering, window.start + i, value))
			continue;
		memcpy(to + i, window.bytes + i, word);
		if (is_aligned(i + word, 2 * word) && value < SMALL)
			keep_counts(filtering, window.start + i + word, value, to);
	}
}

static void keep_words(struct filtering *filtering, unsigned char *to)
{
	if (filtering->filter->word == 8)
		keep_words_of(filtering, to, 8);
	else
		keep_words_of(filtering, to, 4);
}

static bool is_below(const void *mark, uint64_t at)
{
	return *(const plat_addr *)mark < at;
}

static size_t first_mark(const struct snapshot_marks *marks, plat_addr at)
{
	return search_count(marks->items, marks->n, sizeof(*marks->items), at, is_below);
}

/*
 * Of the header three bytes are kept; a fourth one only as what it can be, since it is mostly the
 * last one of the slot before. What is before it is kept as a part of a slot's size.
 */
static void keep_marked(const struct snapshot_filter *filter, const struct filter_window *window,
			unsigned char *to)
{
	const struct snapshot_marks *marks = &filter->marks;
	size_t i = first_mark(marks, window->start + 8);

	for (; i < marks->n && marks->items[i] <= window->start + window->size; i++) {
		size_t at = (size_t)(marks->items[i] - 8 - window->start);
		uint32_t left;

		memcpy(to + at + 5, window->bytes + at + 5, 3);
		if (window->bytes[at + 4] <= 1) /* 1: its offset is large, and stands before it */
			to[at + 4] = window->bytes[at + 4];
		memcpy(&left, window->bytes + at, sizeof(left));
		if (left < SLOT_MOST)
			memcpy(to + at, &left, sizeof(left));
	}
}

/* Calls for what a set and the window have in common. */
static void for_each_part(const struct ranges *ranges, const struct filter_window *window,
			  unsigned char *to, bool hide)
{
	plat_addr end = window->start + window->size;
	const struct range *range = ranges_from(ranges, window->start);

	for (; range && range < ranges->items + ranges->n && range->start < end; range++) {
		plat_addr from = max_u64(range->start, window->start);
		size_t at = (size_t)(from - window->start);
		size_t size = (size_t)(min_u64(range->end, end) - from);

		if (hide)
			memset(to + at, 0, size);
		else
			memcpy(to + at, window->bytes + at, size);
	}
}

void snapshot_filter_apply(const struct snapshot_filter *filter, const struct filter_window *window,
			   unsigned char *to)
{
	struct filtering filtering = {.filter = filter, .window = window, .last = {1, 0}};
	const struct range *here;

	if (filter->is_plain) {
		memcpy(to, window->bytes, window->size);
	} else {
		here = ranges_from(filter->mapped, window->start);
		memset(to, 0, window->size);
		if (!here || here->start > window->start)
			return; /* what is mapped has changed: nobody knows what it is */
		filtering.here = *here;
		keep_counts_begun(&filtering, to);
		keep_words(&filtering, to);
		keep_marked(filter, window, to);
		for_each_part(filter->whole, window, to, false);
	}
	for_each_part(filter->hidden, window, to, true);
}

void snapshot_filter_words(const struct snapshot_filter *filter, unsigned char *bytes, size_t size)
{
	struct filtering filtering = {.filter = filter, .last = {1, 0}};
	size_t i, n;

	for (i = 0; i < size; i += n) {
		uint64_t value = 0;

		n = min_u64(filter->word, size - i);
		memcpy(&value, bytes + i, n);
		if (value >> FILTER_BITS || !is_address(&filtering, value))
			memset(bytes + i, 0, n);
	}
}
