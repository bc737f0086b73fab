/*
 * madvise and mincore.
 *
 * madvise passes over holes, and says ENOMEM at the end; any other error stops it.
 */
#include "model/parts.h"

#include <errno.h>

enum advice {
	ADVICE_NORMAL = 0,
	ADVICE_RANDOM = 1,
	ADVICE_SEQUENTIAL = 2,
	ADVICE_WILLNEED = 3,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_REMOVE = 9,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_MERGEABLE = 12,
	ADVICE_UNMERGEABLE = 13,
	ADVICE_HUGEPAGE = 14,
	ADVICE_NOHUGEPAGE = 15,
	ADVICE_DONTDUMP = 16,
	ADVICE_DODUMP = 17,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_READ = 22,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_DONTNEED_LOCKED = 24,
};

/* Advice that only sets and clears flags. */
static const struct {
	enum advice advice;
	uint32_t set, clear;
} plain_advice[] = {
	{ADVICE_NORMAL, 0, VMA_RANDOM | VMA_SEQUENTIAL},
	{ADVICE_RANDOM, VMA_RANDOM, VMA_SEQUENTIAL},
	{ADVICE_SEQUENTIAL, VMA_SEQUENTIAL, VMA_RANDOM},
	{ADVICE_DONTFORK, VMA_DONTCOPY, 0},
	{ADVICE_DOFORK, 0, VMA_DONTCOPY},
	{ADVICE_MERGEABLE, VMA_MERGEABLE, 0},
	{ADVICE_UNMERGEABLE, 0, VMA_MERGEABLE},
	{ADVICE_HUGEPAGE, VMA_HUGEPAGE, VMA_NOHUGEPAGE},
	{ADVICE_NOHUGEPAGE, VMA_NOHUGEPAGE, VMA_HUGEPAGE},
	{ADVICE_DONTDUMP, VMA_DONTDUMP, 0},
	{ADVICE_DODUMP, 0, VMA_DONTDUMP},
	{ADVICE_WIPEONFORK, VMA_WIPEONFORK, 0},
	{ADVICE_KEEPONFORK, 0, VMA_WIPEONFORK},
};

static bool is_known(unsigned advice)
{
	return advice <= ADVICE_DONTNEED ||
	       (advice >= ADVICE_FREE && advice <= ADVICE_DONTNEED_LOCKED);
}

static bool is_shared(const struct vma *vma)
{
	return vma->flags & (VMA_SHARED | VMA_MAYSHARE);
}

/* What must not be done to memory that is sealed and that the process itself cannot write to. */
static bool discards(enum advice advice)
{
	switch (advice) {
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED:
	case ADVICE_FREE:
	case ADVICE_REMOVE:
	case ADVICE_DONTFORK:
	case ADVICE_WIPEONFORK:
		return true;
	default:
		return false;
	}
}

/* vdso and vvar are of no file to the kernel. */
static bool has_file(const struct model *model, const struct vma *vma)
{
	return !is_private_anonymous(vma) && !is_whole(model, vma);
}

/* Which flags cannot be set where. MERGEABLE is passed over in silence instead. */
static int64_t check_flag_advice(struct model *model, const struct vma *vma, enum advice advice)
{
	bool wrong = false;

	switch (advice) {
	case ADVICE_DOFORK:
		wrong = vma->flags & VMA_IO;
		break;
	case ADVICE_DODUMP:
		wrong = vma->flags & (VMA_SPECIAL | VMA_DROPPABLE);
		break;
	case ADVICE_WIPEONFORK:
		wrong = has_file(model, vma) || is_shared(vma);
		break;
	case ADVICE_KEEPONFORK:
		wrong = vma->flags & VMA_DROPPABLE;
		break;
	default:
		break;
	}
	if (rule_holds(RULE_ADVICE_NOT_HERE, wrong))
		return refuse(model, RULE_ADVICE_NOT_HERE, -EINVAL);
	return 0;
}

