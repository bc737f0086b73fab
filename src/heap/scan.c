#include "heap/scan.h"

#include "heap/scan_steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)256 * 1024) /* read at once; stays in the cache until it is scanned */
#define PART ((size_t)4096)	   /* what is left out where reading fails; no page is smaller */

/*
 * For any processor.
 */

static inline uint64_t word_at(const unsigned char *bytes, size_t i, unsigned width,
			       bool is_swapped)
{
	uint64_t wide;
	uint32_t narrow;

	if (width == 8) {
		memcpy(&wide, bytes + i * 8, 8);
		return is_swapped ? __builtin_bswap64(wide) : wide;
	}
	memcpy(&narrow, bytes + i * 4, 4);
	return is_swapped ? __builtin_bswap32(narrow) : narrow;
}

/* Whether the word is kept; *value is what it is then. */
static inline bool sift(const struct scan_sieve *sieve, uint64_t word, bool is_mangled,
			uint64_t *value)
{
	*value = word;
	if (word - sieve->low < sieve->span)
		return true;
	if (!is_mangled || (word & sieve->mask) != sieve->bits)
		return false;
	*value = mangle_undo(&sieve->form.mangle, word);
	return *value - sieve->low < sieve->span;
}

static inline bool may_be_kept(const struct scan_sieve *sieve, uint64_t word, bool is_mangled)
{
	return word - sieve->low < sieve->span ||
	       (is_mangled && (word & sieve->mask) == sieve->bits);
}

/* Four at once have one branch; `width` and the flags are constants where it is called. */
static ALWAYS_INLINE size_t gather_words(const struct scan_sieve *sieve, const unsigned char *bytes,
					 size_t from, size_t n, struct scan_hits *hits,
					 unsigned width, bool is_swapped, bool is_mangled)
{
	size_t i, j, end;

	for (i = from; i < n && hits->n <= HITS_MOST - 4; i = end) {
		bool any = false;

		end = i + 4 < n ? i + 4 : n;
		if (end == i + 4) {
			for (j = i; j < i + 4; j++)
				any |= may_be_kept(sieve, word_at(bytes, j, width, is_swapped),
						   is_mangled);
			if (!any)
				continue;
		}
		for (j = i; j < end; j++) {
			hits->words[hits->n] = (uint32_t)j;
			hits->n += sift(sieve, word_at(bytes, j, width, is_swapped), is_mangled,
					&hits->values[hits->n]);
		}
	}
	return i;
}

static size_t gather_any(const struct scan_sieve *sieve, const unsigned char *bytes, size_t from,
			 size_t n, struct scan_hits *hits)
{
	const struct scan_form *form = &sieve->form;

	if (form->width == 8 && form->mangle.width)
		return form->is_swapped ? gather_words(sieve, bytes, from, n, hits, 8, true, true)
					: gather_words(sieve, bytes, from, n, hits, 8, false, true);
	if (form->width == 8)
		return form->is_swapped
			       ? gather_words(sieve, bytes, from, n, hits, 8, true, false)
			       : gather_words(sieve, bytes, from, n, hits, 8, false, false);
	/* There is no haste for those of 32 bits. */
	return gather_words(sieve, bytes, from, n, hits, 4, form->is_swapped,
			    form->mangle.width != 0);
}

static void place_any(const struct block_index *index, struct scan_hits *hits)
{
	struct scan_hint hint = scan_hint_of(index, index->stretches);
	size_t i;

	hits->nlate = 0;
	for (i = 0; i < hits->n; i++)
		scan_place(index, hits, &hint, i);
}

static void look_any(const struct block_index *index, struct scan_hits *hits)
{
	scan_look_all(index, hits);
}

static void settle_any(const struct block_index *index, struct scan_hits *hits)
{
	scan_settle_all(index, hits);
}

const struct scan_code scan_code_any = {
	.gather = gather_any,
	.place = place_any,
	.look = look_any,
	.settle = settle_any,
	.find = block_index_find,
};

uint32_t scan_word(const struct block_index *index, uint64_t word)
{
	struct scan_hits hits = {.n = 1, .values = {word}};

	if (!index->n)
		return NO_EDGE;
	place_any(index, &hits);
	look_any(index, &hits);
	settle_any(index, &hits);
	return hits.edges[0];
}

/*
 * Pieces of memory.
 */

