/* The regions of a space as a table: for people, or for scripts. */
#ifndef VIEW_TABLE_H
#define VIEW_TABLE_H

#include "base/text.h"
#include "view/columns.h"

struct table_style {
	bool bytes; /* sizes as plain numbers */
	bool raw;   /* one blank between columns, unknown is "-", blanks in names as \x20 */
	bool no_headings;
	unsigned width; /* of the terminal; 0: nothing is cut */
	bool ascii;
};

/* Which regions, and in which order. */
struct selection {
	size_t *regions; /* indexes */
	size_t n;
};

struct filter {
	uint32_t kinds;		   /* a bit for each enum kind; 0: all */
	plat_addr start, end;	   /* regions that touch this range; 0 and 0: all */
	const struct column *sort; /* NULL: by address */
	bool descending;
};

/* 0 or -ENOMEM. */
int selection_make(const struct space *space, const struct filter *filter,
		   struct selection *ret) MUST_CHECK;
void selection_fini(struct selection *selection);

/*
 * Up to TABLE_FITTED rows have columns as wide as needed; above, rows are written as they come,
 * with the columns' usual widths. 0 or a negative errno.
 */
#define TABLE_FITTED 5000
int table_write(const struct space *space, const struct selection *selection,
		const struct columns_choice *choice, const struct table_style *style,
		struct text *text) MUST_CHECK;

#endif
