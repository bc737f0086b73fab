/*
 * mprotect and mseal.
 *
 * mprotect goes from VMA to VMA and takes nothing back: what lies before a hole, a seal or a limit
 * has its new rights when the call fails.
 */
#include "model/parts.h"

#include <errno.h>

uint32_t flags_of_prot(const struct model *model, unsigned prot)
{
	uint32_t flags = 0;

	if (prot & PROT_NUMBER_READ)
		flags |= VMA_READ;
	if (prot & PROT_NUMBER_WRITE)
		flags |= VMA_WRITE;
	if (prot & PROT_NUMBER_EXEC)
		flags |= VMA_EXEC;
	if (rule_holds(RULE_EXECUTE_ONLY,
		       model->machine.protection_keys && prot == PROT_NUMBER_EXEC))
		flags |= VMA_EXECUTE_ONLY;
	return flags;
}

/* What VMA_MAY... would have to be there. */
static bool lacks_permission(uint32_t flags)
{
	return ((flags & VMA_READ) && !(flags & VMA_MAYREAD)) ||
	       ((flags & VMA_WRITE) && !(flags & VMA_MAYWRITE)) ||
	       ((flags & VMA_EXEC) && !(flags & VMA_MAYEXEC));
}

/*
 * Memory that becomes writable counts as data from now on. The limit is not asked where the old
 * flags would not pass it either: so RLIMIT_DATA is passed by where RLIMIT_AS is exhausted.
 */
static int64_t check_writable(struct model *model, uint32_t old, uint32_t *flags, uint64_t pages)
{
	const uint32_t charged = VMA_ACCOUNT | VMA_WRITE | VMA_SHARED | VMA_NORESERVE;

	if (!may_expand(model, *flags, pages)) {
		enum rule why = model->refused;

		if (!rule_holds(RULE_PROTECT_DATA_BYPASS, !may_expand(model, old, pages)))
			return refuse(model, why, -ENOMEM);
	}
	if (rule_holds(RULE_PROTECT_ACCOUNT, !(old & charged))) {
		if (!may_commit(model, pages))
			return -ENOMEM;
		*flags |= VMA_ACCOUNT;
	}
	return 0;
}

/* The part [start, end) of one VMA. */
static int64_t protect_part(struct model *model, const struct vma *vma, plat_addr start,
			    plat_addr end, uint32_t flags)
{
	uint64_t pages = pages_of(end - start);
	uint32_t old = vma->flags;
	bool was_accounted = old & VMA_ACCOUNT, untouched = is_private_anonymous(vma) && !vma->anon;
	int64_t r = check_sealed(model, vma);

	if (r < 0)
		return r;
	if (rule_holds(RULE_SAME_FLAGS, flags == old))
		return 0;
	if (flags & VMA_WRITE) {
		r = check_writable(model, old, &flags, pages);
		if (r < 0)
			return r;
	} else if (rule_holds(RULE_PROTECT_UNACCOUNT, was_accounted && untouched)) {
		flags &= ~(uint32_t)VMA_ACCOUNT;
	}
	r = change_flags(model, start, end, flags);
	if (r < 0)
		return r;
	uncount(model, old, pages);
	count(model, flags, pages);
	if ((flags & VMA_ACCOUNT) && !was_accounted)
		commit(model, pages);
	else if (!(flags & VMA_ACCOUNT) && was_accounted)
		uncommit(model, pages);
	if (rule_holds(RULE_PROTECT_POPULATES,
		       (old & (VMA_WRITE | VMA_SHARED | VMA_LOCKED)) == VMA_LOCKED &&
			       (flags & VMA_WRITE)))
		return populate(model, start, end, true);
	return 0;
}

static int64_t protect_range(struct model *model, plat_addr start, plat_addr end, unsigned prot)
{
	uint32_t rights = flags_of_prot(model, prot);
	bool implied =
		(model->personality & PERSONALITY_READ_IMPLIES_EXEC) && (prot & PROT_NUMBER_READ);

	while (start < end) {
		const struct vma *vma = vmas_above(&model->vmas, start);
		uint32_t flags = rights;
		plat_addr to;
		int64_t r;

		if (!vma || vma->start > start)
			return refuse(model, RULE_HOLE, -ENOMEM);
		if (implied && (vma->flags & VMA_MAYEXEC))
			flags |= VMA_EXEC;
		flags |= vma->flags & ~(uint32_t)(VMA_RIGHTS | VMA_EXECUTE_ONLY);
		if (rule_holds(RULE_PROTECT_MAY, lacks_permission(flags)))
			return refuse(model, RULE_PROTECT_MAY, -EACCES);
		to = min_u64(vma->end, end);
		r = protect_part(model, vma, start, to, flags);
		if (r < 0)
			return r;
		start = to;
	}
	return 0;
}

