/*
 * Accesses to memory: what faults, how stacks grow, which pages come to be, and who shares an
 * identity.
 *
 * The first write to private memory gives its VMA an identity. A neighbour's is taken where the two
 * could be one but for their rights, so that what mprotect cut can be whole again.
 */
#include "model/parts.h"

#include <errno.h>

/*
 * Identities.
 */

static bool can_share(const struct vma *low, const struct vma *high)
{
	uint32_t differ = (low->flags ^ high->flags) & ~(uint32_t)VMA_RIGHTS;

	return low->end == high->start && low->file == high->file && differ == 0 &&
	       vma_pgoff_at(low, low->end) == high->pgoff;
}

static uint32_t identity_to_share(const struct model *model, struct vma_place place)
{
	const struct vma *vma = vmas_at(&model->vmas, place);
	const struct vma *next = vmas_at(&model->vmas, vmas_next(&model->vmas, place));
	const struct vma *previous;

	if (!rule_holds(RULE_IDENTITY_SHARED, true))
		return ANON_NONE;
	if (next && next->anon && !(next->anon & ANON_INHERITED) && can_share(vma, next))
		return next->anon;
	if (!vmas_previous(&model->vmas, &place))
		return ANON_NONE;
	previous = vmas_at(&model->vmas, place);
	if (previous->anon && !(previous->anon & ANON_INHERITED) && can_share(previous, vma))
		return previous->anon;
	return ANON_NONE;
}

static uint32_t new_identity(struct model *model)
{
	model->last_anon = model->last_anon == ANON_INHERITED - 1 ? 1 : model->last_anon + 1;
	return model->last_anon;
}

/* One of its own, or a neighbour's. */
static void give_identity(struct model *model, struct vma_place place)
{
	struct vma *vma = vmas_at(&model->vmas, place);
	uint32_t shared;

	if (vma->anon)
		return;
	shared = identity_to_share(model, place);
	vma->anon = shared ? shared : new_identity(model);
}

/*
 * Pages.
 */

static bool is_shmem(const struct model *model, const struct vma *vma)
{
	return !is_private_anonymous(vma) && model->files[vma->file].shmem;
}

/* Pages of private anonymous memory are known by address, those of an object by their offset. */
static int64_t have_pages(struct model *model, const struct vma *vma, plat_addr start,
			  plat_addr end)
{
	uint64_t offset = vma_pgoff_at(vma, start) * MODEL_PAGE;
	int r = 0;

	if (is_private_anonymous(vma))
		r = pages_add(&model->present, start, end);
	else if (is_shmem(model, vma))
		r = pages_add(&model->files[vma->file].resident, offset, offset + (end - start));
	return r < 0 ? run_out(model) : 0;
}

/* `end`, or where the file ends before it: accesses behind that are SIGBUS. */
static plat_addr end_of_file(const struct model *model, const struct vma *vma, plat_addr start,
			     plat_addr end)
{
	uint64_t pages, offset = vma_pgoff_at(vma, start);

	if (is_private_anonymous(vma))
		return end;
	pages = pages_of(page_round(model->files[vma->file].size));
	if (!rule_holds(RULE_END_OF_FILE, true))
		return end;
	return start + min_u64(end - start, sub_floored(pages, offset) * MODEL_PAGE);
}

static int64_t populate_part(struct model *model, struct vma_place place, plat_addr start,
			     plat_addr end)
{
	struct vma *vma = vmas_at(&model->vmas, place);
	plat_addr reach;
	int64_t r;

	if (vma->flags & (VMA_IO | VMA_PFNMAP | VMA_LOCKONFAULT))
		return 0;
	if (!(vma->flags & VMA_RIGHTS) || (vma->flags & VMA_EXECUTE_ONLY))
		return -EFAULT;
	if (!is_whole(model, vma)) {
		reach = end_of_file(model, vma, start, end);
		if (rule_holds(RULE_IDENTITY_POPULATE,
			       (vma->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE))
			give_identity(model, place);
		r = have_pages(model, vma, start, reach);
		if (r < 0)
			return r;
		if (reach < end)
			return -EFAULT;
	}
	return 0;
}

int64_t populate(struct model *model, plat_addr start, plat_addr end, bool patient)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma;

	if (start >= end)
		return 0;
	for (; (vma = vmas_at(&model->vmas, place)) && vma->start < end;
	     place = vmas_next(&model->vmas, place)) {
		int64_t r = populate_part(model, place, max_u64(vma->start, start),
					  min_u64(vma->end, end));

		if (r < 0 && (r != -EFAULT || !patient))
			return r;
	}
	return 0;
}

int64_t touch_all(struct model *model, plat_addr start, plat_addr end, bool write)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	struct vma *vma = vmas_at(&model->vmas, place);
	plat_addr reach = end_of_file(model, vma, start, end);
	int64_t r;

	if (write && !(vma->flags & VMA_SHARED))
		give_identity(model, place);
	r = have_pages(model, vma, start, reach);
	return r == 0 && reach < end ? -EFAULT : r;
}

/*
 * Growth. No distance to the stack pointer is asked for.
 */

