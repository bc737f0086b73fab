/* The picture, put together: head, body, foot. */
#include "view/picture.h"

#include "view/picture_parts.h"
#include "view/units.h"

#include <string.h>

size_t size_columns(uint64_t size, const struct paint *paint)
{
	char number[UNITS_SIZE];

	return strlen(units_size(size, paint->bytes, number));
}

void put_cells(struct line *line, unsigned style, const char *cell, size_t n)
{
	struct text cells = TEXT_EMPTY;

	text_repeat(&cells, cell, n);
	line_put(line, style, text_string(&cells));
	text_fini(&cells);
}

static void draw_all(struct picture *picture)
{
	draw_head(picture);
	if (picture->space->nregions) {
		text_char(picture->text, '\n');
		draw_body(picture);
		text_char(picture->text, '\n');
		draw_foot(picture);
	}
	draw_whys(picture);
	if (picture->paint->legend) {
		text_char(picture->text, '\n');
		draw_legend(picture);
	}
}

void picture_draw(const struct space *space, const struct paint *paint, struct text *text)
{
	struct picture picture = {.space = space, .paint = paint, .text = text};
	int r = rows_make(space, !paint->verbose, &picture.rows);

	if (r < 0) {
		if (!text->error)
			text->error = r;
		return;
	}
	lay_out(&picture);
	draw_all(&picture);
	rows_fini(&picture.rows);
}
