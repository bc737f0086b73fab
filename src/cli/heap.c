/* plat heap: what an allocator has made of a process's memory. */
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/report.h"
#include "cli/target.h"
#include "source/pages.h"
#include "source/proc.h"
#include "view/heap.h"

#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_BLOCKS, OPT_STATE, OPT_MIN_SIZE, OPT_MAX_SIZE, OPT_LIMIT };

static const struct option_row rows[] = {
	FLAG(OPT_BLOCKS, 'l', "blocks", "every block, in the order of addresses"),
	ROW(OPT_STATE, 0, "state", "STATES", "blocks that are live, free, cached or all; else live",
	    COMPLETE_NOTHING),
	ROW(OPT_MIN_SIZE, 0, "min-size", "SIZE", "blocks of so many bytes and more",
	    COMPLETE_NOTHING),
	ROW(OPT_MAX_SIZE, 0, "max-size", "SIZE", "blocks of so many bytes and less",
	    COMPLETE_NOTHING),
	ROW(OPT_LIMIT, 0, "limit", "COUNT", "no more than so many blocks", COMPLETE_NOTHING),
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	ROW_NOHEADINGS("blocks without the line of headings"),
	ROW_ASCII,
	ROW_COLOR,
	ROW_ROOT,
	ROWS_END,
};

static int run(struct options *options);

const struct command heap_command = {
	.name = "heap",
	.summary = "what a program has allocated, block by block",
	.synopsis = "PID|CORE",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.more = "Reads the heaps of programs that use plat's malloc; see plat-run(1).\n",
	.run = run,
};

/* What was asked for. */
struct request {
	struct options *options;
	bool blocks, has_filter;
	struct heap_filter filter;
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
					   "%s: a block is live, free or cached; or all", word);
	}
	return 0;
}

static int take_limit(struct request *request, const char *value)
{
	char *end;

	errno = 0;
	request->filter.limit = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || request->filter.limit == 0)
		return usage_error(&heap_command, "%s: not a count", value);
	return 0;
}

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	request->has_filter |= option != OPT_BLOCKS;
	switch (option) {
	case OPT_BLOCKS:
		request->blocks = true;
		return 0;
	case OPT_STATE:
		return take_states(request, value);
	case OPT_MIN_SIZE:
		return target_size(&heap_command, value, &request->filter.least);
	case OPT_MAX_SIZE:
		return target_size(&heap_command, value, &request->filter.most);
	default:
		return take_limit(request, value);
	}
}

static int read_request(struct request *request)
{
	struct options *options = request->options;
	int code = options_read(options, take_option, request);

	if (code)
		return code;
	if (options->noperands != 1)
		return usage_error(&heap_command,
				   options->noperands ? "one process at a time" : "which process?");
	if (request->has_filter && !request->blocks)
		return usage_error(&heap_command, "filters are for --blocks");
	return 0;
}

/*
 * Pages that are in memory and belong to no file, in order.
 */

struct runs {
	struct heap_run *items;
	size_t n, room;
};

static int take_run(void *context, const struct page_run *run)
{
	struct runs *runs = context;
	struct heap_run *last = runs->n ? &runs->items[runs->n - 1] : NULL;
	int r;

	if (!(run->state & PAGE_PRESENT) || (run->state & (PAGE_FILE | PAGE_ZERO)))
		return 0;
	if (last && last->end == run->start) {
		last->end = run->end;
		return 0;
	}
	if (last && run->start < last->end)
		return 0;
	r = list_reserve(&runs->items, &runs->room, runs->n, 1);
	if (r == 0)
		runs->items[runs->n++] = (struct heap_run){run->start, run->end};
	return r;
}

/*
 * The walk.
 */

struct show {
	const struct request *request;
	struct heap_report report;
	struct heap_look *look;
	struct runs runs;
	struct error pages_why;
	struct text text;
	uint64_t nshown, nleft;
};

static int take_range(void *context, plat_addr start, plat_addr end)
{
	struct show *show = context;

	heap_residence_range(&show->report.residence, start, end);
	return 0;
}

static void show_block(struct show *show, const struct block *block)
{
	const struct request *request = show->request;

	if (!request->blocks || !heap_filter_takes(&request->filter, block))
		return;
	if (request->filter.limit && show->nshown == request->filter.limit) {
		show->nleft++;
		return;
	}
	if (request->options->json)
		heap_json_block(&show->report, block, show->nshown == 0, &show->text);
	else
		heap_draw_block(&show->report, block, &request->options->paint, &show->text);
	show->nshown++;
}

