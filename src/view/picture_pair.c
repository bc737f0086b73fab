/*
 * Two layouts beside each other. What stands in crowds, libraries and what is mapped between them,
 * becomes one item, so that program, heap, libraries, loader and stack can be compared at a glance.
 */
#include "view/picture.h"

#include "space/kinds.h"
#include "view/picture_parts.h"
#include "view/units.h"

#include <stdio.h>
#include <string.h>

#define PAIR_FROM 76		     /* two layouts stand beside each other from here on */
#define CROWD 4			     /* so many rows beside each other are no crowd yet */
#define PAIR_GAP (UINT64_C(1) << 20) /* smaller gaps are left out */

struct side {
	const struct space *space;
	const char *title;
	struct rows rows;
	size_t next; /* rows below this index are still to be drawn */
};

/* What one line of a side shows: rows[low..high]. */
struct item {
	const struct row *low, *high;
};

static bool in_crowd(const struct row *row)
{
	switch (row->type) {
	case ROW_GAP:
		return row->gap_kind == GAP_FREE && row->gap < BREAK_FROM;
	case ROW_LIBRARY:
	case ROW_THREAD:
	case ROW_FILE:
	case ROW_SHM:
	case ROW_ANON:
	case ROW_OTHER:
	case ROW_FOLD:
		return true;
	default:
		return false;
	}
}

/* The lowest row of the crowd whose highest is rows[high]; gaps at its ends are no part of it. */
static size_t crowd_from(const struct rows *rows, size_t high)
{
	size_t low = high, i;

	for (i = high + 1; i-- > 0 && in_crowd(&rows->rows[i]);)
		if (rows->rows[i].type != ROW_GAP)
			low = i;
	return low;
}

/* The next item from above. False at the end. */
static bool next_item(struct side *side, struct item *ret)
{
	const struct rows *rows = &side->rows;

	while (side->next > 0) {
		size_t high = --side->next, low = high;

		if (rows->rows[high].type == ROW_GAP && rows->rows[high].gap < PAIR_GAP)
			continue;
		if (rows->rows[high].type != ROW_GAP && in_crowd(&rows->rows[high]))
			low = crowd_from(rows, high);
		if (high - low < CROWD)
			low = high;
		side->next = low;
		*ret = (struct item){.low = &rows->rows[low], .high = &rows->rows[high]};
		return true;
	}
	return false;
}

static void name_crowd(const struct item *item, char *to, size_t size)
{
	size_t nlibraries = 0, nmore = 0;
	const struct row *row;

	for (row = item->low; row <= item->high; row++) {
		nlibraries += row->type == ROW_LIBRARY;
		nmore += row->type != ROW_LIBRARY && row->type != ROW_GAP;
	}
	if (nlibraries && nmore)
		snprintf(to, size, "%zu lib%s, %zu more", nlibraries, nlibraries == 1 ? "" : "s",
			 nmore);
	else if (nlibraries)
		snprintf(to, size, "%zu libraries", nlibraries);
	else
		snprintf(to, size, "%zu mappings", nmore);
}

static void put_item_gap(struct line *line, const struct row *row, size_t from)
{
	char number[UNITS_SIZE];

	line_to(line, from + 14);
	if (line->column == from + 14) /* else a long address needed the place */
		line_put(line, STYLE_FAINT, gap_mark(line->paint, row));
	line_to(line, line->column + 1);
	line_format(line, STYLE_FAINT, "%s %s", units_size(row->gap, line->paint->bytes, number),
		    row->gap_kind == GAP_FREE	  ? "free"
		    : row->gap_kind == GAP_KERNEL ? "kernel"
						  : gap_kind_name((enum gap_kind)row->gap_kind));
	if (row->grows)
		line_format(line, STYLE_BOLD, " %s", arrow(line->paint, (enum growing)row->grows));
}

/* The letter and the coloured edge of one row, the edge alone of a crowd. */
static void put_item_kind(struct line *line, const struct item *item, size_t from)
{
	bool is_crowd = item->low != item->high;
	const char letter[] = {paint_letter((enum kind)item->low->kind), '\0'};
	unsigned style = is_crowd ? STYLE_PLAIN : kind_style(item->low->kind);

	if (item->low->start >> 48) { /* a long address needs the place */
		line_to(line, from + 17);
		return;
	}
	line_to(line, from + 13);
	if (!is_crowd)
		line_put(line, style, letter);
	line_to(line, from + 14);
	line_put(line, style, pick(line->paint, "▌", "|"));
}

