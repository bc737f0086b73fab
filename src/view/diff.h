/* What grew between two moments: figures, regions, heaps. */
#ifndef VIEW_DIFF_H
#define VIEW_DIFF_H

#include "heap/portrait.h"
#include "view/paint.h"

/* `top`: so many objects and sizes. */
void diff_draw(const struct comparison *comparison, size_t top, const struct paint *paint,
	       struct text *text);

/* One document, with all that differs. */
void diff_json(const struct comparison *comparison, struct text *text);

#endif
