/*
 *	python3 4711  plat's malloc, version 1, in /usr/lib/libplat-malloc.so.1
 *
 *	held        3.1M  lent by the kernel for blocks
 *	  live      2.6M  in 26214 blocks, as the program asked for them
 *	  slack     214K  added by the allocator, and what is left over
 *	  free      301K  of which 62K are set aside for threads
 *	resident    2.9M  of what is held; 96K in pages without a live byte
 *
 *	CLASS STRIDE SLABS  BLOCKS   LIVE  SLACK   FREE CACHED
 *	    3     48     4    5012   221K    14K    12K      3
 *	run            2       2   160K     8K
 */
#include "view/heap.h"

#include "view/document.h"
#include "view/json.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1
#define LABEL_COLUMNS 10
#define SIZE_END 18
#define MEANING 20

bool heap_filter_takes(const struct heap_filter *filter, const struct block *block)
{
	return (filter->states >> block->state & 1) && block->size >= filter->least &&
	       block->size <= filter->most;
}

/*
 * Sums.
 */

static void put_sum(const struct paint *paint, struct text *text, const char *label, uint64_t size,
		    const char *meaning)
{
	struct line line = line_begin(text, paint);
	char number[UNITS_SIZE];
	bool is_whole = label[0] != ' ';

	line_put(&line, is_whole ? STYLE_BOLD : STYLE_PLAIN, label);
	line_put_right(&line, is_whole ? STYLE_BOLD : STYLE_PLAIN,
		       units_size(size, paint->bytes, number), SIZE_END);
	line_to(&line, MEANING);
	line_wrap(&line, STYLE_FAINT, meaning, MEANING);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void draw_title(const struct heap_report *report, const struct paint *paint,
		       struct text *text)
{
	const struct process *process = &report->space->process;
	struct line line = line_begin(text, paint);
	char name[THREAD_NAME_SIZE * 4], path[4400];

	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(process->command, name, sizeof(name), !paint->unicode),
		    process->pid);
	line_format(&line, STYLE_PLAIN, "  plat's malloc, state %u, in %s",
		    report->own->layout.version,
		    text_escape(report->module, path, sizeof(path), !paint->unicode));
	line_end(&line);
}

static void draw_residence(const struct heap_report *report, const struct paint *paint,
			   struct text *text)
{
	char idle[UNITS_SIZE], meaning[160];

	if (report->residence_why) {
		snprintf(meaning, sizeof(meaning), "not known: %.120s", report->residence_why);
		put_sum(paint, text, "resident", UNKNOWN, meaning);
		return;
	}
	snprintf(meaning, sizeof(meaning), "of what is held; %s in pages without a live byte",
		 units_size(report->residence.idle, paint->bytes, idle));
	put_sum(paint, text, "resident", report->residence.resident, meaning);
}

static size_t heaps_alive(const struct own *own)
{
	size_t i, n = 0;

	for (i = 0; i < own->nheaps; i++)
		n += own->heaps[i].is_alive;
	return n;
}

static void draw_own(const struct heap_report *report, const struct paint *paint, struct text *text)
{
	const struct own *own = report->own;
	char meaning[160];

	snprintf(meaning, sizeof(meaning), "for its own state; %zu heap%s, %zu of them of a thread",
		 own->nheaps, plural(own->nheaps), heaps_alive(own));
	put_sum(paint, text, "beside", own->reading.state_bytes, meaning);
	if (own->kept_bytes)
		put_sum(paint, text, "fenced", own->kept_bytes,
			"addresses of freed mappings, without memory");
}

static void draw_sums(const struct heap_report *report, const struct paint *paint,
		      struct text *text)
{
	const struct heap_sums *sums = &report->own->reading.sums;
	char meaning[160], cached[UNITS_SIZE];

	put_sum(paint, text, "held", sums->held, "lent by the kernel for blocks");
	snprintf(meaning, sizeof(meaning), "in %" PRIu64 " block%s, as the program asked for them",
		 sums->live_blocks, plural(sums->live_blocks));
	put_sum(paint, text, "  live", sums->live_bytes, meaning);
	put_sum(paint, text, "  slack", sums->slack, "added to blocks, and what is left over");
	snprintf(meaning, sizeof(meaning), "%s of it set aside for threads",
		 units_size(sums->cached_bytes, paint->bytes, cached));
	put_sum(paint, text, "  free", sums->free_bytes, meaning);
	draw_residence(report, paint, text);
	draw_own(report, paint, text);
}

