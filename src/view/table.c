/*
 * Two ways to the same rows. libsmartcols fits, cuts and aligns, and holds all cells in memory
 * while it does; for tens of thousands of rows that costs more than reading them, so that they are
 * written as they come.
 */
#include "view/table.h"

#include "space/kinds.h"
#include "view/units.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

static bool is_right(const struct column *column)
{
	return column->type == COLUMN_ADDRESS || column->type == COLUMN_SIZE ||
	       column->type == COLUMN_NUMBER;
}

/* Writes one value as it is shown. */
static void put_value(struct text *text, const struct column *column, const struct value *value,
		      const struct table_style *style)
{
	char size[UNITS_SIZE];

	if (!value->known) {
		text_char(text, '-');
		return;
	}
	switch (column->type) {
	case COLUMN_ADDRESS:
		text_hex(text, value->number, column->width);
		break;
	case COLUMN_SIZE:
		if (style->bytes)
			text_number(text, value->number);
		else
			text_put(text, units_size(value->number, false, size));
		break;
	case COLUMN_NUMBER:
		text_number(text, value->number);
		break;
	case COLUMN_TEXT:
	case COLUMN_TEXT_ANSI:
		if (!style->raw) {
			text_put(text, value->text);
			break;
		}
		if (!value->text[0])
			text_char(text, '-');
		for (const char *s = value->text; *s; s++) {
			if (*s == ' ')
				text_put(text, "\\x20");
			else
				text_char(text, *s);
		}
		break;
	}
}

static void put_blanks(struct text *text, size_t n)
{
	static const char blanks[] = "                                ";

	while (n) {
		size_t part = n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1;

		text_bytes(text, blanks, part);
		n -= part;
	}
}

static size_t shown_width(const struct column *column, const struct table_style *style)
{
	size_t width = column->width, name = strlen(column->name);

	if (column->type == COLUMN_SIZE && style->bytes && width < 12)
		width = 12;
	return width > name ? width : name;
}

static void put_headings(struct text *text, const struct columns_choice *choice,
			 const struct table_style *style)
{
	size_t i;

	for (i = 0; i < choice->n; i++) {
		const struct column *column = choice->column[i];
		size_t blanks = shown_width(column, style) - strlen(column->name);
		bool last = i + 1 == choice->n;

		if (i)
			text_char(text, ' ');
		if (!style->raw && is_right(column))
			put_blanks(text, blanks);
		text_put(text, column->name);
		if (!style->raw && !is_right(column) && !last)
			put_blanks(text, blanks);
	}
	text_char(text, '\n');
}

static int write_stream(const struct space *space, const struct selection *selection,
			const struct columns_choice *choice, const struct table_style *style,
			struct text *text)
{
	struct text cell = TEXT_EMPTY;
	struct value *value = malloc(sizeof(*value));
	size_t row, i;

	if (!value)
		return -ENOMEM;
	if (!style->no_headings)
		put_headings(text, choice, style);
	for (row = 0; row < selection->n && !text->error; row++) {
		for (i = 0; i < choice->n; i++) {
			const struct column *column = choice->column[i];
			size_t width = shown_width(column, style), used;
			bool last = i + 1 == choice->n;

			value->known = false;
			column->get(space, selection->regions[row], value);
			cell.size = 0;
			put_value(&cell, column, value, style);
			used = cell.size; /* only names can be wider than their bytes; they come
					     last */
			if (i)
				text_char(text, ' ');
			if (!style->raw && is_right(column) && used < width)
				put_blanks(text, width - used);
			text_bytes(text, cell.data, cell.size);
			if (!style->raw && !is_right(column) && !last && used < width)
				put_blanks(text, width - used);
		}
		text_char(text, '\n');
	}
	free(value);
	if (cell.error && !text->error)
		text->error = cell.error;
	text_fini(&cell);
	return text->error;
}

