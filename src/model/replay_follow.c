/*
 * What a line says of its result, against the model's; and how the model follows where they differ:
 * it undoes what it did, and does what was recorded with all limits lifted.
 */
#include "model/replay_follow.h"

#include "model/parts.h"

#include <errno.h>
#include <stdio.h>

#define GIB (UINT64_C(1) << 30)
#define HUGE UINT64_C(0x200000)
#define SIZE_NOT_KNOWN (UINT64_MAX / 2)

static const char beginning_why[] = "what was mapped at the beginning is not known";
static const char rights_why[] = "limits and privileges of the process are not known";

static bool is_fine(const struct model_result *result)
{
	return result->fault == FAULT_NONE && (result->value >= 0 || result->value <= -4096);
}

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
 * What the trace has told of.
 */

static bool is_range(plat_addr start, uint64_t size)
{
	return size > 0 && page_round(size) >= size && start + page_round(size) > start &&
	       is_aligned(start, MODEL_PAGE);
}

static bool is_seen(const struct replay *replay, plat_addr start, uint64_t size)
{
	plat_addr end = start + page_round(size);

	return !is_range(start, size) || pages_reach(&replay->seen, start, end) == end;
}

static int see(struct replay *replay, plat_addr start, uint64_t size)
{
	if (replay->knowledge == REPLAY_KNOWS_ALL || !is_range(start, size))
		return 0;
	return pages_add(&replay->seen, start, start + page_round(size));
}

/* After a call that was carried out. */
static int see_call(struct replay *replay, const struct model_request *request,
		    const struct model_result *result)
{
	const uint64_t *arg = request->arg;
	int r;

	if (!is_fine(result))
		return 0;
	switch (request->call) {
	case CALL_MMAP:
		return see(replay, (plat_addr)result->value, arg[1]);
	case CALL_MREMAP:
		r = see(replay, arg[0], arg[1]);
		return r < 0 ? r : see(replay, (plat_addr)result->value, arg[2]);
	case CALL_MUNMAP:
	case CALL_MPROTECT:
		return see(replay, arg[0], arg[1]);
	default:
		return 0;
	}
}

/* Puts a mapping wherever none is: the trace acts as if one were. */
static int fill_holes(struct replay *replay, plat_addr start, uint64_t size)
{
	struct model *model = &replay->model;
	plat_addr end = start + page_round(size);
	uint32_t name;
	int64_t file;
	int r = 0;

	if (!is_range(start, size) || end > model->task_size)
		return 0;
	r = space_add_file(&replay->names, "[unknown]", 0, 0, 0, &name);
	if (r < 0)
		return r;
	if (replay->unknown_file == VMA_NO_FILE ||
	    model->files[replay->unknown_file].name != name) {
		file = new_file(model, &(struct model_file){.readable = true,
							    .writable = true,
							    .size = SIZE_NOT_KNOWN,
							    .name = name});
		if (file < 0)
			return -ENOMEM;
		replay->unknown_file = (uint32_t)file;
	}
	while (r == 0 && start < end) {
		const struct vma *next = vmas_at(&model->vmas, vmas_find(&model->vmas, start));
		struct vma hole = {.start = start,
				   .end = next ? min_u64(next->start, end) : end,
				   .pgoff = pages_of(start),
				   .flags = VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT,
				   .file = replay->unknown_file};

		if (next && next->start <= start) {
			start = next->end;
			continue;
		}
		start = hole.end;
		r = vmas_insert(&model->vmas, &hole);
		if (r == 0)
			count(model, hole.flags, pages_of(vma_size(&hole)));
	}
	return r;
}

/*
 * Before the call: what its result tells of the beginning.
 */

static bool asks_for_a_place(const struct model_request *request)
{
	return request->call == CALL_MMAP && request->arg[0] == 0 &&
	       !(request->arg[3] &
		 (MAP_NUMBER_FIXED | MAP_NUMBER_FIXED_NOREPLACE | MAP_NUMBER_32BIT));
}

/* The legacy layout begins above a third of user space, by chance up to 1 TiB or 1 MiB higher. */
static bool is_legacy_place(const struct model *model, plat_addr addr)
{
	plat_addr third = page_round(model->task_size / 3);
	uint64_t chance = model->bits == 32 ? GIB / 64 : 1028 * GIB;

	return addr >= third && addr < third + chance;
}

