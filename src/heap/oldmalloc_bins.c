/* The bins: what they look like, and what they hold. */
#include "heap/oldmalloc_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAP_BYTES 8
#define LOCK_BYTES 8
#define WRONG_MOST 8   /* bins in the middle of a call, or read at another moment than their map */
#define LINEAR_BINS 33 /* one size each */

static size_t bin_bytes(unsigned word)
{
	return LOCK_BYTES + (size_t)2 * word;
}

size_t old_bins_bytes(unsigned word)
{
	return MAP_BYTES + OLD_BINS * bin_bytes(word);
}

/* Where a bin would be as a chunk: its head is the chunk's `next`. */
static plat_addr bin_as_chunk(plat_addr at, unsigned word, unsigned i)
{
	return at + MAP_BYTES + i * bin_bytes(word) + LOCK_BYTES - 2 * word;
}

/*
 * Looking at bytes.
 */

enum bin_look { BIN_NEW, BIN_EMPTY, BIN_FULL, BIN_NONE };

/*
 * Blocks are aligned to a grain of four words, and chunks begin two words before. While a chunk is
 * put into an empty bin or taken out of it, one end is the bin still.
 */
static bool leads_to_chunk(plat_addr link, plat_addr own, unsigned word)
{
	return link == own || (link != 0 && link % (4 * word) == 2 * word);
}

static enum bin_look look_at(const unsigned char *bytes, unsigned word, plat_addr at, unsigned i)
{
	const unsigned char *bin = bytes + MAP_BYTES + i * bin_bytes(word);
	uint64_t head = musl_word(bin + LOCK_BYTES, word);
	uint64_t tail = musl_word(bin + LOCK_BYTES + word, word), own = bin_as_chunk(at, word, i);

	if (musl_u32(bin) > 1)
		return BIN_NONE;
	if (head == 0 && tail == 0)
		return BIN_NEW;
	if (head == own && tail == own)
		return BIN_EMPTY;
	return leads_to_chunk(head, own, word) && leads_to_chunk(tail, own, word) ? BIN_FULL
										  : BIN_NONE;
}

/* Whether the first chunk of a bin leads back to it. */
static bool leads_back(struct reader *reader, const unsigned char *bytes, unsigned word,
		       plat_addr at, unsigned i)
{
	const unsigned char *bin = bytes + MAP_BYTES + i * bin_bytes(word);
	unsigned char prev[8];

	return reader_read(reader, musl_word(bin + LOCK_BYTES, word) + 3 * word, prev, word) == 0 &&
	       musl_word(prev, word) == bin_as_chunk(at, word, i);
}

bool old_bins_look_right(struct reader *reader, const unsigned char *bytes, unsigned word,
			 plat_addr at)
{
	uint64_t map = musl_word(bytes, 8);
	unsigned i, nempty = 0, nused = 0, nwrong = 0, full = OLD_BINS;

	for (i = 0; i < OLD_BINS; i++) {
		enum bin_look look = look_at(bytes, word, at, i);

		if (look == BIN_NONE || (look == BIN_NEW && (map >> i & 1)))
			return false;
		full = look == BIN_FULL ? i : full;
		nempty += look == BIN_EMPTY;
		nused += look != BIN_NEW;
		nwrong += (look == BIN_FULL) != (map >> i & 1);
	}
	if (nused == 0 || nwrong > WRONG_MOST)
		return false;
	/* Of a program that has hardly begun no bin is empty again. */
	return nempty > 0 || (full < OLD_BINS && leads_back(reader, bytes, word, at, full));
}

/* Whoever calls malloc and free changes them. */
void old_bins_keep(struct old_walk *walk)
{
	const struct oldmalloc *old = walk->old;

	if (reader_read(old->reading.reader, old->at, walk->bins, old_bins_bytes(old->word)) < 0)
		memset(walk->bins, 0, sizeof(walk->bins));
}

bool old_bins_have_changed(const struct old_walk *walk)
{
	const struct oldmalloc *old = walk->old;
	unsigned char now[MUSL_SEARCH_MOST];

	return reader_read(old->reading.reader, old->at, now, old_bins_bytes(old->word)) == 0 &&
	       memcmp(now, walk->bins, old_bins_bytes(old->word)) != 0;
}

/*
 * Sizes. musl 1.1.24 src/malloc/malloc.c bin_index
 */

unsigned old_bin_of(const struct oldmalloc *old, uint64_t size)
{
	static const unsigned char table[60] = {
		32, 33, 34, 35, 36, 36, 37, 37, 38, 38, 39, 39, 40, 40, 40, 40, 41, 41, 41, 41,
		42, 42, 42, 42, 43, 43, 43, 43, 44, 44, 44, 44, 44, 44, 44, 44, 45, 45, 45, 45,
		45, 45, 45, 45, 46, 46, 46, 46, 46, 46, 46, 46, 47, 47, 47, 47, 47, 47, 47, 47,
	};
	uint64_t x = size / old_grain(old) - 1;

	if (x < LINEAR_BINS)
		return (unsigned)x;
	if (x < 512)
		return table[x / 8 - 4];
	return x > 0x1c00 ? OLD_BINS - 1 : table[x / 128 - 4] + 16u;
}

