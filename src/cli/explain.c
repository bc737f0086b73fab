/* plat explain: what an address is, and why two neighbouring mappings are two. */
#include "cli/commands.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "source/cache.h"
#include "source/proc.h"
#include "source/query.h"
#include "source/symbols.h"
#include "space/kinds.h"
#include "view/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_JSON, OPT_BYTES, OPT_NO_SYMBOLS, OPT_ASCII, OPT_COLOR, OPT_ROOT };

static const struct option_row rows[] = {
	[OPT_JSON] = {'J', "json", NULL, "one JSON document", COMPLETE_NOTHING},
	[OPT_BYTES] = {'b', "bytes", NULL, "sizes in bytes", COMPLETE_NOTHING},
	[OPT_NO_SYMBOLS] = {0, "no-symbols", NULL, "do not look into programs and libraries",
			    COMPLETE_NOTHING},
	[OPT_ASCII] = {0, "ascii", NULL, "no characters beyond ASCII", COMPLETE_NOTHING},
	[OPT_COLOR] = {0, "color", "WHEN", "auto, always or never", COMPLETE_WHEN},
	[OPT_ROOT] = {0, "root", "DIR", "read a captured or another /proc", COMPLETE_DIRECTORY},
	{0, NULL, NULL, NULL, COMPLETE_NOTHING},
};

static int run(int argc, char **argv);

const struct command explain_command = {
	.name = "explain",
	.summary = "tell what an address is, or why two mappings are two",
	.synopsis = "PID ADDRESS [ADDRESS]",
	.options = rows,
	.takes_pid = true,
	.run = run,
};

/* What was asked for. */
struct request {
	struct paint paint;
	const char *root;
	bool json, symbols;
	int pid;
	size_t n;
	plat_addr addrs[2];
};

static int read_options(struct options *options, struct request *request)
{
	enum color_when color = COLOR_AUTO;
	bool ascii = false, bytes = false;
	const char *value;
	int option;

	request->symbols = true;
	while ((option = options_next(options, &value)) >= 0) {
		switch (option) {
		case OPT_JSON:
			request->json = true;
			break;
		case OPT_BYTES:
			bytes = true;
			break;
		case OPT_NO_SYMBOLS:
			request->symbols = false;
			break;
		case OPT_ASCII:
			ascii = true;
			break;
		case OPT_COLOR:
			if (color_by_name(value, &color) < 0)
				return usage_error(&explain_command,
						   "%s: colour is auto, always or never", value);
			break;
		case OPT_ROOT:
			request->root = value;
			break;
		default:
			break;
		}
	}
	if (option == OPTION_WRONG)
		return EXIT_USAGE;
	if (option == OPTION_HELP)
		return OPTION_HELP;
	request->paint = terminal_paint(color, ascii);
	request->paint.bytes = bytes;
	return 0;
}

static int read_operands(const struct options *options, struct request *request)
{
	int n = options->argc - options->first, code, i;

	if (n < 2)
		return usage_error(&explain_command, "name a process and an address");
	if (n > 3)
		return usage_error(&explain_command, "%s: two addresses are the most",
				   options->argv[options->first + 3]);
	code = target_pid(&explain_command, options->argv[options->first], &request->pid);
	for (i = 1; code == 0 && i < n; i++)
		code = target_address(&explain_command, options->argv[options->first + i],
				      &request->addrs[request->n++]);
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
	if (ranges[1].start < ranges[0].start)
		swap = ranges[0], ranges[0] = ranges[1], ranges[1] = swap;
	ranges[0].end = min_u64(ranges[0].end, max_u64(ranges[1].start, ranges[0].start));
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
	return 0;
}

/* Says on stderr why the answer is partial. */
static int report_unknown(const struct space *space)
{
	const char *const all[] = {space->why.maps,    space->why.pages,   space->why.memory,
				   space->why.threads, space->why.details, space->why.process};
	int code = EXIT_FINE;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i]) {
			code = EXIT_PARTIAL;
			fprintf(stderr, "plat explain: %d: %s\n", space->process.pid, all[i]);
		}
	return code;
}

static int show(const struct request *request, const struct explanation *explanation)
{
	struct text text = text_to_stream(stdout);
	int r = 0;

	if (request->json)
		r = explain_json(explanation, &text);
	else
		explain_write(explanation, &request->paint, &text);
	if (text_finish(&text) < 0 && r == 0)
		r = text.error;
	text_fini(&text);
	if (r < 0)
		return look_error(&explain_command, "standard output: %s", strerror(-r));
	return report_unknown(explanation->space);
}

static int explain(const struct request *request, const struct procdir *dir, struct space *space)
{
	struct explanation *explanation = calloc(1, sizeof(*explanation));
	int r = explanation ? gather(request, dir, space, explanation) : -ENOMEM;
	int code;

	if (r < 0)
		code = look_error(&explain_command, "%d: %s", request->pid, strerror(-r));
	else
		code = show(request, explanation);
	free(explanation);
	return code;
}

static int run(int argc, char **argv)
{
	struct procdir dir = PROCDIR_CLOSED;
	struct request request = {0};
	struct options options;
	struct space space;
	struct error err;
	int code;

	options_init(&options, &explain_command, argc, argv);
	code = read_options(&options, &request);
	if (code == 0)
		code = read_operands(&options, &request);
	if (code)
		return code == OPTION_HELP ? EXIT_FINE : code;
	if (procdir_open(request.root, request.pid, &dir, &err) < 0)
		return look_error(&explain_command, "%s", err.text);
	if (proc_load(&dir, 0, &space, &err) < 0) {
		code = look_error(&explain_command, "%s", err.text);
	} else {
		/* Without maps every address would look as if nothing was there. */
		if (space.nregions == 0 && space.why.maps)
			code = look_error(&explain_command, "%d: %s", request.pid, space.why.maps);
		else
			code = explain(&request, &dir, &space);
		space_fini(&space);
	}
	procdir_close(&dir);
	return code;
}
