/*
 *     stopped         blocks, roots, graph; sites of plat's malloc
 *     goes on         what is reached, what is lost
 *     of lost blocks  types, names of calls, first texts: nobody gets at them, so that they stay as
 *                     they are
 */
#include "cli/leaks.h"

#include "base/reader_cache.h"
#include "cli/graph_look.h"
#include "cli/leaks_export.h"
#include "cli/leaks_since.h"
#include "cli/report.h"
#include "cli/sites.h"
#include "cli/type_names.h"
#include "heap/types.h"
#include "source/exact.h"
#include "view/leaks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUPPRESSIONS_MOST ((off_t)16 << 20) /* bytes of a file */
#define TEXT_BYTES 64			    /* of a block, that are looked at for a text */
#define TEXT_LEAST 4
#define TEXT_SURE 8	 /* bytes that are no address */
#define SITES_MOST 65536 /* whose calls are looked up */

/* All that is known of what is lost. */
struct leaks_finding {
	const struct leaks_wish *wish;
	struct target *target;
	struct graph_look look;
	struct reach reach;
	struct lost lost;
	struct leaks leaks;
	struct own_profile profile;
	struct own_site *sites; /* of trees, for their calls */
	struct calls calls;
	struct reader_cache pages;
	struct types *types;
	char **type_names; /* as the source has them */
	struct leak_example *examples;
	struct block_index since; /* blocks of the file that the wish names */
};

/*
 * Types and sites of the roots of trees.
 */

static int find_sites(struct leaks_finding *finding)
{
	const struct block_index *index = &finding->look.index;
	uint32_t *numbers;
	size_t i, n = 0;
	int r;

	if (!finding->profile.nblocks)
		return 0;
	numbers = malloc((finding->profile.nsites + 1) * sizeof(*numbers));
	finding->sites = calloc(finding->profile.nsites + 1, sizeof(*finding->sites));
	if (!numbers || !finding->sites) {
		free(numbers);
		return -ENOMEM;
	}
	memset(numbers, 0xff, finding->profile.nsites * sizeof(*numbers));
	for (i = 0; i < finding->lost.n; i++) {
		const struct own_sited *made = own_sited_find(
			&finding->profile, block_address_of(index, finding->lost.trees[i].block));

		if (!made)
			continue;
		finding->leaks.trees[i].site = made->site;
		if (numbers[made->site] == UINT32_MAX && n < SITES_MOST) {
			numbers[made->site] = (uint32_t)n;
			finding->sites[n++] = finding->profile.sites[made->site];
		}
	}
	free(numbers);
	r = sites_calls(finding->target, finding->sites, n, &finding->calls);
	return r;
}

/* Roots come in order of their addresses: a page of them is read once. */
static int find_types(struct leaks_finding *finding)
{
	size_t i;
	int r = 0;

	reader_cache_init(&finding->pages, graph_look_reader(&finding->look));
	finding->types = types_new(&finding->target->space, &finding->pages.reader);
	if (!finding->types)
		return -ENOMEM;
	for (i = 0; r == 0 && i < finding->lost.n; i++)
		r = types_of_block(finding->types, &finding->look.index,
				   finding->lost.trees[i].block, &finding->leaks.trees[i].type);
	return r == 0 ? type_names_of(finding->types, &finding->type_names) : r;
}

/*
 * Suppressions.
 */

static bool is_call_suppressed(const struct leaks_finding *finding, plat_addr addr)
{
	const struct suppressions *suppressions = &finding->wish->suppressions;
	const struct symbol *symbol = calls_find(&finding->calls, addr);
	const char *file = call_file(&finding->target->space, addr);

	if (file && suppressions_match(suppressions, file))
		return true;
	return symbol && ((symbol->known && suppressions_match(suppressions, symbol->name)) ||
			  (symbol->line && suppressions_match(suppressions, symbol->source)));
}

static bool is_suppressed(const struct leaks_finding *finding, const struct leak_tree *tree)
{
	const struct own_site *site;
	unsigned i;

	if (tree->type != NO_TYPE && finding->type_names[tree->type] &&
	    suppressions_match(&finding->wish->suppressions, finding->type_names[tree->type]))
		return true;
	if (tree->site == NO_SITE)
		return false;
	site = &finding->profile.sites[tree->site];
	for (i = 0; i < site->nframes; i++)
		if (is_call_suppressed(finding, site->frames[i]))
			return true;
	return false;
}

