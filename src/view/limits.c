/*
 *	LIMIT                     SOFT      HARD    USED    LEFT   %  HEAP MMAP STACK
 *	RLIMIT_DATA                 4M unlimited    1.2M    2.8M  30%    1    1     -
 *	  mmap, mremap, mprotect, brk: ENOMEM; CAP_SYS_RESOURCE, which it lacks, raises the
 *	  hard limit
 *
 * Numbers are never cut: where they leave no room for the name, it gets a line of its own.
 */
#include "view/limits.h"

#include "view/document.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA 1
#define NAMES_LEAST 16 /* columns */
#define NAMED_FIRST 3  /* of each ranking */
#define GROUP_COLUMNS 160

enum number { NUMBER_SOFT, NUMBER_HARD, NUMBER_USED, NUMBER_LEFT, NUMBER_PERCENT, NUMBER_RANKS };

#define NNUMBERS (NUMBER_RANKS + NGROWTHS)

struct cells {
	char number[NNUMBERS][UNITS_SIZE];
};

static const struct cells headings = {
	{"SOFT", "HARD", "USED", "LEFT", "%", "HEAP", "MMAP", "STACK"},
};

struct widths {
	size_t name, number[NNUMBERS];
};

/* A group's limit that does not limit says little, and there are many. */
static bool is_shown(const struct limit_row *row, const struct paint *paint)
{
	return paint->verbose || !row->group || row->soft.state != AMOUNT_UNLIMITED;
}

/*
 * Numbers.
 */

static void put_amount(const struct limit_row *row, struct amount amount, bool bytes, char *to)
{
	switch (amount.state) {
	case AMOUNT_NONE:
		*to = '\0';
		break;
	case AMOUNT_KNOWN:
		units_size(amount.n, bytes || row->is_count, to);
		break;
	case AMOUNT_UNLIMITED:
		snprintf(to, UNITS_SIZE, "unlimited");
		break;
	case AMOUNT_UNKNOWN:
		snprintf(to, UNITS_SIZE, "-");
		break;
	}
}

static struct cells cells_of(const struct limit_row *row, bool bytes)
{
	struct cells cells = {0};
	uint64_t percent;
	unsigned growth;

	put_amount(row, row->soft, bytes, cells.number[NUMBER_SOFT]);
	put_amount(row, row->hard, bytes, cells.number[NUMBER_HARD]);
	put_amount(row, row->used, bytes, cells.number[NUMBER_USED]);
	if (row->left.state != AMOUNT_UNLIMITED)
		put_amount(row, row->left, bytes, cells.number[NUMBER_LEFT]);
	if (limit_percent(row, &percent))
		snprintf(cells.number[NUMBER_PERCENT], UNITS_SIZE, "%" PRIu64 "%%", percent);
	for (growth = 0; growth < NGROWTHS; growth++)
		if (row->rank[growth])
			snprintf(cells.number[NUMBER_RANKS + growth], UNITS_SIZE, "%u",
				 row->rank[growth]);
	return cells;
}

static void widen(size_t *width, const char *cell)
{
	size_t columns = text_width(cell);

	if (columns > *width)
		*width = columns;
}

static void widen_all(struct widths *widths, const struct cells *cells)
{
	unsigned i;

	for (i = 0; i < NNUMBERS; i++)
		widen(&widths->number[i], cells->number[i]);
}

static size_t numbers_width(const struct widths *widths)
{
	size_t width = 0;
	unsigned i;

	for (i = 0; i < NNUMBERS; i++)
		width += widths->number[i] + 1;
	return width;
}

static struct widths widths_of(const struct limits_report *report, const struct paint *paint)
{
	struct widths widths = {0};
	size_t i, room;

	widen_all(&widths, &headings);
	for (i = 0; i < report->table->nrows; i++) {
		const struct limit_row *row = &report->table->rows[i];
		struct cells cells = cells_of(row, paint->bytes);

		if (!is_shown(row, paint))
			continue;
		widen(&widths.name, row->name);
		widen_all(&widths, &cells);
	}
	room = sub_floored(paint_columns(paint), numbers_width(&widths));
	if (room < NAMES_LEAST)
		widths.name = 0;
	else if (widths.name > room)
		widths.name = room;
	return widths;
}

/*
 * Words.
 */