/* Where to begin: with PROT_GROWSDOWN at the start of the stack. */
static int64_t find_start(struct model *model, plat_addr *start, plat_addr end, unsigned grows)
{
	const struct vma *vma = vmas_above(&model->vmas, *start);

	if (!vma)
		return refuse(model, RULE_HOLE, -ENOMEM);
	if (grows & PROT_NUMBER_GROWSDOWN) {
		if (vma->start >= end)
			return refuse(model, RULE_HOLE, -ENOMEM);
		if (rule_holds(RULE_PROTECT_GROWSDOWN, !(vma->flags & VMA_GROWSDOWN)))
			return refuse(model, RULE_PROTECT_GROWSDOWN, -EINVAL);
		*start = vma->start;
		return 0;
	}
	if (vma->start > *start)
		return refuse(model, RULE_HOLE, -ENOMEM);
	if (rule_holds(RULE_PROTECT_GROWSUP, grows))
		return refuse(model, RULE_PROTECT_GROWSUP, -EINVAL);
	return 0;
}

int64_t call_mprotect(struct model *model, const uint64_t *arg)
{
	const unsigned both = PROT_NUMBER_GROWSDOWN | PROT_NUMBER_GROWSUP;
	unsigned prot = (unsigned)arg[2] & ~both, grows = (unsigned)arg[2] & both;
	plat_addr start = arg[0], end;
	int64_t r;

	if (rule_holds(RULE_PROTECT_GROWS_BOTH, grows == both))
		return refuse(model, RULE_PROTECT_GROWS_BOTH, -EINVAL);
	if (rule_holds(RULE_UNALIGNED, !is_aligned(start, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_EMPTY_IS_FINE, arg[1] == 0))
		return 0;
	end = start + page_round(arg[1]);
	if (rule_holds(RULE_RANGE_WRAPS, end <= start))
		return refuse(model, RULE_RANGE_WRAPS, -ENOMEM);
	if (rule_holds(RULE_PROTECT_BITS, prot & ~(unsigned)(PROT_NUMBER_READ | PROT_NUMBER_WRITE |
							     PROT_NUMBER_EXEC | PROT_NUMBER_SEM)))
		return refuse(model, RULE_PROTECT_BITS, -EINVAL);
	r = find_start(model, &start, end, grows);
	return r < 0 ? r : protect_range(model, start, end, prot);
}

/* Whether every address of [start, end) is mapped. */
static bool is_covered(const struct model *model, plat_addr start, plat_addr end)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma;

	for (; start < end; place = vmas_next(&model->vmas, place)) {
		vma = vmas_at(&model->vmas, place);
		if (!vma || vma->start > start)
			return false;
		start = vma->end;
	}
	return true;
}

int64_t call_mseal(struct model *model, const uint64_t *arg)
{
	uint64_t length = page_round(arg[1]);
	plat_addr start = arg[0], end = start + length;

	if (rule_holds(RULE_SEAL_ARGUMENTS, arg[2] || !is_aligned(start, MODEL_PAGE) ||
						    (arg[1] && !length) || end < start))
		return refuse(model, RULE_SEAL_ARGUMENTS, -EINVAL);
	if (rule_holds(RULE_SEAL_HOLE, !is_covered(model, start, end)))
		return refuse(model, RULE_SEAL_HOLE, -ENOMEM);
	while (start < end) {
		const struct vma *vma = vmas_above(&model->vmas, start);
		plat_addr to;
		int64_t r;

		if (!vma || vma->start > start)
			return refuse(model, RULE_HOLE, -ENOMEM);
		to = min_u64(vma->end, end);
		if (!(vma->flags & VMA_SEALED)) {
			r = change_flags(model, start, to, vma->flags | VMA_SEALED);
			if (r < 0)
				return r;
		}
		start = to;
	}
	return 0;
}
