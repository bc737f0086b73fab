/* The head of the picture: who it is, which way the mmap zone grows, figures as bars. */
#include "view/picture_parts.h"

#include "view/units.h"

#include <stdio.h>
#include <string.h>

static size_t live_threads(const struct space *space)
{
	size_t i, n = 0;

	for (i = 0; i < space->nthreads; i++)
		n += space->threads[i].tid != 0;
	return n;
}

static void draw_process(const struct picture *picture)
{
	const struct process *process = &picture->space->process;
	const char *state = process_state_word(process->state);
	size_t nthreads = live_threads(picture->space), n = picture->space->nmappings;
	struct line line = line_begin(picture->text, picture->paint);
	char name[THREAD_NAME_SIZE * 4 + 1];
	struct text sentence = TEXT_EMPTY;
	char core[256];

	text_escape(process->command, name, sizeof(name), !picture->paint->unicode);
	if (process->bits)
		text_format(&sentence, "%u-bit, ", process->bits);
	if (process->pid)
		text_format(&sentence, "uid %u, ", process->uid);
	if (state)
		text_format(&sentence, "%s, ", state);
	if (picture->space->core)
		text_format(&sentence, "from %s, ",
			    text_escape(picture->space->core, core, sizeof(core),
					!picture->paint->unicode));
	if (n == 0 && picture->space->why.maps)
		text_put(&sentence, "- mappings");
	else
		text_format(&sentence, "%zu mapping%s", n, n == 1 ? "" : "s");
	if (nthreads)
		text_format(&sentence, ", %zu thread%s", nthreads, nthreads == 1 ? "" : "s");
	line_put(&line, STYLE_BOLD, name);
	if (process->pid) /* a model has none */
		line_format(&line, STYLE_BOLD, " %d", process->pid);
	line_put(&line, STYLE_PLAIN, "  ");
	line_wrap(&line, STYLE_PLAIN, text_string(&sentence), 2);
	text_fini(&sentence);
}

static const char *direction_words(enum direction direction)
{
	switch (direction) {
	case DIRECTION_TOP_DOWN:
		return "mmap zone grows down (top-down layout)";
	case DIRECTION_BOTTOM_UP:
		return "mmap zone grows up (bottom-up, legacy layout)";
	default:
		return "which way the mmap zone grows is not known";
	}
}

static void draw_direction(const struct picture *picture)
{
	const struct space *space = picture->space;
	struct line line = line_begin(picture->text, picture->paint);
	char sentence[sizeof(space->direction_reason) + 128];

	snprintf(sentence, sizeof(sentence), "%s%s%s", direction_words(space->direction),
		 *space->direction_reason ? ": " : "", space->direction_reason);
	line_wrap(&line, STYLE_PLAIN, sentence, 2);
}

/* A figure and its highest value so far, against a limit, or where there is none something else. */
struct bar {
	enum figure figure, peak; /* NFIGURES: no peak */
	enum limit_name limit;	  /* NLIMITS: no limit that counts */
	enum figure other;	  /* what a full bar stands for where no limit limits */
	enum figure beside;	  /* a figure that only stands there in words, or NFIGURES */
};

static const struct bar bars[] = {
	{VM_SIZE, VM_PEAK, LIMIT_AS, VM_PEAK, NFIGURES},
	{VM_RSS, VM_HWM, NLIMITS, VM_SIZE, VM_SWAP},
	{VM_DATA, NFIGURES, LIMIT_DATA, VM_SIZE, NFIGURES},
	{VM_STK, NFIGURES, LIMIT_STACK, VM_SIZE, NFIGURES},
	{VM_LCK, NFIGURES, LIMIT_MEMLOCK, VM_SIZE, VM_PIN},
};

/* How many of `cells` a value takes of a full bar: at least one where there is anything. */
static size_t bar_cells(uint64_t value, uint64_t full, size_t cells)
{
	size_t n;

	if (value == UNKNOWN || full == UNKNOWN || !value || !full)
		return 0;
	if (value >= full)
		return cells;
	n = (size_t)((unsigned __int128)value * cells / full);
	return n ? n : 1;
}

