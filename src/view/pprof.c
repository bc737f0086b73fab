/*
 * A profile as pprof reads it:
 *
 *     sample     sums, and the locations of its stack, the innermost first
 *     location   a frame: an address in a mapping, and the line of a function
 *     mapping    where a program or library was mapped, and its build-id
 *     function   a name, and the file of the source
 *     strings    all of them, once; elsewhere there are numbers
 *
 * Numbers of locations, mappings and functions begin at 1. Strings come last, when all are known.
 *
 * Field numbers: https://github.com/google/pprof/blob/main/proto/profile.proto
 */
#include "view/export.h"

#include "base/list.h"
#include "view/gzip.h"
#include "view/protobuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 4400

enum profile_field {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING_TABLE,
	PROFILE_TIME_NANOS = 9,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD,
	PROFILE_COMMENT,
	PROFILE_DEFAULT_SAMPLE_TYPE,
};

enum value_type_field { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT };
enum sample_field { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE };
enum mapping_field {
	MAPPING_ID = 1,
	MAPPING_MEMORY_START,
	MAPPING_MEMORY_LIMIT,
	MAPPING_FILE_OFFSET,
	MAPPING_FILENAME,
	MAPPING_BUILD_ID,
	MAPPING_HAS_FUNCTIONS,
	MAPPING_HAS_FILENAMES,
	MAPPING_HAS_LINE_NUMBERS,
};
enum location_field { LOCATION_ID = 1, LOCATION_MAPPING_ID, LOCATION_ADDRESS, LOCATION_LINE };
enum line_field { LINE_FUNCTION_ID = 1, LINE_LINE };
enum function_field { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILENAME };

struct mapping {
	uint32_t number; /* in the space */
	bool is_program; /* pprof takes the first one for that */
	plat_addr start, end;
	uint64_t offset;
	const char *path;
	const char *build_id;
	bool has_functions, has_lines;
};

struct function {
	uint32_t name, file; /* numbers of strings */
};

/* Of a frame. 0: there is none. */
struct place {
	uint32_t mapping; /* its number in the space, and 1 */
	uint32_t function;
};

struct pprof {
	const struct export *export;
	struct text unpacked;	    /* which is packed on its way out */
	struct text message, inner; /* that are being made */
	struct names strings;
	struct place *places; /* one a frame */
	struct mapping *mappings;
	size_t nmappings, mappings_room;
	uint32_t *mapping_ids; /* by their numbers in the space; 0: it is not there */
	struct function *functions;
	size_t nfunctions, functions_room;
	struct slots function_slots;
};

static int string_number(struct pprof *pprof, const char *string, uint32_t *ret)
{
	char safe[NAME_SIZE];

	return names_add(&pprof->strings, text_escape(string, safe, sizeof(safe), 0), ret);
}

/*
 * Mappings.
 */

static struct mapping mapping_of(const struct space *space, const struct region *region)
{
	const struct region *first = region, *last = region;
	const struct region *end = space->regions + space->nregions;
	const struct file *file = region_file(space, region);

	while (first > space->regions && first[-1].mapping == region->mapping)
		first--;
	while (last + 1 < end && last[1].mapping == region->mapping)
		last++;
	return (struct mapping){
		.number = region->mapping,
		.is_program = region->module != NO_MODULE &&
			      space->modules[region->module].role == MODULE_PROGRAM,
		.start = first->start,
		.end = last->end,
		.offset = first->offset,
		.path = file ? file->name : "",
		.build_id = "",
	};
}

/* Whose index is its id until they are sorted. */
static int take_mapping(struct pprof *pprof, plat_addr addr, struct place *place)
{
	const struct symbol *symbol = calls_find(&pprof->export->calls, addr);
	const struct space *space = pprof->export->space;
	const struct region *region = addr ? space_find(space, addr - 1) : NULL;
	struct mapping *mapping;
	uint32_t *id;

	if (!region)
		return 0;
	id = &pprof->mapping_ids[region->mapping];
	if (!*id) {
		if (list_reserve(&pprof->mappings, &pprof->mappings_room, pprof->nmappings, 1) < 0)
			return -ENOMEM;
		pprof->mappings[pprof->nmappings++] = mapping_of(space, region);
		*id = (uint32_t)pprof->nmappings;
	}
	place->mapping = region->mapping + 1;
	mapping = &pprof->mappings[*id - 1];
	if (!symbol)
		return 0;
	if (symbol->build_id[0])
		mapping->build_id = symbol->build_id;
	mapping->has_functions |= symbol->known;
	mapping->has_lines |= symbol->line > 0;
	return 0;
}

