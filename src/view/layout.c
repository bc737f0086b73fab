/*
 *	ASLR                            LOWEST       HIGHEST  RANGE  BITS
 *	end of the stack          7ffbffffd000  7ffffffff000    16G  22.0
 *	begin of the mmap zone    7efbff700000  7ffbff6ff000     1T  28.0
 *
 *	heap to mmap zone: 40.6T to 42.6T
 *	    .:-=+*#*+=-:.
 */
#include "view/layout.h"

#include "view/document.h"
#include "view/json.h"
#include "view/picture_parts.h"
#include "view/units.h"

#include <stdio.h>

#define GAP_TEXT 32
#define CELLS 48
#define CELLS_NARROW 24

static bool is_random(const struct layout_report *report)
{
	return exec_random_counts(report->model, report->program->bits).stack_pages > 1;
}

static uint64_t bytes_of(int64_t pages)
{
	return (uint64_t)(pages < 0 ? -pages : pages) * MODEL_PAGE;
}

/*
 * "-1.2T": a gap is negative where the zone lies below the heap. With as many decimals as tell the
 * least from the most of `gap`, up to three.
 */
static char *gap_size_text(const struct chance *gap, int64_t pages, const struct paint *paint,
			   char *to)
{
	static const char letters[] = "BKMGTP";
	uint64_t bytes = bytes_of(pages), most = bytes_of(chance_most(gap));
	uint64_t extent = bytes_of(chance_most(gap) - chance_least(gap));
	int decimals = extent >= most / 20 ? 1 : extent >= most / 200 ? 2 : 3;
	const char *sign = pages < 0 ? "-" : "";
	double size = (double)bytes;
	unsigned unit = 0;

	if (paint->bytes || extent == 0) {
		char plain[UNITS_SIZE];

		snprintf(to, GAP_TEXT, "%s%s", sign, units_size(bytes, paint->bytes, plain));
		return to;
	}
	for (; most >= 1024 && unit < sizeof(letters) - 2; most /= 1024, unit++)
		size /= 1024;
	snprintf(to, GAP_TEXT, "%s%.*f%c", sign, decimals, size, letters[unit]);
	return to;
}

/* The logarithm of a number of values, in tenths. */
static unsigned tenths_of_bits(uint64_t values)
{
	/* 2 to the power of 0.05, 0.15, ... 0.95: where rounding goes over to the next tenth. */
	static const double steps[] = {1.03526, 1.10957, 1.18921, 1.27456, 1.36604,
				       1.46409, 1.56917, 1.68179, 1.80250, 1.93187};
	unsigned whole = 63 - (unsigned)__builtin_clzll(values), i;
	double rest = (double)values / (double)(UINT64_C(1) << whole);

	for (i = 0; i < ARRAY_SIZE(steps) && rest >= steps[i];)
		i++;
	return whole * 10 + i;
}

/*
 * Ranges.
 */

struct places_columns {
	size_t lowest, highest, range, bits; /* where they end; lowest 0: on a line of their own */
};

static struct places_columns choose_columns(const struct paint *paint)
{
	if (paint_columns(paint) < NARROW)
		return (struct places_columns){.highest = 32, .range = 0, .bits = 38};
	if (paint->bytes)
		return (struct places_columns){40, 54, 70, 76};
	return (struct places_columns){40, 54, 62, 68};
}

static void draw_headings(const struct layout_report *report, const struct paint *paint,
			  const struct places_columns *at, struct text *text)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, is_random(report) ? "ASLR" : "NO ASLR");
	if (at->lowest) {
		line_put_right(&line, STYLE_FAINT, is_random(report) ? "LOWEST" : "ADDRESS",
			       at->lowest);
		if (is_random(report)) {
			line_put_right(&line, STYLE_FAINT, "HIGHEST", at->highest);
			line_put_right(&line, STYLE_FAINT, "RANGE", at->range);
			line_put_right(&line, STYLE_FAINT, "BITS", at->bits);
		}
	}
	line_end(&line);
}

