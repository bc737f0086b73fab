#include "model/replay.h"

#include "base/error.h"
#include "base/list.h"
#include "model/parts.h"
#include "model/replay_parts.h"

#include <errno.h>
#include <stdlib.h>

void replay_init(struct replay *replay)
{
	*replay = (struct replay){.unknown_file = VMA_NO_FILE};
	model_init(&replay->model);
	space_init(&replay->names);
	replay->script.model = &replay->model;
}

void replay_fini(struct replay *replay)
{
	model_fini(&replay->model);
	script_fini(&replay->script);
	space_fini(&replay->names);
	pages_fini(&replay->seen);
	free(replay->files);
	free(replay->file_templates);
	free(replay->pids);
}

void replay_take(struct replay *replay, struct model *model)
{
	model_fini(&replay->model);
	replay->model = *model;
	replay->knowledge = REPLAY_KNOWS_ALL;
	replay->has_begun = true;
	replay->script.all_named = false;
}

/*
 * Processes. The first pid is the one we follow; a pid that comes up while a thread is being made
 * is that thread's, as it may speak before clone() has returned.
 */

/* Those before nforeign are of others, the rest share the memory. */
static bool find_pid(const struct replay *replay, int pid, size_t *ret)
{
	for (*ret = 0; *ret < replay->npids; (*ret)++)
		if (replay->pids[*ret] == pid)
			return true;
	return false;
}

static int add_pid(struct replay *replay, int pid, bool shares)
{
	size_t i;

	if (find_pid(replay, pid, &i))
		return 0;
	if (list_reserve(&replay->pids, &replay->pids_room, replay->npids, 1) < 0)
		return -ENOMEM;
	replay->pids[replay->npids++] = pid;
	if (!shares) {
		replay->pids[replay->npids - 1] = replay->pids[replay->nforeign];
		replay->pids[replay->nforeign++] = pid;
	}
	return 0;
}

static void forget_pid(struct replay *replay, int pid)
{
	size_t i;

	if (!find_pid(replay, pid, &i))
		return;
	if (i < replay->nforeign) {
		replay->pids[i] = replay->pids[--replay->nforeign];
		i = replay->nforeign;
	}
	replay->pids[i] = replay->pids[--replay->npids];
}

/* Whether the line is of a process that shares our memory. Negative: -ENOMEM. */
static int is_ours(struct replay *replay, int pid)
{
	bool shares;
	size_t i;
	int r;

	if (pid == 0)
		return true;
	if (find_pid(replay, pid, &i))
		return i >= replay->nforeign;
	shares = replay->threads_begin > 0;
	if (!shares && replay->forks_begin == 0 && replay->main_pid == 0) {
		replay->main_pid = pid;
		shares = true;
	}
	r = add_pid(replay, pid, shares);
	return r < 0 ? r : shares;
}

static int apply_clones(struct replay *replay, const struct script_line *line)
{
	if (line->source)
		replay->threads_begin++;
	else
		replay->forks_begin++;
	return 0;
}

static int apply_cloned(struct replay *replay, const struct script_line *line)
{
	unsigned *begun = line->source ? &replay->threads_begin : &replay->forks_begin;

	if (*begun)
		--*begun;
	return line->value ? add_pid(replay, (int)line->value, line->source) : 0;
}

/*
 * The beginning.
 */

/* Descriptors, limits and the machine stay. */
void replay_exec(struct replay *replay)
{
	struct model *model = &replay->model;

	vmas_fini(&model->vmas);
	pages_fini(&model->present);
	pages_fini(&replay->seen);
	model->counters = (struct model_counters){0};
	model->start_brk = model->brk = model->start_data = model->end_data = 0;
	model->start_code = model->end_code = model->start_stack = 0;
	model->arg_start = model->arg_end = model->env_start = model->env_end = 0;
	model->new_flags = 0;
	replay->names.nmodules = 0;
	replay->unknown_file = VMA_NO_FILE;
	replay->has_zone = false;
	replay->has_begun = true;
	replay->knowledge = REPLAY_KNOWS_BELOW;
}

static int apply_exec(struct replay *replay, const struct script_line *line)
{
	/* A child that shared the memory, or a thread, goes its own way. */
	if (replay->main_pid && line->pid && line->pid != replay->main_pid) {
		forget_pid(replay, line->pid);
		return add_pid(replay, line->pid, false);
	}
	replay_exec(replay);
	return 0;
}

static int apply_bits(struct replay *replay, const struct script_line *line)
{
	if (replay->model.bits != line->value && replay->model.vmas.count == 0)
		script_set_bits(&replay->model, (unsigned)line->value);
	return 0;
}

static int apply_unknown(struct replay *replay)
{
	replay->knowledge = REPLAY_KNOWS_NOTHING;
	replay->has_zone = false;
	return 0;
}

static int complain_of(const struct script_line *line, struct error *err, const char *sentence)
{
	return fail(err, -EINVAL, "%u:1: %s", line->number, sentence);
}

