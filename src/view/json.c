/*
 * Regions are made and written one by one, so that a document of tens of thousands does not stand
 * in memory as a tree.
 */
#include "view/json.h"

#include "model/headroom.h"
#include "space/figures.h"
#include "space/kinds.h"
#include "space/stacks.h"
#include "view/document.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1

char *json_address(plat_addr addr, char *to)
{
	snprintf(to, 24, "0x%" PRIx64, addr);
	return to;
}

static json_t *region_object(const struct space *space, size_t i,
			     const struct columns_choice *choice, struct value *value)
{
	json_t *object = json_object();
	char key[32], address[24];
	size_t c;

	for (c = 0; c < ncolumns + choice->n; c++) {
		const struct column *column =
			c < ncolumns ? &columns[c] : choice->column[c - ncolumns];

		if ((c < ncolumns) != column->in_contract)
			continue;
		column_key(column, key, sizeof(key));
		value->known = false;
		value->why = NULL;
		column->get(space, i, value);
		if (!value->known)
			document_unknown(object, key, value->why);
		else if (column->type == COLUMN_ADDRESS)
			json_object_set_new(object, key,
					    json_string(json_address(value->number, address)));
		else if (column->type == COLUMN_SIZE || column->type == COLUMN_NUMBER)
			json_object_set_new(object, key, json_integer((json_int_t)value->number));
		else
			json_object_set_new(object, key, json_string(value->text));
	}
	return object;
}

/* Why no mapping is known at all, or NULL. */
static const char *maps_hidden(const struct space *space)
{
	return space->nmappings == 0 ? space->why.maps : NULL;
}

static void put_regions(struct text *text, const struct space *space,
			const struct selection *selection, const struct columns_choice *choice)
{
	struct value *value = malloc(sizeof(*value));
	size_t i;

	if (!value) {
		text->error = -ENOMEM;
		return;
	}
	if (maps_hidden(space)) {
		document_put_member(text, "regions", json_null());
		document_put_member(text, "regions_why", json_string(maps_hidden(space)));
		free(value);
		return;
	}
	text_put(text, ",\n\"regions\": [");
	for (i = 0; i < selection->n && !text->error; i++) {
		text_put(text, i ? ",\n" : "\n");
		document_put(text, region_object(space, selection->regions[i], choice, value));
	}
	text_put(text, "]");
	free(value);
}

static json_t *pages_object(const struct space *space, uint64_t size, size_t regions,
			    const struct pages *pages)
{
	json_t *object = json_object();
	const char *why = space->why.pages;

	document_size(object, "regions", maps_hidden(space) ? UNKNOWN : regions,
		      maps_hidden(space));
	document_size(object, "size", maps_hidden(space) ? UNKNOWN : size, maps_hidden(space));
	document_size(object, "rss", why ? UNKNOWN : pages->rss, why);
	document_size(object, "swap", why ? UNKNOWN : pages->swap, why);
	return object;
}

static json_t *totals_object(const struct space *space)
{
	json_t *object, *kinds = json_object();
	struct totals totals;
	unsigned kind;

	totals_of(space, &totals);
	object = pages_object(space, totals.all.size, totals.all.regions, &totals.all.pages);
	document_figures(object, space->figures);
	if (space->figures[VM_SIZE] != UNKNOWN && !maps_hidden(space))
		json_object_set_new(
			object, "size_residual",
			json_integer((json_int_t)(space->figures[VM_SIZE] - totals.all.size)));
	if (space->figures[VM_RSS] != UNKNOWN && !space->why.pages)
		json_object_set_new(
			object, "rss_residual",
			json_integer((json_int_t)(space->figures[VM_RSS] - totals.all.pages.rss)));
	for (kind = KIND_NONE + 1; kind < NKINDS; kind++)
		if (totals.kinds[kind].regions)
			json_object_set_new(kinds, kind_name(kind),
					    pages_object(space, totals.kinds[kind].size,
							 totals.kinds[kind].regions,
							 &totals.kinds[kind].pages));
	json_object_set_new(object, "kinds", kinds);
	return object;
}

static json_t *limits_object(const struct space *space)
{
	json_t *object = document_limits(space->limits);

	document_size(object, "max_map_count", space->machine.max_map_count, "not readable");
	document_size(object, "map_count", maps_hidden(space) ? UNKNOWN : space->nmappings,
		      maps_hidden(space));
	return object;
}