static void suppress(struct leaks_finding *finding)
{
	size_t i;

	if (!finding->wish->suppressions.n)
		return;
	for (i = 0; i < finding->lost.n; i++)
		finding->leaks.trees[i].is_suppressed =
			is_suppressed(finding, &finding->leaks.trees[i]);
}

static int read_file(const char *path, char **ret)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;

	if (fd < 0 || fstat(fd, &stat) < 0)
		r = -errno;
	else if (!S_ISREG(stat.st_mode) || stat.st_size > SUPPRESSIONS_MOST)
		r = -EFBIG;
	if (r == 0) {
		*ret = calloc(1, (size_t)stat.st_size + 1);
		r = *ret ? 0 : -ENOMEM;
	}
	if (r == 0 && read(fd, *ret, (size_t)stat.st_size) < 0) {
		r = -errno;
		free(*ret);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int leaks_suppress(struct leaks_wish *wish, const char *path)
{
	struct error err;
	char *text = NULL;
	int r = read_file(path, &text);

	if (r < 0)
		return usage_error(wish->command, "%s: %s", path, strerror(-r));
	r = suppressions_add(&wish->suppressions, path, text, &err);
	free(text);
	return r < 0 ? usage_error(wish->command, "%s", err.text) : 0;
}

/*
 * Examples.
 */

static size_t letters_from(const char *bytes, size_t size, size_t i)
{
	size_t n = 0;

	while (i + n < size && isprint((unsigned char)bytes[i + n]))
		n++;
	return n;
}

/* The bytes of an address can be letters, too: no more than six of them. */
static bool is_address(const struct space *space, const char *bytes, size_t size, size_t i)
{
	uint64_t word = 0;

	i -= i % sizeof(word);
	if (i + sizeof(word) <= size)
		memcpy(&word, bytes + i, sizeof(word));
	return word && space_find(space, word);
}

/* The first text in a block, if it has one. */
static void find_text(const struct space *space, const char *bytes, size_t size,
		      struct leak_example *ret)
{
	char text[LEAK_TEXT_SIZE] = "";
	size_t i, n = 0;

	for (i = 0; i < size; i += n ? n : 1) {
		n = letters_from(bytes, size, i);
		if (n < TEXT_LEAST || (n < TEXT_SURE && is_address(space, bytes, size, i)))
			continue;
		memcpy(text, bytes + i, n < sizeof(text) ? n : sizeof(text) - 1);
		break;
	}
	text_escape(text, ret->text, sizeof(ret->text), 0);
}

static void find_example(struct leaks_finding *finding, const struct leak_group *group,
			 struct leak_example *ret)
{
	const struct block_index *index = &finding->look.index;
	uint32_t block = finding->lost.trees[group->tree].block;
	char bytes[TEXT_BYTES];
	size_t size = (size_t)min_u64(block_size_of(index, block), sizeof(bytes));

	graph_look_arena(&finding->look, block_address_of(index, block), ret->arena);
	if (!finding->wish->no_content && size &&
	    reader_read(graph_look_reader(&finding->look), block_address_of(index, block), bytes,
			size) == 0)
		find_text(&finding->target->space, bytes, size, ret);
}

static int find_examples(struct leaks_finding *finding)
{
	size_t i, n = finding->leaks.ngroups;

	if (n > finding->wish->top)
		n = finding->wish->top;
	finding->examples = calloc(n + 1, sizeof(*finding->examples));
	if (!finding->examples)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		find_example(finding, &finding->leaks.groups[i], &finding->examples[i]);
	return 0;
}

/*
 * All of it.
 */

/* What is reached over first bytes alone is reached; all else is as if nobody led to it. */
static void forget_interior(struct reach *reach)
{
	size_t i;

	for (i = 0; i < reach->graph->index->n; i++)
		if (!(reach->marks[i] & REACH_FIRM))
			reach->marks[i] = LEVEL_NONE << 8;
}

static int find_lost(struct leaks_finding *finding)
{
	const struct block_index *since = finding->wish->since ? &finding->since : NULL;
	int r = reach_make(&finding->look.graph, ROOTS_ALL, &finding->look.crew, &finding->reach);

	if (r < 0)
		return r;
	if (finding->wish->no_interior)
		forget_interior(&finding->reach);
	r = lost_find(&finding->reach, &finding->lost);
	if (r == 0)
		r = leaks_make(&finding->reach, &finding->lost, since, &finding->leaks);
	if (r == 0)
		r = find_sites(finding);
	if (r == 0)
		r = find_types(finding);
	if (r < 0)
		return r;
	suppress(finding);
	r = leaks_group(&finding->leaks);
	return r == 0 ? find_examples(finding) : r;
}

void leaks_forget(struct leaks_finding *finding)
{
	if (!finding)
		return;

	free(finding->examples);
	if (finding->types)
		type_names_free(finding->types, finding->type_names);
	types_free(finding->types);
	calls_fini(&finding->calls);
	free(finding->sites);
	own_profile_fini(&finding->profile);
	leaks_fini(&finding->leaks);
	lost_fini(&finding->lost);
	reach_fini(&finding->reach);
	block_index_fini(&finding->since);
	graph_look_close(&finding->look);
	free(finding);
}

static int write_report(const struct leaks_finding *finding, FILE *to)
{
	const struct leaks_wish *wish = finding->wish;
	const struct freeze_told *told = freeze_told(finding->target->freeze);
	char words[FREEZE_WORDS_SIZE];
	struct text text = text_to_stream(to);
	const struct leaks_report report = {
		.space = &finding->target->space,
		.heaps = &finding->look.look.heaps,
		.leaks = &finding->leaks,
		.examples = finding->examples,
		.top = wish->top,
		.types = (const char *const *)finding->type_names,
		.profile = &finding->profile,
		.calls = &finding->calls,
		.since = wish->since,
		.firm = wish->no_interior,
		.is_stopped = target_is_stopped(finding->target),
		.pause = told->pause,
		.looked = wish->looked ? wish->looked : target_looked(finding->target, words),
		.whys = finding->look.whys,
		.nwhys = finding->look.nwhys,
	};

	if (export_is_wished(&wish->export))
		return leaks_export(wish->command, &wish->export, &finding->look, &report);
	if (wish->json)
		leaks_json(&report, &text);
	else
		leaks_draw(&report, wish->paint, &text);
	return finish_output(wish->command, &text, 0);
}

int leaks_complain(const struct leaks_finding *finding)
{
	const char *whys[GRAPH_LOOK_WHYS];
	size_t i;

	for (i = 0; i < finding->look.nwhys; i++)
		whys[i] = finding->look.whys[i].text;
	return report_unknown(finding->wish->command, finding->target->name, whys, i, false);
}

/* The process stands still from when it was opened until here. */
static int look_at_graph(struct leaks_finding *finding)
{
	const struct leaks_wish *wish = finding->wish;
	struct error err;
	int code = graph_look_open(wish->command, finding->target, &finding->look);

	if (code)
		return code;
	/* That it has no profile, or none that can be read, is no reason to stop. */
	if (finding->look.look.own &&
	    sites_read(finding->target, &finding->look.look, &finding->profile, &err) < 0)
		finding->profile = (struct own_profile){.nsites = 0};
	freeze_end(finding->target->freeze);
	graph_look_judge(&finding->look);
	return 0;
}

static int find(struct leaks_finding *finding)
{
	const struct leaks_wish *wish = finding->wish;
	int code, r;

	code = wish->since ? leaks_since_load(wish, &finding->target->space, &finding->since) : 0;
	if (code >= EXIT_NO_LOOK)
		return code;
	r = find_lost(finding);
	if (r < 0)
		code = look_error(wish->command, "%s: %s", finding->target->name, strerror(-r));
	return code;
}

int leaks_find(const struct leaks_wish *wish, struct target *target, struct leaks_finding **ret)
{
	struct leaks_finding *finding = calloc(1, sizeof(*finding));
	int code;

	if (!finding) {
		freeze_end(target->freeze);
		return look_error(wish->command, "%s: %s", target->name, strerror(ENOMEM));
	}
	finding->wish = wish;
	finding->target = target;
	code = look_at_graph(finding);
	if (code) {
		free(finding);
		return code;
	}
	code = find(finding);
	if (code >= EXIT_NO_LOOK)
		leaks_forget(finding);
	else
		*ret = finding;
	return code;
}

int leaks_show(const struct leaks_finding *finding, FILE *to)
{
	int code = write_report(finding, to);

	fflush(to);
	code = worse_of(code, leaks_has_any(finding) ? EXIT_FOUND : EXIT_FINE);
	return worse_of(code, leaks_complain(finding));
}

bool leaks_has_any(const struct leaks_finding *finding)
{
	return finding->leaks.told.blocks > 0;
}