/* The model's number of a file that the script has numbered. */
static int number_of_file(struct replay *replay, uint64_t number, uint32_t *ret)
{
	int64_t index;

	if (number >= replay->nfiles || replay->file_templates[number].is_unused)
		return -ENOENT;
	if (replay->files[number] == VMA_NO_FILE) {
		index = new_file(&replay->model, &replay->file_templates[number]);
		if (index < 0)
			return -ENOMEM;
		replay->files[number] = (uint32_t)index;
	}
	*ret = replay->files[number];
	return 0;
}

static int apply_file(struct replay *replay, const struct script_line *line)
{
	struct model_file file = line->file;
	size_t number = (size_t)line->value, more;
	int r = 0;

	if (*line->word)
		r = space_add_file(&replay->names, line->word, 0, 0, 0, &file.name);
	if (r < 0)
		return r;
	more = number < replay->nfiles ? 0 : number + 1 - replay->nfiles;
	if (list_reserve(&replay->files, &replay->files_room, replay->nfiles, more) < 0 ||
	    list_reserve(&replay->file_templates, &replay->templates_room, replay->nfiles, more) <
		    0)
		return -ENOMEM;
	for (; replay->nfiles <= number; replay->nfiles++) {
		replay->files[replay->nfiles] = VMA_NO_FILE;
		replay->file_templates[replay->nfiles] = (struct model_file){.is_unused = true};
	}
	replay->files[number] = VMA_NO_FILE;
	replay->file_templates[number] = file;
	return 0;
}

/* A descriptor that is about to name a file that is there. */
static int open_nothing(struct model *model, int descriptor)
{
	const struct model_file nothing = {.name = NO_FILE};

	return model_open_at(model, &nothing, descriptor) < 0 ? -ENOMEM : 0;
}

static void name_file(struct model *model, int descriptor, int file)
{
	model->files[model->descriptors[descriptor]].is_unused = true;
	model->descriptors[descriptor] = file;
}

static int apply_descriptor(struct replay *replay, const struct script_line *line,
			    struct error *err)
{
	struct model *model = &replay->model;
	uint32_t file;
	int r = open_nothing(model, line->descriptor);

	if (r == 0)
		r = number_of_file(replay, line->value, &file);
	if (r == -ENOENT)
		return complain_of(line, err, "no line has told of this file");
	if (r == 0)
		name_file(model, line->descriptor, (int)file);
	return r;
}

static int apply_vma(struct replay *replay, const struct script_line *line, struct error *err)
{
	struct model *model = &replay->model;
	struct vma vma = line->vma;
	uint64_t pages = pages_of(vma_size(&vma));
	int r = 0;

	if (!is_free(model, vma.start, vma.end))
		return complain_of(line, err, "something is mapped there already");
	if (vma.file != VMA_NO_FILE)
		r = number_of_file(replay, vma.file, &vma.file);
	if (r == -ENOENT)
		return complain_of(line, err, "no line has told of this file");
	if (r == 0)
		r = vmas_insert(&model->vmas, &vma);
	if (r < 0)
		return r;
	count(model, vma.flags, pages);
	if (vma.flags & VMA_LOCKED)
		model->counters.locked += pages;
	if ((vma.anon & ~ANON_INHERITED) > model->last_anon)
		model->last_anon = vma.anon & ~ANON_INHERITED;
	return 0;
}

/*
 * Descriptors.
 */

static int apply_open(struct replay *replay, const struct script_line *line)
{
	struct model_file file = line->file;
	int r = space_add_file(&replay->names, *line->word ? line->word : "?", 0, 0, 0, &file.name);

	if (r < 0)
		return r;
	if (replay->no_huge_files)
		file.huge_aligned = false;
	return model_open_at(&replay->model, &file, line->descriptor) < 0 ? -ENOMEM : 0;
}

static int apply_dup(struct replay *replay, const struct script_line *line)
{
	struct model *model = &replay->model;
	int64_t file = file_of_descriptor(model, (uint64_t)line->source);

	if (file < 0) {
		model_close(model, line->descriptor);
		return 0;
	}
	if (open_nothing(model, line->descriptor) < 0)
		return -ENOMEM;
	name_file(model, line->descriptor, (int)file);
	return 0;
}

static int apply_size(struct replay *replay, const struct script_line *line)
{
	int64_t file = file_of_descriptor(&replay->model, (uint64_t)line->descriptor);

	if (file >= 0)
		replay->model.files[file].size = line->value;
	return 0;
}

/*
 * Lines.
 */

/* A process whose heap was there before the script has said so: its beginning is not known. */
static void look_at_first_call(struct replay *replay, const struct script_line *line)
{
	if (!replay->has_begun && line->request.call == CALL_BRK && line->request.arg[0] == 0 &&
	    line->wanted == WANTED_RESULT && line->result.value > 0 && replay->model.brk == 0 &&
	    replay->model.vmas.count == 0 && replay->knowledge == REPLAY_KNOWS_ALL)
		replay->knowledge = REPLAY_KNOWS_BELOW;
	replay->has_begun = true;
}

