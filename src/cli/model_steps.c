#include "cli/model_steps.h"

#include "base/text.h"

/*
 * Text.
 */

/* What the model goes on with. */
static const struct model_result *result_of(const struct replay_step *step)
{
	bool adopted = step->outcome == REPLAY_ADOPTED || step->outcome == REPLAY_STRANGE;

	return adopted ? &step->line.result : &step->result;
}

static void put_remarks(struct text *text, const struct replay_step *step)
{
	enum rule rule = step->result.refused;

	if (step->outcome == REPLAY_DIFFERENT) {
		text_format(text, "\t# different: line %u says ", step->line.number);
		if (step->line.wanted == WANTED_NAME)
			text_put(text, "that it succeeds");
		else
			script_put_result(text, &step->line.request, &step->line.result);
		text_char(text, '\n');
	}
	if (step->outcome == REPLAY_ADOPTED || step->outcome == REPLAY_STRANGE)
		text_format(text, "\t# adopted: %s\n", step->why);
	else if (rule != RULE_NONE)
		text_format(text, "\t# %s (%s)\n", rule_words(rule), rule_name(rule));
}

static void put_call(struct text *text, const struct replay_step *step)
{
	script_put_request(text, &step->line.request);
	text_put(text, " = ");
	script_put_result(text, &step->line.request, result_of(step));
	text_char(text, '\n');
	put_remarks(text, step);
}

/* Our own words and comments stay as they are. */
static bool is_kept(const struct replay_step *step, const char *line)
{
	if (step->line.type == SCRIPT_NOTHING)
		return line[0] == '#' || line[0] == '\n';
	return step->line.type >= SCRIPT_SETTING && step->line.type != SCRIPT_MAP &&
	       step->line.pid == 0;
}

void model_put_step(struct text *text, const struct replay_step *step, const char *line,
		    size_t size, bool quiet)
{
	bool differs = step->outcome == REPLAY_DIFFERENT;

	if (step->line.type == SCRIPT_CALL) {
		if (!quiet || differs)
			put_call(text, step);
		return;
	}
	if ((!quiet && is_kept(step, line)) || differs) {
		text_bytes(text, line, size);
		if (size == 0 || line[size - 1] != '\n')
			text_char(text, '\n');
	}
	if (differs)
		text_format(text, "\t# different: line %u is not so\n", step->line.number);
}

static size_t count_calls(const struct replay *replay)
{
	return replay->outcomes[REPLAY_UNCHECKED] + replay->outcomes[REPLAY_SAME] +
	       replay->outcomes[REPLAY_DIFFERENT] + replay->outcomes[REPLAY_ADOPTED];
}

void model_put_summary(struct text *text, const struct replay *replay)
{
	static const struct {
		enum replay_outcome outcome;
		const char *words;
	} parts[] = {
		{REPLAY_SAME, "as recorded"},
		{REPLAY_DIFFERENT, "different"},
		{REPLAY_ADOPTED, "adopted"},
		{REPLAY_UNCHECKED, "without a result to check"},
		{REPLAY_STRANGE, "without rules"},
		{REPLAY_OTHER, "other calls"},
		{REPLAY_FOREIGN, "of other processes"},
	};
	const char *before = ": ";
	size_t ncalls = count_calls(replay), i;

	text_format(text, "# %zu call%s", ncalls, ncalls == 1 ? "" : "s");
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t n = replay->outcomes[parts[i].outcome];

		if (!n)
			continue;
		text_format(text, "%s%zu %s", before, n, parts[i].words);
		before = ", ";
	}
	text_char(text, '\n');
}

/*
 * JSON.
 */

static const char *const outcome_names[NREPLAY_OUTCOMES] = {
	[REPLAY_NOTHING] = "nothing", [REPLAY_UNCHECKED] = "unchecked",
	[REPLAY_SAME] = "same",	      [REPLAY_DIFFERENT] = "different",
	[REPLAY_ADOPTED] = "adopted", [REPLAY_STRANGE] = "without-rules",
	[REPLAY_OTHER] = "other",     [REPLAY_FOREIGN] = "of-others",
};

static json_t *json_result(const struct model_request *request, const struct model_result *result)
{
	struct text text = TEXT_EMPTY;
	json_t *json;

	script_put_result(&text, request, result);
	json = json_string(text_string(&text));
	text_fini(&text);
	return json;
}

static json_t *json_request(const struct model_request *request)
{
	struct text text = TEXT_EMPTY;
	json_t *json;

	script_put_request(&text, request);
	json = json_string(text_string(&text));
	text_fini(&text);
	return json;
}

static bool is_expectation(const struct script_line *line)
{
	return line->type == SCRIPT_EXPECT_VMA || line->type == SCRIPT_EXPECT_FREE ||
	       line->type == SCRIPT_EXPECT_COUNTER;
}

bool model_tells_step(const struct replay_step *step, bool quiet)
{
	if (quiet && step->outcome != REPLAY_DIFFERENT)
		return false;
	return step->line.type == SCRIPT_CALL || is_expectation(&step->line);
}

json_t *model_json_step(const struct replay_step *step)
{
	const struct script_line *line = &step->line;
	enum rule rule = step->result.refused;
	bool is_call = line->type == SCRIPT_CALL;
	json_t *object = json_object();

	json_object_set_new(object, "line", json_integer(line->number));
	json_object_set_new(object, "outcome", json_string(outcome_names[step->outcome]));
	if (is_call) {
		json_object_set_new(object, "call", json_request(&line->request));
		json_object_set_new(object, "result", json_result(&line->request, result_of(step)));
	}
	if (line->wanted == WANTED_RESULT)
		json_object_set_new(object, "recorded", json_result(&line->request, &line->result));
	if (rule != RULE_NONE) {
		json_object_set_new(object, "rule", json_string(rule_name(rule)));
		json_object_set_new(object, "rule_words", json_string(rule_words(rule)));
	}
	if (*step->why)
		json_object_set_new(object, "why", json_string(step->why));
	return object;
}

json_t *model_json_summary(const struct replay *replay)
{
	json_t *object = json_object();
	size_t i;

	for (i = REPLAY_UNCHECKED; i < NREPLAY_OUTCOMES; i++)
		json_object_set_new(object, outcome_names[i],
				    json_integer((json_int_t)replay->outcomes[i]));
	return object;
}