/* "mmap, brk: ENOMEM; stack growth: SIGSEGV" */
static void put_beyond(const struct limit_row *row, struct text *to)
{
	unsigned i;

	for (i = 0; i < CONSEQUENCES_MOST && row->beyond[i].call; i++) {
		const struct consequence *next = &row->beyond[i + 1];
		bool last = i + 1 == CONSEQUENCES_MOST || !next->call;

		text_put(to, row->beyond[i].call);
		if (!last && strcmp(row->beyond[i].outcome, next->outcome) == 0) {
			text_put(to, ", ");
			continue;
		}
		text_format(to, ": %s%s", row->beyond[i].outcome, last ? "" : "; ");
	}
}

static void put_capability(const struct space *space, const struct limit_row *row, struct text *to)
{
	uint64_t all = space->process.capabilities;

	if (row->capability < 0)
		return;
	text_format(to, "; %s, which it %s, %s", capability_name(row->capability),
		    all == UNKNOWN		 ? "may have"
		    : all >> row->capability & 1 ? "has"
						 : "lacks",
		    row->capability_does);
}

/* Names of groups can be thousands of characters long; the document has them whole. */
static void put_group(const struct cgroup *group, const struct paint *paint, struct text *to)
{
	char name[GROUP_COLUMNS * 4];

	text_put(to, paint_elide(paint, group->name, GROUP_COLUMNS, name, sizeof(name)));
}

static void put_words(const struct space *space, const struct limit_row *row,
		      const struct paint *paint, struct text *to)
{
	const char *why = limit_why(row);

	if (row->group) {
		put_group(row->group, paint, to);
		text_put(to, ": ");
	}
	if (row->neighbour[0])
		text_format(to, "%s; ", row->neighbour);
	put_beyond(row, to);
	put_capability(space, row, to);
	if (row->note)
		text_format(to, "; %s", row->note);
	if (why)
		text_format(to, "; unknown: %s", why);
}

/*
 * The table.
 */

static void draw_numbers(const char *name, const struct cells *cells, const struct widths *widths,
			 unsigned style, const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);
	size_t at = widths->name;
	unsigned i;

	if (widths->name) {
		line_put_within(&line, style, name, widths->name);
	} else {
		line_put(&line, style, name);
		line_end(&line);
		line.last = max_u64(line.last, numbers_width(widths));
	}
	for (i = 0; i < NNUMBERS; i++) {
		at += 1 + widths->number[i];
		line_put_right(&line, style, cells->number[i], at);
	}
	line_end(&line);
}

static void draw_row(const struct limits_report *report, const struct limit_row *row,
		     const struct widths *widths, const struct paint *paint, struct text *text)
{
	struct cells cells = cells_of(row, paint->bytes);
	struct line line = line_begin(text, paint);
	struct text words = TEXT_EMPTY;

	draw_numbers(row->name, &cells, widths, row->in_force ? STYLE_PLAIN : STYLE_FAINT, paint,
		     text);
	put_words(report->space, row, paint, &words);
	line_to(&line, 2);
	line_wrap(&line, STYLE_FAINT, text_string(&words), 4);
	if (words.error && !text->error)
		text->error = words.error;
	text_fini(&words);
}

static void draw_head(const struct limits_report *report, const struct paint *paint,
		      struct text *text)
{
	struct line line = line_begin(text, paint);
	const struct process *process = &report->space->process;
	char name[THREAD_NAME_SIZE * 4];

	text_escape(process->command, name, sizeof(name), !paint->unicode);
	line_format(&line, STYLE_BOLD, "%s %d", name, process->pid);
	if (process->bits)
		line_format(&line, STYLE_PLAIN, "  %u-bit", process->bits);
	line_end(&line);
	text_char(text, '\n');
}

/* What is in the way, and nobody knows how far away it is. */
static void put_unknown(const struct limits_report *report, enum growth growth, struct text *to)
{
	bool first = true;
	size_t i;

	for (i = 0; i < report->table->nrows; i++) {
		const struct limit_row *row = &report->table->rows[i];

		if (!row->in_force || row->until[growth].state != AMOUNT_UNKNOWN)
			continue;
		text_format(to, "%s%s", first ? "; unknown: " : ", ", row->name);
		first = false;
	}
}