static void put_bar(struct line *line, uint64_t value, uint64_t peak, uint64_t full, bool limited,
		    size_t cells)
{
	const struct paint *paint = line->paint;
	size_t now = bar_cells(value, full, cells), most = bar_cells(peak, full, cells);
	bool close = limited && value != UNKNOWN && value >= full - full / 10;

	if (most < now)
		most = now;
	put_cells(line, close ? STYLE_WARN : kind_style(KIND_TEXT), pick(paint, "█", "#"), now);
	put_cells(line, kind_style(KIND_TEXT), pick(paint, "▒", "+"), most - now);
	put_cells(line, STYLE_FAINT, pick(paint, "░", "."), cells - most);
}

/* "of 8M RLIMIT_STACK", or "of 61.2M VmSize, RLIMIT_DATA unlimited". */
static void put_bar_words(struct line *line, const struct space *space, const struct bar *bar,
			  bool limited, uint64_t full)
{
	const struct paint *paint = line->paint;
	const char *limit = "";
	char size[UNITS_SIZE];

	if (bar->limit != NLIMITS)
		limit = limit_name(bar->limit) + (paint_columns(paint) < NARROW ? 7 : 0);
	line_format(line, STYLE_PLAIN, "of %s %s", units_size(full, paint->bytes, size),
		    limited ? limit : figure_name(bar->other));
	if (bar->peak != NFIGURES && bar->peak != bar->other)
		line_format(line, STYLE_PLAIN, ", %s %s", figure_name(bar->peak),
			    units_size(space->figures[bar->peak], paint->bytes, size));
	if (bar->peak == bar->other && limited)
		line_format(line, STYLE_PLAIN, ", %s %s", figure_name(bar->peak),
			    units_size(space->figures[bar->peak], paint->bytes, size));
	if (bar->beside != NFIGURES)
		line_format(line, STYLE_PLAIN, ", %s %s", figure_name(bar->beside),
			    units_size(space->figures[bar->beside], paint->bytes, size));
	if (!limited && bar->limit != NLIMITS)
		line_format(line, STYLE_FAINT, ", %s %s", limit,
			    space->limits[bar->limit].known ? "unlimited" : "-");
}

static void draw_bar(const struct picture *picture, const struct bar *bar, size_t number_end)
{
	const struct space *space = picture->space;
	const struct paint *paint = picture->paint;
	struct line line = line_begin(picture->text, paint);
	uint64_t value = space->figures[bar->figure];
	uint64_t peak = bar->peak == NFIGURES ? UNKNOWN : space->figures[bar->peak];
	uint64_t full = space->figures[bar->other];
	size_t columns = paint_columns(paint), cells = 10;
	bool limited = false;
	char size[UNITS_SIZE];

	if (bar->limit != NLIMITS && space->limits[bar->limit].known &&
	    space->limits[bar->limit].soft != LIMIT_INFINITE) {
		limited = true;
		full = space->limits[bar->limit].soft;
	}
	if (columns >= NARROW)
		cells = columns < 100 ? 20 : 32;
	line_put(&line, STYLE_PLAIN, figure_name(bar->figure));
	line_put_right(&line, STYLE_BOLD, units_size(value, paint->bytes, size), number_end);
	line_to(&line, number_end + 1);
	put_bar(&line, value, peak, full, limited, cells);
	line_to(&line, line.column + 1);
	put_bar_words(&line, space, bar, limited, full);
	line_end(&line);
}

static void draw_bars(const struct picture *picture)
{
	size_t i, number_end = 12;

	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		uint64_t value = picture->space->figures[bars[i].figure];
		char size[UNITS_SIZE];
		size_t width = strlen(units_size(value, picture->paint->bytes, size));

		if (7 + width > number_end)
			number_end = 7 + width;
	}
	for (i = 0; i < ARRAY_SIZE(bars); i++)
		draw_bar(picture, &bars[i], number_end);
}

void draw_head(const struct picture *picture)
{
	draw_process(picture);
	draw_direction(picture);
	text_char(picture->text, '\n');
	draw_bars(picture);
}
