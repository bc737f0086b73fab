/* All heaps of a process, walked, and seen together with its pages. */
#ifndef CLI_HEAP_SURVEY_H
#define CLI_HEAP_SURVEY_H

#include "cli/heap_look.h"
#include "cli/target.h"
#include "heap/ladder.h"
#include "heap/survey.h"

struct heap_survey {
	struct target *target;
	struct heap_look look;
	struct heap_runs runs;
	const char *pages_why; /* why it is not known which pages are in memory, or NULL */
	struct error pages_error;

	const struct heap_visitor *also; /* the walks are shown to it, too; or NULL */

	/* Once they were walked. */
	struct survey surveys[HEAPS_MOST]; /* one a reading */
	struct survey_share *shares;	   /* one a region */
	struct heap_ladder ladder;
};

/*
 * Opens what there is. 0, and the caller closes it; -errno with a sentence where the memory cannot
 * be read. *survey stays where it is, and the target must outlive it.
 */
int heap_survey_open(struct heap_survey *survey, struct target *target,
		     struct error *err) MUST_CHECK;
void heap_survey_close(struct heap_survey *survey);

/*
 * Whether the process has ended, and something could not be read for that: then what was read is
 * worth nothing.
 */
bool heap_survey_is_gone(const struct heap_survey *survey);

/* Walks all heaps, once; `npins` as in survey_init(). 0, -ENOMEM, or -ESRCH: it is gone. */
int heap_survey_walk(struct heap_survey *survey, size_t npins) MUST_CHECK;

/*
 * What allocators have in each region, for space->shares; or why that is not known, for
 * space->why.shares. 0 or -ENOMEM.
 */
int heap_survey_shares(struct target *target) MUST_CHECK;

#endif
