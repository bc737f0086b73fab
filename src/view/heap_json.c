/* plat heap --json: totals, the ladder, arenas, sizes, pages, proofs; one document. */
#include "view/heap_parts.h"

#include "heap/own.h"
#include "space/kinds.h"
#include "view/document.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA 2

struct members {
	const struct heap_report *report;
	const struct heap_reading *heap;
	const struct survey *survey;
	const char *why; /* pages are not known, or NULL */
};

static void put_size(json_t *object, const char *key, uint64_t size)
{
	document_size(object, key, size, NULL);
}

static void put_seen(const struct members *members, json_t *object, const char *key, uint64_t size)
{
	document_size(object, key, heap_if_seen(members->report, size), members->why);
}

static json_t *allocator_object(const struct members *members, const struct heap_reading *heap)
{
	const struct heaps *heaps = members->report->heaps;
	const struct own *own = own_of((struct heap_reading *)heap);
	uint32_t module = heap ? heap->module : heaps->allocator.provider;
	json_t *object = json_object();
	char path[4400];

	json_object_set_new(
		object, "name",
		json_string(heap ? heap->type->name : allocator_name(heaps->allocator.kind)));
	json_object_set_new(object, "version",
			    heap && heap->version[0] ? json_string(heap->version) : json_null());
	json_object_set_new(object, "unproven",
			    heap && heap->unproven[0] ? json_string(heap->unproven) : json_null());
	json_object_set_new(
		object, "file",
		json_string(text_escape(allocator_module_name(members->report->space, module), path,
					sizeof(path), 0)));
	json_object_set_new(object, "in_use",
			    json_boolean(!heap || (heaps->has_used && heap == heaps->readings[0])));
	if (own) {
		put_size(object, "state_version", own->layout.version);
		document_address(object, "state", own->at, NULL);
	}
	return object;
}

static void put_sums(json_t *object, const struct heap_sums *sums)
{
	put_size(object, "held", sums->held);
	put_size(object, "live_bytes", sums->live_bytes);
	put_size(object, "live_blocks", sums->live_blocks);
	put_size(object, "slack", sums->slack);
	put_size(object, "free", sums->free_bytes);
	put_size(object, "cached", sums->cached_bytes);
	put_size(object, "free_blocks", sums->free_blocks);
	put_size(object, "cached_blocks", sums->cached_blocks);
	put_size(object, "largest_free", sums->largest_free);
	document_size(object, "fragmentation", heap_fragmentation(sums), "nothing is free");
	put_size(object, "unknown", sums->unknown_bytes);
}

static void put_survey(const struct members *members, json_t *object,
		       const struct survey_sums *sums)
{
	put_seen(members, object, "resident", survey_resident(sums));
	put_seen(members, object, "live_resident", sums->resident[USE_LIVE]);
	put_seen(members, object, "free_resident",
		 sums->resident[USE_FREE] + sums->resident[USE_CACHED]);
	put_size(object, "returnable", sums->returnable);
	put_seen(members, object, "returnable_resident", sums->returnable_resident);
	put_seen(members, object, "pinned", sums->pinned);
	put_seen(members, object, "pinned_live", sums->pinned_live);
	put_seen(members, object, "pinned_blocks", sums->pinned_blocks);
}

static size_t heaps_alive(const struct own *own)
{
	size_t i, n = 0;

	for (i = 0; i < own->nheaps; i++)
		n += own->heaps[i].is_alive;
	return n;
}

static json_t *totals_object(const struct members *members)
{
	const struct own *own = own_of((struct heap_reading *)members->heap);
	json_t *object = json_object();

	put_sums(object, &members->heap->sums);
	put_survey(members, object, &members->survey->all);
	put_seen(members, object, "idle_resident", members->survey->idle_resident);
	put_seen(members, object, "occupied_resident", members->survey->occupied_resident);
	document_size(object, "own_state", members->heap->state_bytes,
		      "the allocator does not tell");
	if (!own)
		return object;
	put_size(object, "fenced", own->kept_bytes);
	put_size(object, "heaps", own->nheaps);
	put_size(object, "heaps_with_thread", heaps_alive(own));
	document_size(object, "faults", own->faults, "the allocator does not tell");
	return object;
}

