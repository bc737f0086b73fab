/* What the files of heap.c share. */
#ifndef VIEW_HEAP_PARTS_H
#define VIEW_HEAP_PARTS_H

#include "view/heap.h"
#include "view/units.h"

/* A picture under way. */
struct heap_picture {
	const struct heap_report *report;
	const struct heap_reading *heap; /* that is shown in full, or NULL */
	const struct survey *survey;	 /* its */
	const struct paint *paint;
	struct text *text;
};

/* Where the numbers of a table end, and where they do if sizes are in bytes. */
struct heap_columns {
	size_t n;
	size_t ends[10], wide_ends[10];
};

/* A line of a table: a name, and cells that end where the columns do. */
void heap_put_row(const struct heap_picture *picture, unsigned style, const char *name,
		  const char *const *cells, const struct heap_columns *columns);

/* A row of the ladder, and of pages: a label, two sizes that may be UNKNOWN, and what they mean. */
void heap_put_step(const struct heap_picture *picture, unsigned style, const char *label,
		   uint64_t first, uint64_t second, const char *meaning);
void heap_put_step_headings(const struct heap_picture *picture, const char *label,
			    const char *first, const char *second);

/* "12.3M", or "-". `to` has room for UNITS_SIZE. */
const char *heap_size(const struct heap_picture *picture, uint64_t size, char *to);

/* Whether it is known which pages are in memory; else the size is UNKNOWN. */
uint64_t heap_if_seen(const struct heap_report *report, uint64_t size);

/* In words: "29809 blocks", "1 block". */
const char *heap_count(uint64_t n, const char *word, char to[48]);

void heap_put_remark(const struct heap_picture *picture, unsigned style, const char *sentence);

/* "thread 2"; of the first 63, and "others". */
const char *heap_arena_name(const struct heap_reading *heap, uint32_t arena,
			    char to[ARENA_NAME_SIZE]);

/* How much of what is free does not lie in the largest free piece, in percent; or UNKNOWN. */
uint64_t heap_fragmentation(const struct heap_sums *sums);

/* The arenas that hold most, at most `most` of them. 0 where there is no memory. */
size_t heap_largest_arenas(const struct heap_reading *heap, size_t most, uint32_t *to);

void heap_draw_sizes(const struct heap_picture *picture);
void heap_draw_classes(const struct heap_picture *picture);
void heap_draw_pages(const struct heap_picture *picture);
void heap_draw_trim(const struct heap_picture *picture);
void heap_draw_proofs(const struct heap_picture *picture);

#endif
