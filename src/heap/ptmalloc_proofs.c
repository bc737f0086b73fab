/*
 * What the walk has found, compared with what glibc counts.
 *
 * Lists are proved without following them, which would jump through all of memory. Free chunks and
 * the heads of bins are nodes; each has a link forward and one backward. Where the links forward
 * are the nodes, each once, and those backward as well, and each pair that a link forward joins is
 * one that a link backward joins, all entries of all lists are free chunks, and each is in one
 * list. Sums of hashes tell whether two such sets are the same.
 */
#include "heap/ptmalloc_parts.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t mix_pair(uint64_t from, uint64_t to)
{
	return mix(mix(from) + 3 * to);
}

void ptmalloc_link(struct ptmalloc_links *links, plat_addr chunk, plat_addr forward,
		   plat_addr backward)
{
	links->nodes += mix(chunk);
	links->forward += mix(forward);
	links->backward += mix(backward);
	links->edges += mix_pair(chunk, forward) - mix_pair(backward, chunk);
}

static bool are_lists(const struct ptmalloc_links *links)
{
	return links->nodes == links->forward && links->nodes == links->backward &&
	       links->edges == 0;
}

/* One that fails because the heap was changing proves nothing. */
static int prove(struct ptmalloc *heap, struct heap_proof *proof, bool holds, bool is_torn,
		 const char *why)
{
	proof->result = holds ? PROOF_HOLDS : PROOF_FAILS;
	if (!holds && is_torn) {
		proof->result = PROOF_NOT_MADE;
		why = "a thread was changing it";
	}
	if (!holds)
		snprintf(proof->why, sizeof(proof->why), "%s", why);
	return heap_prove(&heap->reading.proofs, proof);
}

static int prove_equal(struct ptmalloc *heap, const char *words, uint64_t found, uint64_t told,
		       bool is_torn)
{
	struct heap_proof proof = {.found = found, .told = told};

	snprintf(proof.words, sizeof(proof.words), "%s", words);
	if (told == UNKNOWN)
		return prove(heap, &proof, false, true, "");
	return prove(heap, &proof, found == told, is_torn, "they differ");
}

static int prove_arena(struct ptmalloc *heap, size_t i)
{
	const struct ptmalloc_arena *arena = &heap->arenas[i];
	struct heap_proof lists = {.found = arena->nfree, .told = UNKNOWN};
	struct heap_proof chain = {.found = UNKNOWN, .told = UNKNOWN};
	char name[ARENA_NAME_SIZE], words[96], where[80];
	bool is_torn = false;
	int r;

	if (arena->ended != arena->top || arena->held != arena->system_mem ||
	    !are_lists(&arena->links))
		is_torn = ptmalloc_is_arena_called(heap, arena);

	arena_name(&heap->reading.arenas[i], name);
	snprintf(chain.words, sizeof(chain.words), "%s: the chain of chunks ends on top", name);
	snprintf(where, sizeof(where), "it ends at 0x%" PRIx64 ", and top is 0x%" PRIx64,
		 arena->ended, arena->top);
	r = prove(heap, &chain, arena->ended == arena->top, is_torn, where);
	snprintf(words, sizeof(words), "%s: its memory is system_mem", name);
	if (r == 0)
		r = prove_equal(heap, words, arena->held, arena->system_mem, is_torn);
	snprintf(lists.words, sizeof(lists.words),
		 "%s: all entries of bins are free chunks, and each of these is in one", name);
	if (r == 0)
		r = prove(heap, &lists, are_lists(&arena->links), is_torn,
			  "links of free chunks do not fit to each other");
	return r;
}

static int prove_marks(struct ptmalloc *heap)
{
	bool is_torn = (heap->fast_met != heap->nfast || heap->cached_met != heap->ncached) &&
		       ptmalloc_is_called(heap);
	int r = 0;

	if (heap->layout.nfast)
		r = prove_equal(heap, "all entries of fast bins are chunks", heap->fast_met,
				heap->nfast, is_torn);
	if (r == 0 && heap->ncaches)
		r = prove_equal(heap, "all entries of threads' caches are chunks", heap->cached_met,
				heap->ncached, is_torn);
	return r;
}

static int prove_drift(struct ptmalloc *heap, uint64_t held)
{
	const struct heap_proof proof = {
		.result = PROOF_NOT_MADE,
		.words = "their mappings are mmapped_mem",
		.found = held,
		.told = heap->mmapped_mem,
		.why = "this glibc counts a header too much whenever a mapping grows",
	};

	return heap_prove(&heap->reading.proofs, &proof);
}

static int prove_mapped(struct ptmalloc *heap)
{
	const struct heap_sums *sums = &heap->reading.arenas[heap->narenas].sums;
	struct heap_proof proof = {.result = PROOF_NOT_MADE, .found = UNKNOWN, .told = UNKNOWN};
	uint64_t n = sums->live_blocks + sums->cached_blocks;
	bool is_torn;
	int r;

	if (heap->n_mmaps == UNKNOWN || heap->mmapped_mem == UNKNOWN) {
		snprintf(proof.words, sizeof(proof.words),
			 "blocks with mappings are n_mmaps and mmapped_mem");
		snprintf(proof.why, sizeof(proof.why), "glibc's numbers were not found");
		return heap_prove(&heap->reading.proofs, &proof);
	}
	is_torn =
		(n != heap->n_mmaps || sums->held != heap->mmapped_mem) && ptmalloc_is_called(heap);
	r = prove_equal(heap, "blocks with mappings are n_mmaps", n, heap->n_mmaps, is_torn);
	if (r == 0 && sums->held != heap->mmapped_mem && ptmalloc_is_mapped_sum(heap, sums->held))
		return prove_drift(heap, sums->held);
	if (r == 0)
		r = prove_equal(heap, "their mappings are mmapped_mem", sums->held,
				heap->mmapped_mem, is_torn);
	return r;
}

/* Whether the state of an arena is as it was before the walk. */
static void look_again(struct ptmalloc *heap, struct ptmalloc_arena *arena)
{
	struct ptmalloc_arena again;

	if (ptmalloc_read_arena(heap, arena->address, &again) < 0)
		return;
	arena->is_torn = arena->is_torn || again.digest != arena->digest;
	if (arena->is_torn || arena->is_locked) {
		heap->reading.proofs.unsteady++;
		heap->is_torn = true;
	}
}

int ptmalloc_prove(struct ptmalloc *heap)
{
	size_t i;
	int r = 0;

	for (i = 0; i < heap->narenas; i++)
		look_again(heap, &heap->arenas[i]);
	ptmalloc_settle(heap);
	for (i = 0; r == 0 && i < heap->narenas; i++)
		if (heap->arenas[i].top)
			r = prove_arena(heap, i);
	if (r == 0)
		r = prove_marks(heap);
	return r ? r : prove_mapped(heap);
}
