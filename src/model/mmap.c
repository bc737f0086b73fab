/* mmap and munmap. The order of the checks is the kernel's: it decides which errno is seen. */
#include "model/parts.h"

#include <errno.h>

/* What mmap is about to make. */
struct wanted {
	uint64_t addr, length;
	unsigned prot, flags;
	bool anonymous;
	struct vma vma;
};

static uint32_t first_flags(const struct model *model, const struct wanted *wanted)
{
	uint32_t flags = flags_of_prot(model, wanted->prot) | VMA_MAY;

	if (wanted->flags & MAP_NUMBER_GROWSDOWN)
		flags |= VMA_GROWSDOWN;
	if (wanted->flags & MAP_NUMBER_LOCKED)
		flags |= VMA_LOCKED;
	if (rule_holds(RULE_FLAG_STACK, wanted->flags & MAP_NUMBER_STACK))
		flags |= VMA_NOHUGEPAGE;
	if (rule_holds(RULE_LOCK_FUTURE, true))
		flags |= model->new_flags;
	return flags;
}

/* A hint is rounded down to a page, and up to the lowest address that a hint may name. */
static uint64_t round_hint(const struct model *model, uint64_t addr)
{
	addr = align_down(addr, MODEL_PAGE);
	if (rule_holds(RULE_HINT_ROUNDED_UP, addr && addr < model->machine.lowest_hint))
		return model->machine.lowest_hint;
	return addr;
}

static int64_t check_size(struct model *model, const struct wanted *wanted, uint64_t length)
{
	if (rule_holds(RULE_LENGTH_0, length == 0))
		return refuse(model, RULE_LENGTH_0, -EINVAL);
	if (rule_holds(RULE_LENGTH_WRAPS, wanted->length == 0))
		return refuse(model, RULE_LENGTH_WRAPS, -ENOMEM);
	if (rule_holds(RULE_OFFSET_WRAPS,
		       wanted->vma.pgoff + pages_of(wanted->length) < wanted->vma.pgoff))
		return refuse(model, RULE_OFFSET_WRAPS, -EOVERFLOW);
	if (rule_holds(RULE_MAP_COUNT, model->vmas.count > model->machine.max_map_count))
		return refuse(model, RULE_MAP_COUNT, -ENOMEM);
	return 0;
}

static int64_t check_locks(struct model *model, const struct wanted *wanted)
{
	if (rule_holds(RULE_LOCK_PERMISSION,
		       (wanted->flags & MAP_NUMBER_LOCKED) && !can_lock(model)))
		return refuse(model, RULE_LOCK_PERMISSION, -EPERM);
	return may_lock(model, wanted->vma.flags, wanted->length) ? 0 : -EAGAIN;
}

static int64_t check_shared_file(struct model *model, struct wanted *wanted,
				 const struct model_file *file)
{
	const unsigned known = MAP_NUMBER_TYPE | MAP_NUMBER_FIXED | MAP_NUMBER_ANONYMOUS |
			       MAP_NUMBER_32BIT | MAP_NUMBER_ABOVE4G | MAP_NUMBER_GROWSDOWN |
			       MAP_NUMBER_DENYWRITE | MAP_NUMBER_EXECUTABLE | MAP_NUMBER_LOCKED |
			       MAP_NUMBER_NORESERVE | MAP_NUMBER_POPULATE | MAP_NUMBER_NONBLOCK |
			       MAP_NUMBER_STACK | MAP_NUMBER_HUGETLB | MAP_NUMBER_UNINITIALIZED;
	bool validated = (wanted->flags & MAP_NUMBER_TYPE) == MAP_NUMBER_SHARED_VALIDATE;

	if (rule_holds(RULE_SHARED_VALIDATE, validated && (wanted->flags & ~known)))
		return refuse(model, RULE_SHARED_VALIDATE, -EOPNOTSUPP);
	if (rule_holds(RULE_FILE_NOT_WRITABLE,
		       (wanted->prot & PROT_NUMBER_WRITE) && !file->writable))
		return refuse(model, RULE_FILE_NOT_WRITABLE, -EACCES);
	wanted->vma.flags |= VMA_SHARED | VMA_MAYSHARE;
	if (rule_holds(RULE_SHARED_READ_ONLY, !file->writable))
		wanted->vma.flags &= ~(uint32_t)(VMA_SHARED | VMA_MAYWRITE);
	return 0;
}

