/*
 * The readers of musl's allocators against a worker's own list of what it has.
 *
 *	heap-reader-musl [--seed N] [--workers N] [--rounds N] [--threads N] WORKER
 *
 * WORKER is linked with a musl; which one is found out.
 */
#include "judge.h"

#include "heap/mallocng.h"
#include "heap/oldmalloc.h"

#include <stdio.h>
#include <string.h>

static const struct heap_type *const types[] = {&mallocng_type, &oldmalloc_type};

/* A static program that has not called malloc yet has no heap. */
static struct heap_reading *open_any(struct judge *judge)
{
	struct heap_reading *heap;
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i]->open(&judge->space, judge->reader, &heap, &err) == 0)
			return heap;
	for (i = 0; i < judge->log->nthreads; i++)
		if (judge->log->nops[i] > 1)
			wrong(judge, "the worker's heap is none of musl's");
	return NULL;
}

static void note_failed(const struct heap_reading *heap, struct look *ret)
{
	size_t i;

	for (i = 0; i < heap->proofs.n && !ret->failed; i++) {
		const struct heap_proof *proof = &heap->proofs.list[i];

		if (proof->result != PROOF_FAILS)
			continue;
		snprintf(ret->failed_words, sizeof(ret->failed_words),
			 "%s: %s: %llu found, %llu told", proof->words, proof->why,
			 (unsigned long long)proof->found, (unsigned long long)proof->told);
		ret->failed = ret->failed_words;
	}
}

/* Sums of arenas and of classes are those of all. */
static void check_parts(const struct judge *judge, const struct heap_reading *heap)
{
	struct heap_sums arenas = {0}, classes = {0};
	size_t i;

	for (i = 0; i < heap->narenas; i++)
		heap_sums_add(&arenas, &heap->arenas[i].sums);
	for (i = 0; i < heap->nclasses; i++)
		heap_sums_add(&classes, &heap->classes[i].sums);
	if (memcmp(&arenas, &heap->sums, sizeof(arenas)) != 0)
		wrong(judge, "the sums of arenas are not those of the heap");
	if (heap->nclasses && memcmp(&classes, &heap->sums, sizeof(classes)) != 0)
		wrong(judge, "the sums of classes are not those of the heap");
}

static void look(struct judge *judge, const struct heap_visitor *visitor, struct look *ret)
{
	struct heap_reading *heap = open_any(judge);
	int r;

	if (!heap)
		return;
	r = heap_walk(heap, visitor);
	if (r < 0)
		wrong(judge, "the walk fails: %s", strerror(-r));
	check_parts(judge, heap);
	note_failed(heap, ret);
	/* free of early ones takes both neighbours in hand, and they look used. */
	ret->nextra = heap->type == &oldmalloc_type ? 3 : 2;
	ret->is_usable = heap->type == &oldmalloc_type;
	ret->sums = heap->sums;
	ret->proofs = heap->proofs;
	heap_close(heap);
}

int main(int argc, char **argv)
{
	const struct subject subject = {.look = look, .has_ranges = true, .needs_map = true};

	return judge_main(&subject, argc, argv);
}
