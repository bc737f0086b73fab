#include "cli/heap_survey.h"

#include "source/pages.h"

#include <errno.h>
#include <stdlib.h>

static int take_run(void *context, const struct page_run *run)
{
	if (!(run->state & PAGE_PRESENT) || (run->state & (PAGE_FILE | PAGE_ZERO)))
		return 0;
	return heap_runs_add(context, run->start, run->end);
}

static void load_runs(struct heap_survey *survey)
{
	struct space *space = &survey->target->space;
	int r = pages_walk(&survey->target->dir, space, 0, space->user_end, PAGES_ANY, take_run,
			   &survey->runs, &survey->pages_error);

	if (r < 0)
		survey->pages_why = r == -ENOMEM ? "no memory" : survey->pages_error.text;
}

int heap_survey_open(struct heap_survey *survey, struct target *target, struct error *err)
{
	int r;

	*survey = (struct heap_survey){.target = target};
	r = heap_look_open(&target->dir, &target->space, target->freeze, &survey->look, err);
	if (r < 0)
		return r;
	load_runs(survey);
	return 0;
}

void heap_survey_close(struct heap_survey *survey)
{
	size_t i;

	for (i = 0; i < HEAPS_MOST; i++)
		survey_fini(&survey->surveys[i]);
	free(survey->shares);
	heap_runs_fini(&survey->runs);
	heap_look_close(&survey->look);
}

int heap_survey_walk(struct heap_survey *survey, size_t npins)
{
	const struct space *space = &survey->target->space;
	const struct heaps *heaps = &survey->look.heaps;
	size_t i;
	int r = 0;

	survey->shares = calloc(space->nregions + 1, sizeof(*survey->shares));
	if (!survey->shares)
		return -ENOMEM;
	for (i = 0; r == 0 && i < heaps->n; i++) {
		survey_init(&survey->surveys[i], space, &survey->runs, npins);
		survey->surveys[i].number = (uint32_t)i;
		survey->surveys[i].shares = survey->shares;
		r = survey_walk(&survey->surveys[i], heaps->readings[i], NULL);
	}
	if (r == 0)
		heap_ladder_of(space, &survey->runs, !survey->pages_why, heaps, survey->surveys,
			       survey->shares, &survey->ladder);
	return r;
}
