/*
 *	python3 4711  a sample each 512K; 812 of them so far
 *
 *	made        2.1G ±120M  in 31214211 blocks
 *	  freed     2.0G
 *	live         61M ±8.1M  in 1214 blocks, by 120 samples
 *
 *	      LIVE       ±      MADE       ±    BLOCKS SAMPLES
 *	       12M    2.1M      1.1G     20M      4521    2310
 *	  list_resize+0x8f  python3.11
 *	  PyList_Append+0x33  python3.11
 */
#include "view/profile.h"

#include "view/document.h"
#include "view/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA 1
#define SIZE_END 16
#define ERROR_AT 17
#define MEANING 26

/*
 * Sums.
 */

static const char *plus_minus(const struct paint *paint)
{
	return paint->unicode ? "±" : "+-";
}

static void put_sum(const struct paint *paint, struct text *text, const char *label, double bytes,
		    const struct own_estimate *estimate, const char *meaning)
{
	struct line line = line_begin(text, paint);
	char number[UNITS_SIZE];
	bool is_whole = label[0] != ' ';

	line_put(&line, is_whole ? STYLE_BOLD : STYLE_PLAIN, label);
	line_put_right(&line, is_whole ? STYLE_BOLD : STYLE_PLAIN,
		       units_size(own_whole(bytes), paint->bytes, number), SIZE_END);
	if (estimate) {
		line_to(&line, ERROR_AT);
		line_format(
			&line, STYLE_FAINT, "%s%s", plus_minus(paint),
			units_size(own_whole(own_estimate_error(estimate)), paint->bytes, number));
	}
	line_to(&line, MEANING);
	line_wrap(&line, STYLE_FAINT, meaning, MEANING);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void draw_title(const struct profile_report *report, const struct paint *paint,
		       struct text *text)
{
	const struct process *process = &report->space->process;
	uint64_t mean = report->profile->rate.mean;
	uint64_t n = report->profile->sum.made.nsamples;
	char name[THREAD_NAME_SIZE * 4], size[UNITS_SIZE];
	struct line line = line_begin(text, paint);

	line_format(&line, STYLE_BOLD, "%s %d",
		    text_escape(process->command, name, sizeof(name), !paint->unicode),
		    process->pid);
	if (mean)
		line_format(&line, STYLE_PLAIN, "  a sample each %s; ",
			    units_size(mean, paint->bytes, size));
	else
		line_put(&line, STYLE_PLAIN, "  no sampling now; ");
	line_format(&line, STYLE_PLAIN, "%" PRIu64 " sample%s so far", n, plural(n));
	line_end(&line);
}

static void draw_sums(const struct profile_report *report, const struct paint *paint,
		      struct text *text)
{
	const struct own_site *sum = &report->profile->sum;
	uint64_t made = own_whole(sum->made.blocks), live = own_whole(sum->live.blocks);
	char meaning[160];

	snprintf(meaning, sizeof(meaning), "in %" PRIu64 " block%s while there were samples", made,
		 plural(made));
	put_sum(paint, text, "made", sum->made.bytes, &sum->made, meaning);
	put_sum(paint, text, "  freed", sum->freed_bytes, NULL, "of these");
	snprintf(meaning, sizeof(meaning), "of these, in %" PRIu64 " block%s: %" PRIu64 " sample%s",
		 live, plural(live), sum->live.nsamples, plural(sum->live.nsamples));
	put_sum(paint, text, "  live", sum->live.bytes, &sum->live, meaning);
	if (report->profile->lost)
		put_sum(paint, text, "  lost", (double)report->profile->lost_bytes, NULL,
			"in none of these: the tables are full");
}

/*
 * Sites.
 */

enum column { COL_LIVE, COL_LIVE_ERROR, COL_MADE, COL_MADE_ERROR, COL_BLOCKS, COL_SAMPLES, NCOLS };

#define COLUMN_WIDTH 8
#define WIDE_WIDTH 14 /* where sizes are in bytes */

static void put_cells(const struct paint *paint, unsigned style, char cells[NCOLS][UNITS_SIZE],
		      struct text *text)
{
	struct line line = line_begin(text, paint);
	size_t width = paint->bytes ? WIDE_WIDTH : COLUMN_WIDTH, end = 0;
	unsigned i;

	for (i = 0; i < NCOLS; i++) {
		end += i == COL_BLOCKS ? width + 2 : width;
		line_put_right(&line, style, cells[i], end);
	}
	line_end(&line);
}

static void draw_headings(const struct paint *paint, struct text *text)
{
	static const char *const headings[NCOLS] = {"LIVE", NULL,     "MADE",
						    NULL,   "BLOCKS", "SAMPLES"};
	char cells[NCOLS][UNITS_SIZE];
	unsigned i;

	for (i = 0; i < NCOLS; i++)
		snprintf(cells[i], UNITS_SIZE, "%s", headings[i] ? headings[i] : plus_minus(paint));
	put_cells(paint, STYLE_FAINT, cells, text);
}

static void draw_site(const struct profile_report *report, const struct own_site *site,
		      const struct paint *paint, struct text *text)
{
	char cells[NCOLS][UNITS_SIZE];
	unsigned i;

	units_size(own_whole(site->live.bytes), paint->bytes, cells[COL_LIVE]);
	units_size(own_whole(own_estimate_error(&site->live)), paint->bytes, cells[COL_LIVE_ERROR]);
	units_size(own_whole(site->made.bytes), paint->bytes, cells[COL_MADE]);
	units_size(own_whole(own_estimate_error(&site->made)), paint->bytes, cells[COL_MADE_ERROR]);
	snprintf(cells[COL_BLOCKS], UNITS_SIZE, "%" PRIu64, own_whole(site->live.blocks));
	snprintf(cells[COL_SAMPLES], UNITS_SIZE, "%" PRIu64, site->made.nsamples);
	put_cells(paint, STYLE_BOLD, cells, text);
	for (i = 0; i < site->nframes; i++)
		call_draw(report->space, &report->calls, site->frames[i], paint, text);
	if (site->nframes == 0) {
		struct line line = line_begin(text, paint);

		line_to(&line, 4);
		line_put(&line, STYLE_FAINT, "sites that could not be told apart");
		line_end(&line);
	}
}

void profile_draw(const struct profile_report *report, const struct paint *paint, struct text *text)
{
	size_t i;

	draw_title(report, paint, text);
	text_char(text, '\n');
	if (report->profile->sum.made.nsamples == 0) {
		struct line line = line_begin(text, paint);

		line_wrap(&line, STYLE_PLAIN,
			  report->profile->rate.mean
				  ? "It has not allocated enough for a sample yet."
				  : "There were no samples. --rate 512K begins.",
			  2);
		return;
	}
	draw_sums(report, paint, text);
	if (report->nshown == 0)
		return;
	text_char(text, '\n');
	draw_headings(paint, text);
	for (i = 0; i < report->nshown; i++)
		draw_site(report, &report->profile->sites[i], paint, text);
}

/*
 * JSON.
 */

static void set_size(json_t *object, const char *key, double number)
{
	document_size(object, key, own_whole(number), NULL);
}

static void set_estimates(json_t *object, const struct own_site *site)
{
	set_size(object, "made_blocks", site->made.blocks);
	set_size(object, "made_bytes", site->made.bytes);
	set_size(object, "made_bytes_error", own_estimate_error(&site->made));
	set_size(object, "freed_blocks", site->freed_blocks);
	set_size(object, "freed_bytes", site->freed_bytes);
	set_size(object, "live_blocks", site->live.blocks);
	set_size(object, "live_bytes", site->live.bytes);
	set_size(object, "live_bytes_error", own_estimate_error(&site->live));
	document_size(object, "samples", site->made.nsamples, NULL);
	document_size(object, "live_samples", site->live.nsamples, NULL);
}

static json_t *site_object(const struct profile_report *report, const struct own_site *site)
{
	json_t *object = json_object();

	set_estimates(object, site);
	json_object_set_new(
		object, "frames",
		calls_array(report->space, &report->calls, site->frames, site->nframes));
	return object;
}

static json_t *totals_object(const struct profile_report *report)
{
	json_t *object = json_object();

	set_estimates(object, &report->profile->sum);
	document_size(object, "lost_samples", report->profile->lost, NULL);
	document_size(object, "lost_bytes", report->profile->lost_bytes, NULL);
	document_size(object, "sites", report->nsites, NULL);
	return object;
}

void profile_json(const struct profile_report *report, struct text *text)
{
	const struct process *process = &report->space->process;
	const struct heap_proofs *proofs = &report->profile->proofs;
	json_t *sites = json_array(), *checks = json_object();
	char name[THREAD_NAME_SIZE * 4];
	size_t i;

	for (i = 0; i < report->nshown; i++)
		json_array_append_new(sites, site_object(report, &report->profile->sites[i]));
	document_size(checks, "unreadable", proofs->unreadable, NULL);
	document_size(checks, "unsteady", proofs->unsteady, NULL);
	document_size(checks, "broken", proofs->broken, NULL);
	json_object_set_new(checks, "first_broken",
			    proofs->first[0] ? json_string(proofs->first) : json_null());
	text_format(text, "{\"schema\": %d", SCHEMA);
	document_put_member(text, "pid", json_integer(process->pid));
	document_put_member(text, "command",
			    json_string(text_escape(process->command, name, sizeof(name), 0)));
	document_put_member(
		text, "rate",
		json_integer((json_int_t)min_u64(report->profile->rate.mean, INT64_MAX)));
	document_put_member(text, "totals", totals_object(report));
	document_put_member(text, "sites", sites);
	document_put_member(text, "proofs", checks);
	text_put(text, "}\n");
}