static int add_row(struct libscols_table *table, const struct space *space, size_t region,
		   const struct columns_choice *choice, const struct table_style *style)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	struct text cell = TEXT_EMPTY;
	struct value *value = malloc(sizeof(*value));
	size_t i;
	int r = line && value ? 0 : -ENOMEM;

	for (i = 0; r == 0 && i < choice->n; i++) {
		value->known = false;
		choice->column[i]->get(space, region, value);
		cell.size = 0;
		put_value(&cell, choice->column[i], value, style);
		r = scols_line_set_data(line, i, text_string(&cell));
	}
	free(value);
	text_fini(&cell);
	return r;
}

static int write_fitted(const struct space *space, const struct selection *selection,
			const struct columns_choice *choice, const struct table_style *style,
			struct text *text)
{
	struct libscols_table *table = scols_new_table();
	char *out = NULL;
	size_t i;
	int r = table ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	scols_table_enable_noheadings(table, style->no_headings);
	scols_table_enable_ascii(table, style->ascii);
	if (style->width) {
		scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
		scols_table_set_termwidth(table, style->width);
	} else {
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	}
	for (i = 0; r == 0 && i < choice->n; i++) {
		const struct column *column = choice->column[i];
		int flags = is_right(column) ? SCOLS_FL_RIGHT : 0;

		if (column->type == COLUMN_TEXT_ANSI && style->width)
			flags |= SCOLS_FL_TRUNC;
		if (!scols_table_new_column(table, column->name, 0, flags))
			r = -ENOMEM;
	}
	for (i = 0; r == 0 && i < selection->n; i++)
		r = add_row(table, space, selection->regions[i], choice, style);
	if (r == 0)
		r = scols_print_table_to_string(table, &out);
	if (r == 0 && out) {
		text_put(text, out);
		text_char(text, '\n');
	}
	free(out);
	scols_unref_table(table);
	return r < 0 ? r : text->error;
}

int table_write(const struct space *space, const struct selection *selection,
		const struct columns_choice *choice, const struct table_style *style,
		struct text *text)
{
	/* Of a table without rows libsmartcols prints nothing, not even headings. */
	if (style->raw || selection->n == 0 || selection->n > TABLE_FITTED)
		return write_stream(space, selection, choice, style, text);
	return write_fitted(space, selection, choice, style, text);
}

/* What qsort_r's comparison needs. */
struct order {
	const struct space *space;
	const struct column *column;
	bool descending;
};

static int compare(const void *a, const void *b, void *context)
{
	static __thread struct value left, right;
	const struct order *order = context;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int result = 0;

	left.known = right.known = false;
	order->column->get(order->space, i, &left);
	order->column->get(order->space, j, &right);
	if (left.known != right.known)
		return left.known ? -1 : 1; /* unknown comes last either way */
	if (left.known &&
	    (order->column->type == COLUMN_TEXT || order->column->type == COLUMN_TEXT_ANSI))
		result = strcmp(left.text, right.text);
	else if (left.known)
		result = (left.number > right.number) - (left.number < right.number);
	if (order->descending)
		result = -result;
	return result ? result : (i > j) - (i < j);
}

static bool is_selected(const struct region *region, const struct filter *filter)
{
	if (filter->kinds && !(filter->kinds & UINT32_C(1) << region->kind))
		return false;
	if (filter->start == 0 && filter->end == 0)
		return true;
	return region->start < filter->end && filter->start < region->end;
}

int selection_make(const struct space *space, const struct filter *filter, struct selection *ret)
{
	struct selection selection = {
		.regions = calloc(space->nregions + 1, sizeof(*selection.regions))};
	size_t i;

	if (!selection.regions)
		return -ENOMEM;
	for (i = 0; i < space->nregions; i++)
		if (is_selected(&space->regions[i], filter))
			selection.regions[selection.n++] = i;
	if (filter->sort) {
		struct order order = {space, filter->sort, filter->descending};

		qsort_r(selection.regions, selection.n, sizeof(*selection.regions), compare,
			&order);
	}
	*ret = selection;
	return 0;
}

void selection_fini(struct selection *selection)
{
	free(selection->regions);
	*selection = (struct selection){0};
}
