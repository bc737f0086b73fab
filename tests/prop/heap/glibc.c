/*
 * The reader of glibc's malloc against a worker's own list of what it has.
 *
 *	heap-reader-glibc [--seed N] [--workers N] [--rounds N] [--threads N] [--no-brk 1]
 *		[--tunables WORDS] [--loader PATH --libraries PATH] [--keep FILE] WORKER
 *
 * WORKER is run with GLIBC_TUNABLES set to WORDS, or by another version's dynamic linker with its
 * libraries. With --no-brk its heap cannot grow where it begins.
 */
#include "judge.h"

#include "heap/ptmalloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_failed(const struct heap_reading *heap, struct look *ret)
{
	size_t i;

	for (i = 0; i < heap->proofs.n && !ret->failed; i++) {
		const struct heap_proof *proof = &heap->proofs.list[i];

		if (proof->result != PROOF_FAILS)
			continue;
		snprintf(ret->failed_words, sizeof(ret->failed_words),
			 "%s: %s: 0x%" PRIx64 " found, 0x%" PRIx64 " told", proof->words,
			 proof->why, proof->found, proof->told);
		ret->failed = ret->failed_words;
	}
}

/* A program that has not called malloc yet has no heap. */
static bool has_begun(const struct judge *judge)
{
	uint32_t i;

	for (i = 0; i < judge->log->nthreads; i++)
		if (judge->log->nops[i])
			return true;
	return false;
}

static void look(struct judge *judge, const struct heap_visitor *visitor, struct look *ret)
{
	struct heap_reading *heap;
	struct error err;
	int r;

	if (ptmalloc_type.open(&judge->space, judge->reader, &heap, &err) < 0) {
		if (has_begun(judge))
			wrong(judge, "%s", err.text);
		return;
	}
	r = heap_walk(heap, visitor);
	if (r < 0)
		wrong(judge, "the walk fails: %s", strerror(-r));
	note_failed(heap, ret);
	ret->is_usable = true;
	/* A whole fast bin, while malloc_consolidate() empties it. */
	ret->nextra = 256;
	ret->sums = heap->sums;
	ret->proofs = heap->proofs;
	heap_close(heap);
}

int main(int argc, char **argv)
{
	const struct subject subject = {.look = look,
					.has_ranges = true,
					.needs_map = true,
					.is_torn_by_calls = true,
					.tells_calls = true};

	unsetenv("MALLOC_PERTURB_");
	unsetenv("MALLOC_ARENA_MAX");
	return judge_main(&subject, argc, argv);
}