/* An item in the columns from `from` up to line->last. */
static void put_item(struct line *line, const struct side *side, const struct item *item,
		     size_t from)
{
	char name[ROW_TEXT_SIZE], number[UNITS_SIZE];
	const struct row *row;
	uint64_t size = 0;

	line_format(line, item->low->type == ROW_GAP ? STYLE_FAINT : STYLE_PLAIN, "%012llx",
		    (unsigned long long)item->low->start);
	if (item->low->type == ROW_GAP) {
		put_item_gap(line, item->low, from);
		return;
	}
	for (row = item->low; row <= item->high; row++)
		size = add_capped(size, row->size);
	if (item->low == item->high)
		row_name(side->space, item->low, false, name);
	else
		name_crowd(item, name, sizeof(name));
	put_item_kind(line, item, from);
	units_size(size, line->paint->bytes, number);
	line_put_within(line, STYLE_PLAIN, name,
			sub_floored(line->last, line->column + strlen(number) + 3));
	if (item->low->grows)
		line_format(line, STYLE_BOLD, " %s",
			    arrow(line->paint, (enum growing)item->low->grows));
	line_put_right(line, STYLE_PLAIN, number, line->last);
}

static const char *direction_short(enum direction direction)
{
	switch (direction) {
	case DIRECTION_TOP_DOWN:
		return "mmap zone grows down";
	case DIRECTION_BOTTOM_UP:
		return "mmap zone grows up";
	default:
		return "direction not known";
	}
}

/* Whether a side has a line `number`: its title, its direction, then its items from above. */
static bool has_line(struct side *side, size_t number, struct item *item)
{
	return number < 2 || next_item(side, item);
}

static void put_side(struct line *line, const struct side *side, size_t number,
		     const struct item *item, size_t from)
{
	if (number == 0)
		line_put(line, STYLE_BOLD, side->title);
	else if (number == 1)
		line_put(line, STYLE_PLAIN, direction_short(side->space->direction));
	else
		put_item(line, side, item, from);
}

static void draw_sides(struct side *left, struct side *right, const struct paint *paint,
		       struct text *text)
{
	size_t half = (paint_columns(paint) - 3) / 2, number;

	for (number = 0;; number++) {
		struct line line = line_begin(text, paint);
		struct item a, b;
		bool has_left = has_line(left, number, &a), has_right = has_line(right, number, &b);

		if (!has_left && !has_right)
			return;
		line.last = half;
		if (has_left)
			put_side(&line, left, number, &a, 0);
		line.last = half + 3 + half;
		line_to(&line, half + 1);
		line_put(&line, STYLE_FAINT, pick(paint, "│", "|"));
		line_to(&line, half + 3);
		if (has_right)
			put_side(&line, right, number, &b, half + 3);
		line_end(&line);
	}
}

static void draw_side(struct side *side, const struct paint *paint, struct text *text)
{
	struct item item;
	size_t number;

	for (number = 0; has_line(side, number, &item); number++) {
		struct line line = line_begin(text, paint);

		put_side(&line, side, number, &item, 0);
		line_end(&line);
	}
}

void picture_draw_pair(const struct space *left, const char *left_title, const struct space *right,
		       const char *right_title, const struct paint *paint, struct text *text)
{
	struct side a = {.space = left, .title = left_title};
	struct side b = {.space = right, .title = right_title};
	int r = rows_make(left, true, &a.rows);

	if (r == 0)
		r = rows_make(right, true, &b.rows);
	a.next = a.rows.nrows;
	b.next = b.rows.nrows;
	if (r < 0 && !text->error) {
		text->error = r;
	} else if (paint_columns(paint) >= PAIR_FROM) {
		draw_sides(&a, &b, paint, text);
	} else {
		draw_side(&a, paint, text);
		text_char(text, '\n');
		draw_side(&b, paint, text);
	}
	rows_fini(&a.rows);
	rows_fini(&b.rows);
}
