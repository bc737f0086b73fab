#include "cli/heap_survey.h"

#include "source/pages.h"

#include <errno.h>
#include <stdio.h>
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

bool heap_survey_is_gone(const struct heap_survey *survey)
{
	const struct heaps *heaps = &survey->look.heaps;
	bool is_torn = survey->pages_why;
	struct error why;
	size_t i;

	for (i = 0; i < heaps->n; i++)
		is_torn |= heaps->readings[i]->proofs.unreadable > 0;
	return is_torn && proc_is_there(&survey->target->dir, &why) < 0;
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
		r = survey_walk(&survey->surveys[i], heaps->readings[i], survey->also);
	}
	if (r == 0)
		heap_ladder_of(space, &survey->runs, !survey->pages_why, heaps, survey->surveys,
			       survey->shares, &survey->ladder);
	return r == 0 && heap_survey_is_gone(survey) ? -ESRCH : r;
}

/*
 * Shares.
 */

/* "main", "main, mapped", "5 arenas". */
static void name_arenas(const struct heap_reading *heap, uint64_t arenas, char *to, size_t size)
{
	char first[ARENA_NAME_SIZE], second[ARENA_NAME_SIZE];
	int n = __builtin_popcountll(arenas);
	unsigned at = arenas ? (unsigned)__builtin_ctzll(arenas) : 0;
	uint64_t rest = arenas & (arenas - 1);

	if (n == 0 || n > 2 || arenas >> 63 || at >= heap->narenas) {
		snprintf(to, size, "%d%s arenas", n, arenas >> 63 ? " or more" : "");
		return;
	}
	arena_name(&heap->arenas[at], first);
	if (n == 1) {
		snprintf(to, size, "%s", first);
		return;
	}
	at = (unsigned)__builtin_ctzll(rest);
	snprintf(to, size, "%s, %s", first,
		 at < heap->narenas ? arena_name(&heap->arenas[at], second) : "-");
}

static void take_share(const struct heap_survey *survey, size_t i, struct share *ret)
{
	const struct survey_share *share = &survey->shares[i];
	const struct heap_opaque *opaque = &survey->ladder.opaque;

	ret->held = share->held;
	ret->live = share->live;
	ret->free = share->free;
	if (share->is_of_several)
		snprintf(ret->arenas, sizeof(ret->arenas), "of several allocators");
	else if (share->held)
		name_arenas(survey->look.heaps.readings[share->reading], share->arenas, ret->arenas,
			    sizeof(ret->arenas));
	else if (heap_opaque_has(opaque, &survey->target->space, i, share))
		snprintf(ret->arenas, sizeof(ret->arenas), "%s%s", allocator_name(opaque->kind),
			 opaque->is_named ? "" : "?");
}

static int take_shares(struct heap_survey *survey, struct space *space)
{
	size_t i;
	int r = heap_survey_walk(survey, 0);

	if (r == -ESRCH) {
		space_why(&space->why.shares, "%s", HEAP_GONE);
		return 0;
	}
	if (r < 0)
		return r;
	space->shares = calloc(space->nregions + 1, sizeof(*space->shares));
	if (!space->shares)
		return -ENOMEM;
	for (i = 0; i < space->nregions; i++)
		take_share(survey, i, &space->shares[i]);
	if (survey->look.heaps.why.text[0])
		space_why(&space->why.shares, "%s", survey->look.heaps.why.text);
	return 0;
}

int heap_survey_shares(struct target *target)
{
	struct heap_survey survey;
	struct error err;
	int r = heap_survey_open(&survey, target, &err);

	if (r < 0) {
		space_why(&target->space.why.shares, "%s", err.text);
		return r == -ENOMEM ? r : 0;
	}
	r = take_shares(&survey, &target->space);
	heap_survey_close(&survey);
	return r;
}
