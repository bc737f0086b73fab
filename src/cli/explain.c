/* plat explain: what an address is, and why two neighbouring mappings are two. */
#include "cli/commands.h"
#include "cli/heap_look.h"
#include "cli/report.h"
#include "cli/target.h"
#include "cli/ties.h"
#include "source/cache.h"
#include "source/query.h"
#include "source/symbols.h"
#include "view/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP_USUAL 5

enum { OPT_NO_SYMBOLS, OPT_NO_BLOCKS, OPT_NO_OWNERS, OPT_NO_CONTENT, OPT_TOP };

static const struct option_row rows[] = {
	ROW_JSON("one JSON document"),
	ROW_BYTES,
	FLAG(OPT_NO_SYMBOLS, 0, "no-symbols", "do not look into programs and libraries"),
	FLAG(OPT_NO_BLOCKS, 0, "no-blocks", "do not look for the allocator's block"),
	FLAG(OPT_NO_OWNERS, 0, "no-owners", "do not ask who points to the block"),
	FLAG(OPT_NO_CONTENT, 0, "no-content", "do not show what stands in the block"),
	ROW(OPT_TOP, 0, "top", "COUNT", "so many of those that point to it; else 5",
	    COMPLETE_NOTHING),
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

const struct command explain_command = {
	.name = "explain",
	.summary = "tell what an address is, or why two mappings are two",
	.synopsis = "PID|FILE ADDRESS [ADDRESS]",
	.options = rows,
	.takes_pid = true,
	.takes_core = true,
	.run = run,
};

/* What was asked for. */
struct request {
	struct options *options;
	bool symbols, blocks, owners, content;
	uint64_t top;
	size_t n;
	plat_addr addrs[2];
};

static int take_option(void *context, int option, const char *value)
{
	struct request *request = context;

	switch (option) {
	case OPT_NO_SYMBOLS:
		request->symbols = false;
		return 0;
	case OPT_NO_BLOCKS:
		request->blocks = false;
		return 0;
	case OPT_NO_OWNERS:
		request->owners = false;
		return 0;
	case OPT_NO_CONTENT:
		request->content = false;
		return 0;
	default:
		return target_count(&explain_command, value, &request->top);
	}
}

static int read_operands(struct request *request)
{
	char **operands = request->options->operands;
	int n = request->options->noperands, code, i;

	if (n < 2)
		return usage_error(&explain_command, "name a process and an address");
	if (n > 3)
		return usage_error(&explain_command, "%s: two addresses are the most", operands[3]);
	/* The process is opened last, but complaints come in the order of the operands. */
	code = target_check(request->options, operands[0]);
	for (i = 1; code == 0 && i < n; i++)
		code = target_address(&explain_command, operands[i], &request->addrs[request->n++]);
	return code;
}

/* The mapping at an address with its neighbours: guards in the page table belong to the answer. */
static struct query_range range_around(const struct space *space, plat_addr addr)
{
	struct query_range range = {addr, addr};
	size_t at = space_at_or_above(space, addr);
	plat_addr start, end;

	if (at < space->nregions) {
		space_mapping_range(space, at, &start, &range.end);
		if (start <= addr)
			range.start = start;
		for (; at < space->nregions && space->regions[at].start < range.end; at++)
			;
		if (at < space->nregions)
			space_mapping_range(space, at, &start, &range.end);
	}
	at = space_at_or_above(space, range.start);
	if (at > 0)
		space_mapping_range(space, at - 1, &range.start, &end);
	return range;
}

/* In order and without overlap, as the walk wants them. */
static size_t ranges_of(const struct request *request, const struct space *space,
			struct query_range *ranges)
{
	struct query_range swap;
	size_t i;

	for (i = 0; i < request->n; i++)
		ranges[i] = range_around(space, request->addrs[i]);
	if (request->n < 2)
		return request->n;
	if (ranges[1].start < ranges[0].start) {
		swap = ranges[0];
		ranges[0] = ranges[1];
		ranges[1] = swap;
	}
	ranges[0].end = min_u64(ranges[0].end, ranges[1].start);
	return request->n;
}

/* Figures of the mapping here, or of the next one above, which may be a stack that grows. */
static int load_details(const struct procdir *dir, struct space *space, plat_addr addr)
{
	size_t at = space_at_or_above(space, addr);
	plat_addr start, end;

	if (at == space->nregions || space->regions[at].kind == KIND_VSYSCALL)
		return 0;
	space_mapping_range(space, at, &start, &end);
	return query_details(dir, space, start, end);
}

/* Asks for the page of the file, and for the file's size: behind its end an access is an error. */
static void find_cached(const struct procdir *dir, const struct space *space,
			const struct region *region, struct finding *finding)
{
	plat_addr page = align_down(finding->addr, space->machine.page_size);
	struct cache cache = CACHE_CLOSED;
	const char *why = NULL;
	uint64_t cached = 0,
		 offset = region->offset + (page - region->start); /* wraps on purpose */
	int r = cache_open(dir, space, region, &cache, &why);

	if (r == 0) {
		finding->file_size = cache.file_size;
		r = cache_bytes(&cache, offset, space->machine.page_size, &cached, &why);
	}
	finding->cached_known = r == 0;
	finding->cached = cached != 0;
	snprintf(finding->cached_why, sizeof(finding->cached_why), "%s", r < 0 && why ? why : "");
	cache_close(&cache);
}

/* Looks again with other eyes: the build-id, and whether all is still as it was. */
static void look_again(const struct procdir *dir, const struct space *space,
		       struct finding *finding)
{
	const struct region *region = space_find(space, finding->addr);
	struct query_mapping now;
	plat_addr start = 0, end = 0;
	int r = query_mapping(dir, finding->addr, &now);

	if (region && region->kind == KIND_VSYSCALL)
		return; /* listed in maps, but no mapping */
	if (r == -ENOENT)
		finding->changed = region != NULL;
	if (r < 0)
		return;
	if (region)
		space_mapping_range(space, (size_t)(region - space->regions), &start, &end);
	/* Stacks and heaps grow all the time; what matters is what lies at the address. */
	finding->changed =
		!region || now.rights != region->rights || (now.start != start && now.end != end);
	if (!finding->changed)
		memcpy(finding->build_id, now.build_id, sizeof(finding->build_id));
}

static void find_page(const struct procdir *dir, struct space *space, struct finding *finding)
{
	plat_addr page = align_down(finding->addr, space->machine.page_size);
	struct error err;
	int r = query_page(dir, space, page, &finding->page_state, &finding->exclusive_known, &err);

	finding->page_known = r == 0;
	if (r < 0)
		snprintf(finding->page_why, sizeof(finding->page_why), "%.*s",
			 (int)sizeof(finding->page_why) - 1, err.text);
}

static void find_one(const struct request *request, const struct procdir *dir, struct space *space,
		     struct finding *finding)
{
	const struct region *region = space_find(space, finding->addr);

	look_again(dir, space, finding);
	if (!region)
		return;
	find_page(dir, space, finding);
	if (cache_has_file(space, region))
		find_cached(dir, space, region, finding);
	finding->with_symbols = request->symbols;
	if (!request->symbols)
		return;
	symbols_find(dir, space, finding->addr, &finding->symbol);
	if (!finding->build_id[0])
		memcpy(finding->build_id, finding->symbol.build_id, sizeof(finding->build_id));
}

/*
 * Blocks.
 */

/* Where allocators may have something. */
static bool may_be_heap(const struct space *space, plat_addr addr)
{
	const struct region *region = space_find(space, addr);

	return region && (region->rights & RIGHT_WRITE) && !(region->rights & RIGHT_SHARED);
}

static int find_blocks(const struct request *request, const struct heaps *heaps,
		       struct explanation *ret)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < request->n; i++)
		if (may_be_heap(ret->space, request->addrs[i]))
			r = heap_locate(heaps, request->addrs[i], &ret->findings[i].heap);
	return r;
}