static void put_remark(const struct paint *paint, struct text *text, unsigned style,
		       const char *sentence)
{
	struct line line = line_begin(text, paint);

	line_wrap(&line, style, sentence, 2);
}

static void draw_proofs(const struct heap_report *report, const struct paint *paint,
			struct text *text)
{
	const struct heap_proofs *proofs = &report->own->reading.proofs;
	uint64_t faults = report->own->faults;
	char sentence[400];

	if (faults != UNKNOWN && faults > 0) {
		snprintf(sentence, sizeof(sentence), "%" PRIu64 " fault%s of the program so far",
			 faults, plural(faults));
		put_remark(paint, text, STYLE_WARN, sentence);
	}
	if (proofs->unreadable) {
		snprintf(sentence, sizeof(sentence),
			 "%" PRIu64 " piece%s of the allocator's state could not be read",
			 proofs->unreadable, plural(proofs->unreadable));
		put_remark(paint, text, STYLE_WARN, sentence);
	}
	if (proofs->broken) {
		snprintf(sentence, sizeof(sentence),
			 "%" PRIu64 " contradiction%s in the allocator's state; the first: %s",
			 proofs->broken, plural(proofs->broken), proofs->first);
		put_remark(paint, text, STYLE_WARN, sentence);
	}
	if (!report->is_stopped) {
		snprintf(sentence, sizeof(sentence),
			 "It was running: what it did meanwhile may be missing%s.",
			 proofs->unsteady ? ", and some of it is" : "");
		put_remark(paint, text, STYLE_FAINT, sentence);
	}
}

/*
 * Classes.
 */

enum class_column {
	COL_STRIDE,
	COL_SLABS,
	COL_BLOCKS,
	COL_LIVE,
	COL_SLACK,
	COL_FREE,
	COL_CACHED,
	NCOLS
};

static const char *const class_headings[NCOLS] = {"STRIDE", "SLABS", "BLOCKS", "LIVE",
						  "SLACK",  "FREE",  "CACHED"};

static void class_cells(const struct heap_class *class, bool bytes, char cells[NCOLS][UNITS_SIZE])
{
	cells[COL_STRIDE][0] = '\0';
	if (class->stride)
		snprintf(cells[COL_STRIDE], UNITS_SIZE, "%" PRIu64, class->stride);
	snprintf(cells[COL_SLABS], UNITS_SIZE, "%" PRIu64, class->slabs);
	snprintf(cells[COL_BLOCKS], UNITS_SIZE, "%" PRIu64, class->sums.live_blocks);
	units_size(class->sums.live_bytes, bytes, cells[COL_LIVE]);
	units_size(class->sums.slack, bytes, cells[COL_SLACK]);
	snprintf(cells[COL_FREE], UNITS_SIZE, "%" PRIu64,
		 class->sums.free_blocks + class->sums.cached_blocks);
	snprintf(cells[COL_CACHED], UNITS_SIZE, "%" PRIu64, class->sums.cached_blocks);
}

static void put_class(const struct paint *paint, struct text *text, unsigned style,
		      const char *name, char cells[NCOLS][UNITS_SIZE], const size_t *ends)
{
	struct line line = line_begin(text, paint);
	unsigned i;

	line_put(&line, style, name);
	for (i = 0; i < NCOLS; i++)
		line_put_right(&line, style, cells[i], ends[i]);
	line_end(&line);
}

static const char *class_name(const struct heap_class *class, char *to, size_t size)
{
	if (class->name)
		return class->name;
	snprintf(to, size, "%" PRIu32, class->number);
	return to;
}

static void find_ends(const struct own *own, bool bytes, size_t *ends)
{
	char cells[NCOLS][UNITS_SIZE];
	size_t widths[NCOLS], at = 8;
	unsigned i, k;

	for (i = 0; i < NCOLS; i++)
		widths[i] = strlen(class_headings[i]);
	for (k = 0; k < OWN_NCLASSES; k++) {
		if (!own->reading.classes[k].slabs)
			continue;
		class_cells(&own->reading.classes[k], bytes, cells);
		for (i = 0; i < NCOLS; i++)
			if (strlen(cells[i]) > widths[i])
				widths[i] = strlen(cells[i]);
	}
	for (i = 0; i < NCOLS; i++)
		ends[i] = at += widths[i] + 1;
}

