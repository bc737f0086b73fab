/* The heaps of a process: the ladder from RSS to live bytes, arenas, sizes, pages, blocks. */
#ifndef VIEW_HEAP_H
#define VIEW_HEAP_H

#include "heap/find.h"
#include "heap/ladder.h"
#include "heap/survey.h"
#include "view/paint.h"

struct calls;
struct own_site;

/* What is shown beside the rest. */
struct heap_show {
	bool classes; /* the table of classes */
	bool trim;    /* what trimming gives back, and what keeps the rest */
	size_t top;   /* so many arenas, sizes, pins */
};

struct heap_report {
	const struct space *space;
	const struct heaps *heaps;
	const struct survey *surveys; /* one for each reading; the first one is shown in full */
	const struct survey_share *shares;
	struct heap_ladder ladder;
	const char *pages_why; /* why it is not known which pages are in memory, or NULL */
	bool is_stopped;       /* what was read is of one moment: every number is exact */
	uint64_t pause;	       /* ns that it stood still because of us */
	const char *looked;    /* how it was looked at, in words */
	struct heap_show show;
};

/* Which blocks are shown. */
struct heap_filter {
	unsigned states;      /* a bit for each enum block_state */
	uint64_t least, most; /* bytes */
	uint64_t limit;	      /* so many; 0: all */
};

bool heap_filter_takes(const struct heap_filter *filter, const struct block *block);

void heap_draw(const struct heap_report *report, const struct paint *paint, struct text *text);

/* One document. */
void heap_json(const struct heap_report *report, struct text *text);

/* A block on its way out, with what is known of it. */
struct heap_row {
	const struct heap_reading *heap;
	const struct block *block;
	uint64_t resident;	     /* of its bytes; or UNKNOWN */
	const struct own_site *site; /* where it was made; NULL: not known */
	const struct space *space;
	const struct calls *calls; /* of sites */
};

/* Blocks: the headings, and then one a line; or an object a line. */
void heap_draw_headings(const struct paint *paint, struct text *text);
void heap_draw_block(const struct heap_row *row, const struct paint *paint, struct text *text);
void heap_json_block(const struct heap_row *row, struct text *text);

#endif
