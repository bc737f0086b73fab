/* Where a heap's pages are, what trimming gives back of them, and what keeps the others. */
#include "view/heap_parts.h"

#include <inttypes.h>
#include <stdio.h>

#define CELLS_MOST 64

/*
 * The strip: what a piece of the heap mostly is.
 */

enum look { LOOK_ABSENT, LOOK_IDLE, LOOK_MIXED, LOOK_OCCUPIED, NLOOKS };

static enum look look_of(const struct survey_cell *cell)
{
	if (cell->resident * 8 < cell->held)
		return LOOK_ABSENT;
	if (cell->idle_resident * 4 >= cell->resident * 3)
		return LOOK_IDLE;
	return cell->idle_resident * 4 >= cell->resident ? LOOK_MIXED : LOOK_OCCUPIED;
}

static struct survey_cell join(const struct survey *survey, size_t at, size_t n)
{
	struct survey_cell sum = {0};
	size_t i;

	for (i = at; i < at + n && i < survey->ncells; i++) {
		sum.held += survey->cells[i].held;
		sum.resident += survey->cells[i].resident;
		sum.idle_resident += survey->cells[i].idle_resident;
	}
	return sum;
}

static const char *glyph(const struct paint *paint, enum look look)
{
	static const char *const unicode[NLOOKS] = {"·", "░", "▒", "█"};
	static const char *const ascii[NLOOKS] = {".", "-", "+", "#"};

	return paint->unicode ? unicode[look] : ascii[look];
}

static void draw_strip(const struct heap_picture *picture)
{
	const struct survey *survey = picture->survey;
	size_t joined = (survey->ncells + CELLS_MOST - 1) / CELLS_MOST, i;
	struct line line = line_begin(picture->text, picture->paint);
	char sentence[200], size[UNITS_SIZE];

	for (i = 0; i < survey->ncells; i += joined) {
		struct survey_cell cell = join(survey, i, joined);
		enum look look = look_of(&cell);

		line_put(&line, look == LOOK_OCCUPIED ? STYLE_KIND + KIND_HEAP : STYLE_FAINT,
			 glyph(picture->paint, look));
	}
	line_end(&line);
	snprintf(sentence, sizeof(sentence),
		 "each %s: %s occupied  %s partly idle  %s idle  %s absent",
		 heap_size(picture, survey->cell_bytes * joined, size),
		 glyph(picture->paint, LOOK_OCCUPIED), glyph(picture->paint, LOOK_MIXED),
		 glyph(picture->paint, LOOK_IDLE), glyph(picture->paint, LOOK_ABSENT));
	heap_put_remark(picture, STYLE_FAINT, sentence);
}

static void put_pages(const struct heap_picture *picture, const char *name, uint64_t all,
		      uint64_t resident, const char *meaning)
{
	const struct heap_report *report = picture->report;

	heap_put_step(picture, STYLE_PLAIN, name, heap_if_seen(report, resident),
		      heap_if_seen(report, all - resident), meaning);
}

static void draw_returnable(const struct heap_picture *picture)
{
	const struct survey_sums *all = &picture->survey->all;
	char meaning[120] = "what trimming gives back to the kernel";

	if (!picture->report->show.trim && all->returnable_resident && !picture->report->pages_why)
		snprintf(meaning, sizeof(meaning),
			 "what trimming gives back to the kernel: see --trim");
	put_pages(picture, "returnable", all->returnable, all->returnable_resident, meaning);
}

void heap_draw_pages(const struct heap_picture *picture)
{
	const struct survey *survey = picture->survey;

	text_char(picture->text, '\n');
	heap_put_step_headings(picture, "PAGES", "RESIDENT", "ABSENT");
	put_pages(picture, "occupied", survey->occupied, survey->occupied_resident,
		  "with any byte of a live block");
	put_pages(picture, "idle", survey->idle, survey->idle_resident, "without");
	draw_returnable(picture);
	if (survey->ncells && !picture->report->pages_why)
		draw_strip(picture);
}

