/* The picture as a drawing for a document. */
#ifndef VIEW_SVG_H
#define VIEW_SVG_H

#include "base/text.h"
#include "space/space.h"

/*
 * Draws the space as a self-contained SVG document: no scripts, no fonts or files from elsewhere.
 * Needs kinds and gaps. Errors are kept in `text`.
 */
void svg_draw(const struct space *space, struct text *text);

#endif
