/*
 * What a line says of its result, against the model's; and how the model follows where they differ:
 * it undoes what it did, and does what was recorded with all limits lifted.
 */
#include "model/replay_parts.h"

#include "model/parts.h"

#include <errno.h>

#define HUGE UINT64_C(0x200000)

static bool is_same(const struct model_result *a, const struct model_result *b)
{
	return a->fault == b->fault && (a->fault != FAULT_NONE || a->value == b->value);
}

/* Whatever stands against it but the mappings themselves is set aside. */
static struct model_result do_unlimited(struct model *model, const struct model_request *request)
{
	struct model_machine machine = model->machine;
	struct model_limits limits[NMODEL_LIMITS];
	unsigned capabilities = model->capabilities, i;
	struct model_result result;

	for (i = 0; i < NMODEL_LIMITS; i++) {
		limits[i] = model->limits[i];
		model->limits[i] = (struct model_limits){MODEL_INFINITE, MODEL_INFINITE};
	}
	model->machine.max_map_count = UINT32_MAX;
	model->machine.overcommit_mode = 1;
	model->machine.mmap_min_addr = model->machine.lowest_hint = 0;
	model->capabilities = ~0u;
	result = model_do(model, request);
	machine.committed = model->machine.committed;
	model->machine = machine;
	model->capabilities = capabilities;
	for (i = 0; i < NMODEL_LIMITS; i++)
		model->limits[i] = limits[i];
	return result;
}

static void unmap_unlimited(struct model *model, plat_addr addr, uint64_t size)
{
	const struct model_request request = {CALL_MUNMAP, {addr, size}};

	do_unlimited(model, &request);
}

/*
 * Following.
 */

static bool is_fixed(const struct model_request *request)
{
	return request->arg[3] & (MAP_NUMBER_FIXED | MAP_NUMBER_FIXED_NOREPLACE);
}

static void undo_mmap(struct replay *replay, const struct model_request *request,
		      const struct model_result *result)
{
	if (replay_is_fine(result))
		unmap_unlimited(&replay->model, (plat_addr)result->value, request->arg[1]);
}

static void follow_mmap(struct replay *replay, const struct script_line *line,
			const struct model_result *result)
{
	struct model_request request = line->request;

	undo_mmap(replay, &request, result);
	if (!replay_is_fine(&line->result))
		return;
	request.arg[0] = (uint64_t)line->result.value;
	request.arg[3] |= MAP_NUMBER_FIXED;
	request.arg[3] &= ~(uint64_t)MAP_NUMBER_FIXED_NOREPLACE;
	do_unlimited(&replay->model, &request);
}

static void follow_mremap(struct replay *replay, const struct script_line *line,
			  const struct model_result *result)
{
	const uint64_t *arg = line->request.arg;
	struct model_request back = {CALL_MREMAP, {0, arg[2], arg[2], 3, 0}};
	struct model_result now = *result;

	if (!replay_is_fine(&now) && replay_is_fine(&line->result))
		now = do_unlimited(&replay->model, &line->request);
	if (!replay_is_fine(&now) || is_same(&now, &line->result))
		return;
	back.arg[0] = (uint64_t)now.value;
	back.arg[4] = replay_is_fine(&line->result) ? (uint64_t)line->result.value : arg[0];
	if (back.arg[0] != back.arg[4])
		do_unlimited(&replay->model, &back);
}

static void follow_brk(struct replay *replay, const struct script_line *line)
{
	struct model *model = &replay->model;
	struct model_request request = {CALL_BRK, {(uint64_t)line->result.value}};

	if (line->result.value <= 0)
		return;
	if (model->brk == 0) /* there was no heap to grow */
		model->start_brk = (plat_addr)line->result.value;
	else
		do_unlimited(model, &request);
	model->brk = (plat_addr)line->result.value;
	model->start_brk = min_u64(model->start_brk, model->brk);
}