static int64_t check_file(struct model *model, struct wanted *wanted)
{
	const struct model_file *file = &model->files[wanted->vma.file];
	unsigned type = wanted->flags & MAP_NUMBER_TYPE;
	uint64_t most = file->unmappable ? UINT64_MAX : INT64_MAX;
	int64_t r = 0;

	if (rule_holds(RULE_OFFSET_TOO_LARGE,
		       wanted->length > most ||
			       wanted->vma.pgoff > pages_of(most - wanted->length)))
		return refuse(model, RULE_OFFSET_TOO_LARGE, -EOVERFLOW);
	if (type == MAP_NUMBER_SHARED || type == MAP_NUMBER_SHARED_VALIDATE)
		r = check_shared_file(model, wanted, file);
	else if (rule_holds(RULE_TYPE, type != MAP_NUMBER_PRIVATE))
		return refuse(model, RULE_TYPE, -EINVAL);
	if (r < 0)
		return r;
	if (rule_holds(RULE_FILE_NOT_READABLE, !file->readable))
		return refuse(model, RULE_FILE_NOT_READABLE, -EACCES);
	if (rule_holds(RULE_FILE_NOEXEC, file->noexec && (wanted->prot & PROT_NUMBER_EXEC)))
		return refuse(model, RULE_FILE_NOEXEC, -EPERM);
	if (file->noexec)
		wanted->vma.flags &= ~(uint32_t)VMA_MAYEXEC;
	if (rule_holds(RULE_FILE_UNMAPPABLE, file->unmappable))
		return refuse(model, RULE_FILE_UNMAPPABLE, -ENODEV);
	if (rule_holds(RULE_GROWSDOWN_FILE, wanted->vma.flags & VMA_GROWSDOWN))
		return refuse(model, RULE_GROWSDOWN_FILE, -EINVAL);
	return 0;
}

static int64_t check_anonymous(struct model *model, struct wanted *wanted)
{
	unsigned type = wanted->flags & MAP_NUMBER_TYPE;
	struct vma *vma = &wanted->vma;

	if (type == MAP_NUMBER_SHARED) {
		if (rule_holds(RULE_GROWSDOWN_SHARED, vma->flags & VMA_GROWSDOWN))
			return refuse(model, RULE_GROWSDOWN_SHARED, -EINVAL);
		vma->pgoff = 0;
		vma->flags |= VMA_SHARED | VMA_MAYSHARE;
		return 0;
	}
	vma->pgoff = pages_of(wanted->addr);
	if (type == MAP_NUMBER_DROPPABLE && model->machine.version >= VERSION(6, 11)) {
		if (rule_holds(RULE_DROPPABLE,
			       wanted->flags & (MAP_NUMBER_LOCKED | MAP_NUMBER_GROWSDOWN)))
			return refuse(model, RULE_DROPPABLE, -EINVAL);
		vma->flags |= VMA_DROPPABLE | VMA_NORESERVE | VMA_WIPEONFORK | VMA_DONTDUMP;
		return 0;
	}
	if (rule_holds(RULE_TYPE, type != MAP_NUMBER_PRIVATE))
		return refuse(model, RULE_TYPE, -EINVAL);
	return 0;
}

static int64_t check_type(struct model *model, struct wanted *wanted)
{
	int64_t r = wanted->anonymous ? check_anonymous(model, wanted) : check_file(model, wanted);

	if (r == 0 && (wanted->flags & MAP_NUMBER_NORESERVE) &&
	    rule_holds(RULE_FLAG_NORESERVE, model->machine.overcommit_mode != 2))
		wanted->vma.flags |= VMA_NORESERVE;
	return r;
}

static int64_t find_place(struct model *model, struct wanted *wanted)
{
	const struct placement placement = {
		.file = wanted->vma.file,
		.addr = wanted->addr,
		.length = wanted->length,
		.pgoff = wanted->vma.pgoff,
		.flags = wanted->flags,
	};
	int64_t found = place(model, &placement);

	if (found < 0)
		return found;
	wanted->addr = (uint64_t)found;
	if (rule_holds(RULE_NOREPLACE,
		       (wanted->flags & MAP_NUMBER_FIXED_NOREPLACE) &&
			       !is_free(model, wanted->addr, wanted->addr + wanted->length)))
		return refuse(model, RULE_NOREPLACE, -EEXIST);
	return 0;
}

/* Limits, with what is replaced given back; and what is to be committed. */
static int64_t check_limits(struct model *model, struct wanted *wanted)
{
	plat_addr end = wanted->addr + wanted->length;
	uint64_t pages = pages_of(wanted->length), replaced, accounted;

	sum_range(model, wanted->addr, end, &replaced, &accounted);
	if (!rule_holds(RULE_REPLACED_CREDIT, true))
		replaced = 0;
	if (!may_expand(model, wanted->vma.flags, pages - replaced))
		return -ENOMEM;
	if (!is_accountable(wanted->vma.flags))
		return 0;
	if (pages > accounted && !may_commit(model, pages - accounted))
		return -ENOMEM;
	wanted->vma.flags |= VMA_ACCOUNT;
	return 0;
}

/* Shared anonymous memory is a new object of its own, charged as a whole whatever its rights. */
static int64_t make_object(struct model *model, struct wanted *wanted)
{
	const struct model_file object = {
		.readable = true,
		.writable = true,
		.shmem = true,
		.anonymous = true,
		.size = wanted->length,
		.name = NO_FILE,
	};
	int64_t file;

	if (!(wanted->vma.flags & VMA_NORESERVE) && rule_holds(RULE_SHARED_CHARGED, true) &&
	    !may_commit(model, pages_of(wanted->length)))
		return -ENOMEM;
	file = new_file(model, &object);
	if (file < 0)
		return file;
	wanted->vma.file = (uint32_t)file;
	return 0;
}

