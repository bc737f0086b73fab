#include "model/to_space.h"

#include "base/error.h"
#include "base/list.h"
#include "model/parts.h"
#include "space/kinds.h"

#include <stdio.h>
#include <string.h>

static uint64_t known(plat_addr addr)
{
	return addr ? addr : UNKNOWN;
}

/* Numbers of <linux/capability.h>. */
static uint64_t capabilities_of(const struct model *model)
{
	static const struct {
		enum model_capability capability;
		unsigned number;
	} numbers[] = {
		{MODEL_CAP_IPC_LOCK, 14},
		{MODEL_CAP_SYS_RAWIO, 17},
		{MODEL_CAP_SYS_ADMIN, 21},
		{MODEL_CAP_SYS_RESOURCE, 24},
	};
	uint64_t bits = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (model->capabilities & numbers[i].capability)
			bits |= UINT64_C(1) << numbers[i].number;
	return bits;
}

static void set_process(const struct model *model, const struct space *from, struct space *ret)
{
	struct process *process = &ret->process;

	if (from)
		*process = from->process;
	if (!process->command[0])
		snprintf(process->command, sizeof(process->command), "model");
	process->bits = model->bits;
	process->capabilities = capabilities_of(model);
	process->personality = model->personality;
	process->start_code = known(model->start_code);
	process->end_code = known(model->end_code);
	process->start_data = known(model->start_data);
	process->end_data = known(model->end_data);
	process->start_stack = known(model->start_stack);
	process->arg_start = known(model->arg_start);
	process->arg_end = known(model->arg_end);
	process->env_start = known(model->env_start);
	process->env_end = known(model->env_end);
}

static void set_machine(const struct model *model, struct space *ret)
{
	const struct model_machine *machine = &model->machine;

	ret->machine.kernel = machine->version;
	ret->machine.page_size = MODEL_PAGE;
	ret->machine.mmap_min_addr = machine->mmap_min_addr;
	ret->machine.lowest_hint = machine->lowest_hint;
	ret->machine.max_map_count = machine->max_map_count;
	ret->machine.legacy_va_layout = machine->legacy_va_layout;
	ret->machine.randomize_va_space = machine->randomize_va_space;
	ret->machine.stack_guard_gap = machine->stack_guard_gap;
	ret->machine.overcommit = machine->overcommit_mode;
	ret->machine.admin_reserve = machine->admin_reserve;
	ret->machine.user_reserve = machine->user_reserve;
	ret->machine.ram = machine->ram;
	ret->machine.swap = machine->swap;
	ret->machine.commit_limit = machine->commit_limit ? machine->commit_limit : UNKNOWN;
	ret->machine.committed = machine->commit_limit ? machine->committed : UNKNOWN;
}

static void set_limits(const struct model *model, struct space *ret)
{
	static const enum limit_name names[NMODEL_LIMITS] = {
		[MODEL_AS] = LIMIT_AS,
		[MODEL_DATA] = LIMIT_DATA,
		[MODEL_STACK] = LIMIT_STACK,
		[MODEL_MEMLOCK] = LIMIT_MEMLOCK,
	};
	unsigned i;

	for (i = 0; i < NMODEL_LIMITS; i++)
		ret->limits[names[i]] =
			(struct limit){model->limits[i].soft, model->limits[i].hard, true};
}

static void set_figures(const struct model *model, struct space *ret)
{
	ret->figures[VM_SIZE] = model->counters.total * MODEL_PAGE;
	ret->figures[VM_DATA] = model->counters.data * MODEL_PAGE;
	ret->figures[VM_STK] = model->counters.stack * MODEL_PAGE;
	ret->figures[VM_LCK] = model->counters.locked * MODEL_PAGE;
}

static void set_layout(const struct model *model, struct space *ret)
{
	bool legacy = model->personality & PERSONALITY_LEGACY_LAYOUT;
	const char *reason = "what was recorded shows it";

	if (legacy != model->top_down && (legacy || !model->machine.legacy_va_layout))
		reason = legacy ? "personality has ADDR_COMPAT_LAYOUT"
				: "personality without ADDR_COMPAT_LAYOUT";
	else if (!model->top_down && model->machine.legacy_va_layout)
		reason = "vm.legacy_va_layout is 1";
	ret->user_end = model->task_size;
	ret->direction = model->top_down ? DIRECTION_TOP_DOWN : DIRECTION_BOTTOM_UP;
	ret->mmap_base = model->top_down ? model->mmap_base : model->legacy_base;
	snprintf(ret->direction_reason, sizeof(ret->direction_reason), "%s", reason);
	if (model->brk) {
		ret->start_brk = model->start_brk;
		ret->brk = model->brk;
	}
}

/*
 * Names.
 */

