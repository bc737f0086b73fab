/* What the context and the groups tell of the same things. */
#include "heap/mallocng_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Groups that a call can be in the middle of making or giving back: one, those that it lies in,
 * each at least twice as large, up to half a page, and the one beside it whose slots are made
 * ready. One call at a time does that, for it has the lock.
 */
static unsigned groups_in_call(const struct mallocng *ng)
{
	uint64_t page = ng->reading.space->machine.page_size;
	unsigned n = 4;

	for (; page > NG_MAP_UNIT && n < 8; page /= 2)
		n++;
	return n;
}

static int prove(struct mallocng *ng, const char *words, uint64_t found, uint64_t told,
		 const char *why_not)
{
	struct heap_proof proof = {.found = found, .told = told};

	snprintf(proof.words, sizeof(proof.words), "%s", words);
	proof.result = found == told ? PROOF_HOLDS : PROOF_FAILS;
	if (why_not) {
		proof.result = PROOF_NOT_MADE;
		snprintf(proof.why, sizeof(proof.why), "%s", why_not);
	} else if (found != told) {
		snprintf(proof.why, sizeof(proof.why), "they differ");
	}
	return heap_prove(&ng->reading.proofs, &proof);
}

/* The numbers themselves are nobody's business: who knows the secret can forge a group. */
static int prove_secret(struct mallocng *ng)
{
	struct heap_proof proof = {
		.words = "the allocator's secret is the one that the kernel gave the program",
		.found = UNKNOWN,
		.told = UNKNOWN,
	};
	uint64_t random;
	int r = musl_random(ng->reading.space, ng->reading.reader, ng->word, &random);

	if (r < 0) {
		proof.result = PROOF_NOT_MADE;
		snprintf(proof.why, sizeof(proof.why), "the auxiliary vector cannot be read");
	} else {
		proof.result = random == ng->context.secret ? PROOF_HOLDS : PROOF_FAILS;
		if (random != ng->context.secret)
			snprintf(proof.why, sizeof(proof.why), "it is another one");
	}
	return heap_prove(&ng->reading.proofs, &proof);
}

/*
 * What is in the middle of a call.
 */

bool ng_has_moved(const struct mallocng *ng)
{
	unsigned char bytes[MUSL_SEARCH_MOST];
	size_t size = ng_context_bytes(ng->word);

	return reader_read(ng->reading.reader, ng->at, bytes, size) == 0 &&
	       memcmp(bytes, ng->bytes, size) != 0;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Slots of a group or two that a call is in the middle of. */
static bool is_group_or_two(const struct ng_walk *walk)
{
	unsigned i, nclasses = 0;

	for (i = 0; i < NG_CLASSES; i++) {
		uint64_t differ = distance(walk->usage[i], walk->ng->context.usage[i]);

		if (differ > NG_SLOTS_MOST)
			return false;
		nclasses += differ != 0;
	}
	return nclasses > 0 && nclasses <= groups_in_call(walk->ng);
}

void ng_judge_calls(struct ng_walk *walk)
{
	struct heap_proofs *proofs = &walk->ng->reading.proofs;
	uint64_t most = musl_calls_most(walk->ng->reading.space) + groups_in_call(walk->ng) - 1;

	if (walk->has_moved || walk->ncalls <= most || ng_has_moved(walk->ng))
		return;
	proofs->unsteady -= walk->ncalls - most;
	proofs->broken += walk->ncalls - most - 1;
	musl_say_broken(proofs, walk->last_call,
			"more calls of malloc and free are under way than there are threads");
}

/*
 * The comparisons.
 */

static int prove_usage(struct ng_walk *walk, const char *why_not)
{
	uint64_t found = 0, told = 0;
	unsigned i;

	for (i = 0; i < NG_CLASSES; i++) {
		found = add_capped(found, walk->usage[i]);
		told = add_capped(told, walk->ng->context.usage[i]);
	}
	if (!why_not && is_group_or_two(walk))
		why_not = "a group is being made or given back";
	return prove(walk->ng, "the slots of all groups are those that usage_by_class counts",
		     found, told, why_not);
}

/*
 * Metas that were given back are a ring. While the first one is taken out, the ring is closed
 * behind it, and it is still the first one.
 */
static uint64_t count_free_metas(const struct mallocng *ng, uint64_t most)
{
	plat_addr first = ng->context.free_meta_head, second = 0, at = first;
	unsigned char bytes[8];
	uint64_t n = 0;

	while (at != 0 && n <= most) {
		n++;
		if (reader_read(ng->reading.reader, at + ng->word, bytes, ng->word) < 0)
			break;
		at = musl_word(bytes, ng->word);
		if (at == first || at == second)
			break;
		if (n == 1)
			second = at;
	}
	return n;
}

static int prove_metas(struct ng_walk *walk, const char *why_not)
{
	struct mallocng *ng = walk->ng;
	uint64_t each = (NG_AREA_BYTES - ng_area_head_bytes(ng->word)) / ng_meta_bytes(ng->word);
	uint64_t told = ng->nareas * each, found = ng->ngroups;

	if (!why_not) {
		found += count_free_metas(ng, told);
		found = add_capped(found, ng->context.avail_meta_count);
	}
	if (!why_not && found < told && told - found <= groups_in_call(ng))
		why_not = "a group is being made or given back";
	return prove(ng, "metas in use, given back and not yet used are all there are", found, told,
		     why_not);
}

int ng_prove(struct ng_walk *walk)
{
	struct mallocng *ng = walk->ng;
	const char *why_not = NULL;
	int r = prove_secret(ng);

	if (walk->has_moved || ng_has_moved(ng))
		why_not = "the process went on meanwhile";

	if (r == 0)
		r = prove(ng, "all groups lead back to their metas", walk->nback, walk->ngroups,
			  NULL);
	if (r == 0)
		r = prove(ng, "the headers of slots in use lead to their groups", walk->nled,
			  walk->nused, NULL);
	if (r == 0)
		r = prove_usage(walk, why_not);
	if (r == 0)
		r = prove_metas(walk, why_not);
	return r;
}