/* Without them the answer is as good as it can be: that memory cannot be read is said with it. */
static int gather_blocks(const struct request *request, const struct procdir *dir,
			 const struct space *space, struct explanation *ret)
{
	struct heap_look look;
	struct error err;
	bool is_wanted = false;
	size_t i;
	int r;

	for (i = 0; i < request->n; i++)
		is_wanted |= may_be_heap(space, request->addrs[i]);
	if (!request->blocks || !is_wanted)
		return 0;
	r = heap_look_open(dir, space, NULL, &look, &err);
	if (r == -ENOMEM)
		return r;
	if (r == 0) {
		r = find_blocks(request, &look.heaps, ret);
		heap_look_close(&look);
		return r;
	}
	for (i = 0; i < request->n; i++)
		if (may_be_heap(space, request->addrs[i]))
			snprintf(ret->findings[i].heap_why, sizeof(ret->findings[i].heap_why),
				 "%.*s", (int)sizeof(ret->findings[i].heap_why) - 1, err.text);
	return 0;
}

/* Everything that the answer needs. 0 or a negative errno. */
static int gather(const struct request *request, const struct procdir *dir, struct space *space,
		  struct explanation *ret)
{
	struct query_range ranges[2];
	size_t i, n = ranges_of(request, space, ranges);
	int r = query_pages(dir, space, ranges, n);

