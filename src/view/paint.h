/*
 * How the picture is painted: what the terminal can show, one letter and one colour for each kind,
 * and a line that never grows wider than the terminal.
 *
 * Colour only repeats what letters and words already say.
 */
#ifndef VIEW_PAINT_H
#define VIEW_PAINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "space/space.h"

/* What the caller found out about the reader and the terminal. */
struct paint {
	unsigned columns; /* width of a line; 0 stands for 80, and less than 40 for 40 */
	bool color;	  /* write escape codes */
	bool unicode;	  /* write characters beyond ASCII */
	bool bytes;	  /* sizes as plain numbers */
	bool verbose;	  /* open merged rows, show whole paths */
	bool legend;	  /* explain letters, cells and words below the picture */
};

/* One letter for a kind, unlike that of any other kind. */
char paint_letter(enum kind kind);

/* The kind's colour as paper takes it, "#rrggbb". Dark text can be read on it. */
const char *paint_fill(enum kind kind);

/* The same colour as ink, dark enough for small things: "#rrggbb" in the caller's 8 bytes. */
char *paint_ink(enum kind kind, char *to);

/* The colours of words; STYLE_KIND + kind is that of a kind. */
enum style { STYLE_PLAIN, STYLE_FAINT, STYLE_BOLD, STYLE_WARN, STYLE_KIND };

/* The columns that a line may take. */
size_t paint_columns(const struct paint *paint);

/*
 * Copies `from` cut to `columns` columns of a terminal, with dots in the middle where something was
 * left out. Without unicode, what is beyond ASCII comes out as \xNN. Returns `to`.
 */
char *paint_elide(const struct paint *paint, const char *from, size_t columns, char *to,
		  size_t size);

/*
 * A line under way. Blanks are written only when something follows them, so that no line ends in
 * one, and whatever would go beyond the last column is left out with dots in its place.
 */
struct line {
	struct text *text;
	const struct paint *paint;
	size_t column; /* where the next character goes */
	size_t blanks; /* of these, not yet written */
	size_t last;   /* the column that nothing may reach */
};

struct line line_begin(struct text *text, const struct paint *paint);
void line_put(struct line *line, unsigned style, const char *string);
/* The same with at most `columns` columns, elided in the middle. */
void line_put_within(struct line *line, unsigned style, const char *string, size_t columns);
void line_format(struct line *line, unsigned style, const char *format, ...) PRINTF_LIKE(3, 4);
/* Goes on at `column`; does nothing where the line is already beyond it. */
void line_to(struct line *line, size_t column);
/*
 * Puts `string` so that it ends at `column`: numbers, and what stands above them. Where there is no
 * room for it, a blank keeps it from what is in front, and it is not cut; nor where sizes are in
 * bytes.
 */
void line_put_right(struct line *line, unsigned style, const char *string, size_t column);
void line_end(struct line *line);

/* A sentence broken between words, from the line's column on and below it from `indent` on. */
void line_wrap(struct line *line, unsigned style, const char *sentence, size_t indent);

#endif