static int by_program(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	if (x->is_program != y->is_program)
		return x->is_program ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

static void sort_mappings(struct pprof *pprof)
{
	size_t i;

	if (pprof->nmappings)
		qsort(pprof->mappings, pprof->nmappings, sizeof(*pprof->mappings), by_program);
	for (i = 0; i < pprof->nmappings; i++)
		pprof->mapping_ids[pprof->mappings[i].number] = (uint32_t)i + 1;
}

/*
 * Functions.
 */

static uint64_t function_hash(const struct function *function)
{
	return (uint64_t)function->name << 32 | function->file;
}

static uint64_t function_hash_at(const void *context, uint32_t number)
{
	const struct pprof *pprof = context;

	return function_hash(&pprof->functions[number]);
}

static int function_number(struct pprof *pprof, const struct function *function, uint32_t *ret)
{
	struct slots *slots = &pprof->function_slots;
	uint32_t *place;

	if (slots_reserve(slots, pprof->nfunctions, function_hash_at, pprof) < 0 ||
	    list_reserve(&pprof->functions, &pprof->functions_room, pprof->nfunctions, 1) < 0)
		return -ENOMEM;
	place = slots_first(slots, function_hash(function));
	while (*place != NO_SLOT && (pprof->functions[*place].name != function->name ||
				     pprof->functions[*place].file != function->file))
		place = slots_next(slots, place);
	if (*place == NO_SLOT) {
		*place = (uint32_t)pprof->nfunctions;
		pprof->functions[pprof->nfunctions++] = *function;
	}
	*ret = *place + 1;
	return 0;
}

static int take_function(struct pprof *pprof, const char *name, const char *file, uint32_t *ret)
{
	struct function function;
	int r = string_number(pprof, name, &function.name);

	if (r == 0)
		r = string_number(pprof, file, &function.file);
	return r < 0 ? r : function_number(pprof, &function, ret);
}

static int take_frame(struct pprof *pprof, const struct fold_frame *frame, struct place *place)
{
	const struct symbol *symbol;
	int r;

	if (frame->kind != FOLD_CALL)
		return take_function(pprof, export_name(pprof->export, frame), "",
				     &place->function);
	r = take_mapping(pprof, frame->what, place);
	symbol = calls_find(&pprof->export->calls, frame->what);
	if (r < 0 || !symbol || !symbol->known)
		return r;
	return take_function(pprof, symbol->name, symbol->line ? symbol->source : "",
			     &place->function);
}

static int take_frames(struct pprof *pprof)
{
	const struct folds *folds = pprof->export->folds;
	size_t i;
	int r = 0;

	pprof->places = calloc(folds->nframes + 1, sizeof(*pprof->places));
	pprof->mapping_ids =
		calloc(pprof->export->space->nmappings + 1, sizeof(*pprof->mapping_ids));
	if (!pprof->places || !pprof->mapping_ids)
		return -ENOMEM;
	for (i = 0; r == 0 && i < folds->nframes; i++)
		r = take_frame(pprof, &folds->frames[i], &pprof->places[i]);
	sort_mappings(pprof);
	return r;
}

/*
 * Messages.
 */

static int put_string(struct pprof *pprof, struct text *to, unsigned field, const char *string)
{
	uint32_t number;
	int r = string_number(pprof, string, &number);

	if (r == 0)
		protobuf_number(to, field, number);
	return r;
}

static int put_value_type(struct pprof *pprof, unsigned field, const char *type, const char *unit)
{
	int r = put_string(pprof, &pprof->message, VALUE_TYPE_TYPE, type);

	if (r == 0)
		r = put_string(pprof, &pprof->message, VALUE_TYPE_UNIT, unit);
	protobuf_message(&pprof->unpacked, field, &pprof->message);
	return r;
}

static bool has_sums(const struct folds *folds, const struct fold_node *node)
{
	size_t i;

	for (i = 0; i < folds->nsums; i++)
		if (node->sums[i])
			return true;
	return false;
}

/* A number is an int64_t there. */
static void put_sample(struct pprof *pprof, uint32_t node)
{
	const struct folds *folds = pprof->export->folds;
	const uint64_t *sums = folds->nodes[node].sums;
	size_t i;

	for (; node != FOLD_TOP; node = folds->nodes[node].parent)
		protobuf_varint(&pprof->inner, (uint64_t)folds->nodes[node].frame + 1);
	protobuf_message(&pprof->message, SAMPLE_LOCATION_ID, &pprof->inner);
	for (i = 0; i < folds->nsums; i++)
		protobuf_varint(&pprof->inner, min_u64(sums[i], INT64_MAX));
	protobuf_message(&pprof->message, SAMPLE_VALUE, &pprof->inner);
	protobuf_message(&pprof->unpacked, PROFILE_SAMPLE, &pprof->message);
}

static int put_mapping(struct pprof *pprof, size_t i)
{
	const struct mapping *mapping = &pprof->mappings[i];
	struct text *to = &pprof->message;
	int r;

	protobuf_number(to, MAPPING_ID, i + 1);
	protobuf_number(to, MAPPING_MEMORY_START, mapping->start);
	protobuf_number(to, MAPPING_MEMORY_LIMIT, mapping->end);
	protobuf_number(to, MAPPING_FILE_OFFSET, mapping->offset);
	r = put_string(pprof, to, MAPPING_FILENAME, mapping->path);
	if (r == 0)
		r = put_string(pprof, to, MAPPING_BUILD_ID, mapping->build_id);
	protobuf_number(to, MAPPING_HAS_FUNCTIONS, mapping->has_functions);
	protobuf_number(to, MAPPING_HAS_FILENAMES, mapping->has_lines);
	protobuf_number(to, MAPPING_HAS_LINE_NUMBERS, mapping->has_lines);
	protobuf_message(&pprof->unpacked, PROFILE_MAPPING, to);
	return r;
}

/* An address of the call is wanted, not the one to which it returns. */
static void put_location(struct pprof *pprof, size_t i)
{
	const struct fold_frame *frame = &pprof->export->folds->frames[i];
	plat_addr addr = frame->kind == FOLD_CALL ? frame->what : 0;
	const struct symbol *symbol = calls_find(&pprof->export->calls, addr);
	const struct place *place = &pprof->places[i];
	struct text *to = &pprof->message;

	protobuf_number(to, LOCATION_ID, i + 1);
	if (place->mapping)
		protobuf_number(to, LOCATION_MAPPING_ID, pprof->mapping_ids[place->mapping - 1]);
	protobuf_number(to, LOCATION_ADDRESS, sub_floored(addr, 1));
	if (place->function) {
		protobuf_number(&pprof->inner, LINE_FUNCTION_ID, place->function);
		protobuf_number(&pprof->inner, LINE_LINE, symbol ? symbol->line : 0);
		protobuf_message(to, LOCATION_LINE, &pprof->inner);
	}
	protobuf_message(&pprof->unpacked, PROFILE_LOCATION, to);
}

static void put_function(struct pprof *pprof, size_t i)
{
	struct text *to = &pprof->message;

	protobuf_number(to, FUNCTION_ID, i + 1);
	protobuf_number(to, FUNCTION_NAME, pprof->functions[i].name);
	protobuf_number(to, FUNCTION_SYSTEM_NAME, pprof->functions[i].name);
	protobuf_number(to, FUNCTION_FILENAME, pprof->functions[i].file);
	protobuf_message(&pprof->unpacked, PROFILE_FUNCTION, to);
}

/*
 * The whole.
 */

static int put_head(struct pprof *pprof)
{
	const struct export *export = pprof->export;
	const struct fold_sum *sums = export->folds->sums;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < export->folds->nsums; i++)
		r = put_value_type(pprof, PROFILE_SAMPLE_TYPE, sums[i].name, sums[i].unit);
	if (r == 0)
		r = put_string(pprof, &pprof->unpacked, PROFILE_DEFAULT_SAMPLE_TYPE,
			       sums[export->sum].name);
	if (r == 0 && export->period) {
		r = put_value_type(pprof, PROFILE_PERIOD_TYPE, "space", "bytes");
		protobuf_number(&pprof->unpacked, PROFILE_PERIOD, export->period);
	}
	protobuf_number(&pprof->unpacked, PROFILE_TIME_NANOS, export->time);
	for (i = 0; r == 0 && i < EXPORT_COMMENTS; i++)
		if (export->comments[i])
			r = put_string(pprof, &pprof->unpacked, PROFILE_COMMENT,
				       export->comments[i]);
	return r;
}

