#include "view/explain_words.h"

#include "space/kinds.h"
#include "space/stacks.h"
#include "space/vmflags.h"
#include "view/document.h"
#include "view/json.h"
#include "view/ties_json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define SENTENCE 1024

/* A text of any length, escaped. NULL or "" is unknown. */
static void set_text(json_t *object, const char *key, const char *string, const char *why)
{
	size_t size = string ? strlen(string) * 4 + 1 : 0;
	char *escaped = size > 1 ? malloc(size) : NULL;

	if (escaped)
		json_object_set_new(object, key,
				    json_string(text_escape(string, escaped, size, 0)));
	else
		document_unknown(object, key, why);
	free(escaped);
}

/* An address as it was asked for: here UNKNOWN is one, the highest. */
static void set_address(json_t *object, const char *key, plat_addr addr)
{
	char to[24];

	json_object_set_new(object, key, json_string(json_address(addr, to)));
}

static void set_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

static void set_range(json_t *object, plat_addr start, plat_addr end)
{
	set_address(object, "start", start);
	if (end == TOP_OF_MEMORY)
		json_object_set_new(object, "end", json_string("0x10000000000000000"));
	else
		set_address(object, "end", end);
	/* The hole between the halves has 2^64 - 2^48 bytes: a JSON integer has 63 bits. */
	if (end - start > INT64_MAX)
		json_object_set_new(object, "size", json_real((double)(end - start)));
	else
		document_size(object, "size", end - start, NULL);
}

static json_t *symbol_object(const struct finding *finding)
{
	static const char *const types[] = {
		[SYMBOL_OTHER] = "other",
		[SYMBOL_FUNCTION] = "function",
		[SYMBOL_OBJECT] = "object",
		[SYMBOL_TLS] = "tls",
	};
	const struct symbol *symbol = &finding->symbol;
	json_t *object = json_object();

	set_text(object, "name", symbol->name, NULL);
	set_address(object, "start", symbol->start);
	document_size(object, "size", symbol->size ? symbol->size : UNKNOWN,
		      "the symbol table does not say");
	document_size(object, "offset", finding->addr - symbol->start, NULL);
	json_object_set_new(object, "type", json_string(types[symbol->type]));
	set_bool(object, "demangled", symbol->demangled);
	set_bool(object, "cut", symbol->cut);
	set_text(object, "source", symbol->source,
		 symbol->line_why[0] ? symbol->line_why : "no debug information");
	if (symbol->line)
		json_object_set_new(object, "line", json_integer(symbol->line));
	else
		document_unknown(object, "line", NULL);
	return object;
}

static json_t *thread_object(const struct space *space, const struct thread *thread)
{
	const char *sp_why = thread->sp_why ? thread->sp_why : "on another stack";
	json_t *object = json_object();

	if (thread->tid)
		json_object_set_new(object, "tid", json_integer(thread->tid));
	else
		document_unknown(object, "tid", "a stack kept for a new thread");
	document_text(object, "name", thread->name);
	document_address(object, "sp", thread->sp, thread->sp_why);
	document_size(object, "used", stack_used(space, thread), sp_why);
	document_size(object, "high_water", stack_high_water(space, thread),
		      "no page of it is known");
	return object;
}

static json_t *page_object(const struct space *space, const struct finding *finding)
{
	unsigned state = finding->page_state;
	json_t *object = json_object();
	const char *name = "absent";

	set_address(object, "start", page_of(space, finding->addr));
	document_size(object, "size", space->machine.page_size, NULL);
	if (!finding->page_known) {
		document_unknown(object, "state", finding->page_why);
	} else {
		if (state & PAGE_GUARD)
			name = "guard";
		else if (state & PAGE_ZERO)
			name = "zero";
		else if (state & PAGE_PRESENT)
			name = "resident";
		else if (state & PAGE_SWAPPED)
			name = "swapped";
		json_object_set_new(object, "state", json_string(name));
		set_bool(object, "file", state & PAGE_FILE);
		set_bool(object, "huge", state & PAGE_HUGE);
		if (finding->exclusive_known)
			set_bool(object, "exclusive", state & PAGE_EXCLUSIVE);
		else
			document_unknown(object, "exclusive", "not told here");
	}
	if (finding->cached_known)
		set_bool(object, "cached", finding->cached);
	else
		document_unknown(object, "cached",
				 finding->cached_why[0] ? finding->cached_why : NULL);
	return object;
}

