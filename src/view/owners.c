/*
 *	redis-server 1234  12.3M in 4567 live blocks; stopped for 12.3 ms
 *
 *	    HELD   ALONE  IN ALL   BLOCKS  HOLDER
 *	   10.2M   10.1M   10.3M    44123  server in redis-server
 *	    1.1M       0    1.1M       12  thread 1234 (io), serve
 *	    0.3M                           34 more
 */
#include "view/owners.h"

#include "view/document.h"
#include "view/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define HELD_END 9
#define ALONE_END 18
#define ALL_END 27
#define BLOCKS_END 37
#define NAME_START 39
#define PASSING_MOST 3 /* shown beside the top, though they hold little */

struct drawing {
	const struct owners_report *report;
	const struct paint *paint;
	struct text *text;
};

/*
 * Tables.
 */

static const char *grown(const struct drawing *drawing, int64_t growth, char *to)
{
	char size[UNITS_SIZE];

	units_size((uint64_t)(growth < 0 ? -growth : growth), drawing->paint->bytes, size);
	snprintf(to, UNITS_SIZE + 1, "%s%s", growth > 0 ? "+" : growth < 0 ? "-" : "", size);
	return to;
}

static void draw_headings(const struct drawing *drawing, enum owner_sort sort)
{
	static const char *const names[NOWNER_SORTS] = {"HOLDER", "MODULE, THREAD OR MAPPING",
							"TYPE"};
	struct line line = line_begin(drawing->text, drawing->paint);
	bool has_before = drawing->report->list->has_before;

	line_put_right(&line, STYLE_FAINT, has_before ? "GREW" : "HELD", HELD_END);
	line_put_right(&line, STYLE_FAINT, has_before ? "HELD" : "ALONE", ALONE_END);
	line_put_right(&line, STYLE_FAINT, has_before ? "ALONE" : "IN ALL", ALL_END);
	line_put_right(&line, STYLE_FAINT, sort == OWNER_TYPE ? "OBJECTS" : "BLOCKS", BLOCKS_END);
	line_to(&line, NAME_START);
	line_put(&line, STYLE_FAINT, names[sort]);
	line_end(&line);
}

static void draw_numbers(const struct drawing *drawing, const struct owner *owner,
			 struct line *line)
{
	char number[UNITS_SIZE + 1];
	bool bytes = drawing->paint->bytes, has_before = drawing->report->list->has_before;
	unsigned held_end = has_before ? ALONE_END : HELD_END;
	unsigned alone_end = has_before ? ALL_END : ALONE_END;

	if (has_before)
		line_put_right(line, STYLE_BOLD, grown(drawing, owner_growth(owner), number),
			       HELD_END);
	line_put_right(line, has_before ? STYLE_PLAIN : STYLE_BOLD,
		       units_size(owner->owned.bytes, bytes, number), held_end);
	line_put_right(line, STYLE_PLAIN, units_size(owner->owned.exclusive_bytes, bytes, number),
		       alone_end);
	if (!has_before)
		line_put_right(
			line, STYLE_PLAIN,
			units_size(owner->has_all ? owner->all.bytes : UNKNOWN, bytes, number),
			ALL_END);
	snprintf(number, sizeof(number), "%" PRIu64,
		 owner->sort == OWNER_TYPE ? owner->starts : owner->owned.blocks);
	line_put_right(line, STYLE_PLAIN, number, BLOCKS_END);
}

static void draw_owner(const struct drawing *drawing, const struct owner *owner)
{
	struct line line = line_begin(drawing->text, drawing->paint);
	char name[HOLDER_WORDS_SIZE];

	draw_numbers(drawing, owner, &line);
	line_to(&line, NAME_START);
	if (owner->sort == OWNER_TYPE)
		text_escape(owner->words, name, sizeof(name), !drawing->paint->unicode);
	line_wrap(&line, STYLE_PLAIN, owner->sort == OWNER_TYPE ? name : owner->words,
		  NAME_START + 2);
}

/* Adds up what is not shown. */
static void draw_rest(const struct drawing *drawing, const struct owner *owners, size_t n,
		      const bool *is_shown)
{
	struct line line = line_begin(drawing->text, drawing->paint);
	char number[UNITS_SIZE + 1];
	int64_t growth = 0;
	uint64_t held = 0;
	size_t i, left = 0;

	for (i = 0; i < n; i++) {
		if (is_shown[i])
			continue;
		left++;
		held += owners[i].owned.bytes;
		growth += owner_growth(&owners[i]);
	}
	if (left == 0)
		return;
	if (drawing->report->list->has_before)
		line_put_right(&line, STYLE_FAINT, grown(drawing, growth, number), HELD_END);
	line_put_right(&line, STYLE_FAINT, units_size(held, drawing->paint->bytes, number),
		       drawing->report->list->has_before ? ALONE_END : HELD_END);
	line_to(&line, NAME_START);
	line_format(&line, STYLE_FAINT, "%zu more", left);
	line_end(&line);
}

/* A call that leads to as much as the first has: it may be why that is there. */
static bool leads_to_much(const struct owner *owner, const struct owner *first)
{
	return owner_is_passing(owner) && owner->has_all && first->owned.bytes &&
	       owner->all.bytes >= first->owned.bytes / 2;
}