static int give_name(struct replay *replay, const struct script_line *line, uint64_t value,
		     struct error *err)
{
	int r = script_name(&replay->script, line->name, value);

	return r == -ENOSPC ? complain_of(line, err, "there are too many names") : r;
}

static int apply_call(struct replay *replay, struct replay_step *step, struct error *err)
{
	const struct script_line *line = &step->line;
	int r = 0;

	if (!replay->script.all_named)
		r = script_name_all(&replay->script, &replay->model);
	if (r == -ENOMEM)
		return r;
	look_at_first_call(replay, line);
	r = replay_call(replay, step);
	if (r < 0 || line->wanted != WANTED_NAME)
		return r;
	return give_name(replay, line, (uint64_t)step->result.value, err);
}

static int apply_remember(struct replay *replay, const struct script_line *line, struct error *err)
{
	if (line->counter == COUNTER_NONE)
		return 0; /* the script knows it already */
	return give_name(replay, line, script_counter(&replay->model, line->counter), err);
}

/* What is mapped at the beginning. */
static int apply_beginning(struct replay *replay, const struct script_line *line, struct error *err)
{
	if (replay->has_begun)
		return complain_of(line, err, "what is there at the beginning stands before calls");
	if (line->type == SCRIPT_FILE) {
		replay->knows_files = true;
		return apply_file(replay, line);
	}
	if (line->type == SCRIPT_DESCRIPTOR)
		return apply_descriptor(replay, line, err);
	return apply_vma(replay, line, err);
}

static int apply(struct replay *replay, struct replay_step *step, struct error *err)
{
	const struct script_line *line = &step->line;

	switch (line->type) {
	case SCRIPT_CALL:
		return apply_call(replay, step, err);
	case SCRIPT_OPEN:
		return apply_open(replay, line);
	case SCRIPT_DUP:
		return apply_dup(replay, line);
	case SCRIPT_CLOSE:
		model_close(&replay->model, line->descriptor);
		return 0;
	case SCRIPT_SIZE:
		return apply_size(replay, line);
	case SCRIPT_EXEC:
		return apply_exec(replay, line);
	case SCRIPT_CLONES:
		return apply_clones(replay, line);
	case SCRIPT_CLONED:
		return apply_cloned(replay, line);
	case SCRIPT_ENDED:
		forget_pid(replay, line->pid);
		return 0;
	case SCRIPT_BITS:
		return apply_bits(replay, line);
	case SCRIPT_SETTING:
	case SCRIPT_CAPABILITIES:
		script_set(&replay->model, line);
		return 0;
	case SCRIPT_VMA:
	case SCRIPT_FILE:
	case SCRIPT_DESCRIPTOR:
		return apply_beginning(replay, line, err);
	case SCRIPT_PRESENT:
		return pages_add(&replay->model.present, line->vma.start, line->vma.end);
	case SCRIPT_UNKNOWN:
		return apply_unknown(replay);
	case SCRIPT_REMEMBER:
		return apply_remember(replay, line, err);
	case SCRIPT_EXPECT_VMA:
	case SCRIPT_EXPECT_FREE:
	case SCRIPT_EXPECT_COUNTER:
		step->outcome = script_holds(&replay->model, line) ? REPLAY_SAME : REPLAY_DIFFERENT;
		return 0;
	case SCRIPT_OTHER:
		step->outcome = REPLAY_OTHER;
		return 0;
	case SCRIPT_STRANGE:
		step->outcome = REPLAY_STRANGE;
		step->why = "the model has no rules for this call";
		return 0;
	case SCRIPT_NOTHING:
	case SCRIPT_LAYOUT:
	case SCRIPT_MAP:
		return 0;
	}
	return 0;
}

int replay_line(struct replay *replay, const char *text, size_t size, struct replay_step *ret,
		struct error *err)
{
	int r;

	*ret = (struct replay_step){.why = ""};
	r = script_parse(&replay->script, text, size, &ret->line, err);
	if (r == 0 && ret->line.type != SCRIPT_NOTHING)
		r = is_ours(replay, ret->line.pid);
	if (r > 0) {
		r = apply(replay, ret, err);
	} else if (r == 0 && ret->line.type != SCRIPT_NOTHING) {
		ret->outcome = ret->line.type == SCRIPT_OTHER ? REPLAY_OTHER : REPLAY_FOREIGN;
		if (ret->line.type == SCRIPT_ENDED)
			forget_pid(replay, ret->line.pid);
		ret->line.type = SCRIPT_NOTHING;
	}
	if (r == -ENOMEM || replay->model.out_of_memory)
		return fail(err, ENOMEM, "%u:1: this line", ret->line.number);
	if (r == 0)
		replay->outcomes[ret->outcome]++;
	return r;
}