/* The first of one ranking: "heap   RLIMIT_DATA after 2.8M, memory.max of / after 3G". */
static void draw_ranking(const struct limits_report *report, enum growth growth,
			 const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);
	struct text words = TEXT_EMPTY;
	const struct limit_row *row;
	char size[UNITS_SIZE];
	unsigned rank;

	for (rank = 1; rank <= NAMED_FIRST; rank++) {
		row = limits_table_at(report->table, growth, rank);
		if (!row)
			break;
		text_format(&words, "%s%s", rank > 1 ? ", " : "", row->name);
		if (row->group) {
			text_put(&words, " of ");
			put_group(row->group, paint, &words);
		}
		text_format(&words, " after %s",
			    units_size(row->until[growth].n, paint->bytes, size));
	}
	if (rank == 1)
		text_put(&words, "nothing that is known");
	put_unknown(report, growth, &words);
	line_put(&line, STYLE_BOLD, growth_name(growth));
	line_to(&line, 7);
	line_wrap(&line, STYLE_PLAIN, text_string(&words), 9);
	text_fini(&words);
}

static void draw_note(const char *note, const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);

	line_put(&line, STYLE_FAINT, "- ");
	line_wrap(&line, STYLE_PLAIN, note, 2);
}

static void draw_left_out(const struct limits_report *report, const struct paint *paint,
			  struct text *text)
{
	size_t i, n = 0;
	char note[96];

	for (i = 0; i < report->table->nrows; i++)
		n += !is_shown(&report->table->rows[i], paint);
	if (n == 0)
		return;
	snprintf(note, sizeof(note), "%zu limit%s of control groups %s unlimited (-v shows)", n,
		 n == 1 ? "" : "s", n == 1 ? "is" : "are");
	draw_note(note, paint, text);
}

void limits_draw(const struct limits_report *report, const struct paint *paint, struct text *text)
{
	struct widths widths = widths_of(report, paint);
	unsigned growth;
	size_t i;

	draw_head(report, paint, text);
	draw_numbers("LIMIT", &headings, &widths, STYLE_FAINT, paint, text);
	for (i = 0; i < report->table->nrows; i++)
		if (is_shown(&report->table->rows[i], paint))
			draw_row(report, &report->table->rows[i], &widths, paint, text);
	text_put(text, "\nWhat is met first when this grows, and is used:\n");
	for (growth = 0; growth < NGROWTHS; growth++)
		draw_ranking(report, growth, paint, text);
	draw_left_out(report, paint, text);
	if (report->cgroups->why[0])
		draw_note(report->cgroups->why, paint, text);
}

/*
 * The document.
 */

static void put_member(json_t *object, const char *key, struct amount amount)
{
	switch (amount.state) {
	case AMOUNT_NONE:
		document_unknown(object, key, NULL);
		break;
	case AMOUNT_KNOWN:
		document_size(object, key, amount.n, NULL);
		break;
	case AMOUNT_UNLIMITED:
		json_object_set_new(object, key, json_string("unlimited"));
		break;
	case AMOUNT_UNKNOWN:
		document_unknown(object, key, amount.why);
		break;
	}
}

static json_t *text_or_null(const char *string)
{
	return string && *string ? json_string(string) : json_null();
}

/* A name that is as long as somebody made it. */
static void put_name(json_t *object, const char *key, const char *name)
{
	char escaped[4096];

	json_object_set_new(
		object, key,
		text_or_null(name ? text_escape(name, escaped, sizeof(escaped), 0) : NULL));
}

static json_t *beyond_array(const struct limit_row *row)
{
	json_t *array = json_array();
	unsigned i;

	for (i = 0; i < CONSEQUENCES_MOST && row->beyond[i].call; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "call", json_string(row->beyond[i].call));
		json_object_set_new(object, "outcome", json_string(row->beyond[i].outcome));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *capability_object(const struct space *space, const struct limit_row *row)
{
	uint64_t all = space->process.capabilities;
	json_t *object;

	if (row->capability < 0)
		return json_null();
	object = json_object();
	json_object_set_new(object, "name", json_string(capability_name(row->capability)));
	json_object_set_new(object, "does", json_string(row->capability_does));
	if (all == UNKNOWN)
		document_unknown(object, "has", "status does not say");
	else
		json_object_set_new(object, "has", json_boolean(all >> row->capability & 1));
	return object;
}

static json_t *ranks_object(const struct limit_row *row)
{
	json_t *object = json_object();
	unsigned growth;

	for (growth = 0; growth < NGROWTHS; growth++)
		json_object_set_new(object, growth_name(growth),
				    row->rank[growth] ? json_integer(row->rank[growth])
						      : json_null());
	return object;
}

static json_t *row_object(const struct space *space, const struct limit_row *row)
{
	json_t *object = json_object(), *until = json_object();
	uint64_t percent;
	unsigned growth;

	json_object_set_new(object, "name", json_string(row->name));
	put_name(object, "group", row->group ? row->group->name : NULL);
	put_name(object, "neighbour", row->neighbour);
	json_object_set_new(object, "unit", json_string(row->is_count ? "mappings" : "bytes"));
	json_object_set_new(object, "in_force", json_boolean(row->in_force));
	put_member(object, "soft", row->soft);
	put_member(object, "hard", row->hard);
	put_member(object, "used", row->used);
	put_member(object, "left", row->left);
	json_object_set_new(object, "percent",
			    limit_percent(row, &percent) && percent <= INT64_MAX
				    ? json_integer((json_int_t)percent)
				    : json_null());
	for (growth = 0; growth < NGROWTHS; growth++)
		put_member(until, growth_name(growth), row->until[growth]);
	json_object_set_new(object, "until", until);
	json_object_set_new(object, "rank", ranks_object(row));
	json_object_set_new(object, "beyond", beyond_array(row));
	json_object_set_new(object, "capability", capability_object(space, row));
	json_object_set_new(object, "note", text_or_null(row->note));
	return object;
}

static json_t *rows_array(const struct limits_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < report->table->nrows; i++)
		json_array_append_new(array, row_object(report->space, &report->table->rows[i]));
	return array;
}