static int64_t advise_flags(struct model *model, const struct vma *vma, plat_addr start,
			    plat_addr end, enum advice advice)
{
	uint32_t flags = vma->flags;
	int64_t r = check_flag_advice(model, vma, advice);
	size_t i;

	if (r < 0)
		return r;
	if ((advice == ADVICE_MERGEABLE || advice == ADVICE_UNMERGEABLE) &&
	    rule_holds(RULE_ADVICE_KSM,
		       is_shared(vma) || (vma->flags & (VMA_SPECIAL | VMA_DROPPABLE))))
		return 0;
	for (i = 0; i < ARRAY_SIZE(plain_advice); i++)
		if (plain_advice[i].advice == advice)
			flags = (flags & ~plain_advice[i].clear) | plain_advice[i].set;
	if (flags == vma->flags)
		return 0;
	r = change_flags(model, start, end, flags);
	return rule_holds(RULE_ADVICE_EAGAIN, r == -ENOMEM) ? -EAGAIN : r;
}

static int64_t drop_pages(struct model *model, const struct vma *vma, plat_addr start,
			  plat_addr end, enum advice advice)
{
	uint32_t never = VMA_PFNMAP;

	if (advice != ADVICE_DONTNEED_LOCKED)
		never |= VMA_LOCKED;
	if (rule_holds(RULE_ADVICE_DROP_LOCKED, vma->flags & never))
		return refuse(model, RULE_ADVICE_DROP_LOCKED, -EINVAL);
	if (advice == ADVICE_FREE) {
		/* Lazily: the pages stay until memory is short. */
		if (rule_holds(RULE_ADVICE_FREE_FILE, !is_private_anonymous(vma)))
			return refuse(model, RULE_ADVICE_FREE_FILE, -EINVAL);
		return 0;
	}
	if (!is_private_anonymous(vma))
		return 0;
	return pages_take(&model->present, start, end) < 0 ? run_out(model) : 0;
}

/* Punches a hole into an object. */
static int64_t remove_pages(struct model *model, const struct vma *vma, plat_addr start,
			    plat_addr end)
{
	uint64_t offset = vma_pgoff_at(vma, start) * MODEL_PAGE;
	struct model_file *file;

	if (rule_holds(RULE_ADVICE_REMOVE_PRIVATE,
		       (vma->flags & VMA_LOCKED) || !has_file(model, vma)))
		return refuse(model, RULE_ADVICE_REMOVE_PRIVATE, -EINVAL);
	if (rule_holds(RULE_ADVICE_REMOVE_WRITE,
		       (vma->flags & (VMA_SHARED | VMA_MAYWRITE)) != (VMA_SHARED | VMA_MAYWRITE)))
		return refuse(model, RULE_ADVICE_REMOVE_WRITE, -EACCES);
	file = &model->files[vma->file];
	if (!file->shmem)
		return 0;
	return pages_take(&file->resident, offset, offset + (end - start)) < 0 ? run_out(model) : 0;
}

static int64_t advise_populate(struct model *model, const struct vma *vma, plat_addr start,
			       plat_addr end, enum advice advice)
{
	int64_t r;

	if (rule_holds(RULE_ADVICE_POPULATE_SPECIAL, vma->flags & (VMA_IO | VMA_PFNMAP)))
		return refuse(model, RULE_ADVICE_POPULATE_SPECIAL, -EINVAL);
	if (!(vma->flags & (advice == ADVICE_POPULATE_READ ? VMA_READ : VMA_WRITE)))
		return refuse(model, RULE_RIGHTS, -EINVAL);
	r = touch_all(model, start, end, advice == ADVICE_POPULATE_WRITE);
	return r == -EFAULT ? refuse(model, RULE_END_OF_FILE, -EFAULT) : r;
}