static json_t *gaps_array(const struct space *space)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < space->ngaps; i++) {
		const struct gap *gap = &space->gaps[i];
		json_t *object = json_object();

		document_address(object, "start", gap->start, NULL);
		if (gap->end == TOP_OF_MEMORY)
			json_object_set_new(object, "end", json_string("0x10000000000000000"));
		else
			document_address(object, "end", gap->end, NULL);
		/* The hole between the halves has 2^64 - 2^48 bytes: a JSON integer has 63 bits. */
		if (gap_size(gap) > INT64_MAX)
			json_object_set_new(object, "size", json_real((double)gap_size(gap)));
		else
			document_size(object, "size", gap_size(gap), NULL);
		json_object_set_new(object, "kind", json_string(gap_kind_name(gap->kind)));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *threads_array(const struct space *space)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < space->nthreads; i++) {
		const struct thread *thread = &space->threads[i];
		const char *unknown = "the C library's descriptor was not found";
		const char *sp_why = thread->sp_why ? thread->sp_why : "on another stack";
		bool placed = thread->stack_end != 0;
		json_t *object = json_object();
		char name[THREAD_NAME_SIZE * 4];

		if (thread->tid)
			json_object_set_new(object, "tid", json_integer(thread->tid));
		else
			document_unknown(object, "tid", "a stack kept for a new thread");
		if (space->core && thread->tid && !thread->name[0])
			document_unknown(object, "name", "a core does not hold it");
		else
			json_object_set_new(
				object, "name",
				json_string(text_escape(thread->name, name, sizeof(name), 0)));
		document_address(object, "sp", thread->sp, thread->sp_why);
		document_address(object, "guard_start", placed ? thread->guard_start : UNKNOWN,
				 unknown);
		document_address(object, "stack_start", placed ? thread->stack_start : UNKNOWN,
				 unknown);
		document_address(object, "stack_end", placed ? thread->stack_end : UNKNOWN,
				 unknown);
		document_address(object, "tls_start", thread->tls_end ? thread->tls_start : UNKNOWN,
				 "the C library's descriptor was not found");
		document_address(object, "tls_end", thread->tls_end ? thread->tls_end : UNKNOWN,
				 "the C library's descriptor was not found");
		document_size(object, "used", stack_used(space, thread), sp_why);
		document_size(object, "high_water", stack_high_water(space, thread),
			      "no page of it is known");
		json_array_append_new(array, object);
	}
	return array;
}

static int put_growth(struct text *text, const struct space *space)
{
	json_t *object = json_object();
	struct headrooms headrooms;
	struct headroom all[3];
	size_t i;
	int r = headrooms_of_space(space, &headrooms);

	if (r < 0) {
		json_decref(object);
		return r;
	}
	all[0] = headrooms.heap;
	all[1] = headroom_of_main_stack(&headrooms);
	all[2] = headrooms.mmap;
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		const char *note = headroom_note(space, &all[i]);
		json_t *one = json_object();
		char because[HEADROOM_WORDS];

		headroom_because(space, &all[i], because);
		document_size(one, "bytes", all[i].bytes, because);
		json_object_set_new(one, "because", json_string(because));
		json_object_set_new(one, "note", note ? json_string(note) : json_null());
		json_object_set_new(object, headroom_name(all[i].what), one);
	}
	document_put_member(text, "growth", object);
	headrooms_fini(&headrooms);
	return 0;
}

static json_t *unknown_array(const struct space *space)
{
	const char *const all[] = {space->why.maps,    space->why.pages,   space->why.memory,
				   space->why.threads, space->why.details, space->why.process};
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i])
			json_array_append_new(array, json_string(all[i]));
	return array;
}

static json_t *direction_value(const struct space *space)
{
	switch (space->direction) {
	case DIRECTION_TOP_DOWN:
		return json_string("top-down");
	case DIRECTION_BOTTOM_UP:
		return json_string("bottom-up");
	case DIRECTION_UNKNOWN:
		break;
	}
	return json_null();
}

static void put_command(struct text *text, const struct json_command *command)
{
	document_put_member(text, "at", json_string(command->at));
	document_put_member(text, "exit_status",
			    command->exit_status < 0 ? json_null()
						     : json_integer(command->exit_status));
	document_put_member(text, "signal",
			    command->signal ? json_integer(command->signal) : json_null());
}

int json_write(const struct space *space, const struct selection *selection,
	       const struct columns_choice *choice, const struct json_command *command,
	       struct text *text)
{
	char name[THREAD_NAME_SIZE * 4];
	json_t *addresses = json_object();

	text_format(text, "{\"schema\": %d", SCHEMA);
	if (command)
		put_command(text, command);
	document_core(text, space);
	document_put_member(text, "pid", json_integer(space->process.pid));
	document_put_member(
		text, "command",
		json_string(text_escape(space->process.command, name, sizeof(name), 0)));
	document_put_member(text, "bits",
			    space->process.bits ? json_integer(space->process.bits) : json_null());
	document_put_member(text, "direction", direction_value(space));
	document_put_member(text, "direction_reason", json_string(space->direction_reason));
	document_address(addresses, "start_brk", space->start_brk, space->why.process);
	document_address(addresses, "brk", space->brk, space->why.process);
	document_address(addresses, "mmap_base", space->mmap_base, "no mapping shows it");
	document_address(addresses, "user_end", space->user_end, NULL);
	document_put_member(text, "addresses", addresses);
	document_put_member(text, "totals", totals_object(space));
	document_put_member(text, "limits", limits_object(space));
	if (put_growth(text, space) < 0)
		text->error = -ENOMEM;
	document_put_member(text, "threads", threads_array(space));
	document_put_member(text, "unknown", unknown_array(space));
	if (maps_hidden(space)) {
		document_put_member(text, "gaps", json_null());
		document_put_member(text, "gaps_why", json_string(maps_hidden(space)));
	} else {
		document_put_member(text, "gaps", gaps_array(space));
	}
	put_regions(text, space, selection, choice);
	text_put(text, "}\n");
	return text->error;
}
