/* The picture: a whole address space on a terminal, high addresses at the top. */
#ifndef VIEW_PICTURE_H
#define VIEW_PICTURE_H

#include "base/text.h"
#include "space/space.h"
#include "view/paint.h"

/* Draws the space: header, rows, totals. Needs kinds and gaps. Errors are kept in `text`. */
void picture_draw(const struct space *space, const struct paint *paint, struct text *text);

/*
 * Draws two layouts of one program beside each other, shortened to what differs between layouts:
 * where program, heap, libraries and stack lie. One below the other on a narrow terminal.
 */
void picture_draw_pair(const struct space *left, const char *left_title, const struct space *right,
		       const char *right_title, const struct paint *paint, struct text *text);

#endif
