/*
 * Scripts, line by line, as plat model run does: whatever they hold, the model stays in order, what
 * is printed can be parsed again, and the space can be shown.
 */
#include "fuzz.h"

#include "base/assert.h"
#include "base/text.h"
#include "model/replay.h"
#include "model/to_space.h"

#include <stdlib.h>
#include <string.h>

static void check_printed(const struct replay_step *step)
{
	struct script script = SCRIPT_EMPTY;
	struct text text = TEXT_EMPTY;
	struct script_line line;
	const char *string;

	script_put_request(&text, &step->line.request);
	text_put(&text, " = ");
	script_put_result(&text, &step->line.request, &step->result);
	string = text_string(&text);
	must(script_parse(&script, string, strlen(string), &line, NULL) == 0);
	if (line.type == SCRIPT_CALL) { /* a fork that failed is none */
		must(line.request.call == step->line.request.call);
		must(line.result.fault == step->result.fault);
		must(line.result.fault || line.result.value == step->result.value);
	}
	text_fini(&text);
	script_fini(&script);
}

static void check_same(const struct model *a, const struct model *b)
{
	struct vma_place at_a = vmas_first(&a->vmas), at_b = vmas_first(&b->vmas);
	const struct vma *vma, *other;

	must(a->vmas.count == b->vmas.count);
	for (; (vma = vmas_at(&a->vmas, at_a));
	     at_a = vmas_next(&a->vmas, at_a), at_b = vmas_next(&b->vmas, at_b)) {
		other = vmas_at(&b->vmas, at_b);
		must(other->start == vma->start && other->end == vma->end);
		must(other->flags == vma->flags && other->pgoff == vma->pgoff);
		must(other->anon == vma->anon);
	}
	must(a->brk == b->brk && a->mmap_base == b->mmap_base && a->bits == b->bits);
}

/* A script made from the model makes the same model. */
static void check_model(const struct model *model)
{
	struct text text = TEXT_EMPTY;
	struct replay replay;
	struct replay_step step;
	const char *at, *end;

	must(script_put_model(&text, model) == 0);
	replay_init(&replay);
	for (at = text_string(&text); (end = strchr(at, '\n')); at = end + 1)
		must(replay_line(&replay, at, (size_t)(end - at), &step, NULL) == 0);
	check_same(model, &replay.model);
	replay_fini(&replay);
	text_fini(&text);
}

static void check_map(const struct replay *replay)
{
	struct space space;

	must(model_to_space_of(&replay->model, &replay->names, &space, NULL) == 0);
	check_space(&space);
	space_fini(&space);
	check_model(&replay->model);
}

static void run_line(struct replay *replay, const char *line, size_t size)
{
	struct replay_step step;

	if (replay_line(replay, line, size, &step, NULL) < 0)
		return;
	must(model_valid(&replay->model));
	if (step.line.type == SCRIPT_MAP)
		check_map(replay);
	if (step.line.type == SCRIPT_CALL)
		check_printed(&step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct replay replay;

	replay_init(&replay);
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *next = newline ? newline + 1 : end;

		run_line(&replay, at, (size_t)(next - at));
		at = next;
	}
	check_map(&replay);
	replay_fini(&replay);
	return 0;
}
