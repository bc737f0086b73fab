/*
 *	WHAT          CAN GROW  STOPPED BY             NEIGHBOUR         DISTANCE
 *	heap (brk)       41.7T  the neighbour          anon                 41.7T
 *	main stack        7.9M  RLIMIT_STACK 8M        anon                  507G
 *
 * The neighbour stands there also where something else stops it first: a limit can be raised, and
 * then it is the next.
 */
#include "view/headroom.h"

#include "model/from_space.h"
#include "view/document.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1
#define CELL HEADROOM_WORDS
#define NAME_LEAST 10
/* Guesses that no look at a process can spare; the man page has them. */
#define ALWAYS (1u << GUESS_IDENTITY | 1u << GUESS_BREAK | 1u << GUESS_BASE)

struct cells {
	char what[CELL], grows[CELL], probed[CELL], stopped[CELL], neighbour[CELL], distance[CELL];
};

/*
 * All answers as one list.
 */

static size_t count_answers(const struct headroom_report *report)
{
	size_t nstacks = report->headrooms->nstacks;

	return 4 + (nstacks ? nstacks : 1);
}

static struct headroom answer_at(const struct headrooms *headrooms, size_t i)
{
	switch (i) {
	case 0:
		return headrooms->heap;
	case 1:
		return headroom_of_main_stack(headrooms);
	case 2:
		return headrooms->mmap;
	case 3:
		return headrooms->reserve;
	case 4:
		return headrooms->threads;
	default:
		return headrooms->stacks[i - 4];
	}
}

static bool are_equal(const struct headroom *a, const struct headroom *b)
{
	return a->bytes == b->bytes && a->count == b->count;
}

struct headroom_checked headroom_check(const struct headroom_report *report)
{
	struct headroom_checked checked = {0};
	size_t i;

	for (i = 0; report->probed && i < count_answers(report); i++) {
		struct headroom predicted = answer_at(report->headrooms, i);
		struct headroom probed = answer_at(report->probed, i);

		if (probed.bytes == UNKNOWN)
			continue;
		checked.n++;
		checked.equal += are_equal(&predicted, &probed);
	}
	return checked;
}

/*
 * Words.
 */

static void what_of(const struct headroom_report *report, const struct headroom *headroom,
		    bool is_main, char *to)
{
	char size[UNITS_SIZE];

	switch (headroom->what) {
	case HEADROOM_HEAP:
		snprintf(to, CELL, "heap (brk)");
		break;
	case HEADROOM_MMAP:
		snprintf(to, CELL, "one mapping");
		break;
	case HEADROOM_RESERVE:
		snprintf(to, CELL, "one reservation");
		break;
	case HEADROOM_THREADS:
		snprintf(to, CELL, "threads of %s",
			 units_size(report->request->stack_size, false, size));
		break;
	case HEADROOM_STACK:
		if (is_main)
			snprintf(to, CELL, "main stack");
		else
			snprintf(to, CELL, "stack %" PRIx64, headroom->at);
		break;
	}
}

static uint64_t limit_of(const struct model *model, enum rule rule)
{
	switch (rule) {
	case RULE_LIMIT_AS:
		return model->limits[MODEL_AS].soft;
	case RULE_LIMIT_DATA:
	case RULE_BRK_DATA_LIMIT:
		return model->limits[MODEL_DATA].soft;
	case RULE_LIMIT_STACK:
		return model->limits[MODEL_STACK].soft;
	case RULE_LIMIT_MEMLOCK:
		return model->limits[MODEL_MEMLOCK].soft;
	case RULE_COMMIT_HEURISTIC:
		return model->machine.ram + model->machine.swap;
	case RULE_COMMIT_STRICT:
		return model->machine.commit_limit;
	default:
		return UNKNOWN;
	}
}

static void stopped_by(const struct headroom_report *report, const struct headroom *headroom,
		       bool bytes, char *to)
{
	uint64_t limit = limit_of(report->model, headroom->rule);
	char because[HEADROOM_WORDS], size[UNITS_SIZE], *setting;

	if (headroom->why) {
		snprintf(to, CELL, "%s", headroom->why);
		return;
	}
	if (headroom_is_neighbours(headroom)) {
		snprintf(to, CELL, "the neighbour");
		return;
	}
	headroom_because(report->space, headroom, because);
	setting = strstr(because, " ("); /* is in the way here */
	if (setting)
		*setting = '\0';
	if (limit != UNKNOWN)
		snprintf(to, CELL, "%.100s %s", because, units_size(limit, bytes, size));
	else if (headroom->rule == RULE_MAP_COUNT || headroom->rule == RULE_MAP_COUNT_SPLIT)
		snprintf(to, CELL, "%.100s %" PRIu64, because,
			 report->model->machine.max_map_count);
	else
		snprintf(to, CELL, "%s", because);
}