/* The old is gone from here on, also where the new fails. */
static int64_t make_mapping(struct model *model, struct wanted *wanted)
{
	struct vma *vma = &wanted->vma;
	uint64_t pages = pages_of(wanted->length);
	bool locked = vma->flags & VMA_LOCKED;
	int64_t r = take_away(model, wanted->addr, wanted->addr + wanted->length);

	vma->start = wanted->addr;
	vma->end = wanted->addr + wanted->length;
	if (r == 0 && wanted->anonymous && (vma->flags & VMA_SHARED))
		r = make_object(model, wanted);
	if (r < 0)
		return r;
	/* Droppable memory loses the lock of MCL_FUTURE when it is there: until then it merges with
	 * none. */
	if (locked && (vma->flags & VMA_DROPPABLE)) {
		vma->flags &= ~(uint32_t)VMA_LOCKS;
		r = vmas_insert(&model->vmas, vma) < 0 ? run_out(model) : 0;
	} else {
		r = add_vma(model, vma);
	}
	if (r < 0)
		return r;
	count(model, vma->flags, pages);
	if (vma->flags & VMA_ACCOUNT)
		commit(model, pages);
	if (rule_holds(RULE_COUNT_LOCKED, vma->flags & VMA_LOCKED))
		model->counters.locked += pages;
	if (locked ||
	    (wanted->flags & (MAP_NUMBER_POPULATE | MAP_NUMBER_NONBLOCK)) == MAP_NUMBER_POPULATE)
		r = populate(model, vma->start, vma->end, true);
	return r < 0 ? r : (int64_t)wanted->addr;
}

/* All that can refuse it. Borders of what MAP_FIXED replaces are cut by then. */
static int64_t check_wanted(struct model *model, struct wanted *wanted, uint64_t length)
{
	int64_t r;

	if (wanted->flags & MAP_NUMBER_FIXED_NOREPLACE)
		wanted->flags |= MAP_NUMBER_FIXED;
	if (!(wanted->flags & MAP_NUMBER_FIXED))
		wanted->addr = round_hint(model, wanted->addr);
	wanted->length = page_round(length);
	wanted->vma.flags = first_flags(model, wanted);
	r = check_size(model, wanted, length);
	if (r == 0)
		r = find_place(model, wanted);
	if (r == 0)
		r = check_locks(model, wanted);
	if (r == 0)
		r = check_type(model, wanted);
	if (r == 0)
		r = cut_for_unmap(model, wanted->addr, wanted->addr + wanted->length);
	return r < 0 ? r : check_limits(model, wanted);
}

static int64_t read_arguments(struct model *model, const uint64_t *arg, struct wanted *ret)
{
	int64_t file;

	*ret = (struct wanted){
		.addr = arg[0],
		.prot = (unsigned)arg[2],
		.flags = (unsigned)arg[3],
		.anonymous = arg[3] & MAP_NUMBER_ANONYMOUS,
		.vma = {.pgoff = pages_of(arg[5]), .file = VMA_NO_FILE},
	};
	if ((model->personality & PERSONALITY_READ_IMPLIES_EXEC) && (ret->prot & PROT_NUMBER_READ))
		ret->prot |= PROT_NUMBER_EXEC;
	if (rule_holds(RULE_OFFSET_UNALIGNED, !is_aligned(arg[5], MODEL_PAGE)))
		return refuse(model, RULE_OFFSET_UNALIGNED, -EINVAL);
	if (ret->anonymous)
		return 0;
	file = file_of_descriptor(model, arg[4]);
	if (file < 0)
		return refuse(model, RULE_DESCRIPTOR, -EBADF);
	ret->vma.file = (uint32_t)file;
	return 0;
}

int64_t may_map(struct model *model, const uint64_t *arg)
{
	struct wanted wanted;
	int64_t r = read_arguments(model, arg, &wanted);

	if (r == 0)
		r = check_wanted(model, &wanted, arg[1]);
	return r < 0 ? r : (int64_t)wanted.addr;
}

int64_t call_mmap(struct model *model, const uint64_t *arg)
{
	struct wanted wanted;
	int64_t r = read_arguments(model, arg, &wanted);

	if (r == 0)
		r = check_wanted(model, &wanted, arg[1]);
	return r < 0 ? r : make_mapping(model, &wanted);
}

int64_t call_munmap(struct model *model, const uint64_t *arg)
{
	plat_addr addr = arg[0];
	uint64_t length = page_round(arg[1]);

	if (rule_holds(RULE_UNALIGNED, !is_aligned(addr, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_UNMAP_RANGE,
		       addr > model->task_size || arg[1] > model->task_size - addr))
		return refuse(model, RULE_UNMAP_RANGE, -EINVAL);
	if (rule_holds(RULE_LENGTH_0, length == 0))
		return refuse(model, RULE_LENGTH_0, -EINVAL);
	return unmap(model, addr, addr + length);
}
