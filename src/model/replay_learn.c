/*
 * What a trace tells of a beginning that is not known, and where the model is excused because it
 * could not know better.
 *
 * Where a call of the trace has succeeded something was mapped: then a mapping is put there, of a
 * file "[unknown]".
 */
#include "model/replay_parts.h"

#include "model/parts.h"

#include <errno.h>
#include <stdio.h>

#define GIB (UINT64_C(1) << 30)

static const char beginning_why[] = "what was mapped at the beginning is not known";
static const char rights_why[] = "limits and privileges of the process are not known";

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

int replay_see(struct replay *replay, const struct model_request *request,
	       const struct model_result *result)
{
	const uint64_t *arg = request->arg;
	int r;

	if (!replay_is_fine(result))
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

int replay_fill_holes(struct replay *replay, plat_addr start, uint64_t size)
{
	struct model *model = &replay->model;
	plat_addr end = start + page_round(size);
	uint32_t name;
	int64_t file;
	int r = 0;

	if (replay->knowledge == REPLAY_KNOWS_ALL || !is_range(start, size) ||
	    end > model->task_size)
		return 0;
	r = space_add_file(&replay->names, "[unknown]", 0, 0, 0, &name);
	if (r < 0)
		return r;
	if (replay->unknown_file == VMA_NO_FILE ||
	    model->files[replay->unknown_file].name != name) {
		file = new_file(model, &(struct model_file){.readable = true,
							    .writable = true,
							    .size = MODEL_SIZE_UNKNOWN,
							    .name = name});
		if (file < 0)
			return -ENOMEM;
		replay->unknown_file = (uint32_t)file;
	}
	while (r == 0 && start < end) {
		const struct vma *next = vmas_above(&model->vmas, start);
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
	unsigned bits = line->value ? (unsigned)line->value : replay->model.bits;

	if ((uint64_t)line->result.value >> 32)
		bits = 64;
	if (bits != replay->model.bits)
		script_set_bits(&replay->model, bits);
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

const char *replay_learn(struct replay *replay, const struct script_line *line)
{
	bool learnt = false;

	if (replay->knowledge == REPLAY_KNOWS_ALL || line->wanted != WANTED_RESULT ||
	    line->result.value <= 0)
		return NULL;
	if (line->request.call == CALL_BRK)
		learnt = learn_break(replay, line);
	else if (line->request.call == CALL_MMAP)
		learnt = learn_zone(replay, line);
	return learnt ? beginning_why : NULL;
}

/*
 * A file of which no line has told: strace was asked for memory calls only. Each mapping from its
 * beginning on, at no fixed place, may be of another file under the same descriptor.
 */
int replay_assume_file(struct replay *replay, const struct script_line *line)
{
	const uint64_t *arg = line->request.arg;
	struct model *model = &replay->model;
	struct model_file file = {.readable = true,
				  .writable = true,
				  .huge_aligned = !replay->no_huge_files,
				  .size = MODEL_SIZE_UNKNOWN};
	bool fixed = arg[3] & (MAP_NUMBER_FIXED | MAP_NUMBER_FIXED_NOREPLACE);
	int64_t known;
	char name[40];
	int r;

	if (line->request.call != CALL_MMAP || (arg[3] & MAP_NUMBER_ANONYMOUS) ||
	    line->wanted != WANTED_RESULT || !replay_is_fine(&line->result) ||
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
	    (replay_is_fine(result) && is_unknown(replay, (plat_addr)result->value, size)))
		return beginning_why;
	return NULL;
}

const char *replay_excuse(const struct replay *replay, const struct script_line *line,
			  const struct model_result *result)
{
	const struct model_request *request = &line->request;

	if (replay->knowledge == REPLAY_KNOWS_ALL)
		return NULL;
	if (request->call == CALL_MINCORE && replay_is_fine(result) &&
	    replay_is_fine(&line->result))
		return "a trace does not show which pages are touched";
	if (!replay_is_fine(&line->result))
		return excuse_error(replay, line);
	if (result->value == -EPERM || result->value == -EACCES)
		return rights_why;
	if (request->call == CALL_MMAP)
		return excuse_place(replay, line, result, request->arg[1]);
	if (request->call == CALL_MREMAP && replay_is_fine(result))
		return excuse_place(replay, line, result, request->arg[2]);
	return is_seen(replay, request->arg[0], request->arg[1]) ? NULL : beginning_why;
}
