/* What a script knows of its model: $names, counters, and whether what it expects is so. */
#include "model/script_parser.h"

#include "base/list.h"
#include "model/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct script_name {
	char name[SCRIPT_NAME_SIZE];
	uint64_t value;
};

static struct script_name *find_name(const struct script *script, struct span name)
{
	size_t i;

	for (i = 0; i < script->nnames; i++)
		if (span_is(name, script->names[i].name))
			return &script->names[i];
	return NULL;
}

int script_name(struct script *script, const char *name, uint64_t value)
{
	const struct span span = {name, name + strlen(name)};
	struct script_name *found = find_name(script, span);

	if (!found) {
		if (script->nnames == SCRIPT_NAMES_MOST)
			return -ENOSPC;
		if (list_reserve(&script->names, &script->names_room, script->nnames, 1) < 0)
			return -ENOMEM;
		found = &script->names[script->nnames++];
		snprintf(found->name, sizeof(found->name), "%s", name);
	}
	found->value = value;
	return 0;
}

/* The stack's range, and that of vvar and vdso. */
static int name_special_vmas(struct script *script, const struct model *model)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma;
	bool has_vvar = false;
	int r = 0;

	for (; r == 0 && (vma = vmas_at(&model->vmas, place));
	     place = vmas_next(&model->vmas, place)) {
		if (vma->flags & VMA_GROWSDOWN) {
			r = script_name(script, "stack_start", vma->start);
			r = r < 0 ? r : script_name(script, "stack_end", vma->end);
		}
		if (r < 0 || !is_whole(model, vma))
			continue;
		if (!has_vvar)
			r = script_name(script, "vvar", vma->start);
		has_vvar = true;
		r = r < 0 ? r : script_name(script, "vdso", vma->start);
		r = r < 0 ? r : script_name(script, "vdso_end", vma->end);
	}
	return r;
}

int script_name_all(struct script *script, const struct model *model)
{
	const struct model_machine *machine = &model->machine;
	const struct script_name names[] = {
		{"start_brk", model->start_brk},
		{"start_data", model->start_data},
		{"end_data", model->end_data},
		{"start_stack", model->start_stack},
		{"mmap_base", model->mmap_base},
		{"legacy_base", model->legacy_base},
		{"task_size", model->task_size},
		{"floor", machine->lowest_hint},
		{"guard", machine->stack_guard_gap},
		{"map_count", model->vmas.count},
		{"max_map_count", machine->max_map_count},
		{"memory", machine->ram + machine->swap},
	};
	size_t i;
	int r = 0;

	script->all_named = true;
	for (i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = script_name(script, names[i].name, names[i].value);
	return r < 0 ? r : name_special_vmas(script, model);
}

/* Those of the model are given their names when the first is asked for. */
bool find_value(struct script *script, struct span name, uint64_t *ret)
{
	const struct script_name *found = find_name(script, name);

	/* Without memory a name is missing, and that is complained of. */
	if (!found && script->model && !script->all_named &&
	    script_name_all(script, script->model) == 0)
		found = find_name(script, name);
	if (found)
		*ret = found->value;
	return found;
}

uint64_t script_counter(const struct model *model, enum script_counter counter)
{
	switch (counter) {
	case COUNTER_SIZE:
		return model->counters.total * MODEL_PAGE;
	case COUNTER_DATA:
		return model->counters.data * MODEL_PAGE;
	case COUNTER_STACK:
		return model->counters.stack * MODEL_PAGE;
	case COUNTER_LOCKED:
		return model->counters.locked * MODEL_PAGE;
	case COUNTER_MAPS:
		return model->vmas.count;
	case COUNTER_NONE:
		break;
	}
	return 0;
}

bool script_holds(const struct model *model, const struct script_line *line)
{
	const struct vma *vma = vmas_above(&model->vmas, line->vma.start);
	const uint32_t seen = VMA_RIGHTS | VMA_MAYSHARE;

	if (line->type == SCRIPT_EXPECT_COUNTER)
		return script_counter(model, line->counter) == line->value;
	if (line->type == SCRIPT_EXPECT_FREE)
		return !vma || vma->start >= line->vma.end;
	return vma && vma->start == line->vma.start && vma->end == line->vma.end &&
	       (!line->value || (vma->flags & seen) == (line->vma.flags & seen));
}