static int follow(struct replay *replay, const struct script_line *line,
		  const struct model_result *result, const struct model_limits *before)
{
	const struct model_request *request = &line->request;
	bool failed = !replay_is_fine(result), wanted = replay_is_fine(&line->result);
	uint64_t limit = request->arg[0];
	int r = 0;

	switch (request->call) {
	case CALL_MMAP:
		follow_mmap(replay, line, result);
		break;
	case CALL_BRK:
		follow_brk(replay, line);
		break;
	case CALL_MREMAP:
		if (failed && wanted)
			r = replay_fill_holes(replay, request->arg[0], request->arg[1]);
		if (r == 0)
			follow_mremap(replay, line, result);
		break;
	case CALL_SETRLIMIT:
		if (limit < NMODEL_LIMITS)
			replay->model.limits[limit] =
				wanted ? (struct model_limits){request->arg[1], request->arg[2]}
				       : before[limit];
		break;
	case CALL_MPROTECT:
	case CALL_MADVISE:
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
	case CALL_MSEAL:
		if (failed && wanted)
			r = replay_fill_holes(replay, request->arg[0], request->arg[1]);
		if (r == 0 && failed && wanted)
			do_unlimited(&replay->model, request);
		break;
	case CALL_MUNMAP:
	case CALL_MLOCKALL:
	case CALL_SET_MM:
		if (failed && wanted)
			do_unlimited(&replay->model, request);
		break;
	default:
		break;
	}
	return r;
}

/*
 * Together.
 */

/* The trace shows on what kind of file system its files lie. True: with this it is the same. */
static bool try_other_files(struct replay *replay, struct replay_step *step)
{
	const struct script_line *line = &step->line;
	const struct model_request *request = &line->request;
	struct model *model = &replay->model;
	int64_t index = file_of_descriptor(model, request->arg[4]);
	struct model_file *file;

	if (request->call != CALL_MMAP || (request->arg[3] & MAP_NUMBER_ANONYMOUS) || index < 0 ||
	    is_fixed(request) || request->arg[1] < HUGE || !replay_is_fine(&step->result) ||
	    !replay_is_fine(&line->result))
		return false;
	file = &model->files[index];
	if (file->shmem || replay->knows_files)
		return false;
	undo_mmap(replay, request, &step->result);
	file->huge_aligned = !file->huge_aligned;
	step->result = model_do(model, request);
	if (is_same(&step->result, &line->result)) {
		replay->no_huge_files = !file->huge_aligned;
		replay->knows_files = true;
		return true;
	}
	file->huge_aligned = !file->huge_aligned;
	return false;
}

static bool has_no_rules(const struct script_line *line, const struct model_result *result)
{
	const struct model_request *request = &line->request;

	if (request->call == CALL_MMAP)
		return request->arg[3] & MAP_NUMBER_HUGETLB;
	return request->call == CALL_MADVISE && result->refused == RULE_ADVICE_UNKNOWN &&
	       replay_is_fine(&line->result);
}

static int differ(struct replay *replay, struct replay_step *step,
		  const struct model_limits *before)
{
	const struct script_line *line = &step->line;
	const char *why;

	if (has_no_rules(line, &step->result)) {
		step->outcome = REPLAY_STRANGE;
		step->why = "the model has no rules for this";
	} else if (try_other_files(replay, step)) {
		step->outcome = REPLAY_SAME;
		return 0;
	} else {
		why = replay_excuse(replay, line, &step->result);
		step->outcome = why ? REPLAY_ADOPTED : REPLAY_DIFFERENT;
		step->why = why ? why : "";
	}
	return follow(replay, line, &step->result, before);
}

int replay_call(struct replay *replay, struct replay_step *step)
{
	const struct script_line *line = &step->line;
	struct model *model = &replay->model;
	struct model_limits before[NMODEL_LIMITS];
	const char *learnt = replay_learn(replay, line);
	unsigned i;
	int r = replay_assume_file(replay, line);

	if (r < 0)
		return r;
	for (i = 0; i < NMODEL_LIMITS; i++)
		before[i] = model->limits[i];
	step->result = model_do(model, &line->request);
	if (line->wanted == WANTED_NOTHING ||
	    (line->wanted == WANTED_NAME && replay_is_fine(&step->result))) {
		step->outcome = REPLAY_UNCHECKED;
	} else if (line->wanted == WANTED_NAME) {
		step->outcome = REPLAY_DIFFERENT;
	} else if (!is_same(&step->result, &line->result)) {
		r = differ(replay, step, before);
	} else {
		step->outcome = learnt ? REPLAY_ADOPTED : REPLAY_SAME;
		step->why = learnt ? learnt : "";
	}
	if (r < 0 || model->out_of_memory)
		return -ENOMEM;
	return replay_see(replay, &line->request,
			  line->wanted == WANTED_RESULT ? &line->result : &step->result);
}