static void draw_values(struct line *line, const struct exec_range *range,
			const struct places_columns *at, bool random)
{
	unsigned tenths = tenths_of_bits(range->values);
	char text[64], size[UNITS_SIZE];

	snprintf(text, sizeof(text), "%llx", (unsigned long long)range->lowest);
	line_put_right(line, STYLE_PLAIN, text, at->lowest ? at->lowest : 16);
	if (!random)
		return;
	snprintf(text, sizeof(text), "%llx", (unsigned long long)range->highest);
	line_put_right(line, STYLE_PLAIN, text, at->highest);
	if (at->range)
		line_put_right(line, STYLE_PLAIN,
			       units_size(range->highest - range->lowest, line->paint->bytes, size),
			       at->range);
	snprintf(text, sizeof(text), "%u.%u", tenths / 10, tenths % 10);
	line_put_right(line, STYLE_PLAIN, text, at->bits);
}

static void draw_position(const struct layout_report *report, enum exec_position position,
			  const struct paint *paint, const struct places_columns *at,
			  struct text *text)
{
	const struct exec_range *range = &report->ranges->positions[position];
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_PLAIN, exec_position_words(position));
	if (!range->known) {
		line_put(&line, STYLE_PLAIN, ": in the mmap zone, found by a search");
		line_end(&line);
		return;
	}
	if (!at->lowest) {
		line_end(&line);
		line = line_begin(text, paint);
	}
	draw_values(&line, range, at, is_random(report));
	line_end(&line);
}

/*
 * Why the mmap zone begins there.
 */

static void put_room(const struct layout_report *report, struct text *sentence, bool bytes)
{
	const struct model *model = report->model;
	const struct exec_random nothing = {0};
	struct exec_random counts = exec_random_counts(model, report->program->bits);
	struct exec_places places = exec_places_of(model, report->program, &nothing);
	uint64_t room = places.task_size - places.mmap_base;
	uint64_t stack = model->limits[MODEL_STACK].soft;
	char size[UNITS_SIZE], part[UNITS_SIZE];

	text_format(sentence,
		    "%s are kept free above it for the stack: ", units_size(room, bytes, size));
	if (room <= UINT64_C(128) << 20 &&
	    add_capped(stack, model->machine.stack_guard_gap) < room) {
		text_put(sentence, "the least there is, RLIMIT_STACK is ");
		text_put(sentence, units_size(stack, bytes, part));
	} else if (room >= places.task_size / 6 * 5 - MODEL_PAGE) {
		text_put(sentence,
			 "5/6 of user space, which is the most there is, RLIMIT_STACK is ");
		text_put(sentence,
			 stack == MODEL_INFINITE ? "unlimited" : units_size(stack, bytes, part));
	} else {
		text_format(sentence, "RLIMIT_STACK %s", units_size(stack, bytes, part));
		text_format(sentence, ", the stack guard gap %s",
			    units_size(model->machine.stack_guard_gap, bytes, part));
		if (counts.stack_pages > 1)
			text_format(sentence, ", the range of the stack's end %s",
				    units_size((counts.stack_pages - 1) * MODEL_PAGE, bytes, part));
	}
}

static void draw_base(const struct layout_report *report, const struct paint *paint,
		      struct text *text)
{
	const struct model *model = report->model;
	const struct exec_random nothing = {0};
	struct line line = line_begin(text, paint);
	struct text sentence = TEXT_EMPTY;

	if (exec_places_of(model, report->program, &nothing).top_down) {
		text_put(&sentence, "The mmap zone grows down. ");
		put_room(report, &sentence, paint->bytes);
	} else {
		text_format(&sentence,
			    "The mmap zone grows up from a third of user space: legacy layout, %s",
			    model->machine.legacy_va_layout ? "vm.legacy_va_layout is 1"
							    : "personality ADDR_COMPAT_LAYOUT");
	}
	text_put(&sentence, ".");
	line_wrap(&line, STYLE_PLAIN, text_string(&sentence), 2);
	text_fini(&sentence);
}

