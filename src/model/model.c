#include "model/parts.h"

#include "base/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB (UINT64_C(1) << 30)

/*
 * What a model is made of.
 */

void model_init(struct model *model)
{
	size_t i;

	*model = (struct model){
		.machine =
			{
				.version = VERSION(6, 18),
				.lowest_hint = 65536,
				.mmap_min_addr = 65536,
				.stack_guard_gap = 256 * MODEL_PAGE,
				.mmap_rnd_bits = 28,
				.mmap_rnd_compat_bits = 8,
				.randomize_va_space = 2,
				.max_map_count = 65530,
				.ram = 16 * GIB,
				.huge_pages = true,
				.vdso_pages = 2,
				.vvar_pages = 6,
			},
		.bits = 64,
		.task_size = TASK_SIZE_64,
		.top_down = true,
		.mmap_base = UINT64_C(0x7ffff7fff000),
		.legacy_base = UINT64_C(0x2aaaaaaab000),
	};
	for (i = 0; i < NMODEL_LIMITS; i++)
		model->limits[i] = (struct model_limits){MODEL_INFINITE, MODEL_INFINITE};
	model->limits[MODEL_STACK].soft = 8 << 20;
}

void model_fini(struct model *model)
{
	size_t i;

	for (i = 0; i < model->nfiles; i++)
		pages_fini(&model->files[i].resident);
	free(model->files);
	free(model->descriptors);
	vmas_fini(&model->vmas);
	pages_fini(&model->present);
	*model = (struct model){0};
}

