/*
 *	python3 4711  plat's malloc
 *
 *	anonymous    136M  before
 *	             102M  now
 *	could go    34.2M  pages in memory without a byte in use
 *	went back   33.9M  so far
 *
 *	3 of 3 heaps of threads have given back
 */
#include "view/trim.h"

#include "view/document.h"
#include "view/units.h"

#include <inttypes.h>

#define SCHEMA 1
#define SIZE_END 16
#define MEANING 18
#define NAME_SIZE 256

static const char *const why_not_returned = "it grew meanwhile, or its figures cannot be read";

uint64_t trim_returned(const struct trim_report *report)
{
	if (report->before == UNKNOWN || report->now == UNKNOWN || report->now > report->before)
		return UNKNOWN;
	return report->before - report->now;
}

static void draw_row(struct text *text, const struct paint *paint, const char *name, uint64_t size,
		     const char *meaning)
{
	struct line line = line_begin(text, paint);
	char shown[UNITS_SIZE];

	line_put(&line, STYLE_PLAIN, name);
	line_put_right(&line, STYLE_BOLD, units_size(size, paint->bytes, shown), SIZE_END);
	line_to(&line, MEANING);
	line_wrap(&line, STYLE_FAINT, meaning, MEANING);
}

static void draw_head(const struct trim_report *report, const struct paint *paint,
		      struct text *text)
{
	struct line line = line_begin(text, paint);
	char name[NAME_SIZE];

	text_escape(report->space->process.command, name, sizeof(name), !paint->unicode);
	line_format(&line, STYLE_BOLD, "%s %d", name, report->space->process.pid);
	line_format(&line, STYLE_PLAIN, "  %s", allocator_words(report->allocator));
	line_end(&line);
	text_char(text, '\n');
}

static void draw_way(const struct trim_report *report, const struct paint *paint, struct text *text)
{
	struct line line = line_begin(text, paint);

	if (report->way == TRIM_ASKED)
		line_format(&line, report->ndone < report->nheaps ? STYLE_WARN : STYLE_PLAIN,
			    "%zu of %zu heaps of threads have given back", report->ndone,
			    report->nheaps);
	else
		line_format(&line, STYLE_PLAIN,
			    report->is_late ? "malloc_trim was called, and has not come back yet"
					    : "malloc_trim was called; stopped for %.1f ms",
			    (double)report->pause / 1e6);
	line_end(&line);
}

void trim_draw(const struct trim_report *report, const struct paint *paint, struct text *text)
{
	uint64_t returned = trim_returned(report);

	draw_head(report, paint, text);
	draw_row(text, paint, "anonymous", report->before, "before");
	draw_row(text, paint, "", report->now, "now");
	draw_row(text, paint, "could go", report->predicted,
		 report->predicted_why ? report->predicted_why
				       : "pages in memory without a byte in use");
	draw_row(text, paint, "went back", returned,
		 returned == UNKNOWN ? why_not_returned : "so far");
	text_char(text, '\n');
	draw_way(report, paint, text);
}

void trim_json(const struct trim_report *report, struct text *text)
{
	json_t *json = json_object();

	json_object_set_new(json, "schema", json_integer(SCHEMA));
	json_object_set_new(json, "pid", json_integer(report->space->process.pid));
	document_text(json, "command", report->space->process.command);
	json_object_set_new(json, "allocator", json_string(allocator_name(report->allocator)));
	json_object_set_new(json, "way",
			    json_string(report->way == TRIM_ASKED ? "asked" : "called"));
	document_size(json, "anonymous_before", report->before, "its figures cannot be read");
	document_size(json, "anonymous_now", report->now, "its figures cannot be read");
	document_size(json, "predicted", report->predicted, report->predicted_why);
	document_size(json, "returned", trim_returned(report), why_not_returned);
	if (report->way == TRIM_ASKED) {
		json_object_set_new(json, "heaps", json_integer((json_int_t)report->nheaps));
		json_object_set_new(json, "heaps_done", json_integer((json_int_t)report->ndone));
	} else {
		json_object_set_new(json, "pause_ns", json_integer((json_int_t)report->pause));
	}
	document_put(text, json);
	text_char(text, '\n');
}