/* As the kernel would call what has no path. */
static void name_object(const struct model_file *file, uint32_t index, uint32_t flags, char *to,
			size_t size)
{
	if (file->whole)
		snprintf(to, size, flags & VMA_EXEC ? "[vdso]" : "[vvar]");
	else if (file->anonymous)
		snprintf(to, size, "/dev/zero (deleted)");
	else if (file->shmem)
		snprintf(to, size, "/memfd:%u (deleted)", index);
	else
		snprintf(to, size, "file %u", index);
}

static int add_known_file(struct space *ret, const struct file *file, uint32_t *index)
{
	int r = space_add_file(ret, file->name, file->major, file->minor, file->inode, index);

	if (r < 0)
		return r;
	ret->files[*index].type = file->type;
	ret->files[*index].deleted = file->deleted;
	return 0;
}

static int add_file_of(const struct model *model, const struct space *from, struct space *ret,
		       const struct vma *vma, uint32_t *index)
{
	const struct model_file *file = &model->files[vma->file];
	char name[64];

	if (from && file->name < from->nfiles)
		return add_known_file(ret, &from->files[file->name], index);
	name_object(file, vma->file, vma->flags, name, sizeof(name));
	/* The number makes two objects of one name two. */
	return space_add_file(ret, name, 0, 0, file->whole ? 0 : vma->file + UINT64_C(1), index);
}

/* Where the main stack ends: without a stack pointer it is the highest that grows down. 0: none. */
static plat_addr find_stack_end(const struct model *model)
{
	struct vma_place place = vmas_find(&model->vmas, model->start_stack);
	const struct vma *vma = vmas_at(&model->vmas, place);

	if (model->start_stack)
		return vma && vma->start <= model->start_stack ? vma->end : 0;
	place = vmas_find(&model->vmas, ADDR_MAX);
	while (vmas_previous(&model->vmas, &place))
		if (vmas_at(&model->vmas, place)->flags & VMA_GROWSDOWN)
			return vmas_at(&model->vmas, place)->end;
	return 0;
}

/* Linux fs/proc/task_mmu.c gives anonymous memory these names. */
static int name_anonymous(const struct model *model, struct space *ret, const struct vma *vma,
			  plat_addr stack_end, uint32_t *index)
{
	*index = NO_FILE;
	if (vma->start < model->brk && vma->end > model->start_brk)
		return space_add_file(ret, "[heap]", 0, 0, 0, index);
	if (vma->end == stack_end)
		return space_add_file(ret, "[stack]", 0, 0, 0, index);
	return 0;
}

/*
 * Mappings.
 */

static int add_mapping(const struct model *model, const struct space *from, struct space *ret,
		       const struct vma *vma, plat_addr stack_end)
{
	bool anonymous = is_private_anonymous(vma);
	uint32_t file;
	int r = anonymous ? name_anonymous(model, ret, vma, stack_end, &file)
			  : add_file_of(model, from, ret, vma, &file);

	if (r < 0)
		return r;
	return space_add_mapping(ret, vma->start, vma->end, rights_of(vma->flags),
				 anonymous ? 0 : vma->pgoff * MODEL_PAGE, file);
}

static int add_mappings(const struct model *model, const struct space *from, struct space *ret)
{
	struct vma_place place = vmas_first(&model->vmas);
	plat_addr stack_end = find_stack_end(model);
	const struct vma *vma;
	int r;

	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place)) {
		r = add_mapping(model, from, ret, vma, stack_end);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Modules and threads that the mappings have been given to. */
static int take_over(const struct space *from, struct space *ret)
{
	size_t i;
	int r = list_reserve(&ret->modules, &ret->modules_room, 0, from->nmodules);

	if (r == 0)
		r = list_reserve(&ret->threads, &ret->threads_room, 0, from->nthreads);
	for (i = 0; r == 0 && i < from->nmodules; i++) {
		struct module *module = &ret->modules[ret->nmodules++];

		*module = from->modules[i];
		if (module->file != NO_FILE)
			r = add_known_file(ret, &from->files[module->file], &module->file);
	}
	if (r < 0 || from->nthreads == 0)
		return r;
	memcpy(ret->threads, from->threads, from->nthreads * sizeof(*ret->threads));
	ret->nthreads = from->nthreads;
	return 0;
}

int model_to_space_of(const struct model *model, const struct space *from, struct space *ret,
		      struct error *err)
{
	int r;

	space_init(ret);
	set_process(model, from, ret);
	set_machine(model, ret);
	set_limits(model, ret);
	set_figures(model, ret);
	set_layout(model, ret);
	space_why(&ret->why.pages, "a model has no page figures");
	r = add_mappings(model, from, ret);
	if (r == 0 && from)
		r = take_over(from, ret);
	if (r == 0)
		r = kinds_assign(ret);
	if (r == 0)
		r = space_find_gaps(ret);
	if (r < 0) {
		space_fini(ret);
		return fail(err, -r, "the model's space cannot be shown");
	}
	return 0;
}

int model_to_space(const struct model *model, struct space *ret, struct error *err)
{
	return model_to_space_of(model, NULL, ret, err);
}