int limits_json(const struct limits_report *report, struct text *text)
{
	const struct process *process = &report->space->process;
	char name[THREAD_NAME_SIZE * 4];

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(text, "command",
			    json_string(text_escape(process->command, name, sizeof(name), 0)));
	document_put_member(text, "bits",
			    process->bits ? json_integer(process->bits) : json_null());
	document_put_member(text, "limits", rows_array(report));
	if (report->cgroups->why[0])
		document_put_member(text, "groups_why", json_string(report->cgroups->why));
	text_put(text, "}\n");
	return text->error;
}

/*
 * What was changed.
 */

static char *limit_words(uint64_t bytes, bool plain, char *to)
{
	if (bytes != LIMIT_INFINITE)
		return units_size(bytes, plain, to);
	snprintf(to, UNITS_SIZE, "unlimited");
	return to;
}

static void draw_value(struct line *line, const char *what, uint64_t before, uint64_t after)
{
	const struct paint *paint = line->paint;
	char old[UNITS_SIZE], new[UNITS_SIZE];

	/* Where both would look the same, they are told apart byte by byte. */
	limit_words(before, paint->bytes, old);
	limit_words(after, paint->bytes, new);
	if (before != after && strcmp(old, new) == 0) {
		limit_words(before, true, old);
		limit_words(after, true, new);
	}
	line_format(line, STYLE_PLAIN, "%s ", what);
	if (before != after)
		line_format(line, STYLE_PLAIN, "%s %s ", old, paint->unicode ? "→" : "->");
	line_put(line, before != after ? STYLE_BOLD : STYLE_PLAIN, new);
}

void limits_draw_changes(const struct limit_change *changes, size_t n, const struct paint *paint,
			 struct text *text)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct limit_change *change = &changes[i];
		struct line line = line_begin(text, paint);

		if (!change->is_set)
			continue;
		line.last = SIZE_MAX; /* numbers are not cut */
		line_format(&line, STYLE_PLAIN, "%s: ", limit_name(change->limit));
		draw_value(&line, "soft", change->before.soft, change->after.soft);
		line_put(&line, STYLE_PLAIN, ", ");
		draw_value(&line, "hard", change->before.hard, change->after.hard);
		line_end(&line);
	}
}

static struct amount amount_of(uint64_t bytes)
{
	struct amount amount = {.state = AMOUNT_KNOWN, .n = bytes};

	if (bytes == LIMIT_INFINITE)
		amount.state = AMOUNT_UNLIMITED;
	return amount;
}

static json_t *limit_object(const struct limit *limit)
{
	json_t *object;

	if (!limit->known)
		return json_null();
	object = json_object();
	put_member(object, "soft", amount_of(limit->soft));
	put_member(object, "hard", amount_of(limit->hard));
	return object;
}

int limits_json_changes(int pid, const struct limit_change *changes, size_t n, const char *why,
			struct text *text)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "name", json_string(limit_name(changes[i].limit)));
		json_object_set_new(object, "set", json_boolean(changes[i].is_set));
		json_object_set_new(object, "before", limit_object(&changes[i].before));
		json_object_set_new(object, "after", limit_object(&changes[i].after));
		json_array_append_new(array, object);
	}
	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(pid));
	document_put_member(text, "changes", array);
	document_put_member(text, "refused", text_or_null(why));
	text_put(text, "}\n");
	return text->error;
}