/*
 * Counting.
 */

struct listing {
	uint64_t nchunks;
	uint64_t nbad;		   /* links that are not returned, chunks in a wrong bin */
	uint64_t nmapped, nfilled; /* bins that the map names; those that hold chunks */
};

static void follow(const struct old_walk *walk, unsigned i, plat_addr at, struct listing *listing)
{
	const struct oldmalloc *old = walk->old;
	plat_addr own = bin_as_chunk(old->at, old->word, i), before = own;
	uint64_t most = walk->nfree + musl_calls_most(old->reading.space) + 4;
	unsigned char bytes[32];

	while (at != own && listing->nchunks <= most) {
		uint64_t size;

		if (reader_read(old->reading.reader, at, bytes, (size_t)4 * old->word) < 0) {
			listing->nbad++;
			return;
		}
		size = musl_word(bytes + old->word, old->word);
		listing->nchunks++;
		listing->nbad += musl_word(bytes + (size_t)3 * old->word, old->word) != before ||
				 size < old_grain(old) || old_bin_of(old, size) != i;
		before = at;
		at = musl_word(bytes + (size_t)2 * old->word, old->word);
	}
}

static int list_bins(const struct old_walk *walk, struct listing *ret)
{
	const struct oldmalloc *old = walk->old;
	unsigned char bytes[MUSL_SEARCH_MOST];
	struct listing listing = {0};
	unsigned i;
	int r = reader_read(old->reading.reader, old->at, bytes, old_bins_bytes(old->word));

	for (i = 0; r == 0 && i < OLD_BINS; i++) {
		enum bin_look look = look_at(bytes, old->word, old->at, i);
		const unsigned char *bin = bytes + MAP_BYTES + i * bin_bytes(old->word);

		listing.nmapped += musl_word(bytes, 8) >> i & 1;
		listing.nfilled += look == BIN_FULL;
		if (look == BIN_FULL)
			follow(walk, i, musl_word(bin + LOCK_BYTES, old->word), &listing);
		listing.nbad += look == BIN_NONE;
	}
	*ret = listing;
	return r;
}

static int prove(struct old_walk *walk, const char *words, uint64_t found, uint64_t told,
		 const char *why_not)
{
	struct heap_proof proof = {.result = PROOF_HOLDS, .found = found, .told = told};

	snprintf(proof.words, sizeof(proof.words), "%s", words);
	if (why_not) {
		proof.result = PROOF_NOT_MADE;
		snprintf(proof.why, sizeof(proof.why), "%s", why_not);
	} else if (found != told) {
		proof.result = PROOF_FAILS;
		snprintf(proof.why, sizeof(proof.why), "they differ");
	}
	return heap_prove(&walk->old->reading.proofs, &proof);
}

/* A call that is under way has chunks in hand that are in no bin, or not yet out of one. */
static bool is_near(const struct old_walk *walk, uint64_t a, uint64_t b)
{
	uint64_t distance = a > b ? a - b : b - a;

	return distance > 0 && distance <= 2 * musl_calls_most(walk->old->reading.space);
}

static int prove_bins(struct old_walk *walk)
{
	struct listing listing;
	const char *why_not = walk->has_moved || old_bins_have_changed(walk)
				      ? "the process went on meanwhile"
				      : NULL;
	const char *call = "a call of malloc or free is under way";
	int r;

	if (list_bins(walk, &listing) < 0)
		why_not = "the bins cannot be read";
	r = prove(walk, "free chunks are those that the bins hold", walk->nfree, listing.nchunks,
		  why_not || !is_near(walk, walk->nfree, listing.nchunks) ? why_not : call);
	if (r == 0)
		r = prove(walk, "links in bins that are not returned, and chunks in a wrong bin",
			  listing.nbad, 0,
			  why_not || !is_near(walk, listing.nbad, 0) ? why_not : call);
	if (r == 0)
		r = prove(walk, "bins that hold chunks are those that their map names",
			  listing.nfilled, listing.nmapped,
			  why_not || !is_near(walk, listing.nfilled, listing.nmapped) ? why_not
										      : call);
	return r;
}

/*
 * A header that has not been written yet looks like one that was overwritten, as long as it is the
 * only one: so this is not decided then.
 */
static int prove_sizes(struct old_walk *walk)
{
	char why[96];

	snprintf(why, sizeof(why),
		 "at 0x%" PRIx64 " a call is under way, or something was overwritten",
		 walk->last_call);
	return prove(walk, "chunks have the same size at both ends", walk->nagreed, walk->nchunks,
		     walk->ncalls && walk->nagreed == walk->nchunks ? why : NULL);
}

int old_prove(struct old_walk *walk)
{
	int r = prove(walk, "every region ends with its end mark", walk->nended, walk->nregions,
		      NULL);

	if (r == 0)
		r = prove_sizes(walk);
	if (r == 0)
		r = prove(walk, "all mappings that can hold blocks were looked through", UNKNOWN,
			  UNKNOWN, walk->pages_left ? NULL : "there are too many pages");
	return r ? r : prove_bins(walk);
}