static int copy_files(const struct model *model, struct model *ret)
{
	size_t i;

	if (list_reserve(&ret->files, &ret->files_room, 0, model->nfiles + 1) < 0)
		return -ENOMEM;
	for (i = 0; i < model->nfiles; i++) {
		ret->files[i] = model->files[i];
		ret->files[i].resident = (struct pages_present){0};
		ret->nfiles = i + 1;
		if (pages_copy(&model->files[i].resident, &ret->files[i].resident) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int copy_descriptors(const struct model *model, struct model *ret)
{
	if (list_reserve(&ret->descriptors, &ret->descriptors_room, 0, model->ndescriptors + 1) < 0)
		return -ENOMEM;
	if (model->ndescriptors)
		memcpy(ret->descriptors, model->descriptors,
		       model->ndescriptors * sizeof(*ret->descriptors));
	ret->ndescriptors = model->ndescriptors;
	return 0;
}

int model_copy(const struct model *model, struct model *ret)
{
	*ret = *model;
	ret->vmas = VMAS_EMPTY;
	ret->present = (struct pages_present){0};
	ret->files = NULL;
	ret->nfiles = ret->files_room = 0;
	ret->descriptors = NULL;
	ret->ndescriptors = ret->descriptors_room = 0;
	if (vmas_copy(&model->vmas, &ret->vmas) < 0 ||
	    pages_copy(&model->present, &ret->present) < 0 || copy_files(model, ret) < 0 ||
	    copy_descriptors(model, ret) < 0) {
		model_fini(ret);
		return -ENOMEM;
	}
	return 0;
}

int64_t run_out(struct model *model)
{
	model->out_of_memory = true;
	return -ENOMEM;
}

/*
 * setrlimit and fork.
 */

static int64_t call_setrlimit(struct model *model, const uint64_t *arg)
{
	struct model_limits *limit;

	if (arg[0] >= NMODEL_LIMITS)
		return -EINVAL;
	limit = &model->limits[arg[0]];
	if (rule_holds(RULE_LIMIT_ORDER, arg[1] > arg[2]))
		return refuse(model, RULE_LIMIT_ORDER, -EINVAL);
	if (rule_holds(RULE_LIMIT_RAISE,
		       arg[2] > limit->hard && !may(model, MODEL_CAP_SYS_RESOURCE)))
		return refuse(model, RULE_LIMIT_RAISE, -EPERM);
	*limit = (struct model_limits){arg[1], arg[2]};
	return 0;
}

/* What the child has of a VMA. Each identity becomes one of its own. */
static void inherit_vma(struct model *model, struct vma *vma)
{
	if (rule_holds(RULE_FORK_UNLOCKS, true))
		vma->flags &= ~(uint32_t)VMA_LOCKS;
	if (rule_holds(RULE_FORK_WIPE, vma->flags & VMA_WIPEONFORK))
		vma->anon = ANON_NONE;
	else if (vma->anon)
		vma->anon = ++model->last_anon | ANON_INHERITED;
}

/* Pages without an identity are the page of zeros: the child reads them anew. */
static bool loses_pages(const struct vma *vma)
{
	return is_private_anonymous(vma) && !vma->anon;
}

static int64_t call_fork(struct model *model, const uint64_t *arg)
{
	struct vma *vma;
	plat_addr at = 0;

	(void)arg;
	model->new_flags = 0;
	while ((vma = vmas_above(&model->vmas, at))) {
		plat_addr start = vma->start;

		at = vma->end;
		if (rule_holds(RULE_FORK_DONTCOPY, vma->flags & VMA_DONTCOPY)) {
			if (take_away(model, start, at) < 0)
				return -ENOMEM;
			continue;
		}
		inherit_vma(model, vma);
		if (loses_pages(vma) && pages_take(&model->present, start, at) < 0)
			return run_out(model);
	}
	model->counters.locked = 0;
	return 0;
}

/*
 * Requests.
 */

static const struct {
	const char *name;
	int64_t (*call)(struct model *model, const uint64_t *arg);
} calls[NCALLS] = {
	[CALL_MMAP] = {"mmap", call_mmap},
	[CALL_MUNMAP] = {"munmap", call_munmap},
	[CALL_BRK] = {"brk", call_brk},
	[CALL_MPROTECT] = {"mprotect", call_mprotect},
	[CALL_MREMAP] = {"mremap", call_mremap},
	[CALL_MADVISE] = {"madvise", call_madvise},
	[CALL_MLOCK] = {"mlock", call_mlock},
	[CALL_MLOCK2] = {"mlock2", call_mlock2},
	[CALL_MUNLOCK] = {"munlock", call_munlock},
	[CALL_MLOCKALL] = {"mlockall", call_mlockall},
	[CALL_MUNLOCKALL] = {"munlockall", call_munlockall},
	[CALL_MSEAL] = {"mseal", call_mseal},
	[CALL_MINCORE] = {"mincore", call_mincore},
	[CALL_SETRLIMIT] = {"setrlimit", call_setrlimit},
	[CALL_FORK] = {"fork", call_fork},
	[CALL_SET_MM] = {"set_mm", call_set_mm},
	[CALL_READ] = {"read", call_read},
	[CALL_WRITE] = {"write", call_write},
	[CALL_EXECUTE] = {"execute", call_execute},
};

const char *model_call_name(enum model_call call)
{
	return (unsigned)call < NCALLS ? calls[call].name : "?";
}

static bool is_access(enum model_call call)
{
	return call == CALL_READ || call == CALL_WRITE || call == CALL_EXECUTE;
}

struct model_result model_do(struct model *model, const struct model_request *request)
{
	struct model_result result = {.value = -ENOSYS};
	bool failed;

	if ((unsigned)request->call >= NCALLS)
		return result;
	model->refused = RULE_NONE;
	result.value = calls[request->call].call(model, request->arg);
	failed = result.value < 0;
	if (request->call == CALL_BRK)
		failed = (uint64_t)result.value != request->arg[0];
	if (failed && is_access(request->call) && !model->out_of_memory) {
		result.fault = (enum model_fault) - result.value;
		result.value = 0;
	}
	if (!failed)
		model->refused = RULE_NONE;
	result.refused = model->refused;
	return result;
}

/*
 * For tests.
 */

static bool is_valid_vma(const struct model *model, const struct vma *vma, plat_addr after)
{
	return vma->start >= after && vma->start < vma->end && is_aligned(vma->start, MODEL_PAGE) &&
	       is_aligned(vma->end, MODEL_PAGE) &&
	       (vma->file == VMA_NO_FILE || vma->file < model->nfiles);
}

bool model_valid(const struct model *model)
{
	struct vma_place place = vmas_first(&model->vmas);
	uint64_t pages = 0;
	plat_addr after = 0;
	size_t n = 0;
	const struct vma *vma;

	for (; (vma = vmas_at(&model->vmas, place)); place = vmas_next(&model->vmas, place)) {
		if (!is_valid_vma(model, vma, after))
			return false;
		after = vma->end;
		pages += pages_of(vma_size(vma));
		n++;
	}
	return n == model->vmas.count && pages == model->counters.total;
}