/*
 * The gap.
 */

static const char *gap_end_words(const struct layout_report *report)
{
	return report->ranges->gap_to == GAP_TO_ZONE ? "to where the mmap zone begins"
						     : "to the stack";
}

/* The last value of part i of n equal parts of a gap's range. */
static int64_t end_of_part(const struct chance *gap, size_t i, size_t n)
{
	int64_t least = chance_least(gap);
	uint64_t extent = (uint64_t)(chance_most(gap) - least);

	return least + (int64_t)((unsigned __int128)extent * (i + 1) / n);
}

/* How many of all layouts have their gap in each of n equal parts of its range. */
static void count_parts(const struct chance *gap, chance_count *parts, size_t n)
{
	chance_count before = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		chance_count up_to = chance_up_to(gap, end_of_part(gap, i, n));

		parts[i] = up_to - before;
		before = up_to;
	}
}

static void draw_curve(const struct chance *gap, const struct paint *paint, struct text *text)
{
	static const char *const unicode[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {" ", ".", ":", "-", "=", "+", "*", "%", "#"};
	size_t n = paint_columns(paint) < NARROW ? CELLS_NARROW : CELLS, i;
	chance_count parts[CELLS], most = 1;
	struct line line = line_begin(text, paint);
	char size[GAP_TEXT];

	count_parts(gap, parts, n);
	for (i = 0; i < n; i++)
		most = parts[i] > most ? parts[i] : most;
	line_format(&line, STYLE_PLAIN, "  %s ",
		    gap_size_text(gap, chance_least(gap), paint, size));
	for (i = 0; i < n; i++) {
		unsigned level = (unsigned)((parts[i] * 8 + most / 2) / most);

		line_put(&line, kind_style(KIND_HEAP), pick(paint, unicode[level], ascii[level]));
	}
	line_format(&line, STYLE_PLAIN, " %s", gap_size_text(gap, chance_most(gap), paint, size));
	line_end(&line);
}

static void put_quantiles(const struct chance *gap, const struct paint *paint, struct text *to)
{
	char size[GAP_TEXT];

	text_format(to, "at least %s, ", gap_size_text(gap, chance_least(gap), paint, size));
	text_format(to, "in 99 of 100 layouts %s or more, ",
		    gap_size_text(gap, chance_quantile(gap, 1, 100), paint, size));
	text_format(to, "in half of them %s, ",
		    gap_size_text(gap, chance_quantile(gap, 1, 2), paint, size));
	text_format(to, "in 1 of 100 %s, ",
		    gap_size_text(gap, chance_quantile(gap, 99, 100), paint, size));
	text_format(to, "at most %s", gap_size_text(gap, chance_most(gap), paint, size));
}

/* In so many of 1,000 layouts the zone begins below the heap. */
static unsigned per_mille_below(const struct chance *gap)
{
	return (unsigned)(chance_up_to(gap, 0) * 1000 / chance_total(gap));
}

static void draw_gap(const struct layout_report *report, const struct paint *paint,
		     struct text *text)
{
	const struct chance *gap = &report->ranges->gap;
	struct line line = line_begin(text, paint);
	struct text sentence = TEXT_EMPTY;
	unsigned below = per_mille_below(gap);
	char size[GAP_TEXT];

	text_format(&sentence, "From the start of the heap %s: ", gap_end_words(report));
	if (chance_least(gap) == chance_most(gap))
		text_put(&sentence, gap_size_text(gap, chance_least(gap), paint, size));
	else
		put_quantiles(gap, paint, &sentence);
	if (below)
		text_format(&sentence, "; in %u of 1000 it begins below the heap", below);
	text_put(&sentence, ".");
	line_wrap(&line, STYLE_PLAIN, text_string(&sentence), 2);
	text_fini(&sentence);
	if (chance_least(gap) != chance_most(gap))
		draw_curve(gap, paint, text);
}

void layout_draw(const struct layout_report *report, const struct paint *paint, struct text *text)
{
	struct places_columns at = choose_columns(paint);
	unsigned i;

	draw_headings(report, paint, &at, text);
	for (i = 0; i < NEXEC_POSITIONS; i++)
		draw_position(report, (enum exec_position)i, paint, &at, text);
	text_char(text, '\n');
	draw_base(report, paint, text);
	draw_gap(report, paint, text);
}

/*
 * JSON.
 */

static const char *type_name(const struct exec_program *program)
{
	if (program->image.fixed)
		return program->has_interpreter ? "fixed" : "static";
	return program->has_interpreter ? "pie" : "static-pie";
}

json_t *layout_settings(const struct layout_report *report)
{
	const struct exec_random nothing = {0};
	const struct model *model = report->model;
	struct exec_places places = exec_places_of(model, report->program, &nothing);
	uint64_t stack = model->limits[MODEL_STACK].soft;
	json_t *object = json_object();

	json_object_set_new(object, "bits", json_integer(report->program->bits));
	json_object_set_new(object, "type", json_string(type_name(report->program)));
	json_object_set_new(object, "aslr", json_boolean(is_random(report)));
	json_object_set_new(object, "randomize_va_space",
			    json_integer(model->machine.randomize_va_space));
	json_object_set_new(object, "legacy", json_boolean(!places.top_down));
	if (stack == MODEL_INFINITE)
		json_object_set_new(object, "stack_limit", json_string("unlimited"));
	else
		document_size(object, "stack_limit", stack, NULL);
	document_size(object, "kept_free_for_stack",
		      places.top_down ? places.task_size - places.mmap_base : UNKNOWN,
		      "the mmap zone grows up");
	return object;
}

json_t *layout_positions(const struct layout_report *report)
{
	json_t *object = json_object();
	unsigned i;

	for (i = 0; i < NEXEC_POSITIONS; i++) {
		const struct exec_range *range = &report->ranges->positions[i];
		const char *name = exec_position_name((enum exec_position)i);
		unsigned tenths = tenths_of_bits(range->known ? range->values : 1);
		json_t *one;

		if (!range->known) {
			document_unknown(object, name, "in the mmap zone, found by a search");
			continue;
		}
		one = json_object();
		document_address(one, "lowest", range->lowest, NULL);
		document_address(one, "highest", range->highest, NULL);
		json_object_set_new(one, "values", json_integer((json_int_t)range->values));
		json_object_set_new(one, "bits", json_real(tenths / 10.0));
		json_object_set_new(object, name, one);
	}
	return object;
}

json_t *layout_gap(const struct layout_report *report)
{
	static const unsigned percent[] = {1, 5, 10, 25, 50, 75, 90, 95, 99};
	const struct chance *gap = &report->ranges->gap;
	json_t *object = json_object(), *quantiles = json_object();
	char key[16];
	size_t i;

	json_object_set_new(
		object, "to",
		json_string(report->ranges->gap_to == GAP_TO_ZONE ? "mmap-zone" : "stack"));
	json_object_set_new(object, "least", json_integer(chance_least(gap) * (int64_t)MODEL_PAGE));
	json_object_set_new(object, "most", json_integer(chance_most(gap) * (int64_t)MODEL_PAGE));
	for (i = 0; i < ARRAY_SIZE(percent); i++) {
		snprintf(key, sizeof(key), "%u%%", percent[i]);
		json_object_set_new(
			quantiles, key,
			json_integer(chance_quantile(gap, percent[i], 100) * (int64_t)MODEL_PAGE));
	}
	json_object_set_new(object, "quantiles", quantiles);
	json_object_set_new(object, "per_mille_below_heap", json_integer(per_mille_below(gap)));
	return object;
}