static json_t *arena_object(const struct members *members, uint32_t i)
{
	static const struct survey_sums none = {.returnable = 0};
	const struct heap_arena *arena = &members->heap->arenas[i];
	const struct survey *survey = members->survey;
	json_t *object = json_object();
	char name[ARENA_NAME_SIZE];

	json_object_set_new(object, "arena", json_string(arena_name(arena, name)));
	document_address(object, "address", arena->address, NULL);
	json_object_set_new(object, "tid", arena->tid ? json_integer(arena->tid) : json_null());
	put_sums(object, &arena->sums);
	put_survey(members, object, i < survey->narenas ? &survey->arenas[i] : &none);
	return object;
}

static json_t *arenas_array(const struct members *members)
{
	json_t *array = json_array();
	uint32_t i;

	for (i = 0; i < members->heap->narenas; i++)
		json_array_append_new(array, arena_object(members, i));
	return array;
}

static json_t *classes_array(const struct heap_reading *heap)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < heap->nclasses; i++) {
		const struct heap_class *class = &heap->classes[i];
		json_t *object;

		if (!class->slabs)
			continue;
		object = json_object();
		json_object_set_new(object, "class",
				    class->name ? json_string(class->name)
						: json_integer(class->number));
		json_object_set_new(object, "stride",
				    class->stride ? json_integer((json_int_t) class->stride)
						  : json_null());
		put_size(object, "slabs", class->slabs);
		put_sums(object, &class->sums);
		put_size(object, "free_slots", class->sums.free_blocks + class->sums.cached_blocks);
		put_size(object, "cached_slots", class->sums.cached_blocks);
		json_array_append_new(array, object);
	}
	return array;
}

/*
 * Sizes and pages.
 */