static void draw_classes(const struct own *own, const struct paint *paint, struct text *text)
{
	char cells[NCOLS][UNITS_SIZE], name[24];
	size_t ends[NCOLS];
	unsigned i;

	find_ends(own, paint->bytes, ends);
	for (i = 0; i < NCOLS; i++)
		snprintf(cells[i], UNITS_SIZE, "%s", class_headings[i]);
	put_class(paint, text, STYLE_FAINT, "CLASS", cells, ends);
	for (i = 0; i < OWN_NCLASSES; i++) {
		const struct heap_class *class = &own->reading.classes[i];

		if (!class->slabs)
			continue;
		class_cells(class, paint->bytes, cells);
		put_class(paint, text, STYLE_PLAIN, class_name(class, name, sizeof(name)), cells,
			  ends);
	}
}

void heap_draw(const struct heap_report *report, const struct paint *paint, struct text *text)
{
	draw_title(report, paint, text);
	text_char(text, '\n');
	if (report->own->page_bytes == 0) {
		put_remark(paint, text, STYLE_PLAIN, "It has not asked for any block yet.");
		return;
	}
	draw_sums(report, paint, text);
	draw_proofs(report, paint, text);
	text_char(text, '\n');
	draw_classes(report->own, paint, text);
}

/*
 * Blocks.
 */

#define BLOCK_SIZE_END 25
#define BLOCK_STATE 26
#define BLOCK_CLASS_END 40
#define BLOCK_OWNER 41

void heap_draw_headings(const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, "ADDRESS");
	line_put_right(&line, STYLE_FAINT, "SIZE", BLOCK_SIZE_END);
	line_to(&line, BLOCK_STATE);
	line_put(&line, STYLE_FAINT, "STATE");
	line_put_right(&line, STYLE_FAINT, "CLASS", BLOCK_CLASS_END);
	line_to(&line, BLOCK_OWNER);
	line_put(&line, STYLE_FAINT, "OWNER");
	line_end(&line);
}

/* A line under way, without any text of its own: there may be millions. */
struct row {
	char cells[160];
	size_t size;
};

static void put_cell(struct row *row, const char *string, size_t start)
{
	size_t length = strlen(string);

	start = start > row->size ? start : row->size + (row->size > 0);
	if (start + length + 1 >= sizeof(row->cells))
		return;
	memset(row->cells + row->size, ' ', start - row->size);
	memcpy(row->cells + start, string, length);
	row->size = start + length;
}

static void put_cell_right(struct row *row, const char *string, size_t end)
{
	size_t length = strlen(string);

	put_cell(row, string, end > length ? end - length : 0);
}

static const char *hex_text(uint64_t number, char *to)
{
	unsigned at = 16;

	to[at] = '\0';
	do
		to[--at] = "0123456789abcdef"[number & 15];
	while ((number >>= 4) != 0 || at > 4);
	return to + at;
}

