#include "cli/portray.h"

#include "base/text.h"
#include "cli/heap_survey.h"
#include "cli/report.h"
#include "cli/sites.h"
#include "cli/type_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is found while it stands still, and named afterwards. */
struct portraying {
	struct target *target;
	struct heap_survey survey;
	struct types *types;
	bool has_profile;
	struct own_profile profile;
	struct error profile_why; /* or "" */
};

static int take_block(void *context, const struct block *block)
{
	uint16_t type;

	return types_take(context, block, &type);
}

static int read_sites(struct portraying *portraying)
{
	const struct heap_look *look = &portraying->survey.look;
	int r;

	if (!look->own) {
		portraying->profile_why = look->why;
		return 0;
	}
	r = sites_read(portraying->target, look, &portraying->profile, &portraying->profile_why);
	portraying->has_profile = r == 0;
	return r == -ENOMEM ? r : 0;
}

static int look_at(struct portraying *portraying)
{
	struct heap_survey *survey = &portraying->survey;
	struct target *target = portraying->target;
	struct heap_visitor visitor = {.block = take_block, .states = 1u << BLOCK_LIVE};
	int r;

	portraying->types = types_new(&target->space,
				      freeze_reader(target->freeze, &survey->look.content.reader));
	if (!portraying->types)
		return -ENOMEM;
	visitor.context = portraying->types;
	survey->also = &visitor;
	r = heap_survey_walk(survey, 0);
	survey->also = NULL;
	return r == 0 ? read_sites(portraying) : r;
}

/*
 * Names.
 */

static int add_types(const struct portraying *portraying, struct portrait *portrait)
{
	size_t i, n;
	const struct type *types = types_list(portraying->types, &n);
	char **names = NULL;
	int r = type_names_of(portraying->types, &names);

	portrait->lists[PORTRAIT_TYPES].is_known = portrait->has_heap;
	snprintf(portrait->lists[PORTRAIT_TYPES].why, sizeof(portrait->lists[PORTRAIT_TYPES].why),
		 "%s", portrait->heap_why);
	for (i = 0; r == 0 && i < n; i++)
		if (types[i].blocks)
			r = portrait_add(portrait, PORTRAIT_TYPES, names[i], types[i].blocks,
					 types[i].bytes);
	type_names_free(portraying->types, names);
	return r;
}

static int add_site(const struct space *space, const struct calls *calls,
		    const struct own_site *site, struct portrait *portrait)
{
	struct text text = TEXT_EMPTY;
	unsigned i;
	int r;

	for (i = 0; i < site->nframes; i++) {
		text_put(&text, i ? "\n" : "");
		call_put(space, calls, site->frames[i], &text);
	}
	if (site->nframes == 0)
		text_put(&text, "sites that could not be told apart");
	r = text.error;
	if (r == 0)
		r = portrait_add(portrait, PORTRAIT_SITES, text_string(&text),
				 own_whole(site->live.blocks), own_whole(site->live.bytes));
	text_fini(&text);
	return r;
}

/* Those where samples are live. Guarded blocks stand for none but themselves, and are left out. */
static size_t keep_live(struct own_profile *profile)
{
	size_t i, n = 0;

	for (i = 0; i < profile->nsites; i++)
		if (profile->sites[i].live.nsamples)
			profile->sites[n++] = profile->sites[i];
	return n;
}

static int add_sites(struct portraying *portraying, struct portrait *portrait)
{
	struct portrait_holdings *list = &portrait->lists[PORTRAIT_SITES];
	struct own_profile *profile = &portraying->profile;
	struct calls calls = {.n = 0};
	size_t i;
	int r;

	if (!portraying->has_profile || profile->sum.made.nsamples == 0) {
		snprintf(list->why, sizeof(list->why), "%.*s", (int)sizeof(list->why) - 1,
			 portraying->has_profile ? "there were no samples"
						 : portraying->profile_why.text);
		return 0;
	}
	list->is_known = true;
	profile->nsites = keep_live(profile);
	r = sites_calls(portraying->target, profile->sites, profile->nsites, &calls);
	for (i = 0; r == 0 && i < profile->nsites; i++)
		r = add_site(&portraying->target->space, &calls, &profile->sites[i], portrait);
	calls_fini(&calls);
	return r;
}

static int add_names(struct portraying *portraying, struct portrait *portrait)
{
	int r = add_types(portraying, portrait);

	if (r == 0)
		r = add_sites(portraying, portrait);
	if (r < 0)
		portrait_fini(portrait);
	return r;
}

/* Why the answer is partial: said of each operand by its name. */
static int report(const struct command *command, const struct portraying *portraying)
{
	const struct target *target = portraying->target;
	const char *whys[] = {
		portraying->survey.look.heaps.why.text,
		freeze_told(target->freeze)->why,
		types_are_cut(portraying->types) ? "it has more types than are told apart" : NULL,
	};
	int code = report_unknown(command, target->name, whys, ARRAY_SIZE(whys), false);

	return worse_of(code, report_space(command, &target->space, false));
}

int portray(const struct command *command, struct target *target, struct portrait *ret)
{
	struct portraying portraying = {.target = target};
	struct heap_survey *survey = &portraying.survey;
	struct error err;
	int code, r = heap_survey_open(survey, target, &err);

	if (r < 0)
		return look_error(command, "%s: %s", target->name, err.text);
	r = look_at(&portraying);
	freeze_end(target->freeze);
	if (r == 0)
		r = portrait_make(&target->space, !survey->pages_why, &survey->look.heaps,
				  survey->surveys, ret);
	if (r == 0)
		r = add_names(&portraying, ret);
	code = r < 0 ? look_error(command, "%s: %s", target->name,
				  r == -ESRCH ? HEAP_GONE : strerror(-r))
		     : report(command, &portraying);
	own_profile_fini(&portraying.profile);
	types_free(portraying.types);
	heap_survey_close(survey);
	return code;
}
