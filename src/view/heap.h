/* A heap: its sums, its classes, its blocks one by one. */
#ifndef VIEW_HEAP_H
#define VIEW_HEAP_H

#include "heap/own.h"
#include "view/paint.h"

struct heap_report {
	const struct space *space;
	const struct own *own;
	const char *module; /* whose it is: a path, not escaped */
	bool is_stopped;    /* it stood still all the time: every number is exact */
	struct heap_residence residence;
	const char *residence_why; /* why it is not known, or NULL */
};

/* Which blocks are shown. */
struct heap_filter {
	unsigned states;      /* a bit for each enum block_state */
	uint64_t least, most; /* bytes */
	uint64_t limit;	      /* so many; 0: all */
};

bool heap_filter_takes(const struct heap_filter *filter, const struct block *block);

/* Sums and classes. */
void heap_draw(const struct heap_report *report, const struct paint *paint, struct text *text);

/* Blocks: the headings, and then one a line. */
void heap_draw_headings(const struct paint *paint, struct text *text);
void heap_draw_block(const struct heap_report *report, const struct block *block,
		     const struct paint *paint, struct text *text);

/*
 * One document: it begins, blocks may follow, it ends. `first` is true of the first block.
 * What is written behind the blocks is known only when all were seen.
 */
void heap_json_begin(const struct heap_report *report, bool with_blocks, struct text *text);
void heap_json_block(const struct heap_report *report, const struct block *block, bool first,
		     struct text *text);
void heap_json_end(const struct heap_report *report, bool with_blocks, struct text *text);

#endif
