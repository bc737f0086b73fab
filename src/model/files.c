/* Open file descriptions, and the descriptors that name them. What nothing names is used again. */
#include "model/parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>

/* Marks in `used` what VMAs and descriptors name. */
static void mark_used(const struct model *model, bool *used)
{
	struct vma_place place = vmas_first(&model->vmas);
	const struct vma *vma;
	size_t i;

	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place))
		if (vma->file != VMA_NO_FILE)
			used[vma->file] = true;
	for (i = 0; i < model->ndescriptors; i++)
		if (model->descriptors[i] >= 0)
			used[model->descriptors[i]] = true;
}

/* Frees what is not used. How many there are now, or -ENOMEM. */
static int64_t collect(struct model *model)
{
	bool *used = calloc(model->nfiles + 1, sizeof(*used));
	int64_t nfree = 0;
	size_t i;

	if (!used)
		return -ENOMEM;
	mark_used(model, used);
	for (i = 0; i < model->nfiles; i++) {
		if (used[i])
			continue;
		pages_fini(&model->files[i].resident);
		model->files[i] = (struct model_file){.is_unused = true, .name = NO_FILE};
		nfree++;
	}
	free(used);
	return nfree;
}

static int64_t take_unused(struct model *model, const struct model_file *file)
{
	for (; model->first_unused < model->nfiles; model->first_unused++)
		if (model->files[model->first_unused].is_unused) {
			model->files[model->first_unused] = *file;
			return (int64_t)model->first_unused++;
		}
	return -ENOENT;
}

int64_t new_file(struct model *model, const struct model_file *file)
{
	int64_t index = take_unused(model, file);

	if (index >= 0)
		return index;
	if (model->nfiles == model->files_room) {
		int64_t nfree = collect(model);

		if (nfree < 0)
			return run_out(model);
		/* Worth looking through again only if it is a good part. */
		if (nfree > (int64_t)(model->nfiles / 4)) {
			model->first_unused = 0;
			return take_unused(model, file);
		}
		if (list_reserve(&model->files, &model->files_room, model->nfiles,
				 model->nfiles + 16) < 0)
			return run_out(model);
	}
	model->files[model->nfiles] = *file;
	return (int64_t)model->nfiles++;
}

int64_t file_of_descriptor(const struct model *model, uint64_t descriptor)
{
	uint32_t number = (uint32_t)descriptor;

	return number < model->ndescriptors ? model->descriptors[number] : -1;
}

int model_open_at(struct model *model, const struct model_file *file, int descriptor)
{
	size_t wanted = (size_t)descriptor + 1;
	int64_t index;

	if (wanted > model->ndescriptors &&
	    list_reserve(&model->descriptors, &model->descriptors_room, model->ndescriptors,
			 wanted - model->ndescriptors) < 0)
		return -ENOMEM;
	while (model->ndescriptors < wanted)
		model->descriptors[model->ndescriptors++] = -1;
	index = new_file(model, file);
	if (index < 0)
		return -ENOMEM;
	model->descriptors[descriptor] = (int)index;
	return descriptor;
}

int model_open(struct model *model, const struct model_file *file)
{
	size_t i;

	for (i = 0; i < model->ndescriptors && model->descriptors[i] >= 0;)
		i++;
	return model_open_at(model, file, (int)i);
}

void model_close(struct model *model, int descriptor)
{
	if (descriptor >= 0 && (size_t)descriptor < model->ndescriptors)
		model->descriptors[descriptor] = -1;
}