/* The part [start, end) of one VMA. */
static int64_t advise_part(struct model *model, const struct vma *vma, plat_addr start,
			   plat_addr end, enum advice advice)
{
	if (rule_holds(RULE_SEALED_DISCARD, (vma->flags & VMA_SEALED) &&
						    is_private_anonymous(vma) &&
						    !(vma->flags & VMA_WRITE) && discards(advice)))
		return refuse(model, RULE_SEALED_DISCARD, -EPERM);
	switch (advice) {
	case ADVICE_WILLNEED:
		return 0;
	case ADVICE_COLD:
	case ADVICE_PAGEOUT:
		if (rule_holds(RULE_ADVICE_DROP_LOCKED, vma->flags & (VMA_LOCKED | VMA_PFNMAP)))
			return refuse(model, RULE_ADVICE_DROP_LOCKED, -EINVAL);
		return 0;
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED:
	case ADVICE_FREE:
		return drop_pages(model, vma, start, end, advice);
	case ADVICE_REMOVE:
		return remove_pages(model, vma, start, end);
	case ADVICE_POPULATE_READ:
	case ADVICE_POPULATE_WRITE:
		return advise_populate(model, vma, start, end, advice);
	default:
		return advise_flags(model, vma, start, end, advice);
	}
}

static int64_t advise_range(struct model *model, plat_addr start, plat_addr end, enum advice advice)
{
	int64_t unmapped = 0;

	while (start < end) {
		const struct vma *vma = vmas_above(&model->vmas, start);
		plat_addr to;
		int64_t r;

		if (!vma || vma->start >= end)
			return refuse(model, RULE_HOLE, -ENOMEM);
		if (vma->start > start) {
			unmapped = refuse(model, RULE_HOLE, -ENOMEM);
			if (advice == ADVICE_POPULATE_READ || advice == ADVICE_POPULATE_WRITE)
				return unmapped;
			start = vma->start;
		}
		to = min_u64(vma->end, end);
		r = advise_part(model, vma, start, to, advice);
		if (r < 0)
			return r;
		start = to;
	}
	return unmapped;
}

int64_t call_madvise(struct model *model, const uint64_t *arg)
{
	uint64_t length = page_round(arg[1]);
	plat_addr start = arg[0], end = start + length;
	unsigned advice = (unsigned)arg[2];

	if (rule_holds(RULE_ADVICE_UNKNOWN, !is_known(advice)))
		return refuse(model, RULE_ADVICE_UNKNOWN, -EINVAL);
	if (rule_holds(RULE_UNALIGNED, !is_aligned(start, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_ADVICE_WRAPS, (arg[1] && !length) || end < start))
		return refuse(model, RULE_ADVICE_WRAPS, -EINVAL);
	return advise_range(model, start, end, (enum advice)advice);
}

/*
 * mincore.
 */

static uint64_t resident_in(const struct model *model, const struct vma *vma, plat_addr start,
			    plat_addr end)
{
	uint64_t offset = vma_pgoff_at(vma, start) * MODEL_PAGE;

	if (is_private_anonymous(vma))
		return pages_in(&model->present, start, end);
	return pages_in(&model->files[vma->file].resident, offset, offset + (end - start));
}

int64_t call_mincore(struct model *model, const uint64_t *arg)
{
	plat_addr start = arg[0], end = start + page_round(arg[1]);
	uint64_t resident = 0;

	if (rule_holds(RULE_UNALIGNED, !is_aligned(start, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	/* Also for ia32 programs it is the 64-bit user space that counts. */
	if (rule_holds(RULE_MINCORE_RANGE, start + arg[1] < start || start + arg[1] > TASK_SIZE_64))
		return refuse(model, RULE_MINCORE_RANGE, -ENOMEM);
	while (start < end) {
		const struct vma *vma = vmas_above(&model->vmas, start);
		plat_addr to;

		if (!vma || vma->start > start)
			return refuse(model, RULE_HOLE, -ENOMEM);
		to = min_u64(vma->end, end);
		resident += resident_in(model, vma, start, to);
		start = to;
	}
	return (int64_t)pages_of(resident);
}