/* Bytes, or of threads how many. */
static void figure_of(const struct headroom *headroom, bool bytes, char *to)
{
	char size[UNITS_SIZE];

	if (headroom->what == HEADROOM_THREADS && headroom->count != UNKNOWN)
		snprintf(to, CELL, "%" PRIu64, headroom->count);
	else
		snprintf(to, CELL, "%s", units_size(headroom->bytes, bytes, size));
}

static void fill_cells(const struct headroom_report *report, size_t i, bool bytes,
		       struct cells *cells)
{
	struct headroom headroom = answer_at(report->headrooms, i), probed;
	char size[UNITS_SIZE];

	*cells = (struct cells){0};
	what_of(report, &headroom, i == 1, cells->what);
	figure_of(&headroom, bytes, cells->grows);
	if (report->probed) {
		probed = answer_at(report->probed, i);
		figure_of(&probed, bytes, cells->probed);
	}
	stopped_by(report, &headroom, bytes, cells->stopped);
	headroom_neighbour(report->space, &headroom, cells->neighbour);
	snprintf(cells->distance, CELL, "%s", units_size(headroom.distance, bytes, size));
}

/*
 * The table.
 */

static const struct cells headings = {
	"WHAT", "CAN GROW", "PROBED", "STOPPED BY", "NEIGHBOUR", "DISTANCE",
};

struct widths {
	size_t what, grows, probed, stopped, neighbour, distance;
};

static void widen(size_t *width, const char *cell)
{
	size_t columns = text_width(cell);

	if (columns > *width)
		*width = columns;
}

static void widen_all(struct widths *widths, const struct cells *cells)
{
	widen(&widths->what, cells->what);
	widen(&widths->grows, cells->grows);
	widen(&widths->probed, cells->probed);
	widen(&widths->stopped, cells->stopped);
	widen(&widths->neighbour, cells->neighbour);
	widen(&widths->distance, cells->distance);
}

/* What is too wide is taken from the neighbour's name, then neighbours go, then what stops it. */
static void narrow(struct widths *widths, const struct paint *paint)
{
	size_t columns = paint_columns(paint);
	size_t fixed = widths->what + 2 + widths->grows + 2 + widths->stopped;

	fixed += widths->probed ? widths->probed + 2 : 0;
	if (fixed + 4 + widths->neighbour + widths->distance <= columns)
		return;
	widths->neighbour = sub_floored(columns, fixed + 4 + widths->distance);
	if (widths->neighbour >= NAME_LEAST)
		return;
	widths->neighbour = widths->distance = 0;
	if (fixed > columns)
		widths->stopped = sub_floored(widths->stopped, fixed - columns);
}

static void draw_cells(const struct cells *cells, const struct widths *widths, unsigned style,
		       const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);
	size_t at = widths->what + 2 + widths->grows;

	line_put(&line, style, cells->what);
	line_put_right(&line, style == STYLE_PLAIN ? STYLE_BOLD : style, cells->grows, at);
	if (widths->probed) {
		at += 2 + widths->probed;
		line_put_right(&line,
			       strcmp(cells->grows, cells->probed) && style == STYLE_PLAIN
				       ? STYLE_WARN
				       : style,
			       cells->probed, at);
	}
	line_to(&line, at + 2);
	line_put_within(&line, style, cells->stopped, widths->stopped);
	if (widths->neighbour) {
		at += 4 + widths->stopped;
		line_to(&line, at);
		line_put_within(&line, style, cells->neighbour, widths->neighbour);
		line_put_right(&line, style, cells->distance,
			       at + widths->neighbour + 2 + widths->distance);
	}
	line_end(&line);
}

static void draw_head(const struct headroom_report *report, const struct paint *paint,
		      struct text *text)
{
	struct line line = line_begin(text, paint);
	const struct space *space = report->space;
	char name[THREAD_NAME_SIZE * 4], sentence[256], size[UNITS_SIZE], data[UNITS_SIZE];