void scan_fini(struct scan *scan)
{
	free(scan->buffer);
	scan->buffer = NULL;
}

/* Pointers into [low, low + span) have all bits above in common; mangled, these are elsewhere. */
struct scan_sieve scan_sieve_of(const struct block_index *index, const struct scan_form *form)
{
	struct scan_sieve sieve = {
		.form = *form,
		.low = index->start,
		.span = index->end - index->start,
	};
	const struct mangle turn = {form->mangle.width, 0};
	uint64_t differ;

	if (!form->mangle.width || !sieve.span)
		return sieve;
	differ = sieve.low ^ (index->end - 1);
	sieve.mask = differ ? ~(~UINT64_C(0) >> __builtin_clzll(differ)) : ~UINT64_C(0);
	sieve.bits = mangle_do(&form->mangle, sieve.low);
	sieve.mask = mangle_do(&turn, sieve.mask);
	sieve.bits &= sieve.mask;
	return sieve;
}

/* Those that come last still have two steps to go when there are no more. */
static int scan_bytes(struct scan *scan, plat_addr base, const unsigned char *bytes, size_t size,
		      const struct scan_taker *taker)
{
	const struct block_index *index = scan->index;
	const struct scan_code *code = scan->code;
	const struct scan_sieve sieve = scan_sieve_of(index, &scan->form);
	size_t n = size / scan->form.width, at = 0;
	unsigned i, left = HITS_STEPS - 1;
	int r = 0;

	scan->bytes += size;
	for (i = 0; i < HITS_STEPS; i++)
		scan->hits[i].n = scan->hits[i].nlate = 0;
	for (i = 0; r == 0 && left > 0; i = (i + 1) % HITS_STEPS) {
		struct scan_hits *first = &scan->hits[i];
		struct scan_hits *second = &scan->hits[(i + 2) % HITS_STEPS];
		struct scan_hits *third = &scan->hits[(i + 1) % HITS_STEPS];

		first->n = 0;
		if (at < n)
			at = code->gather(&sieve, bytes, at, n, first);
		else
			left--;
		code->place(index, first);
		code->look(index, second);
		code->settle(index, third);
		if (third->n)
			r = taker->take(taker->context, base, third);
	}
	return r;
}

/* What lies in our memory is scanned there. *done says how much that was; it may be nothing. */
static int scan_view(struct scan *scan, plat_addr start, uint64_t size,
		     const struct scan_taker *taker, uint64_t *done)
{
	size_t there = 0, part = (size_t)min_u64(size, UINT64_C(1) << 30);
	const unsigned char *bytes = reader_view(scan->reader, start, &there);

	*done = 0;
	if (!bytes || there < scan->form.width)
		return 0;
	if (there < part)
		part = there - there % scan->form.width;
	*done = part;
	return scan_bytes(scan, start, bytes, part, taker);
}

/*
 * Reads *part bytes, or as many as are left. Where that fails it tries with half of it; a part that
 * is small enough is left out. After good parts come larger ones again.
 */
static int scan_copy(struct scan *scan, plat_addr start, uint64_t size,
		     const struct scan_taker *taker, size_t *part, uint64_t *done)
{
	size_t want = (size_t)min_u64(size, *part - start % PART);

	*done = 0;
	if (!scan->buffer)
		scan->buffer = malloc(PIECE);
	if (!scan->buffer)
		return -ENOMEM;
	if (reader_read(scan->reader, start, scan->buffer, want) == 0) {
		*done = want;
		*part = *part < PIECE ? *part * 2 : PIECE;
		return scan_bytes(scan, start, scan->buffer, want, taker);
	}
	if (*part > PART) {
		*part /= 2;
		return 0;
	}
	scan->unread += want;
	*done = want;
	return 0;
}

int scan_range(struct scan *scan, plat_addr start, plat_addr end, const struct scan_taker *taker)
{
	size_t part = PIECE;
	uint64_t done = 0;
	int r = 0;

	start = align_up(start, scan->form.width);
	end = align_down(end, scan->form.width);
	for (; r == 0 && start < end; start += done) {
		if (!scan->index->n)
			return 0;
		r = scan_view(scan, start, end - start, taker, &done);
		if (r == 0 && done == 0)
			r = scan_copy(scan, start, end - start, taker, &part, &done);
	}
	return r;
}
