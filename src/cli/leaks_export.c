/*
 * A tree counts as a whole where its root was made, for whoever frees the root frees all of it:
 *
 *     main --> load --> parse                 its root is a sample, or a guarded block
 *     heap --> main --> up to 64 bytes        nobody knows who made it
 */
#include "cli/leaks_export.h"

#include "base/text.h"
#include "cli/report.h"
#include "heap/types.h"
#include "space/kinds.h"

#include <stdio.h>
#include <string.h>

#define COMMENT_SIZE 512

const struct fold_sum leak_sums[NLEAK_SUMS] = {
	[LEAKED_BLOCKS] = {"leaked_objects", "count"},
	[LEAKED_BYTES] = {"leaked_space", "bytes"},
};

static int step_what_it_is(const struct graph_look *look, const struct block_index *index,
			   uint32_t root, struct folds *folds, uint32_t *ret)
{
	const struct space *space = &look->target->space;
	plat_addr address = block_address_of(index, root);
	const struct region *region = space_find(space, address);
	char arena[ARENA_NAME_SIZE];
	int r = folds_step_name(folds, FOLD_TOP,
				region ? kind_name((enum kind)region->kind) : "not mapped", ret);

	if (r == 0)
		r = folds_step_name(folds, *ret, graph_look_arena(look, address, arena), ret);
	return r == 0 ? folds_step_size(folds, *ret, block_size_of(index, root), ret) : r;
}

static int node_of(const struct graph_look *look, const struct leaks_report *report, size_t i,
		   struct folds *folds, uint32_t *ret)
{
	const struct leak_tree *tree = &report->leaks->trees[i];
	const struct own_site *site =
		tree->site == NO_SITE ? NULL : &report->profile->sites[tree->site];
	int r;

	if (site && site->nframes)
		return folds_of_calls(folds, site->frames, site->nframes, ret);
	r = step_what_it_is(look, report->leaks->reach->graph->index,
			    report->leaks->lost->trees[i].block, folds, ret);
	if (r == 0 && tree->type != NO_TYPE)
		r = folds_step(folds, *ret, FOLD_TYPE, tree->type, ret);
	return r;
}

static int take_trees(const struct graph_look *look, const struct leaks_report *report,
		      struct folds *folds)
{
	size_t i;
	int r = folds_init(folds, leak_sums, NLEAK_SUMS);

	for (i = 0; r == 0 && i < report->leaks->lost->n; i++) {
		const struct leak_tree *tree = &report->leaks->trees[i];
		uint32_t node;

		if (!tree->blocks || tree->is_suppressed)
			continue;
		r = node_of(look, report, i, folds, &node);
		if (r < 0)
			break;
		folds_add(folds, node, LEAKED_BLOCKS, tree->blocks);
		folds_add(folds, node, LEAKED_BYTES, tree->bytes);
	}
	return r;
}

static int write_files(const struct command *command, const struct export_wish *wish,
		       const struct graph_look *look, const struct leaks_report *report,
		       const struct folds *folds)
{
	const struct process *process = &report->space->process;
	char title[COMMENT_SIZE], name[THREAD_NAME_SIZE * 4];
	const struct export export = {
		.space = report->space,
		.folds = folds,
		.calls = *report->calls,
		.types = report->types,
		.sum = export_sum(wish, leak_sums, NLEAK_SUMS),
		.time = export_time(look->target),
		.comments = {title, "what a lost block holds is counted where that was made",
			     report->nwhys ? report->whys[0].text : NULL},
	};

	snprintf(title, sizeof(title), "plat leaks: %s %d",
		 text_escape(process->command, name, sizeof(name), 0), process->pid);
	return export_write(command, wish, &export);
}

int leaks_export(const struct command *command, const struct export_wish *wish,
		 const struct graph_look *look, const struct leaks_report *report)
{
	struct folds folds = {.nnodes = 0};
	int r = take_trees(look, report, &folds);
	int code = r < 0 ? look_error(command, "%s: %s", look->target->name, strerror(-r))
			 : write_files(command, wish, look, report, &folds);

	folds_fini(&folds);
	return code;
}
