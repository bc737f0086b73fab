/* plat heap: what allocators have made of a process's memory. */
#include "cli/commands.h"
#include "cli/heap_export.h"
#include "cli/heap_survey.h"
#include "cli/report.h"
#include "cli/sites.h"
#include "cli/target.h"
#include "heap/block_log.h"
#include "heap/block_folds.h"
#include "source/proc.h"
#include "view/heap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP_USUAL 10
#define TOP_MOST 1000000

enum {
	OPT_BLOCKS,
	OPT_STATE,
	OPT_MIN_SIZE,
	OPT_MAX_SIZE,
	OPT_LIMIT,
	OPT_CLASSES,
	OPT_TRIM,
	OPT_TOP,
};

static const struct option_row rows[] = {
	FLAG(OPT_BLOCKS, 'l', "blocks", "every block, in the order of addresses"),
	ROW(OPT_STATE, 0, "state", "STATES", "live, free, cached, unknown or all blocks; else live",
	    COMPLETE_NOTHING),
	ROW(OPT_MIN_SIZE, 0, "min-size", "SIZE", "blocks of so many bytes and more",
	    COMPLETE_NOTHING),
	ROW(OPT_MAX_SIZE, 0, "max-size", "SIZE", "blocks of so many bytes and less",
	    COMPLETE_NOTHING),
	ROW(OPT_LIMIT, 0, "limit", "COUNT", "no more than so many blocks", COMPLETE_NOTHING),
	FLAG(OPT_TRIM, 't', "trim", "what trimming gives back, and what keeps the rest"),
	FLAG(OPT_CLASSES, 'c', "classes", "the allocator's classes of sizes"),
	ROW(OPT_TOP, 0, "top", "COUNT", "so many arenas, sizes and pinned pages; else 10",
	    COMPLETE_NOTHING),
	ROW_FOLDED,
	ROW_PPROF,
	ROW_SUM("of --folded: live_space, live_objects or free_resident"),
	ROW_JSON("one JSON document; of blocks, one a line"),
	ROW_BYTES,
	ROW_NOHEADINGS("blocks without the line of headings"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_STOP,
	ROW_NO_STOP,
	ROW_MAX_PAUSE,
	ROW_INJECT,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command heap_command = {
	.name = "heap",
	.summary = "what allocators made of a process's memory, block by block",
	.synopsis = "PID|FILE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

/* What was asked for. */
struct request {
	struct options *options;
	bool blocks, has_filter;
	struct heap_filter filter;
	struct heap_show show;
	struct export_wish export;
};

static int take_states(struct request *request, const char *list)
{
	char words[64], *rest = words, *word;
	unsigned state;

	request->filter.states = 0;
	snprintf(words, sizeof(words), "%s", list);
	while ((word = strsep(&rest, ",")) != NULL) {
		for (state = 0; state < NBLOCK_STATES; state++)
			if (strcmp(word, block_state_name(state)) == 0)
				break;
		if (state < NBLOCK_STATES)
			request->filter.states |= 1u << state;
		else if (strcmp(word, "all") == 0)
			request->filter.states |= (1u << NBLOCK_STATES) - 1;
		else
			return usage_error(&heap_command,
					   "%s: a block is live, free, cached or unknown; or all",
					   word);
	}
	return 0;
}

static int take_filter(struct request *request, int option, const char *value)
{
	request->has_filter = true;
	switch (option) {
	case OPT_STATE:
		return take_states(request, value);
	case OPT_MIN_SIZE:
		return target_size(&heap_command, value, &request->filter.least);
	case OPT_MAX_SIZE:
		return target_size(&heap_command, value, &request->filter.most);
	default:
		return target_count(&heap_command, value, &request->filter.limit);
	}
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;
	uint64_t top = 0;
	int code;

	if (export_take_option(&request->export, option, value))
		return 0;
	switch (option) {
	case OPT_BLOCKS:
		request->blocks = true;
		return 0;
	case OPT_CLASSES:
		request->show.classes = true;
		return 0;
	case OPT_TRIM:
		request->show.trim = true;
		return 0;
	case OPT_TOP:
		code = target_count(&heap_command, value, &top);
		request->show.top = (size_t)min_u64(top, TOP_MOST);
		return code;
	default:
		return take_filter(request, option, value);
	}
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read_one(options, take_option, request);

	if (code)
		return code;
	if (request->has_filter && !request->blocks)
		return usage_error(&heap_command, "filters are for --blocks");
	if (request->blocks && export_is_wished(&request->export))
		return usage_error(&heap_command, "--folded and --pprof have sums, and no blocks");
	return export_check(options, &request->export, block_sums, NBLOCK_SUMS);
}

/*
 * What is shown while it is walked.
 */

struct show {
	const struct request *request;
	struct target *target;
	struct heap_survey *survey;
	const struct heap_reading *heap; /* that is being walked */
	bool is_held;			 /* it stands still: nothing may be written yet */
	struct block_log logs[HEAPS_MOST];
	struct own_profile profile; /* of plat's malloc, for JSON */
	struct calls calls;	    /* of its sites */
	struct text text;
	size_t at_run;
	uint64_t nshown, nleft;
};

static const struct own_site *site_of(const struct show *show, const struct block *block)
{
	const struct own_sited *sited = NULL;

	if (show->heap->type == &own_type && block->state == BLOCK_LIVE)
		sited = own_sited_find(&show->profile, block->address);
	return sited ? &show->profile.sites[sited->site] : NULL;
}

static int write_block(struct show *show, const struct block *block)
{
	const struct request *request = show->request;
	struct heap_row row = {.heap = show->heap,
			       .block = block,
			       .resident = UNKNOWN,
			       .site = site_of(show, block),
			       .space = &show->target->space,
			       .calls = &show->calls};

	if (!show->survey->pages_why)
		row.resident = heap_runs_bytes(&show->survey->runs, &show->at_run, block->address,
					       add_capped(block->address, block->size));
	if (request->options->json)
		heap_json_block(&row, &show->text);
	else
		heap_draw_block(&row, &request->options->paint, &show->text);
	return show->text.error;
}

static int take_block(void *context, const struct block *block)
{
	struct show *show = context;
	const struct heaps *heaps = &show->survey->look.heaps;
	const struct heap_filter *filter = &show->request->filter;
	size_t i = 0;

	if (!heap_filter_takes(filter, block))
		return 0;
	if (filter->limit && show->nshown == filter->limit) {
		show->nleft++;
		return 0;
	}
	show->nshown++;
	if (!show->is_held)
		return write_block(show, block);
	while (heaps->readings[i] != show->heap)
		i++;
	return block_log_add(&show->logs[i], block);
}

/* What was put aside while it stood still. */
static int write_logs(struct show *show)
{
	const struct heaps *heaps = &show->survey->look.heaps;
	struct block block;
	size_t i;
	int r = 0;

	for (i = 0; i < heaps->n; i++) {
		struct block_log_reader reader = {.log = &show->logs[i]};

		show->heap = heaps->readings[i];
		while (r == 0 && block_log_next(&reader, &block))
			r = write_block(show, &block);
		block_log_fini(&show->logs[i]);
	}
	return r;
}

/*
 * The sites of plat's malloc. Which guarded blocks there are is known after a walk; a profile that
 * cannot be read costs sites, and no blocks.
 */
static int read_sites(struct show *show)
{
	const struct heap_look *look = &show->survey->look;
	struct error err;
	int r = 0;

	if (!show->request->options->json || !look->own)
		return 0;
	if (!show->is_held)
		r = heap_walk(&look->own->reading, NULL);
	if (r == 0)
		r = sites_read(show->target, look, &show->profile, &err);
	return r == -ENOMEM ? r : 0;
}

static int name_sites(struct show *show)
{
	return sites_calls(show->target, show->profile.sites, show->profile.nsites, &show->calls);
}

/* What is written as it is met needs the sites before, what is put aside after. */
static int show_blocks(struct show *show)
{
	const struct options *options = show->request->options;
	const struct heaps *heaps = &show->survey->look.heaps;
	const struct heap_visitor visitor = {
		.block = take_block,
		.context = show,
		.states = show->request->filter.states,
	};
	size_t i;
	int r = 0;

	if (!options->json && !options->no_headings)
		heap_draw_headings(&options->paint, &show->text);
	if (!show->is_held)
		r = read_sites(show);
	if (r == 0 && !show->is_held)
		r = name_sites(show);
	for (i = 0; r == 0 && i < heaps->n; i++) {
		show->heap = heaps->readings[i];
		r = heap_walk(heaps->readings[i], &visitor);
	}
	if (r == 0 && show->is_held)
		r = read_sites(show);
	freeze_end(show->target->freeze);
	if (r == 0 && show->is_held)
		r = name_sites(show);
	if (r == 0)
		r = write_logs(show);
	own_profile_fini(&show->profile);
	calls_fini(&show->calls);
	return r;
}

static int show_totals(struct show *show)
{
	const struct options *options = show->request->options;
	struct heap_survey *survey = show->survey;
	struct heap_report report = {
		.space = &show->target->space,
		.heaps = &survey->look.heaps,
		.show = show->request->show,
	};
	char words[FREEZE_WORDS_SIZE];
	int r = heap_survey_walk(survey, show->request->show.top);

	freeze_end(show->target->freeze);
	if (r < 0)
		return r;
	report.is_stopped = target_is_stopped(show->target);
	report.pause = freeze_told(show->target->freeze)->pause;
	report.looked = target_looked(show->target, words);
	report.surveys = survey->surveys;
	report.shares = survey->shares;
	report.ladder = survey->ladder;
	report.pages_why = survey->pages_why;
	if (options->json)
		heap_json(&report, &show->text);
	else
		heap_draw(&report, &options->paint, &show->text);
	return 0;
}

/*
 * Why the answer is partial.
 */

static int report_reading(const struct heap_reading *heap, const char *name)
{
	const struct heap_proofs *proofs = &heap->proofs;
	const char *whys[1] = {NULL};
	char unreadable[128];
	int code;

	if (proofs->unreadable) {
		snprintf(unreadable, sizeof(unreadable),
			 "%" PRIu64 " pieces of the allocator's state could not be read",
			 proofs->unreadable);
		whys[0] = unreadable;
	}
	code = report_unknown(&heap_command, name, whys, 1, false);
	if (!proofs->broken)
		return code;
	fprintf(stderr, "plat heap: %s: the allocator's state contradicts itself: %s\n", name,
		proofs->first);
	return worse_of(code, EXIT_FOUND);
}

static int report(const struct show *show)
{
	const struct heaps *heaps = &show->survey->look.heaps;
	const char *whys[3] = {show->request->blocks ? NULL : show->survey->pages_why,
			       heaps->why.text, freeze_told(show->target->freeze)->why};
	const char *name = show->target->name;
	int code = report_unknown(&heap_command, name, whys, 3, false);
	size_t i;

	for (i = 0; i < heaps->n; i++)
		code = worse_of(code, report_reading(heaps->readings[i], name));
	if (show->nleft && !show->request->options->json)
		fprintf(stderr, "plat heap: %s: %" PRIu64 " more blocks are not shown\n", name,
			show->nleft);
	return code;
}

static int show_heap(const struct request *request, struct target *target,
		     struct heap_survey *survey)
{
	struct show show = {
		.request = request,
		.target = target,
		.survey = survey,
		.is_held = request->options->freeze.rung == FREEZE_WHOLE,
		.text = text_to_stream(stdout),
	};
	int code, r = 0;

	if (export_is_wished(&request->export)) {
		code = heap_export(request->options, &request->export, survey);
	} else {
		r = request->blocks ? show_blocks(&show) : show_totals(&show);
		code = finish_output(&heap_command, &show.text, r == -ESRCH ? 0 : r);
	}
	fflush(stdout);
	if (heap_survey_is_gone(survey))
		return code == EXIT_NO_LOOK
			       ? code
			       : look_error(&heap_command, "%s: %s", target->name, HEAP_GONE);
	return worse_of(code, report(&show));
}

/* Something can be said: there is a heap that can be read, or an allocator with a name. */
static bool has_anything(const struct request *request, const struct heaps *heaps)
{
	if (heaps->n)
		return true;
	return !request->blocks && !export_is_wished(&request->export) &&
	       heaps->allocator.how != ALLOCATOR_NOT_FOUND &&
	       heaps->allocator.kind != ALLOCATOR_UNKNOWN;
}

static int look_at(const struct request *request, struct target *target)
{
	struct heap_survey survey;
	struct error err;
	int code;

	if (heap_survey_open(&survey, target, &err) < 0)
		return look_error(&heap_command, "%s: %s", target->name, err.text);
	code = has_anything(request, &survey.look.heaps)
		       ? show_heap(request, target, &survey)
		       : look_error(&heap_command, "%s: %s", target->name,
				    survey.look.heaps.why.text);
	heap_survey_close(&survey);
	return code;
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.filter = {.states = 1u << BLOCK_LIVE, .most = UINT64_MAX},
		.show = {.top = TOP_USUAL},
	};
	struct target target;
	int code = read_request(&request);

	if (code == 0)
		code = target_open(options, options->operands[0], 0, &target);
	if (code)
		return code;
	code = look_at(&request, &target);
	target_close(&target);
	return code;
}
