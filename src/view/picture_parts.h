/*
 * The parts of the picture, shared by the files that draw them: picture_head.c, picture_body.c,
 * picture_foot.c, picture_pair.c.
 */
#ifndef VIEW_PICTURE_PARTS_H
#define VIEW_PICTURE_PARTS_H

#include "space/space.h"
#include "view/paint.h"
#include "view/rows.h"

#define NARROW 72		       /* below this, words are shortened */
#define BREAK_FROM (UINT64_C(1) << 30) /* gaps from this size are drawn as a break */

struct picture {
	const struct space *space;
	const struct paint *paint;
	struct text *text;
	struct rows rows;
	/* Columns at which things begin, or end where they stand to the right. */
	size_t digits, kinds_end, name, name_columns, strip, strip_cells, rss_end, size_end, note;
	plat_addr above; /* the address in the row above */
};

static inline const char *pick(const struct paint *paint, const char *unicode, const char *ascii)
{
	return paint->unicode ? unicode : ascii;
}

static inline const char *arrow(const struct paint *paint, enum growing grows)
{
	return grows == GROWS_UP ? pick(paint, "↑", "^") : pick(paint, "↓", "v");
}

static inline unsigned kind_style(unsigned kind)
{
	return STYLE_KIND + kind;
}

static inline size_t at_least(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* How many columns a size takes. */
size_t size_columns(uint64_t size, const struct paint *paint);

/* The same cell n times, in one style. */
void put_cells(struct line *line, unsigned style, const char *cell, size_t n);

/* The mark before a gap: one from BREAK_FROM on is drawn as a break. */
const char *gap_mark(const struct paint *paint, const struct row *row);

/* "free", "kept free below the stack", "kernel". */
const char *gap_words(enum gap_kind kind);

/* Who it is, which way it grows, and bars. */
void draw_head(const struct picture *picture);

/* Chooses the columns from what the rows hold, and draws the rows. */
void lay_out(struct picture *picture);
void draw_body(struct picture *picture);

/* How far the part of the space that a row shows can grow. */
const struct headroom *headroom_of_row(const struct picture *picture, const struct row *row);

/* What grows how far, and the totals. */
void draw_foot(const struct picture *picture);

/* What is not known and why, and the legend. */
void draw_whys(const struct picture *picture);
void draw_legend(const struct picture *picture);

#endif
