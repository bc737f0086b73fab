#include "cli/profile_export.h"

#include "base/text.h"
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_SIZE 512

const struct fold_sum profile_sums[NPROFILE_SUMS] = {
	[PROFILE_LIVE_BLOCKS] = {"live_objects", "count"},
	[PROFILE_LIVE_BYTES] = {"live_space", "bytes"},
	[PROFILE_MADE_BLOCKS] = {"made_objects", "count"},
	[PROFILE_MADE_BYTES] = {"made_space", "bytes"},
};

static int node_of(struct folds *folds, const struct own_site *site, uint32_t *ret)
{
	if (site->nframes)
		return folds_of_calls(folds, site->frames, site->nframes, ret);
	return folds_step_name(folds, FOLD_TOP, "sites that could not be told apart", ret);
}

static int take_site(struct folds *folds, const struct own_site *site)
{
	uint32_t node;
	int r = node_of(folds, site, &node);

	if (r < 0)
		return r;
	folds_add(folds, node, PROFILE_LIVE_BLOCKS, own_whole(site->live.blocks));
	folds_add(folds, node, PROFILE_LIVE_BYTES, own_whole(site->live.bytes));
	folds_add(folds, node, PROFILE_MADE_BLOCKS, own_whole(site->made.blocks));
	folds_add(folds, node, PROFILE_MADE_BYTES, own_whole(site->made.bytes));
	return 0;
}

static int take_sites(const struct profile_report *report, struct folds *folds)
{
	size_t i;
	int r = folds_init(folds, profile_sums, NPROFILE_SUMS);

	for (i = 0; r == 0 && i < report->nshown; i++)
		r = take_site(folds, &report->profile->sites[i]);
	return r;
}

static int write_files(const struct options *options, const struct export_wish *wish,
		       const struct target *target, const struct profile_report *report,
		       const struct folds *folds)
{
	const struct process *process = &report->space->process;
	char title[COMMENT_SIZE], lost[COMMENT_SIZE], name[THREAD_NAME_SIZE * 4];
	struct export export = {
		.space = report->space,
		.folds = folds,
		.calls = report->calls,
		.sum = export_sum(wish, profile_sums, NPROFILE_SUMS),
		.time = export_time(target),
		.period = report->profile->rate.mean,
		.comments = {title, "estimates, from samples", report->profile->lost ? lost : NULL},
	};

	snprintf(title, sizeof(title), "plat profile: %s %d",
		 text_escape(process->command, name, sizeof(name), 0), process->pid);
	snprintf(lost, sizeof(lost), "%" PRIu64 " bytes are in none of them: the tables are full",
		 report->profile->lost_bytes);
	return export_write(options->command, wish, &export);
}

int profile_export(const struct options *options, const struct export_wish *wish,
		   const struct target *target, const struct profile_report *report)
{
	struct folds folds = {.nnodes = 0};
	int r = take_sites(report, &folds);
	int code = r < 0 ? look_error(options->command, "%s: %s", target->name, strerror(-r))
			 : write_files(options, wish, target, report, &folds);

	folds_fini(&folds);
	return code;
}