	text_escape(space->process.command, name, sizeof(name), !paint->unicode);
	line_format(&line, STYLE_BOLD, "%s %d", name, space->process.pid);
	snprintf(sentence, sizeof(sentence),
		 "  %u-bit, %zu mappings of %" PRIu64 ", VmSize %s, VmData %s", report->model->bits,
		 report->model->vmas.count, report->model->machine.max_map_count,
		 units_size(report->model->counters.total * MODEL_PAGE, paint->bytes, size),
		 units_size(report->model->counters.data * MODEL_PAGE, paint->bytes, data));
	line_wrap(&line, STYLE_PLAIN, sentence, 2);
	text_char(text, '\n');
}

static void draw_sentence(const struct paint *paint, struct text *text, unsigned style,
			  const char *mark, const char *sentence)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, mark);
	line_wrap(&line, style, sentence, text_width(mark));
}

static void draw_left(const struct headroom_report *report, const struct paint *paint,
		      struct text *text)
{
	struct memory_left left = memory_left(&report->space->machine, report->cgroups);
	char sentence[512], size[UNITS_SIZE], name[256];

	if (left.bytes == UNKNOWN)
		return;
	units_size(left.bytes, paint->bytes, size);
	snprintf(name, sizeof(name), "the machine has left");
	if (left.group)
		text_escape(left.group->name, name, sizeof(name), !paint->unicode);
	snprintf(sentence, sizeof(sentence),
		 "%s can be used (%s %s); beyond that the kernel refuses nothing, it kills.", size,
		 left.group ? cgroup_figure_name(left.group, CGROUP_MAX) : "what", name);
	text_char(text, '\n');
	draw_sentence(paint, text, STYLE_PLAIN, "", sentence);
}

static void draw_checked(const struct headroom_report *report, const struct paint *paint,
			 struct text *text)
{
	struct headroom_checked checked = headroom_check(report);
	char sentence[128];

	if (!report->probed)
		return;
	snprintf(sentence, sizeof(sentence), "%zu of %zu predictions are what a probe was granted",
		 checked.equal, checked.n);
	draw_sentence(paint, text, checked.equal == checked.n ? STYLE_PLAIN : STYLE_WARN, "",
		      sentence);
}

/* A search from below can have placed a mapping right behind the heap, and they are one since. */
static bool is_break_doubtful(const struct headroom_report *report)
{
	plat_addr neighbour = report->headrooms->heap.neighbour;

	return !report->model->top_down && neighbour != UNKNOWN &&
	       neighbour != headroom_of_main_stack(report->headrooms).at;
}

static uint32_t guesses_to_tell(const struct headroom_report *report, bool verbose)
{
	uint32_t silent = verbose ? 0 : ALWAYS;

	if (is_break_doubtful(report))
		silent &= ~(1u << GUESS_BREAK);
	return report->guesses & ~silent;
}

static void draw_guesses(const struct headroom_report *report, const struct paint *paint,
			 struct text *text)
{
	uint32_t guesses = guesses_to_tell(report, paint->verbose);
	unsigned guess;

	for (guess = 0; guess < NGUESSES; guess++)
		if (guesses >> guess & 1)
			draw_sentence(paint, text, STYLE_PLAIN, "- ", guess_words(guess));
	if (report->cgroups->why[0])
		draw_sentence(paint, text, STYLE_PLAIN, "- ", report->cgroups->why);
}

void headroom_draw(const struct headroom_report *report, const struct paint *paint,
		   struct text *text)
{
	bool bytes = paint->bytes || report->probed;
	struct widths widths = {0};
	struct cells cells = headings;
	size_t i, n = count_answers(report);

	if (!report->probed)
		cells.probed[0] = '\0';
	widen_all(&widths, &cells);
	for (i = 0; i < n; i++) {
		fill_cells(report, i, bytes, &cells);
		widen_all(&widths, &cells);
	}
	narrow(&widths, paint);
	draw_head(report, paint, text);
	draw_cells(&headings, &widths, STYLE_FAINT, paint, text);
	for (i = 0; i < n; i++) {
		fill_cells(report, i, bytes, &cells);
		draw_cells(&cells, &widths, STYLE_PLAIN, paint, text);
	}
	draw_left(report, paint, text);
	draw_checked(report, paint, text);
	draw_guesses(report, paint, text);
}

/*
 * The document.
 */