static int put_body(struct pprof *pprof)
{
	const struct folds *folds = pprof->export->folds;
	uint32_t node;
	size_t i;
	int r = 0;

	for (node = 0; node < folds->nnodes; node++)
		if (has_sums(folds, &folds->nodes[node]))
			put_sample(pprof, node);
	for (i = 0; r == 0 && i < pprof->nmappings; i++)
		r = put_mapping(pprof, i);
	for (i = 0; i < folds->nframes; i++)
		put_location(pprof, i);
	for (i = 0; i < pprof->nfunctions; i++)
		put_function(pprof, i);
	return r;
}

static int put_all(struct pprof *pprof)
{
	uint32_t none;
	size_t i;
	int r = names_add(&pprof->strings, "", &none); /* number 0 must be this */

	if (r == 0)
		r = take_frames(pprof);
	if (r == 0)
		r = put_head(pprof);
	if (r == 0)
		r = put_body(pprof);
	for (i = 0; r == 0 && i < pprof->strings.n; i++)
		protobuf_string(&pprof->unpacked, PROFILE_STRING_TABLE, pprof->strings.items[i]);
	return r;
}

static int pack(struct pprof *pprof, struct gzip *gzip)
{
	int r;

	pprof->unpacked = gzip_text(gzip);
	r = put_all(pprof);
	if (r == 0)
		r = text_finish(&pprof->unpacked);
	text_fini(&pprof->unpacked);
	return r == 0 ? gzip_finish(gzip) : r;
}

int export_pprof(const struct export *export, struct text *text)
{
	struct pprof pprof = {.export = export, .message = TEXT_EMPTY, .inner = TEXT_EMPTY};
	struct gzip *gzip = gzip_new(text);
	int r = gzip ? pack(&pprof, gzip) : -ENOMEM;

	gzip_free(gzip);
	text_fini(&pprof.message);
	text_fini(&pprof.inner);
	names_fini(&pprof.strings);
	slots_fini(&pprof.function_slots);
	free(pprof.places);
	free(pprof.mapping_ids);
	free(pprof.mappings);
	free(pprof.functions);
	return r;
}
