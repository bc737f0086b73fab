/* Blocks, one a line: there may be millions, so that nothing here formats with printf. */
#include "view/heap_parts.h"

#include "heap/own_profile.h"
#include "view/calls.h"
#include "view/document.h"

#include <string.h>

#define BLOCK_SIZE_END 25
#define BLOCK_STATE 26
#define BLOCK_CLASS_END 42
#define BLOCK_ARENA 43
#define BLOCK_TID_END 63
#define BLOCK_RESIDENT_END 72

void heap_draw_headings(const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, "ADDRESS");
	line_put_right(&line, STYLE_FAINT, "SIZE", BLOCK_SIZE_END);
	line_to(&line, BLOCK_STATE);
	line_put(&line, STYLE_FAINT, "STATE");
	line_put_right(&line, STYLE_FAINT, "CLASS", BLOCK_CLASS_END);
	line_to(&line, BLOCK_ARENA);
	line_put(&line, STYLE_FAINT, "ARENA");
	line_put_right(&line, STYLE_FAINT, "TID", BLOCK_TID_END);
	line_put_right(&line, STYLE_FAINT, "RESIDENT", BLOCK_RESIDENT_END);
	line_end(&line);
}

/* A line under way, without any text of its own. */
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

static const char *size_text(const struct paint *paint, uint64_t size, char *to)
{
	if (paint->bytes && size != UNKNOWN)
		return number_text(size, to);
	return units_size(size, false, to);
}

static const struct heap_class *class_of(const struct heap_row *row)
{
	return row->block->class < row->heap->nclasses ? &row->heap->classes[row->block->class]
						       : NULL;
}

static const char *class_text(const struct heap_row *row, char *to)
{
	const struct heap_class *class = class_of(row);

	if (!class)
		return "-";
	return class->name ? class->name : number_text(class->number, to);
}

static int tid_of(const struct heap_row *row)
{
	return row->block->arena < row->heap->narenas ? row->heap->arenas[row->block->arena].tid
						      : 0;
}

void heap_draw_block(const struct heap_row *row, const struct paint *paint, struct text *text)
{
	struct row line = {.size = 0};
	char cell[UNITS_SIZE], arena[ARENA_NAME_SIZE];
	int tid = tid_of(row);

	put_cell(&line, hex_text(row->block->address, cell), 0);
	put_cell_right(&line, size_text(paint, row->block->size, cell), BLOCK_SIZE_END);
	put_cell(&line, block_state_name(row->block->state), BLOCK_STATE);
	put_cell_right(&line, class_text(row, cell), BLOCK_CLASS_END);
	put_cell(&line, heap_arena_name(row->heap, row->block->arena, arena), BLOCK_ARENA);
	put_cell_right(&line, tid ? number_text((uint64_t)tid, cell) : "-", BLOCK_TID_END);
	put_cell_right(&line, size_text(paint, row->resident, cell), BLOCK_RESIDENT_END);
	line.cells[line.size++] = '\n';
	text_bytes(text, line.cells, line.size);
}

/*
 * JSON.
 */

static void put_number(struct text *text, const char *key, uint64_t number, bool is_known)
{
	text_put(text, key);
	if (is_known)
		text_number(text, number);
	else
		text_put(text, "null");
}

static void put_class(const struct heap_row *row, struct text *text)
{
	const struct heap_class *class = class_of(row);

	if (class && class->name) {
		text_put(text, ",\"class\":\"");
		text_put(text, class->name);
		text_char(text, '"');
	} else {
		put_number(text, ",\"class\":", class ? class->number : 0, class);
	}
}

/* Of few blocks, so that here it may take its time. */
static void put_site(const struct heap_row *row, struct text *text)
{
	if (!row->site) {
		text_put(text, ",\"site\":null");
		return;
	}
	text_put(text, ",\"site\":");
	document_put(text,
		     calls_array(row->space, row->calls, row->site->frames, row->site->nframes));
}

void heap_json_block(const struct heap_row *row, struct text *text)
{
	const struct block *block = row->block;
	char arena[ARENA_NAME_SIZE];
	int tid = tid_of(row);

	text_put(text, "{\"addr\":\"0x");
	text_hex(text, block->address, 1);
	text_put(text, "\",\"size\":");
	text_number(text, block->size);
	text_put(text, block->is_requested ? ",\"size_is\":\"requested\",\"state\":\""
					   : ",\"size_is\":\"usable\",\"state\":\"");
	text_put(text, block_state_name(block->state));
	text_put(text, "\",\"arena\":");
	if (block->arena < row->heap->narenas) {
		text_char(text, '"');
		text_put(text, arena_name(&row->heap->arenas[block->arena], arena));
		text_char(text, '"');
	} else {
		text_put(text, "null");
	}
	put_number(text, ",\"resident\":", row->resident, row->resident != UNKNOWN);
	put_number(text, ",\"extent\":", block->extent, true);
	put_class(row, text);
	put_number(text, ",\"tid\":", (uint64_t)tid, tid != 0);
	put_site(row, text);
	text_put(text, ",\"allocator\":\"");
	text_put(text, row->heap->type->name);
	text_put(text, "\"}\n");
}