static json_t *neighbour_object(const struct headroom_report *report,
				const struct headroom *headroom)
{
	json_t *object;
	char name[HEADROOM_WORDS];

	if (headroom->neighbour == UNKNOWN)
		return json_null();
	object = json_object();
	document_address(object, "start", headroom->neighbour, NULL);
	json_object_set_new(object, "name",
			    json_string(headroom_neighbour(report->space, headroom, name)));
	return object;
}

static json_t *answer_object(const struct headroom_report *report, size_t i)
{
	struct headroom headroom = answer_at(report->headrooms, i), probed;
	char because[HEADROOM_WORDS];
	json_t *object = json_object();

	json_object_set_new(object, "what", json_string(headroom_name(headroom.what)));
	document_size(object, "bytes", headroom.bytes, headroom.why);
	if (headroom.what == HEADROOM_THREADS)
		document_size(object, "count", headroom.count, headroom.why);
	if (report->probed) {
		probed = answer_at(report->probed, i);
		document_size(object, "probed_bytes", probed.bytes, "not tried out");
		if (headroom.what == HEADROOM_THREADS)
			document_size(object, "probed_count", probed.count, "not tried out");
	}
	headroom_because(report->space, &headroom, because);
	json_object_set_new(object, "because", json_string(because));
	json_object_set_new(object, "rule", json_string(rule_name(headroom.rule)));
	json_object_set_new(object, "words", json_string(rule_words(headroom.rule)));
	document_address(object, "at", headroom.at, NULL);
	json_object_set_new(object, "neighbour", neighbour_object(report, &headroom));
	document_size(object, "distance", headroom.distance, NULL);
	return object;
}

static json_t *answers_array(const struct headroom_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < count_answers(report); i++)
		json_array_append_new(array, answer_object(report, i));
	return array;
}

static json_t *left_object(const struct headroom_report *report)
{
	struct memory_left left = memory_left(&report->space->machine, report->cgroups);
	json_t *object = json_object();

	document_size(object, "bytes", left.bytes, "neither meminfo nor a control group tells");
	if (left.group)
		document_text(object, "group", left.group->name);
	else
		json_object_set_new(object, "group", json_null());
	json_object_set_new(object, "beyond", json_string("killed"));
	return object;
}

static void put_group_figure(json_t *object, const char *key, const struct cgroup *group,
			     enum cgroup_figure figure)
{
	if (!group->figures[figure].known)
		document_unknown(object, key, "the kernel has no such file here");
	else if (group->figures[figure].bytes == LIMIT_INFINITE)
		json_object_set_new(object, key, json_string("unlimited"));
	else
		document_size(object, key, group->figures[figure].bytes, NULL);
}

static json_t *groups_array(const struct cgroups *cgroups)
{
	static const char *const keys[NCGROUP_FIGURES] = {"usage", "max", "high", "swap_usage",
							  "swap_max"};
	json_t *array = json_array();
	unsigned figure;
	size_t i;

	for (i = 0; i < cgroups->nlevels; i++) {
		json_t *object = json_object();

		document_text(object, "name", cgroups->levels[i].name);
		json_object_set_new(object, "version", json_integer(cgroups->levels[i].version));
		for (figure = 0; figure < NCGROUP_FIGURES; figure++)
			put_group_figure(object, keys[figure], &cgroups->levels[i], figure);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *guesses_array(const struct headroom_report *report)
{
	json_t *array = json_array();
	unsigned guess;

	for (guess = 0; guess < NGUESSES; guess++)
		if (report->guesses >> guess & 1)
			json_array_append_new(array, json_string(guess_words(guess)));
	return array;
}

int headroom_json(const struct headroom_report *report, struct text *text)
{
	const struct space *space = report->space;
	char name[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(space->process.pid));
	document_put_member(
		text, "command",
		json_string(text_escape(space->process.command, name, sizeof(name), 0)));
	document_put_member(text, "bits", json_integer(report->model->bits));
	document_put_member(text, "stack_size",
			    json_integer((json_int_t)report->request->stack_size));
	document_put_member(text, "guard_size",
			    json_integer((json_int_t)report->request->guard_size));
	document_put_member(text, "headroom", answers_array(report));
	if (report->probed) {
		struct headroom_checked checked = headroom_check(report);

		document_put_member(text, "probed", json_integer((json_int_t)checked.n));
		document_put_member(text, "equal", json_integer((json_int_t)checked.equal));
	}
	document_put_member(text, "left", left_object(report));
	document_put_member(text, "groups", groups_array(report->cgroups));
	document_put_member(text, "guesses", guesses_array(report));
	text_put(text, "}\n");
	return text->error;
}
