/* What the parts of plat explain's text share. */
#ifndef VIEW_EXPLAIN_PARTS_H
#define VIEW_EXPLAIN_PARTS_H

#include "view/explain_words.h"

#define INDENT 13 /* where what is said of a label begins */
#define SENTENCE 1024

struct show {
	const struct explanation *all;
	const struct space *space;
	const struct finding *finding;
	const struct region *region; /* or NULL */
	const struct paint *paint;
	struct text *text;
};

/* "  label      sentence", broken between words. */
void explain_put(const struct show *show, const char *label, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* The same below it, with a point before it. */
void explain_put_point(const struct show *show, const char *sentence);

/* "4K", or "4096B". */
const char *explain_size(const struct show *show, uint64_t size, char *to);

/* In explain_ties.c: the ties of the finding's block, if there are any. */
void explain_put_ties(const struct show *show);

#endif
