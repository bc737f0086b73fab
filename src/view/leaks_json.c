/*
 * plat leaks --json: sums, groups, and every block that is told. There may be millions of these, so
 * that they are written as they are met, and nothing is formatted with printf.
 */
#include "view/leaks.h"

#include "heap/types.h"
#include "view/document.h"

#include <string.h>

#define SCHEMA 1

static json_t *sums_object(const struct leak_sums *sums, bool has_trees)
{
	json_t *object = json_object();

	document_size(object, "bytes", sums->bytes, NULL);
	document_size(object, "blocks", sums->blocks, NULL);
	if (has_trees)
		document_size(object, "trees", sums->trees, NULL);
	return object;
}

static json_t *site_array(const struct leaks_report *report, uint32_t site)
{
	const struct own_site *made;

	if (site == NO_SITE)
		return json_null();
	made = &report->profile->sites[site];
	return calls_array(report->space, report->calls, made->frames, made->nframes);
}

static void put_type(json_t *object, const struct leaks_report *report, uint16_t type)
{
	char name[SYMBOL_NAME_SIZE * 4];

	json_object_set_new(
		object, "type",
		type != NO_TYPE && report->types[type]
			? json_string(text_escape(report->types[type], name, sizeof(name), 0))
			: json_null());
}

static void put_groups(const struct leaks_report *report, struct text *text)
{
	const struct leaks *leaks = report->leaks;
	size_t i;

	text_put(text, ",\n\"groups\": [");
	for (i = 0; i < leaks->ngroups; i++) {
		const struct leak_group *group = &leaks->groups[i];
		const struct leak_tree *tree = &leaks->trees[group->tree];
		json_t *object = json_object();

		document_size(object, "bytes", group->bytes, NULL);
		document_size(object, "blocks", group->blocks, NULL);
		document_size(object, "trees", group->trees, NULL);
		document_size(object, "root_size", group->size, NULL);
		json_object_set_new(object, "kind", json_string(leak_group_word(group)));
		put_type(object, report, tree->type);
		json_object_set_new(object, "site", site_array(report, tree->site));
		text_put(text, i ? ",\n" : "\n");
		document_put(text, object);
	}
	text_put(text, "]");
}

static const char *kind_of(const struct leaks *leaks, uint32_t block, uint32_t tree)
{
	if (leaks->lost->trees[tree].block != block)
		return "held";
	return leaks->lost->trees[tree].is_cycle ? "cycle" : "tree";
}

static void put_block(const struct leaks *leaks, const struct block_cursor *at, struct text *text)
{
	uint32_t tree = owners_first(&leaks->lost->owners, at->number);

	text_put(text, "{\"addr\":\"0x");
	text_hex(text, at->block.address, 1);
	text_put(text, "\",\"size\":");
	text_number(text, at->block.size);
	text_put(text, ",\"kind\":\"");
	text_put(text, kind_of(leaks, at->number, tree));
	text_put(text, "\",\"root\":\"0x");
	text_hex(text, block_address_of(leaks->reach->graph->index, leaks->lost->trees[tree].block),
		 1);
	text_put(text, "\"}");
}

static void put_leaks(const struct leaks *leaks, struct text *text)
{
	struct block_cursor cursor;
	bool is_first = true;

	text_put(text, ",\n\"leaks\": [");
	block_cursor_init(&cursor, leaks->reach->graph->index, 0);
	while (block_cursor_next(&cursor, leaks->reach->graph->index)) {
		if (!leaks_tell(leaks, cursor.number))
			continue;
		text_put(text, is_first ? "\n" : ",\n");
		put_block(leaks, &cursor, text);
		is_first = false;
	}
	text_put(text, "]");
}

static json_t *whys_array(const struct leaks_report *report)
{
	json_t *array = json_array();
	char why[sizeof(report->whys->text) * 4];
	size_t i;

	for (i = 0; i < report->nwhys; i++)
		json_array_append_new(
			array, json_string(text_escape(report->whys[i].text, why, sizeof(why), 0)));
	return array;
}

void leaks_json(const struct leaks_report *report, struct text *text)
{
	const struct leaks *leaks = report->leaks;
	char command[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_core(text, report->space);
	document_put_member(text, "pid", json_integer(report->space->process.pid));
	document_put_member(text, "command",
			    json_string(text_escape(report->space->process.command, command,
						    sizeof(command), 0)));
	document_put_member(text, "stopped", json_boolean(report->is_stopped));
	document_put_time(text, "pause_ms", report->pause, 1e6);
	document_put_member(text, "partial", whys_array(report));
	document_put_member(text, "lost", sums_object(&leaks->told, true));
	document_put_member(text, "before", sums_object(&leaks->before, false));
	document_put_member(text, "suppressed", sums_object(&leaks->suppressed, true));
	document_put_member(text, "possible", sums_object(&leaks->possible, false));
	put_groups(report, text);
	put_leaks(leaks, text);
	text_put(text, "}\n");
}