/* A neighbour that can be accessed stays a gap away; one that cannot, or also grows, may touch. */
static bool is_too_near(const struct model *model, struct vma_place place, plat_addr page)
{
	const struct vma *below;

	if (!vmas_previous(&model->vmas, &place))
		return false;
	below = vmas_at(&model->vmas, place);
	if (rule_holds(RULE_GROWTH_NEXT_TO_STACK, below->flags & VMA_GROWSDOWN) ||
	    rule_holds(RULE_GROWTH_NEXT_TO_NONE, !(below->flags & VMA_RIGHTS)))
		return false;
	return page - below->end < model->machine.stack_guard_gap;
}

static bool may_grow(struct model *model, const struct vma *vma, plat_addr page)
{
	uint64_t pages = pages_of(vma->start - page);

	if (rule_holds(RULE_GROWTH_OFFSET, pages > vma->pgoff)) {
		model->refused = RULE_GROWTH_OFFSET;
		return false;
	}
	if (!may_expand(model, vma->flags, pages))
		return false;
	if (rule_holds(RULE_LIMIT_STACK, vma->end - page > model->limits[MODEL_STACK].soft)) {
		model->refused = RULE_LIMIT_STACK;
		return false;
	}
	return may_lock(model, vma->flags, pages * MODEL_PAGE) && may_commit(model, pages);
}

static void grow(struct model *model, struct vma_place place, plat_addr page)
{
	struct vma *vma = vmas_at(&model->vmas, place);
	uint64_t pages = pages_of(vma->start - page);

	vma->pgoff -= pages;
	if (vma->flags & VMA_LOCKED)
		model->counters.locked += pages;
	count(model, vma->flags, pages);
	if (vma->flags & VMA_ACCOUNT)
		commit(model, pages);
	vmas_resize(&model->vmas, place, page, vma->end);
}

bool may_grow_down(struct model *model, struct vma_place place, plat_addr page)
{
	const struct vma *vma = vmas_at(&model->vmas, place);

	if (!vma || !(vma->flags & VMA_GROWSDOWN)) {
		model->refused = RULE_UNMAPPED;
		return false;
	}
	if (rule_holds(RULE_GROWTH_LOWEST, page < model->machine.lowest_hint)) {
		model->refused = RULE_GROWTH_LOWEST;
		return false;
	}
	if (rule_holds(RULE_GROWTH_GAP, is_too_near(model, place, page))) {
		model->refused = RULE_GROWTH_GAP;
		return false;
	}
	/* It keeps this where it cannot grow, too: a failed growth can keep VMAs apart later. */
	if (rule_holds(RULE_IDENTITY_GROWTH, true))
		give_identity(model, place);
	return may_grow(model, vma, page);
}

/* The VMA above the address grows down to it. False: a fault. */
static bool grow_down_to(struct model *model, struct vma_place place, plat_addr page)
{
	if (!may_grow_down(model, place, page))
		return false;
	grow(model, place, page);
	return true;
}

static int64_t fault(struct model *model, enum rule rule, enum model_fault fault)
{
	return refuse(model, rule, -(int64_t)fault);
}

/* The VMA is there: one page of it is read or written. */
static int64_t touch(struct model *model, struct vma_place place, plat_addr page, bool write)
{
	const struct vma *vma = vmas_at(&model->vmas, place);

	/* Before the file is asked: a page that it does not have gives an identity, too. */
	if (write && !(vma->flags & VMA_SHARED) && rule_holds(RULE_IDENTITY_WRITE, true))
		give_identity(model, place);
	if (end_of_file(model, vma, page, page + MODEL_PAGE) == page)
		return fault(model, RULE_END_OF_FILE, FAULT_BUS);
	return have_pages(model, vma, page, page + MODEL_PAGE);
}

static int64_t access_page(struct model *model, plat_addr addr, uint32_t needed)
{
	plat_addr page = align_down(addr, MODEL_PAGE);
	struct vma_place place = vmas_find(&model->vmas, page);
	const struct vma *vma = vmas_at(&model->vmas, place);
	int64_t r;

	if (!vma || vma->start > page) {
		if (page >= model->task_size)
			return fault(model, RULE_UNMAPPED, FAULT_UNMAPPED);
		if (!grow_down_to(model, place, page))
			return fault(model, model->refused, FAULT_UNMAPPED);
		vma = vmas_at(&model->vmas, place);
	}
	if (rule_holds(RULE_EXECUTE_ONLY_ACCESS,
		       (vma->flags & VMA_EXECUTE_ONLY) && !(needed & VMA_EXEC)))
		return fault(model, RULE_EXECUTE_ONLY_ACCESS, FAULT_KEY);
	/*
	 * On x86 memory with any right can be read. So is what is to be executed, before it is
	 * found that it cannot be.
	 */
	if (rule_holds(RULE_RIGHTS, needed == VMA_WRITE ? !(vma->flags & VMA_WRITE)
							: !(vma->flags & VMA_RIGHTS)))
		return fault(model, RULE_RIGHTS, FAULT_RIGHTS);
	r = touch(model, place, page, needed == VMA_WRITE);
	if (r == 0 && needed == VMA_EXEC && rule_holds(RULE_RIGHTS, !(vma->flags & VMA_EXEC)))
		return fault(model, RULE_RIGHTS, FAULT_RIGHTS);
	return r;
}

int64_t call_read(struct model *model, const uint64_t *arg)
{
	return access_page(model, arg[0], VMA_READ);
}

int64_t call_write(struct model *model, const uint64_t *arg)
{
	return access_page(model, arg[0], VMA_WRITE);
}

int64_t call_execute(struct model *model, const uint64_t *arg)
{
	return access_page(model, arg[0], VMA_EXEC);
}