static json_t *flags_array(const char *flags)
{
	json_t *array = json_array();
	char letters[3];

	while (vmflags_next(&flags, letters)) {
		const struct vmflag *flag = vmflag_find(letters);
		json_t *object = json_object();

		document_text(object, "flag", letters);
		set_text(object, "meaning", flag ? flag->words : NULL, "not a flag we know");
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *mapping_object(const struct space *space, const struct region *region)
{
	const struct detail *detail = explain_detail(space, region);
	const char *why = detail ? NULL : explain_details_why(space, region);
	json_t *object = json_object();
	plat_addr start, end;

	space_mapping_range(space, (size_t)(region - space->regions), &start, &end);
	set_range(object, start, end);
	document_size(object, "pss", detail ? detail->pss : UNKNOWN, why);
	document_size(object, "locked_bytes", detail ? detail->locked : UNKNOWN, why);
	if (!detail) {
		document_unknown(object, "locked", why);
		document_unknown(object, "flags", why);
		return object;
	}
	set_bool(object, "locked", vmflags_have(detail->flags, "lo"));
	json_object_set_new(object, "flags", flags_array(detail->flags));
	set_bool(object, "like_secret", explain_is_like_secret(space, region));
	if (detail->protection_key >= 0)
		json_object_set_new(object, "protection_key", json_integer(detail->protection_key));
	return object;
}

static json_t *module_object(const struct space *space, const struct region *region,
			     const struct finding *finding)
{
	const struct module *module = &space->modules[region->module];
	json_t *object = json_object();

	set_text(object, "file", module->file == NO_FILE ? NULL : space->files[module->file].name,
		 NULL);
	json_object_set_new(object, "role", json_string(explain_role(module)));
	set_address(object, "bias", module->bias);
	set_address(object, "address", finding->addr - module->bias);
	set_text(object, "build_id", finding->build_id, "none found");
	return object;
}

/* The region i, which begins or ends the stretch [from, to) between it and what is asked for. */
static json_t *neighbour_object(const struct space *space, size_t i, plat_addr from, plat_addr to)
{
	const struct region *region;
	char title[SENTENCE];
	char gaps[120];
	json_t *object;

	if (i >= space->nregions)
		return json_null();
	region = &space->regions[i];
	explain_region(space, region, true, title, sizeof(title));
	object = json_object();
	document_size(object, "distance", to - from, NULL);
	explain_gaps(space, from, to, gaps, sizeof(gaps));
	set_text(object, "between", to > from ? gaps : NULL, NULL);
	set_range(object, region->start, region->end);
	json_object_set_new(object, "kind", json_string(kind_name(region->kind)));
	set_text(object, "title", title, NULL);
	return object;
}

static void set_neighbours(json_t *object, const struct space *space, const struct finding *finding,
			   const struct region *region)
{
	size_t at = space_at_or_above(space, finding->addr), above = region ? at + 1 : at;
	plat_addr low = region ? region->start : finding->addr;
	plat_addr high = region ? region->end : finding->addr;

	json_object_set_new(
		object, "above",
		neighbour_object(space, above, high,
				 above < space->nregions ? space->regions[above].start : high));
	json_object_set_new(object, "below",
			    neighbour_object(space, at ? at - 1 : SIZE_MAX,
					     at ? space->regions[at - 1].end : low, low));
}

static json_t *shelf_object(const struct shelf *shelf)
{
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(shelf->name));
	json_object_set_new(object, "number",
			    shelf->number == NO_NUMBER ? json_null() : json_integer(shelf->number));
	json_object_set_new(object, "tid", shelf->tid ? json_integer(shelf->tid) : json_null());
	return object;
}

static json_t *block_object(const struct space *space, const struct finding *finding)
{
	const struct heap_location *heap = &finding->heap;
	const struct block *block = &heap->block;
	json_t *object = json_object();

	json_object_set_new(object, "allocator", json_string(heap->allocator));
	if (!heap->has_block)
		return object;
	set_address(object, "addr", block->address);
	document_size(object, "size", block->size, NULL);
	json_object_set_new(object, "size_is",
			    json_string(block->is_requested ? "requested" : "usable"));
	json_object_set_new(object, "state", json_string(block_state_name(block->state)));
	json_object_set_new(object, "offset",
			    json_integer((json_int_t)(finding->addr - block->address)));
	set_text(object, "arena", heap->arena, NULL);
	json_object_set_new(object, "tid", heap->tid ? json_integer(heap->tid) : json_null());
	json_object_set_new(object, "kept_in",
			    heap->shelf.name ? shelf_object(&heap->shelf) : json_null());
	ties_set(object, &finding->ties, space);
	return object;
}

static void set_block(json_t *object, const struct space *space, const struct finding *finding)
{
	if (finding->heap.allocator)
		json_object_set_new(object, "block", block_object(space, finding));
	else
		document_unknown(object, "block", finding->heap_why[0] ? finding->heap_why : NULL);
}

static void set_region(json_t *object, const struct space *space, const struct finding *finding,
		       const struct region *region)
{
	const struct thread *thread = region_thread(space, region);
	const struct file *file = region_file(space, region);
	char rights[5], name[SENTENCE * 4 + 304];
	json_t *one = json_object();

	set_range(one, region->start, region->end);
	json_object_set_new(one, "perms", json_string(explain_permissions(region->rights, rights)));
	json_object_set_new(one, "kind", json_string(kind_name(region->kind)));
	set_text(one, "name", region_name(space, region, name, sizeof(name)), NULL);
	json_object_set_new(one, "shared_by",
			    json_string(sharing_name(region_sharing(space, region))));
	json_object_set_new(object, "region", one);
	json_object_set_new(object, "mapping", mapping_object(space, region));
	json_object_set_new(object, "thread", thread ? thread_object(space, thread) : json_null());
	set_text(object, "file", has_inode(file) ? file->name : NULL, NULL);
	document_address(object, "offset",
			 has_inode(file) ? file_offset(region, finding->addr) : UNKNOWN, NULL);
	json_object_set_new(object, "module",
			    region->module == NO_MODULE ? json_null()
							: module_object(space, region, finding));
	if (finding->with_symbols && finding->symbol.known)
		json_object_set_new(object, "symbol", symbol_object(finding));
	else
		document_unknown(object, "symbol",
				 finding->with_symbols ? finding->symbol.why : "not asked for");
	json_object_set_new(object, "page", page_object(space, finding));
	set_block(object, space, finding);
}

static json_t *finding_object(const struct space *space, const struct finding *finding)
{
	static const char *const words[] = {
		[ACCESS_ALLOWED] = "as-permitted",
		[ACCESS_SEGV] = "SIGSEGV",
		[ACCESS_BUS] = "SIGBUS",
		[ACCESS_GROWS] = "grows-stack",
	};
	const struct region *region = space_find(space, finding->addr);
	const struct gap *gap = region ? NULL : explain_gap_at(space, finding->addr);
	json_t *object = json_object(), *one;
	enum access access;
	char why[320];

	set_address(object, "address", finding->addr);
	set_bool(object, "mapped", region != NULL);
	set_bool(object, "changed", finding->changed);
	access = explain_access(space, finding, why, sizeof(why));
	json_object_set_new(object, "access", json_string(words[access]));
	set_text(object, "access_reason", why, NULL);
	if (region)
		set_region(object, space, finding, region);
	if (gap) {
		one = json_object();
		set_range(one, gap->start, gap->end);
		set_text(one, "kind", explain_gap_name(space, gap, finding->addr), EXPLAIN_GAP_WHY);
		json_object_set_new(object, "gap", one);
	}
	set_neighbours(object, space, finding, region);
	return object;
}

static json_t *border_object(const struct explanation *explanation)
{
	json_t *object = json_object(), *reasons = json_array();
	struct border border;
	size_t i;

	border_explain(explanation->space, explanation->findings[0].addr,
		       explanation->findings[1].addr, &border);
	json_object_set_new(object, "type", json_string(border_type_name(border.type)));
	document_address(object, "at", border.type == BORDER_TOUCHING ? border.at : UNKNOWN, NULL);
	document_size(object, "unmapped_between", border.gap, NULL);
	json_object_set_new(object, "mappings_between", json_integer((json_int_t)border.nbetween));
	for (i = 0; i < border.nreasons; i++) {
		json_t *reason = json_object();

		json_object_set_new(reason, "cause",
				    json_string(border_cause_name(border.reasons[i].cause)));
		set_bool(reason, "certain", border.reasons[i].certain);
		set_text(reason, "text", border.reasons[i].text, NULL);
		json_array_append_new(reasons, reason);
	}
	json_object_set_new(object, "reasons", reasons);
	json_object_set_new(object, "rules", json_string(border_rules));
	return object;
}

int explain_json(const struct explanation *explanation, struct text *text)
{
	const struct space *space = explanation->space;
	json_t *findings = json_array();
	char command[THREAD_NAME_SIZE * 4];
	size_t i;

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_core(text, space);
	document_put_member(text, "pid", json_integer(space->process.pid));
	document_put_member(
		text, "command",
		json_string(text_escape(space->process.command, command, sizeof(command), 0)));
	document_put_member(text, "kernel",
			    explanation->kernel[0] ? json_string(explanation->kernel)
						   : json_null());
	for (i = 0; i < explanation->n; i++)
		json_array_append_new(findings, finding_object(space, &explanation->findings[i]));
	document_put_member(text, "addresses", findings);
	document_put_member(text, "border",
			    explanation->n > 1 ? border_object(explanation) : json_null());
	text_put(text, "}\n");
	return text->error;
}