static json_t *histogram_array(const struct survey *survey)
{
	json_t *array = json_array();
	unsigned power;

	for (power = 0; power < SURVEY_BUCKETS; power++) {
		json_t *object;

		if (!survey->bucket_blocks[power])
			continue;
		object = json_object();
		put_size(object, "up_to", power < 63 ? UINT64_C(1) << power : INT64_MAX);
		put_size(object, "blocks", survey->bucket_blocks[power]);
		put_size(object, "bytes", survey->bucket_bytes[power]);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *sizes_array(const struct members *members)
{
	const struct survey *survey = members->survey;
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < survey->nsizes && i < members->report->show.top; i++) {
		json_t *object = json_object();

		put_size(object, "size", survey->sizes[i].size);
		put_size(object, "blocks", survey->sizes[i].blocks);
		put_size(object, "bytes", survey->sizes[i].size * survey->sizes[i].blocks);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *pages_object(const struct members *members)
{
	const struct survey *survey = members->survey;
	json_t *object = json_object(), *cells = json_array();
	size_t i;

	put_size(object, "occupied", survey->occupied);
	put_seen(members, object, "occupied_resident", survey->occupied_resident);
	put_size(object, "idle", survey->idle);
	put_seen(members, object, "idle_resident", survey->idle_resident);
	put_size(object, "cell_bytes", survey->cell_bytes);
	for (i = 0; i < survey->ncells && !members->why; i++)
		json_array_append_new(cells,
				      json_pack("[I,I,I]", (json_int_t)survey->cells[i].occupied,
						(json_int_t)survey->cells[i].resident,
						(json_int_t)survey->cells[i].idle_resident));
	json_object_set_new(object, "cells", cells);
	return object;
}

static json_t *pins_array(const struct members *members)
{
	const struct survey *survey = members->survey;
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < survey->npins && !members->why; i++) {
		const struct survey_pin *pin = &survey->pins[i];
		json_t *object = json_object();

		document_address(object, "start", pin->start, NULL);
		document_address(object, "end", pin->end, NULL);
		put_size(object, "live_bytes", pin->live);
		put_size(object, "live_blocks", pin->blocks);
		document_address(object, "first_block", pin->first, NULL);
		put_size(object, "first_size", pin->first_size);
		json_array_append_new(array, object);
	}
	return array;
}

/*
 * The ladder and the proofs.
 */

static json_t *opaque_object(const struct members *members)
{
	const struct heap_opaque *opaque = &members->report->ladder.opaque;
	json_t *object;

	if (opaque->kind == ALLOCATOR_UNKNOWN)
		return json_null();
	object = json_object();
	json_object_set_new(object, "name", json_string(allocator_name(opaque->kind)));
	put_size(object, "regions", opaque->regions);
	put_size(object, "size", opaque->size);
	put_seen(members, object, "resident", opaque->resident);
	json_object_set_new(object, "told_by",
			    json_string(opaque->is_named ? "names" : "nothing else claims it"));
	return object;
}

static json_t *ladder_object(const struct members *members)
{
	const struct heap_ladder *ladder = &members->report->ladder;
	json_t *object = json_object(), *kinds = json_object();
	unsigned kind;

	document_size(object, "rss", ladder->rss, "status does not say");
	document_size(object, "rss_anon", ladder->rss_anon, "status does not say");
	document_size(object, "anonymous", ladder->anonymous, members->why);
	put_seen(members, object, "held", survey_resident(&ladder->heap));
	put_seen(members, object, "free",
		 ladder->heap.resident[USE_FREE] + ladder->heap.resident[USE_CACHED]);
	put_seen(members, object, "slack",
		 ladder->heap.resident[USE_SLACK] + ladder->heap.resident[USE_REST]);
	put_seen(members, object, "live", ladder->heap.resident[USE_LIVE]);
	for (kind = 0; kind < NKINDS && !members->why; kind++)
		if (ladder->kinds[kind])
			put_size(kinds, kind_name((enum kind)kind), ladder->kinds[kind]);
	json_object_set_new(object, "not_held", kinds);
	json_object_set_new(object, "opaque", opaque_object(members));
	return object;
}

static json_t *proof_object(const struct heap_proof *proof)
{
	static const char *const results[] = {"holds", "fails", "not made"};
	json_t *object = json_object();

	json_object_set_new(object, "result", json_string(results[proof->result]));
	json_object_set_new(object, "words", json_string(proof->words));
	put_size(object, "found", proof->found);
	put_size(object, "told", proof->told);
	json_object_set_new(object, "why", proof->why[0] ? json_string(proof->why) : json_null());
	return object;
}

static json_t *proofs_object(const struct heap_proofs *proofs)
{
	json_t *object = json_object(), *list = json_array();
	size_t i;

	put_size(object, "proved", proofs->proved);
	put_size(object, "unreadable", proofs->unreadable);
	put_size(object, "unsteady", proofs->unsteady);
	json_object_set_new(object, "first_unsteady",
			    proofs->first_unsteady[0] ? json_string(proofs->first_unsteady)
						      : json_null());
	put_size(object, "broken", proofs->broken);
	json_object_set_new(object, "first_broken",
			    proofs->first[0] ? json_string(proofs->first) : json_null());
	for (i = 0; i < proofs->n; i++)
		json_array_append_new(list, proof_object(&proofs->list[i]));
	json_object_set_new(object, "list", list);
	return object;
}

static json_t *others_array(const struct members *members)
{
	const struct heap_report *report = members->report;
	json_t *array = json_array();
	size_t i;

	for (i = 1; i < report->heaps->n; i++) {
		const struct members other = {report, report->heaps->readings[i],
					      &report->surveys[i], members->why};
		json_t *object = json_object();

		json_object_set_new(object, "allocator", allocator_object(members, other.heap));
		json_object_set_new(object, "totals", totals_object(&other));
		json_object_set_new(object, "proofs", proofs_object(&other.heap->proofs));
		json_array_append_new(array, object);
	}
	return array;
}

static void put_heap(const struct members *members, struct text *text)
{
	document_put_member(text, "totals", totals_object(members));
	document_put_member(text, "arenas", arenas_array(members));
	document_put_member(text, "classes", classes_array(members->heap));
	document_put_member(text, "histogram", histogram_array(members->survey));
	document_put_member(text, "top_sizes", sizes_array(members));
	document_put_member(text, "pages", pages_object(members));
	document_put_member(text, "pins", pins_array(members));
	document_put_member(text, "proofs", proofs_object(&members->heap->proofs));
	document_put_member(text, "others", others_array(members));
}

void heap_json(const struct heap_report *report, struct text *text)
{
	const struct process *process = &report->space->process;
	const struct members members = {
		.report = report,
		.heap = report->heaps->n ? report->heaps->readings[0] : NULL,
		.survey = report->surveys,
		.why = report->pages_why,
	};
	char name[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_core(text, report->space);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(text, "command",
			    json_string(text_escape(process->command, name, sizeof(name), 0)));
	document_put_member(text, "allocator", allocator_object(&members, members.heap));
	document_put_member(text, "stopped", json_boolean(report->is_stopped));
	document_put_member(text, "pause_ns", json_integer((json_int_t)report->pause));
	document_put_member(text, "ladder", ladder_object(&members));
	if (members.heap)
		put_heap(&members, text);
	text_put(text, "}\n");
}