/*
 * Trimming.
 */

static const struct heap_columns trim_columns = {5, {24, 34, 44, 54, 64}, {26, 40, 54, 68, 78}};

static void draw_trim_row(const struct heap_picture *picture, unsigned style, const char *name,
			  const struct survey_sums *sums)
{
	const struct heap_report *report = picture->report;
	char texts[5][UNITS_SIZE];
	const char *const cells[5] = {texts[0], texts[1], texts[2], texts[3], texts[4]};

	heap_size(picture, sums->returnable, texts[0]);
	heap_size(picture, heap_if_seen(report, sums->returnable_resident), texts[1]);
	heap_size(picture, heap_if_seen(report, sums->pinned), texts[2]);
	heap_size(picture, heap_if_seen(report, sums->pinned_live), texts[3]);
	snprintf(texts[4], UNITS_SIZE, "%" PRIu64, sums->pinned_blocks);
	if (report->pages_why)
		snprintf(texts[4], UNITS_SIZE, "-");
	heap_put_row(picture, style, name, cells, &trim_columns);
}

static void draw_trim_rows(const struct heap_picture *picture)
{
	static const char *const headings[5] = {"RETURNABLE", "RESIDENT", "PINNED", "BY", "BLOCKS"};
	const struct survey *survey = picture->survey;
	uint32_t arenas[64];
	size_t i, n, most = picture->report->show.top;
	char name[ARENA_NAME_SIZE];

	n = heap_largest_arenas(picture->heap,
				most < ARRAY_SIZE(arenas) ? most : ARRAY_SIZE(arenas), arenas);
	heap_put_row(picture, STYLE_FAINT, "TRIM", headings, &trim_columns);
	for (i = 0; i < n; i++)
		if (arenas[i] < survey->narenas)
			draw_trim_row(picture, STYLE_PLAIN,
				      heap_arena_name(picture->heap, arenas[i], name),
				      &survey->arenas[arenas[i]]);
	draw_trim_row(picture, STYLE_BOLD, "all", &survey->all);
}

static void draw_pin(const struct heap_picture *picture, const struct survey_pin *pin)
{
	struct line line = line_begin(picture->text, picture->paint);
	char number[UNITS_SIZE], count[48];

	line_format(&line, STYLE_PLAIN, "0x%" PRIx64, pin->start);
	line_put_right(&line, STYLE_PLAIN, heap_size(picture, pin->end - pin->start, number), 24);
	line_to(&line, 26);
	line_format(&line, STYLE_PLAIN, "kept by %s in %s", heap_size(picture, pin->live, number),
		    heap_count(pin->blocks, "block", count));
	line_format(&line, STYLE_FAINT, ", first 0x%" PRIx64 ", %" PRIu64, pin->first,
		    pin->first_size);
	line_end(&line);
}

static void draw_top_block(const struct heap_picture *picture)
{
	const struct space *space = picture->report->space;
	const struct block *block = &picture->survey->top_block;
	char sentence[240], size[UNITS_SIZE], above[UNITS_SIZE];
	plat_addr end = block->address + block->size;

	if (!block->address || space->brk == UNKNOWN)
		return;
	snprintf(sentence, sizeof(sentence),
		 "The break cannot come down below the block at 0x%" PRIx64
		 ", %s; %s lie above it.",
		 block->address, heap_size(picture, block->size, size),
		 heap_size(picture, sub_floored(space->brk, end), above));
	heap_put_remark(picture, STYLE_PLAIN, sentence);
}

void heap_draw_trim(const struct heap_picture *picture)
{
	const struct survey *survey = picture->survey;
	size_t i;

	text_char(picture->text, '\n');
	draw_trim_rows(picture);
	draw_top_block(picture);
	if (!survey->npins || picture->report->pages_why)
		return;
	text_char(picture->text, '\n');
	heap_put_remark(picture, STYLE_FAINT, "PINNED, the most first");
	for (i = 0; i < survey->npins; i++)
		draw_pin(picture, &survey->pins[i]);
}
