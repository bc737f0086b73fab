/* What the files of survey.c share. */
#ifndef HEAP_SURVEY_PARTS_H
#define HEAP_SURVEY_PARTS_H

#include "heap/survey.h"

/* Counts a live block by its size. 0 or -ENOMEM. */
int survey_count_size(struct survey *survey, uint64_t size) MUST_CHECK;
void survey_sort_sizes(struct survey *survey);

/* So many bytes more, behind those before. */
void survey_put_cells(struct survey *survey, uint64_t held, uint64_t resident, bool is_occupied);

/* The next page in memory, with its first block; or what ends a row of pinned ones. */
int survey_pin_page(struct survey *survey, const struct survey_page *page) MUST_CHECK;
int survey_end_pin(struct survey *survey) MUST_CHECK;

/* The sums of an arena; NULL where there is no memory, `all` where it is of none. */
struct survey_sums *survey_arena(struct survey *survey, uint32_t arena);

#endif