static int take_block(void *context, const struct block *block)
{
	struct show *show = context;

	if (block->state == BLOCK_LIVE)
		heap_residence_live(&show->report.residence, block->address,
				    block->address + block->size + show->look->own->canary_bytes);
	show_block(show, block);
	return show->text.error;
}

static void load_runs(struct show *show, struct target *target)
{
	int r = pages_walk(&target->dir, &target->space, 0, target->space.user_end, PAGES_ANY,
			   take_run, &show->runs, &show->pages_why);

	if (r < 0)
		show->report.residence_why = r == -ENOMEM ? "no memory" : show->pages_why.text;
	show->report.residence = (struct heap_residence){
		.runs = show->runs.items,
		.nruns = show->runs.n,
		.page_size = target->space.machine.page_size,
	};
}

static int walk(struct show *show)
{
	const struct request *request = show->request;
	const struct heap_visitor visitor = {
		.block = take_block,
		.range = take_range,
		.context = show,
		.states = 1u << BLOCK_LIVE | (request->blocks ? request->filter.states : 0),
	};
	int r = own_walk(show->look->own, &visitor);

	heap_residence_finish(&show->report.residence);
	return r;
}

static int write_all(struct show *show)
{
	const struct request *request = show->request;
	const struct options *options = request->options;
	int r;

	if (options->json)
		heap_json_begin(&show->report, request->blocks, &show->text);
	else if (request->blocks && !options->no_headings)
		heap_draw_headings(&options->paint, &show->text);
	r = walk(show);
	if (options->json)
		heap_json_end(&show->report, request->blocks, &show->text);
	else if (!request->blocks)
		heap_draw(&show->report, &options->paint, &show->text);
	return r;
}

/* Why the answer is partial. */
static int report(const struct show *show)
{
	const struct heap_proofs *proofs = &show->report.own->reading.proofs;
	const struct options *options = show->request->options;
	const char *whys[4] = {0};
	char unreadable[128], left[64], name[REPORT_NAME_SIZE];
	int code = EXIT_FINE;

	report_name(show->report.space, name);
	if (show->nleft && !options->json) {
		snprintf(left, sizeof(left), "%" PRIu64 " more blocks are not shown", show->nleft);
		fflush(stdout);
		fprintf(stderr, "plat heap: %s: %s\n", name, left);
	}
	if (proofs->unreadable) {
		snprintf(unreadable, sizeof(unreadable),
			 "%" PRIu64 " pieces of the allocator's state could not be read",
			 proofs->unreadable);
		whys[0] = unreadable;
	}
	if (!show->request->blocks)
		whys[1] = show->report.residence_why;
	code = report_unknown(options->command, name, whys, 2, false);
	if (proofs->broken) {
		fprintf(stderr, "plat heap: %s: the allocator's state contradicts itself: %s\n",
			name, proofs->first);
		code = worse_of(code, EXIT_FOUND);
	}
	return code;
}

static bool is_stopped(const struct space *space)
{
	size_t i;

	if (space->core)
		return true;
	for (i = 0; i < space->nthreads; i++)
		if (space->threads[i].tid && space->threads[i].state != 'T' &&
		    space->threads[i].state != 't')
			return false;
	return space->nthreads > 0;
}

static int show_heap(const struct request *request, struct target *target, struct heap_look *look)
{
	struct show show = {
		.request = request,
		.look = look,
		.text = text_to_stream(stdout),
		.report = {.space = &target->space,
			   .own = look->own,
			   .module =
				   allocator_module_name(&target->space, look->own->reading.module),
			   .is_stopped = is_stopped(&target->space)},
	};
	int code, r;

	load_runs(&show, target);
	r = write_all(&show);
	code = finish_output(&heap_command, &show.text, r);
	code = worse_of(code, report(&show));
	free(show.runs.items);
	return code;
}

static int look_at(const struct request *request, struct target *target)
{
	struct heap_look look;
	struct error err;
	int code;

	if (heap_look_open(&target->dir, &target->space, &look, &err) < 0)
		return look_error(&heap_command, "%s", err.text);
	code = look.own ? show_heap(request, target, &look)
			: look_error(&heap_command, "%s: %s", target->name, look.heaps.why.text);
	heap_look_close(&look);
	return code;
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.filter = {.states = 1u << BLOCK_LIVE, .most = UINT64_MAX},
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