/* What is called, and what is returned, shows whether it is a program of 32 bits. */
static void learn_bits(struct replay *replay, const struct script_line *line)
{
	struct script_line bits = {.type = SCRIPT_SETTING}; /* setting 0 is `process bits` */

	bits.value = line->value ? line->value : replay->model.bits;
	if ((uint64_t)line->result.value >> 32)
		bits.value = 64;
	if (bits.value != replay->model.bits)
		script_set(&replay->model, &bits);
}

/* brk(NULL) tells where the break is; where it never was, another program has begun. */
static bool learn_break(struct replay *replay, const struct script_line *line)
{
	struct model *model = &replay->model;
	plat_addr at = (plat_addr)line->result.value;

	if (line->request.arg[0] == 0 && model->brk != at && model->brk != 0)
		replay_exec(replay);
	if (model->brk != 0)
		return false;
	model->start_brk = model->brk = at;
	return true;
}

static bool learn_zone(struct replay *replay, const struct script_line *line)
{
	struct model *model = &replay->model;
	plat_addr at = (plat_addr)line->result.value;

	if (replay->has_zone || !asks_for_a_place(&line->request))
		return false;
	learn_bits(replay, line);
	replay->has_zone = true;
	model->top_down = !is_legacy_place(model, at);
	if (model->top_down)
		model->mmap_base = at + page_round(line->request.arg[1]);
	else
		model->legacy_base = at;
	return true;
}

/* True if the line has told where the mmap zone goes on, or the heap begins. */
static bool learn(struct replay *replay, const struct script_line *line)
{
	if (replay->knowledge == REPLAY_KNOWS_ALL || line->wanted != WANTED_RESULT ||
	    line->result.value <= 0)
		return false;
	if (line->request.call == CALL_BRK)
		return learn_break(replay, line);
	return line->request.call == CALL_MMAP && learn_zone(replay, line);
}

/*
 * A file of which no line has told: strace was asked for memory calls only. Each mapping from its
 * beginning on, at no fixed place, may be of another file under the same descriptor.
 */
static int assume_file(struct replay *replay, const struct script_line *line)
{
	const uint64_t *arg = line->request.arg;
	struct model *model = &replay->model;
	struct model_file file = {.readable = true,
				  .writable = true,
				  .huge_aligned = !replay->no_huge_files,
				  .size = SIZE_NOT_KNOWN};
	bool fixed = arg[3] & (MAP_NUMBER_FIXED | MAP_NUMBER_FIXED_NOREPLACE);
	int64_t known;
	char name[40];
	int r;

	if (line->request.call != CALL_MMAP || (arg[3] & MAP_NUMBER_ANONYMOUS) ||
	    line->wanted != WANTED_RESULT || !is_fine(&line->result) ||
	    arg[4] >= SCRIPT_DESCRIPTORS_MOST)
		return 0;
	snprintf(name, sizeof(name), "descriptor %u", (unsigned)arg[4]);
	r = space_add_file(&replay->names, name, 0, 0, 0, &file.name);
	if (r < 0)
		return r;
	known = file_of_descriptor(model, arg[4]);
	if (known >= 0 && (fixed || arg[5] || model->files[known].name != file.name))
		return 0;
	return model_open_at(model, &file, (int)arg[4]) < 0 ? -ENOMEM : 0;
}

/*
 * After it: why the model could not know better, or NULL.
 */

static const char *excuse_error(const struct replay *replay, const struct script_line *line)
{
	const struct model_request *request = &line->request;

	switch (line->result.value) {
	case -EPERM:
	case -EAGAIN:
	case -ENOMEM:
	case -EACCES:
		return rights_why;
	default:
		break;
	}
	return is_seen(replay, request->arg[0], request->arg[1]) ? NULL : beginning_why;
}

/* Whether what is not known may lie there. */
static bool is_unknown(const struct replay *replay, plat_addr at, uint64_t size)
{
	const struct model *model = &replay->model;

	if (replay->knowledge == REPLAY_KNOWS_NOTHING)
		return true;
	if (model->top_down)
		return at + page_round(size) > model->mmap_base;
	return at < model->legacy_base;
}

