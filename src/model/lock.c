/*
 * mlock and its family. Locks are kept by VMA, counted by page, and never taken back where a call
 * fails on its way.
 */
#include "model/parts.h"

#include <errno.h>

enum { ALL_CURRENT = 1, ALL_FUTURE = 2, ALL_ONFAULT = 4 };
enum { LOCK2_ONFAULT = 1 };

/* Such VMAs are passed over without a word. */
static bool is_never_locked(const struct vma *vma)
{
	return rule_holds(RULE_LOCK_SPECIAL, vma->flags & (VMA_SPECIAL | VMA_DROPPABLE));
}

/* The kernel's number of pages is an int: 2^32 pages count as none. */
static uint64_t narrow(uint64_t pages)
{
	if (!rule_holds(RULE_LOCK_COUNT_INT, true))
		return pages;
	return (uint64_t)(int64_t)(int32_t)(uint32_t)pages;
}

/* The part [start, end) of one VMA gets the locks, which may be none. */
static int64_t lock_part(struct model *model, const struct vma *vma, plat_addr start, plat_addr end,
			 uint32_t locks)
{
	uint32_t old = vma->flags, flags = (old & ~(uint32_t)VMA_LOCKS) | locks;
	uint64_t pages = narrow(pages_of(end - start));
	int64_t r;

	if (flags == old || is_never_locked(vma))
		return 0;
	r = change_flags(model, start, end, flags);
	if (r < 0)
		return r;
	if (!(flags & VMA_LOCKED))
		model->counters.locked += (uint64_t)(int64_t)(int32_t)(0 - (uint32_t)pages);
	else if (!(old & VMA_LOCKED))
		model->counters.locked += pages;
	return 0;
}

static int64_t lock_range(struct model *model, plat_addr start, uint64_t length, uint32_t locks)
{
	plat_addr end = start + length;

	if (rule_holds(RULE_LOCK_WRAPS, end < start))
		return refuse(model, RULE_LOCK_WRAPS, -EINVAL);
	while (start < end) {
		const struct vma *vma = vmas_above(&model->vmas, start);
		plat_addr to;
		int64_t r;

		if (!vma || vma->start > start)
			return refuse(model, RULE_HOLE, -ENOMEM);
		to = min_u64(vma->end, end);
		r = lock_part(model, vma, start, to, locks);
		if (r < 0)
			return r;
		start = to;
	}
	return 0;
}

/* What of [start, end) is locked already need not be asked for again. */
static uint64_t pages_locked(const struct model *model, plat_addr start, plat_addr end)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma;
	uint64_t bytes = 0;

	for (; (vma = vmas_at(&model->vmas, place)) && vma->start < end;
	     place = vmas_next(&model->vmas, place))
		if (vma->flags & VMA_LOCKED)
			bytes += overlap(vma->start, vma->end, start, end);
	return pages_of(bytes);
}

static int64_t lock_and_populate(struct model *model, plat_addr addr, uint64_t size, uint32_t locks)
{
	plat_addr start = align_down(addr, MODEL_PAGE);
	uint64_t length = page_round(size + (addr - start)), after;
	int64_t r;

	if (rule_holds(RULE_LOCK_PERMISSION, !can_lock(model)))
		return refuse(model, RULE_LOCK_PERMISSION, -EPERM);
	after = pages_of(length) + model->counters.locked;
	if (!may(model, MODEL_CAP_IPC_LOCK)) {
		if (after > limit_pages(model, MODEL_MEMLOCK) &&
		    rule_holds(RULE_LOCKED_CREDIT, true))
			after -= pages_locked(model, start, start + length);
		if (rule_holds(RULE_LIMIT_MEMLOCK, after > limit_pages(model, MODEL_MEMLOCK)))
			return refuse(model, RULE_LIMIT_MEMLOCK, -ENOMEM);
	}
	r = lock_range(model, start, length, locks);
	if (r < 0)
		return r;
	r = populate(model, start, start + length, false);
	if (rule_holds(RULE_LOCK_NO_PAGE, r == -EFAULT))
		return refuse(model, RULE_LOCK_NO_PAGE, -ENOMEM);
	return r == -EFAULT ? 0 : r;
}

int64_t call_mlock(struct model *model, const uint64_t *arg)
{
	return lock_and_populate(model, arg[0], arg[1], VMA_LOCKED);
}

int64_t call_mlock2(struct model *model, const uint64_t *arg)
{
	uint32_t locks = VMA_LOCKED;

	if (rule_holds(RULE_LOCK_FLAGS, (unsigned)arg[2] & ~(unsigned)LOCK2_ONFAULT))
		return refuse(model, RULE_LOCK_FLAGS, -EINVAL);
	if (rule_holds(RULE_LOCK_ONFAULT, arg[2] & LOCK2_ONFAULT))
		locks |= VMA_LOCKONFAULT;
	return lock_and_populate(model, arg[0], arg[1], locks);
}

int64_t call_munlock(struct model *model, const uint64_t *arg)
{
	plat_addr start = align_down(arg[0], MODEL_PAGE);

	return lock_range(model, start, page_round(arg[1] + (arg[0] - start)), 0);
}

/* All of them; what fails here is passed over. */
static int64_t lock_all(struct model *model, uint32_t locks)
{
	plat_addr at = 0;
	const struct vma *vma;

	while ((vma = vmas_above(&model->vmas, at))) {
		plat_addr start = vma->start;

		at = vma->end;
		lock_part(model, vma, start, at, locks);
		if (model->out_of_memory)
			return -ENOMEM;
	}
	return 0;
}

int64_t call_mlockall(struct model *model, const uint64_t *arg)
{
	unsigned flags = (unsigned)arg[0];
	uint32_t locks = VMA_LOCKED;
	int64_t r;

	if (rule_holds(RULE_LOCK_FLAGS,
		       flags == 0 || flags == ALL_ONFAULT ||
			       (flags & ~(unsigned)(ALL_CURRENT | ALL_FUTURE | ALL_ONFAULT))))
		return refuse(model, RULE_LOCK_FLAGS, -EINVAL);
	if (rule_holds(RULE_LOCK_PERMISSION, !can_lock(model)))
		return refuse(model, RULE_LOCK_PERMISSION, -EPERM);
	if (rule_holds(RULE_LOCK_ALL_LIMIT,
		       (flags & ALL_CURRENT) && !may(model, MODEL_CAP_IPC_LOCK) &&
			       model->counters.total > limit_pages(model, MODEL_MEMLOCK)))
		return refuse(model, RULE_LOCK_ALL_LIMIT, -ENOMEM);
	if (rule_holds(RULE_LOCK_ONFAULT, flags & ALL_ONFAULT))
		locks |= VMA_LOCKONFAULT;
	model->new_flags &= ~(uint32_t)VMA_LOCKS;
	if (flags & ALL_FUTURE)
		model->new_flags |= locks;
	if (!(flags & ALL_CURRENT))
		return 0;
	r = lock_all(model, locks);
	return r < 0 ? r : populate(model, 0, model->task_size, true);
}

int64_t call_munlockall(struct model *model, const uint64_t *arg)
{
	(void)arg;
	model->new_flags &= ~(uint32_t)VMA_LOCKS;
	return lock_all(model, 0);
}
