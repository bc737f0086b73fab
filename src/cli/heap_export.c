#include "cli/heap_export.h"

#include "base/text.h"
#include "cli/report.h"
#include "cli/sites.h"
#include "cli/type_names.h"
#include "heap/block_folds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMENT_SIZE 512

struct heap_export {
	const struct options *options;
	struct heap_survey *survey;
	struct own_profile profile; /* of plat's malloc, if it is there */
	struct block_folds folds;
	struct types *types;
	char **names; /* of types, by number */
};

/*
 * Where a sample was made can be read at once; which guarded blocks there are is known after a
 * walk. A profile that cannot be read costs stacks, and no sums.
 */
static int read_profile(struct heap_export *export, struct heap_reading *heap)
{
	struct heap_survey *survey = export->survey;
	struct error err;
	int r = heap_walk(heap, NULL);

	if (r < 0)
		return r;
	r = sites_read(survey->target, &survey->look, &export->profile, &err);
	return r == -ENOMEM ? r : 0;
}

static int take_heap(struct heap_export *export, struct heap_reading *heap, bool is_first)
{
	const struct heap_visitor visitor = {
		.block = block_folds_take,
		.context = &export->folds,
		.states = (1u << NBLOCK_STATES) - 1,
	};
	bool has_sites = own_of(heap) != NULL;
	char prefix[64] = "";
	int r = has_sites ? read_profile(export, heap) : 0;

	/* What the C library still uses beside it is told apart. */
	if (!is_first)
		snprintf(prefix, sizeof(prefix), "%s: ", heap->type->name);
	if (r < 0)
		return r;
	block_folds_begin(&export->folds, heap, has_sites ? &export->profile : NULL, prefix);
	return heap_walk(heap, &visitor);
}

static int take_heaps(struct heap_export *export)
{
	struct heap_survey *survey = export->survey;
	const struct heaps *heaps = &survey->look.heaps;
	const struct space *space = &survey->target->space;
	struct freeze *freeze = survey->target->freeze;
	size_t i;
	int r = block_folds_init(&export->folds, space, survey->pages_why ? NULL : &survey->runs);

	export->types = types_new(space, freeze_reader(freeze, &survey->look.content.reader));
	export->folds.types = export->types;
	if (r == 0 && !export->types)
		r = -ENOMEM;
	for (i = 0; r == 0 && i < heaps->n; i++)
		r = take_heap(export, heaps->readings[i], i == 0);
	freeze_end(freeze);
	if (r == 0 && heap_survey_is_gone(survey))
		return -ESRCH;
	return r == 0 ? type_names_of(export->types, &export->names) : r;
}

static int write_files(struct heap_export *made, const struct export_wish *wish)
{
	const struct heap_survey *survey = made->survey;
	const struct target *target = survey->target;
	const struct command *command = made->options->command;
	const struct process *process = &target->space.process;
	const struct folds *folds = &made->folds.folds;
	char title[COMMENT_SIZE], name[THREAD_NAME_SIZE * 4];
	struct export export = {
		.space = &target->space,
		.folds = folds,
		.types = (const char *const *)made->names,
		.sum = export_sum(wish, folds->sums, folds->nsums),
		.time = export_time(target),
		.period = made->profile.rate.mean,
		.comments = {title,
			     "blocks of which nobody knows who made them stand below what they "
			     "are: kind of memory, arena, class, C++ type",
			     survey->look.heaps.why.text[0] ? survey->look.heaps.why.text : NULL,
			     survey->pages_why},
	};
	int code;

	/* That there is such a sum was checked before anybody looked. */
	if (export.sum == folds->nsums)
		return look_error(command, "%s: %s: %s", target->name, wish->sum,
				  survey->pages_why);
	if (folds_calls(target, folds, &export.calls) < 0)
		return look_error(command, "%s: %s", target->name, strerror(ENOMEM));
	snprintf(title, sizeof(title), "plat heap: %s %d",
		 text_escape(process->command, name, sizeof(name), 0), process->pid);
	code = export_write(command, wish, &export);
	calls_fini(&export.calls);
	return code;
}

int heap_export(const struct options *options, const struct export_wish *wish,
		struct heap_survey *survey)
{
	struct heap_export export = {.options = options, .survey = survey};
	int r = take_heaps(&export);
	int code = r < 0 ? look_error(options->command, "%s: %s", survey->target->name,
				      r == -ESRCH ? HEAP_GONE : strerror(-r))
			 : write_files(&export, wish);

	own_profile_fini(&export.profile);
	block_folds_fini(&export.folds);
	if (export.types)
		type_names_free(export.types, export.names);
	types_free(export.types);
	return code;
}
