/* Where in a heap pages are occupied and in memory, and which few blocks keep pages there. */
#include "heap/survey_parts.h"

#include "base/list.h"

#include <string.h>

#define FEW 8 /* an eighth of a page, and less, are few live bytes */

/*
 * The strip: equal pieces of what is held. When there is no room for more, two become one.
 */

static void add_cell(struct survey_cell *to, const struct survey_cell *from)
{
	to->held += from->held;
	to->occupied += from->occupied;
	to->resident += from->resident;
	to->idle_resident += from->idle_resident;
}

static void halve_cells(struct survey *survey)
{
	struct survey_cell *cells = survey->cells;
	size_t i;

	for (i = 0; i < SURVEY_CELLS / 2; i++) {
		cells[i] = cells[2 * i];
		add_cell(&cells[i], &cells[2 * i + 1]);
	}
	memset(cells + SURVEY_CELLS / 2, 0, SURVEY_CELLS / 2 * sizeof(*cells));
	survey->ncells = SURVEY_CELLS / 2;
	survey->cell_bytes *= 2;
}

static struct survey_cell *cell_with_room(struct survey *survey)
{
	size_t last = survey->ncells - 1;

	if (survey->ncells && survey->cells[last].held < survey->cell_bytes)
		return &survey->cells[last];
	if (survey->ncells == SURVEY_CELLS)
		halve_cells(survey);
	return &survey->cells[survey->ncells++];
}

/* Of a piece that is partly in memory the same share is in each of its cells. */
void survey_put_cells(struct survey *survey, uint64_t held, uint64_t resident, bool is_occupied)
{
	while (held > 0) {
		struct survey_cell *cell = cell_with_room(survey);
		uint64_t part = min_u64(held, survey->cell_bytes - cell->held);
		uint64_t here = (uint64_t)((double)resident * ((double)part / (double)held));

		here = min_u64(here, resident);
		add_cell(cell, &(struct survey_cell){
				       .held = part,
				       .occupied = is_occupied ? part : 0,
				       .resident = here,
				       .idle_resident = is_occupied ? 0 : here,
			       });
		held -= part;
		resident -= here;
	}
}

/*
 * Pins.
 */

static uint64_t cost_of(const struct survey_pin *pin)
{
	return pin->end - pin->start - pin->live;
}

static int keep_pin(struct survey *survey)
{
	size_t i;
	int r;

	if (survey->npins_most == 0)
		return 0;
	if (survey->npins == survey->npins_most) {
		if (cost_of(&survey->pins[survey->npins - 1]) >= cost_of(&survey->pin))
			return 0;
		survey->npins--;
	}
	r = list_reserve(&survey->pins, &survey->pins_room, survey->npins, 1);
	if (r < 0)
		return r;
	for (i = survey->npins++; i > 0 && cost_of(&survey->pins[i - 1]) < cost_of(&survey->pin);
	     i--)
		survey->pins[i] = survey->pins[i - 1];
	survey->pins[i] = survey->pin;
	return 0;
}

int survey_end_pin(struct survey *survey)
{
	int r = survey->pin.end ? keep_pin(survey) : 0;

	survey->pin = (struct survey_pin){0};
	return r;
}

static void count_pinned(struct survey_sums *sums, const struct survey_page *page, uint64_t size)
{
	sums->pinned += size;
	sums->pinned_live += page->live;
	sums->pinned_blocks += page->blocks;
}

int survey_pin_page(struct survey *survey, const struct survey_page *page)
{
	struct survey_pin *pin = &survey->pin;
	int r = 0;

	if (page->blocks == 0 || page->has_large || page->live > survey->page_size / FEW)
		return survey_end_pin(survey);
	count_pinned(&survey->all, page, survey->page_size);
	if (page->arena < survey->narenas)
		count_pinned(&survey->arenas[page->arena], page, survey->page_size);
	if (pin->end != page->start)
		r = survey_end_pin(survey);
	if (!pin->end)
		*pin = (struct survey_pin){
			.start = page->start,
			.first = page->first,
			.first_size = page->first_size,
		};
	pin->end = page->start + survey->page_size;
	pin->live += page->live;
	pin->blocks += page->blocks;
	return r;
}