static const char *number_text(uint64_t number, char *to)
{
	unsigned at = 20;

	to[at] = '\0';
	do
		to[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	return to + at;
}

static int tid_of(const struct heap_report *report, const struct block *block)
{
	return block->arena == NO_ARENA ? 0 : report->own->reading.arenas[block->arena].tid;
}

void heap_draw_block(const struct heap_report *report, const struct block *block,
		     const struct paint *paint, struct text *text)
{
	struct row row = {.size = 0};
	char cell[UNITS_SIZE];
	int tid = tid_of(report, block);
	const char *name = "-";

	put_cell(&row, hex_text(block->address, cell), 0);
	put_cell_right(&row,
		       paint->bytes ? number_text(block->size, cell)
				    : units_size(block->size, false, cell),
		       BLOCK_SIZE_END);
	put_cell(&row, block_state_name(block->state), BLOCK_STATE);
	if (block->class != NO_CLASS)
		name = report->own->reading.classes[block->class].name;
	put_cell_right(&row, name ? name : number_text(block->class, cell), BLOCK_CLASS_END);
	put_cell(&row, tid ? number_text((uint64_t)tid, cell) : "-", BLOCK_OWNER);
	row.cells[row.size++] = '\n';
	text_bytes(text, row.cells, row.size);
}

/*
 * JSON.
 */

static json_t *allocator_object(const struct heap_report *report)
{
	json_t *object = json_object();
	char path[4400];

	json_object_set_new(object, "name", json_string("plat"));
	json_object_set_new(object, "state_version", json_integer(report->own->layout.version));
	json_object_set_new(object, "file",
			    json_string(text_escape(report->module, path, sizeof(path), 0)));
	document_address(object, "state", report->own->at, NULL);
	return object;
}

void heap_json_begin(const struct heap_report *report, bool with_blocks, struct text *text)
{
	const struct process *process = &report->space->process;
	char name[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_core(text, report->space);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(text, "command",
			    json_string(text_escape(process->command, name, sizeof(name), 0)));
	document_put_member(text, "allocator", allocator_object(report));
	document_put_member(text, "stopped", json_boolean(report->is_stopped));
	if (with_blocks)
		text_put(text, ",\n\"blocks\": [");
}

void heap_json_block(const struct heap_report *report, const struct block *block, bool first,
		     struct text *text)
{
	const char *name = NULL;
	int tid = tid_of(report, block);

	if (block->class != NO_CLASS)
		name = report->own->reading.classes[block->class].name;
	text_put(text, first ? "\n{\"address\":\"0x" : ",\n{\"address\":\"0x");
	text_hex(text, block->address, 1);
	text_put(text, "\",\"size\":");
	text_number(text, block->size);
	text_put(text, ",\"extent\":");
	text_number(text, block->extent);
	text_format(text, ",\"state\":\"%s\",\"class\":", block_state_name(block->state));
	if (name)
		text_format(text, "\"%s\"", name);
	else if (block->class != NO_CLASS)
		text_number(text, block->class);
	else
		text_put(text, "null");
	text_put(text, ",\"heap\":");
	if (block->arena < report->own->nheaps)
		text_number(text, block->arena + 1);
	else
		text_put(text, "null");
	text_put(text, ",\"tid\":");
	if (tid)
		text_number(text, (uint64_t)tid);
	else
		text_put(text, "null");
	text_char(text, '}');
}

static void set_sums(json_t *object, const struct heap_sums *sums)
{
	document_size(object, "held", sums->held, NULL);
	document_size(object, "live_bytes", sums->live_bytes, NULL);
	document_size(object, "live_blocks", sums->live_blocks, NULL);
	document_size(object, "slack", sums->slack, NULL);
	document_size(object, "free", sums->free_bytes, NULL);
	document_size(object, "cached", sums->cached_bytes, NULL);
}

static json_t *totals_object(const struct heap_report *report)
{
	const struct own *own = report->own;
	bool is_known = !report->residence_why;
	json_t *object = json_object();

	set_sums(object, &own->reading.sums);
	document_size(object, "resident", is_known ? report->residence.resident : UNKNOWN,
		      report->residence_why);
	document_size(object, "idle_resident", is_known ? report->residence.idle : UNKNOWN,
		      report->residence_why);
	document_size(object, "own_state", own->reading.state_bytes, "the allocator does not tell");
	document_size(object, "fenced", own->kept_bytes, NULL);
	document_size(object, "heaps", own->nheaps, NULL);
	document_size(object, "heaps_with_thread", heaps_alive(own), NULL);
	document_size(object, "faults", own->faults, "the allocator does not tell");
	return object;
}

static json_t *classes_array(const struct own *own)
{
	json_t *array = json_array();
	unsigned i;

	for (i = 0; i < OWN_NCLASSES; i++) {
		const struct heap_class *class = &own->reading.classes[i];
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
		document_size(object, "slabs", class->slabs, NULL);
		set_sums(object, &class->sums);
		document_size(object, "free_slots",
			      class->sums.free_blocks + class->sums.cached_blocks, NULL);
		document_size(object, "cached_slots", class->sums.cached_blocks, NULL);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *proofs_object(const struct heap_proofs *proofs)
{
	json_t *object = json_object();

	document_size(object, "proved", proofs->proved, NULL);
	document_size(object, "unreadable", proofs->unreadable, NULL);
	document_size(object, "unsteady", proofs->unsteady, NULL);
	document_size(object, "broken", proofs->broken, NULL);
	json_object_set_new(object, "first_broken",
			    proofs->first[0] ? json_string(proofs->first) : json_null());
	return object;
}

void heap_json_end(const struct heap_report *report, bool with_blocks, struct text *text)
{
	if (with_blocks)
		text_put(text, "\n]");
	document_put_member(text, "totals", totals_object(report));
	document_put_member(text, "classes", classes_array(report->own));
	document_put_member(text, "proofs", proofs_object(&report->own->reading.proofs));
	text_put(text, "}\n");
}
