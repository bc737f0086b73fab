/* How far the answer is to be believed: proofs, damage, and what else is there. */
#include "view/heap_parts.h"

#include "heap/own.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const results[] = {
	[PROOF_HOLDS] = "holds", [PROOF_FAILS] = "fails", [PROOF_NOT_MADE] = "not made"};

static void draw_proof(const struct heap_picture *picture, const struct heap_proof *proof)
{
	struct line line = line_begin(picture->text, picture->paint);
	bool has_numbers = proof->found != UNKNOWN && proof->told != UNKNOWN;
	char sentence[360];

	line_put(&line, proof->result == PROOF_FAILS ? STYLE_WARN : STYLE_PLAIN,
		 results[proof->result]);
	line_to(&line, 10);
	if (proof->result == PROOF_HOLDS && has_numbers)
		snprintf(sentence, sizeof(sentence), "%s: %" PRIu64, proof->words, proof->found);
	else if (proof->result == PROOF_FAILS && has_numbers)
		snprintf(sentence, sizeof(sentence), "%s: found %" PRIu64 ", told %" PRIu64 "%s%s",
			 proof->words, proof->found, proof->told, proof->why[0] ? "; " : "",
			 proof->why);
	else
		snprintf(sentence, sizeof(sentence), "%s%s%s", proof->words,
			 proof->why[0] ? ": " : "", proof->why);
	line_wrap(&line, STYLE_PLAIN, sentence, 10);
}

/* What does not hold comes first, and all of it; what holds is mostly one thing many times. */
static void draw_list(const struct heap_picture *picture)
{
	const struct heap_proofs *proofs = &picture->heap->proofs;
	struct line line = line_begin(picture->text, picture->paint);
	size_t i, nholding = 0, most = picture->report->show.top;
	char sentence[120];

	text_char(picture->text, '\n');
	line_put(&line, STYLE_FAINT, "PROOFS");
	line_end(&line);
	for (i = 0; i < proofs->n; i++)
		if (proofs->list[i].result != PROOF_HOLDS)
			draw_proof(picture, &proofs->list[i]);
	for (i = 0; i < proofs->n; i++)
		if (proofs->list[i].result == PROOF_HOLDS && nholding++ < most)
			draw_proof(picture, &proofs->list[i]);
	if (nholding <= most)
		return;
	snprintf(sentence, sizeof(sentence), "and %zu more hold: --top %zu", nholding - most,
		 nholding);
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

static void draw_damage(const struct heap_picture *picture)
{
	const struct heap_reading *heap = picture->heap;
	char sentence[400], count[48], size[UNITS_SIZE];

	if (heap->proofs.unreadable) {
		snprintf(sentence, sizeof(sentence),
			 "%s of the allocator's state could not be read.",
			 heap_count(heap->proofs.unreadable, "piece", count));
		heap_put_remark(picture, STYLE_WARN, sentence);
	}
	if (heap->proofs.broken) {
		snprintf(sentence, sizeof(sentence), "%s in the allocator's state; the first: %s",
			 heap_count(heap->proofs.broken, "contradiction", count),
			 heap->proofs.first);
		heap_put_remark(picture, STYLE_WARN, sentence);
	}
	if (heap->proofs.first_unsteady[0]) {
		snprintf(
			sentence, sizeof(sentence),
			"A call of malloc's was under way, and has left unfinished what it did: %s",
			heap->proofs.first_unsteady);
		heap_put_remark(picture, STYLE_FAINT, sentence);
	}
	if (heap->sums.unknown_bytes) {
		snprintf(sentence, sizeof(sentence), "%s hides what %s are.",
			 heap->proofs.broken ? "Damage" : "That",
			 heap_size(picture, heap->sums.unknown_bytes, size));
		heap_put_remark(picture, STYLE_WARN, sentence);
	}
}

static void draw_faults(const struct heap_picture *picture)
{
	const struct own *own = own_of((struct heap_reading *)picture->heap);
	char sentence[120], count[48];

	if (!own || own->faults == UNKNOWN || own->faults == 0)
		return;
	snprintf(sentence, sizeof(sentence), "%s of the program so far.",
		 heap_count(own->faults, "fault", count));
	heap_put_remark(picture, STYLE_WARN, sentence);
}

static void draw_doubts(const struct heap_picture *picture)
{
	const struct heap_reading *heap = picture->heap;
	char sentence[200];

	if (heap->unproven[0]) {
		snprintf(sentence, sizeof(sentence), "Unproven: %s.", heap->unproven);
		heap_put_remark(picture, STYLE_WARN, sentence);
	}
	if (picture->report->pause) {
		snprintf(sentence, sizeof(sentence), "It was %.180s.", picture->report->looked);
		heap_put_remark(picture, STYLE_FAINT, sentence);
	}
	if (picture->report->is_stopped)
		return;
	snprintf(sentence, sizeof(sentence),
		 "It was running: what it did meanwhile may be missing%s.",
		 heap->proofs.unsteady ? ", and some of it is" : "");
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

/* Allocators that are there as well. */
static void draw_others(const struct heap_picture *picture)
{
	const struct heaps *heaps = picture->report->heaps;
	char sentence[400], held[UNITS_SIZE], live[UNITS_SIZE], count[48];
	size_t i;

	for (i = 1; i < heaps->n; i++) {
		const struct heap_reading *heap = heaps->readings[i];

		snprintf(sentence, sizeof(sentence),
			 "Also %s of %.120s: %s held, %s live in %s; it is part of the ladder.",
			 heap->type->name,
			 allocator_module_name(picture->report->space, heap->module),
			 heap_size(picture, heap->sums.held, held),
			 heap_size(picture, heap->sums.live_bytes, live),
			 heap_count(heap->sums.live_blocks, "block", count));
		heap_put_remark(picture, STYLE_PLAIN, sentence);
	}
}

void heap_draw_proofs(const struct heap_picture *picture)
{
	if (picture->heap->proofs.n)
		draw_list(picture);
	draw_damage(picture);
	draw_faults(picture);
	draw_others(picture);
	draw_doubts(picture);
}