/* Those of one sort follow one another. */
static int draw_sort(const struct drawing *drawing, const struct owner *owners, size_t n)
{
	bool *is_shown = calloc(n, sizeof(*is_shown)),
	     has_before = drawing->report->list->has_before;
	size_t i, top = drawing->report->top, npassing = 0;

	if (!is_shown)
		return -ENOMEM;
	text_char(drawing->text, '\n');
	draw_headings(drawing, owners[0].sort);
	for (i = 0; i < n; i++) {
		bool is_passing = i >= top && npassing < PASSING_MOST && !has_before &&
				  leads_to_much(&owners[i], &owners[0]);

		is_shown[i] = top == 0 || i < top || is_passing;
		npassing += is_passing;
		if (is_shown[i])
			draw_owner(drawing, &owners[i]);
	}
	draw_rest(drawing, owners, n, is_shown);
	free(is_shown);
	return 0;
}

static void draw_title(const struct drawing *drawing)
{
	const struct owners_report *report = drawing->report;
	struct line line = line_begin(drawing->text, drawing->paint);
	char sentence[2 * 640 + 512], size[UNITS_SIZE], since[640 + 256] = "";
	char command[THREAD_NAME_SIZE * 4], file[200];

	if (report->since)
		snprintf(since, sizeof(since), "; compared with %s, %s",
			 text_escape(report->since, file, sizeof(file), !drawing->paint->unicode),
			 report->since_looked);
	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(report->list->command, command, sizeof(command),
				!drawing->paint->unicode),
		    report->list->pid);
	snprintf(sentence, sizeof(sentence), "  %s in %" PRIu64 " live block%s; %s%s",
		 units_size(report->list->live_bytes, drawing->paint->bytes, size),
		 report->list->live_blocks, report->list->live_blocks == 1 ? "" : "s",
		 report->looked, since);
	line_wrap(&line, STYLE_PLAIN, sentence, 2);
}

int owners_draw(const struct owners_report *report, const struct paint *paint, struct text *text)
{
	const struct drawing drawing = {report, paint, text};
	const struct owner_list *list = report->list;
	size_t i, n;
	int r = 0;

	draw_title(&drawing);
	if (list->n == 0)
		text_put(text, "There is no owner of these sorts.\n");
	for (i = 0; r == 0 && i < list->n; i += n) {
		for (n = 1; i + n < list->n && list->list[i + n].sort == list->list[i].sort; n++)
			;
		r = draw_sort(&drawing, &list->list[i], n);
	}
	return r;
}

/*
 * JSON.
 */

static void set_owned(json_t *object, const struct owned *owned)
{
	document_count(object, "held", owned->bytes);
	document_count(object, "held_blocks", owned->blocks);
	document_count(object, "exclusive", owned->exclusive_bytes);
	document_count(object, "exclusive_blocks", owned->exclusive_blocks);
}

static json_t *owner_object(const struct owners_report *report, const struct owner *owner)
{
	json_t *object = json_object(), *before;

	json_object_set_new(object, "sort", json_string(owner_sort_name(owner->sort)));
	document_name(object, "name", owner->words);
	set_owned(object, &owner->owned);
	document_size(object, "in_all", owner->has_all ? owner->all.bytes : UNKNOWN,
		      "it is found out of those that hold most");
	document_size(object, "in_all_blocks", owner->has_all ? owner->all.blocks : UNKNOWN,
		      "it is found out of those that hold most");
	if (owner->sort == OWNER_TYPE) {
		document_count(object, "own_blocks", owner->starts);
		document_count(object, "own_bytes", owner->bytes);
	} else {
		json_object_set_new(object, "kind", json_string(root_kind_name(owner->kind)));
		document_count(object, "words", owner->starts);
		document_name(object, "module", owner->module);
		document_name(object, "symbol", owner->symbol);
		document_name(object, "function", owner->function);
		document_name(object, "thread", owner->thread);
		json_object_set_new(object, "tid",
				    owner->tid ? json_integer(owner->tid) : json_null());
	}
	if (report->list->has_before) {
		before = json_object();
		set_owned(before, &owner->before);
		json_object_set_new(object, "before", before);
		json_object_set_new(object, "grew", json_integer((json_int_t)owner_growth(owner)));
	}
	return object;
}

int owners_json(const struct owners_report *report, struct text *text)
{
	const struct owner_list *list = report->list;
	char command[THREAD_NAME_SIZE * 4], since[4096];
	size_t i, n = 0;

	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(list->pid));
	document_put_member(text, "command",
			    json_string(text_escape(list->command, command, sizeof(command), 0)));
	document_put_member(text, "looked", json_string(report->looked));
	document_put_member(
		text, "since",
		report->since ? json_string(text_escape(report->since, since, sizeof(since), 0))
			      : json_null());
	document_put_member(text, "live_bytes", json_integer((json_int_t)list->live_bytes));
	document_put_member(text, "live_blocks", json_integer((json_int_t)list->live_blocks));
	text_put(text, ",\n\"owners\": [");
	for (i = 0; i < list->n; i++) {
		n = i && list->list[i].sort == list->list[i - 1].sort ? n + 1 : 0;
		if (report->top && n >= report->top)
			continue;
		text_put(text, i ? ",\n" : "\n");
		document_put(text, owner_object(report, &list->list[i]));
	}
	text_put(text, "]}\n");
	return text->error;
}