/* The mapping went where the model would not have put it. */
static const char *excuse_place(const struct replay *replay, const struct script_line *line,
				const struct model_result *result, uint64_t size)
{
	if (is_unknown(replay, (plat_addr)line->result.value, size) ||
	    (is_fine(result) && is_unknown(replay, (plat_addr)result->value, size)))
		return beginning_why;
	return NULL;
}

static const char *excuse(const struct replay *replay, const struct script_line *line,
			  const struct model_result *result)
{
	const struct model_request *request = &line->request;

	if (replay->knowledge == REPLAY_KNOWS_ALL)
		return NULL;
	if (request->call == CALL_MINCORE && is_fine(result) && is_fine(&line->result))
		return "a trace does not show which pages are touched";
	if (!is_fine(&line->result))
		return excuse_error(replay, line);
	if (result->value == -EPERM || result->value == -EACCES)
		return rights_why;
	if (request->call == CALL_MMAP)
		return excuse_place(replay, line, result, request->arg[1]);
	if (request->call == CALL_MREMAP && is_fine(result))
		return excuse_place(replay, line, result, request->arg[2]);
	return is_seen(replay, request->arg[0], request->arg[1]) ? NULL : beginning_why;
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
	if (is_fine(result))
		unmap_unlimited(&replay->model, (plat_addr)result->value, request->arg[1]);
}

static void follow_mmap(struct replay *replay, const struct script_line *line,
			const struct model_result *result)
{
	struct model_request request = line->request;

	undo_mmap(replay, &request, result);
	if (!is_fine(&line->result))
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

	if (!is_fine(&now) && is_fine(&line->result))
		now = do_unlimited(&replay->model, &line->request);
	if (!is_fine(&now) || is_same(&now, &line->result))
		return;
	back.arg[0] = (uint64_t)now.value;
	back.arg[4] = is_fine(&line->result) ? (uint64_t)line->result.value : arg[0];
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
	bool failed = !is_fine(result), wanted = is_fine(&line->result);
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
		if (failed && wanted && replay->knowledge != REPLAY_KNOWS_ALL)
			r = fill_holes(replay, request->arg[0], request->arg[1]);
		if (r == 0)
			follow_mremap(replay, line, result);
		break;
	case CALL_SETRLIMIT:
		if (limit < NMODEL_LIMITS)
			replay->model.limits[limit] =
				wanted ? (struct model_limits){request->arg[1], request->arg[2]}
				       : before[limit];
		break;
	case CALL_MUNMAP:
	case CALL_MPROTECT:
	case CALL_MADVISE:
	case CALL_MLOCK:
	case CALL_MLOCK2:
	case CALL_MUNLOCK:
	case CALL_MLOCKALL:
	case CALL_MSEAL:
	case CALL_SET_MM:
		if (!failed || !wanted)
			break;
		if (request->call != CALL_MUNMAP && request->call != CALL_SET_MM &&
		    request->call != CALL_MLOCKALL && replay->knowledge != REPLAY_KNOWS_ALL)
			r = fill_holes(replay, request->arg[0], request->arg[1]);
		if (r == 0)
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
	    is_fixed(request) || request->arg[1] < HUGE || !is_fine(&step->result) ||
	    !is_fine(&line->result))
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
	       is_fine(&line->result);
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
		why = excuse(replay, line, &step->result);
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
	bool learnt = learn(replay, line);
	unsigned i;
	int r = assume_file(replay, line);

	if (r < 0)
		return r;
	for (i = 0; i < NMODEL_LIMITS; i++)
		before[i] = model->limits[i];
	step->result = model_do(model, &line->request);
	if (line->wanted == WANTED_NOTHING ||
	    (line->wanted == WANTED_NAME && is_fine(&step->result))) {
		step->outcome = REPLAY_UNCHECKED;
	} else if (line->wanted == WANTED_NAME) {
		step->outcome = REPLAY_DIFFERENT;
	} else if (!is_same(&step->result, &line->result)) {
		r = differ(replay, step, before);
	} else {
		step->outcome = learnt ? REPLAY_ADOPTED : REPLAY_SAME;
		step->why = learnt ? beginning_why : "";
	}
	if (r < 0 || model->out_of_memory)
		return -ENOMEM;
	return see_call(replay, &line->request,
			line->wanted == WANTED_RESULT ? &line->result : &step->result);
}