	for (i = 0; i < request->n && r == 0; i++)
		r = load_details(dir, space, request->addrs[i]);
	if (r < 0)
		return r;
	ret->space = space;
	ret->n = request->n;
	query_kernel(dir, ret->kernel, sizeof(ret->kernel));
	for (i = 0; i < request->n; i++) {
		ret->findings[i].addr = request->addrs[i];
		ret->findings[i].file_size = UNKNOWN;
		find_one(request, dir, space, &ret->findings[i]);
	}
	return gather_blocks(request, dir, space, ret);
}

/*
 * Who points to a block; for this the process is stopped, and only where there is a live one.
 */

static bool has_ties(const struct request *request, const struct explanation *explanation)
{
	const struct heap_location *heap = &explanation->findings[0].heap;

	return request->owners && explanation->n == 1 && heap->has_block &&
	       (heap->block.state == BLOCK_LIVE || heap->block.state == BLOCK_UNKNOWN);
}

static int show(const struct request *request, const struct explanation *explanation)
{
	struct text text = text_to_stream(stdout);
	int code, r = 0;

	if (request->options->json)
		r = explain_json(explanation, &text);
	else
		explain_write(explanation, &request->options->paint, &text);
	code = finish_output(&explain_command, &text, r);
	return code ? code : report_space(&explain_command, explanation->space, false);
}

static int show_with_ties(const struct request *request, struct explanation *explanation)
{
	const struct ties_wish wish = {
		.addr = explanation->findings[0].heap.block.address,
		.top = (size_t)min_u64(request->top, TIES_TOP_MOST),
		.content = request->content,
		.symbols = request->symbols,
	};
	struct ties *ties = &explanation->findings[0].ties;
	struct ties_look *look;
	int code;

	if (!has_ties(request, explanation))
		return show(request, explanation);
	look = malloc(sizeof(*look));
	if (!look)
		return look_error(&explain_command, "%s", strerror(ENOMEM));
	code = ties_look_open(look, request->options, request->options->operands[0], &wish, ties);
	code = worse_of(code, show(request, explanation));
	ties_look_close(look, ties);
	free(look);
	return code;
}

static int explain(const struct request *request, struct target *target)
{
	struct explanation *explanation;
	const char *why = target->space.why.maps;
	int r, code;

	/* Without maps every address would look as if nothing was there. */
	if (target->space.nregions == 0 && why)
		return look_error(&explain_command, "%s: %s", target->name, why);
	explanation = calloc(1, sizeof(*explanation));
	r = explanation ? gather(request, &target->dir, &target->space, explanation) : -ENOMEM;
	code = r < 0 ? look_error(&explain_command, "%s: %s", target->name, strerror(-r))
		     : show_with_ties(request, explanation);
	free(explanation);
	return code;
}

static int run(struct options *options)
{
	struct request request = {
		.options = options,
		.symbols = true,
		.blocks = true,
		.owners = true,
		.content = true,
		.top = TOP_USUAL,
	};
	struct options quiet;
	struct target target;
	int code;

	options->freeze = (struct freeze_wish){.rung = FREEZE_WHOLE};
	code = options_read(options, take_option, &request);
	if (code == 0)
		code = read_operands(&request);
	/* The first look stops nothing: whether there is a block is known only after it. */
	quiet = *options;
	quiet.freeze = (struct freeze_wish){.rung = FREEZE_NEVER};
	if (code == 0)
		code = target_open(&quiet, options->operands[0], 0, &target);
	if (code)
		return code;
	code = explain(&request, &target);
	target_close(&target);
	return code;
}
