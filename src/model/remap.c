/*
 * mremap.
 *
 *	same size, not moved		nothing
 *	smaller				the tail is unmapped, whatever lies there
 *	larger				in place where there is room, else moved
 *	FIXED, DONTUNMAP		moved; with equal sizes, since Linux 6.17, VMA after VMA
 *
 * Memory that was never written to is placed anew: it can be joined where it arrives. Memory with
 * an identity keeps its offset, and mostly cannot.
 */
#include "model/parts.h"

#include <errno.h>

enum { REMAP_MAYMOVE = 1, REMAP_FIXED = 2, REMAP_DONTUNMAP = 4 };

/* One request, and what is left to do of it. */
struct remap {
	plat_addr addr, to;
	uint64_t old_size, new_size;
	uint64_t charged; /* how much the size was to change: also where the source has been cut */
	unsigned flags;
};

static bool is_multi(const struct model *model)
{
	return model->machine.version >= VERSION(6, 17);
}

static int64_t check_destination(struct model *model, const struct remap *remap)
{
	bool overlaps = remap->addr + remap->old_size > remap->to &&
			remap->to + remap->new_size > remap->addr;

	if (rule_holds(RULE_REMAP_TO_RANGE, remap->new_size > model->task_size ||
						    remap->to > model->task_size - remap->new_size))
		return refuse(model, RULE_REMAP_TO_RANGE, -EINVAL);
	if (rule_holds(RULE_UNALIGNED, !is_aligned(remap->to, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_REMAP_MAYMOVE, !(remap->flags & REMAP_MAYMOVE)))
		return refuse(model, RULE_REMAP_MAYMOVE, -EINVAL);
	if (rule_holds(RULE_REMAP_DONTUNMAP_SIZE,
		       (remap->flags & REMAP_DONTUNMAP) && remap->old_size != remap->new_size))
		return refuse(model, RULE_REMAP_DONTUNMAP_SIZE, -EINVAL);
	if (rule_holds(RULE_REMAP_OVERLAP, overlaps))
		return refuse(model, RULE_REMAP_OVERLAP, -EINVAL);
	if (rule_holds(RULE_MAP_COUNT_REMAP_FIXED,
		       model->vmas.count + 2 >= model->machine.max_map_count - 3))
		return refuse(model, RULE_MAP_COUNT_REMAP_FIXED, -ENOMEM);
	return 0;
}

static int64_t check_arguments(struct model *model, const struct remap *remap)
{
	const unsigned known = REMAP_MAYMOVE | REMAP_FIXED | REMAP_DONTUNMAP;

	if (rule_holds(RULE_REMAP_FLAGS, remap->flags & ~known))
		return refuse(model, RULE_REMAP_FLAGS, -EINVAL);
	if (rule_holds(RULE_UNALIGNED, !is_aligned(remap->addr, MODEL_PAGE)))
		return refuse(model, RULE_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_REMAP_NEW_0, remap->new_size == 0))
		return refuse(model, RULE_REMAP_NEW_0, -EINVAL);
	if (is_multi(model) && rule_holds(RULE_REMAP_TOO_LARGE, remap->new_size > model->task_size))
		return refuse(model, RULE_REMAP_TOO_LARGE, -EINVAL);
	if (is_multi(model) && (remap->flags & (REMAP_FIXED | REMAP_DONTUNMAP)))
		return check_destination(model, remap);
	/* Before 6.17 these alone were asked before the VMA was looked for. */
	if (rule_holds(RULE_REMAP_MAYMOVE, (remap->flags & (REMAP_FIXED | REMAP_DONTUNMAP)) &&
						   !(remap->flags & REMAP_MAYMOVE)))
		return refuse(model, RULE_REMAP_MAYMOVE, -EINVAL);
	if (rule_holds(RULE_REMAP_DONTUNMAP_SIZE,
		       (remap->flags & REMAP_DONTUNMAP) && remap->old_size != remap->new_size))
		return refuse(model, RULE_REMAP_DONTUNMAP_SIZE, -EINVAL);
	return 0;
}

static const struct vma *vma_of(const struct model *model, plat_addr addr)
{
	const struct vma *vma = vmas_above(&model->vmas, addr);

	return vma && vma->start <= addr ? vma : NULL;
}

/* What must hold of the VMA that grows or moves. */
static int64_t check_vma(struct model *model, const struct remap *remap)
{
	const struct vma *vma = vma_of(model, remap->addr);
	uint64_t more = remap->new_size - remap->old_size;
	bool special;

	if (!vma)
		return refuse(model, RULE_REMAP_NOTHING, -EFAULT);
	special = vma->flags & (VMA_DONTEXPAND | VMA_PFNMAP);
	if (rule_holds(RULE_REMAP_OLD_0,
		       remap->old_size == 0 && !(vma->flags & (VMA_SHARED | VMA_MAYSHARE))))
		return refuse(model, RULE_REMAP_OLD_0, -EINVAL);
	if (rule_holds(RULE_REMAP_DONTUNMAP_SPECIAL, (remap->flags & REMAP_DONTUNMAP) && special))
		return refuse(model, RULE_REMAP_DONTUNMAP_SPECIAL, -EINVAL);
	if (rule_holds(RULE_REMAP_ACROSS,
		       min_u64(remap->old_size, remap->new_size) > vma->end - remap->addr))
		return refuse(model, RULE_REMAP_ACROSS, -EFAULT);
	if (remap->new_size <= remap->old_size)
		return 0;
	if (rule_holds(RULE_REMAP_ACROSS, remap->old_size > vma->end - remap->addr))
		return refuse(model, RULE_REMAP_ACROSS, -EFAULT);
	if (rule_holds(RULE_REMAP_GROW_SPECIAL, special))
		return refuse(model, RULE_REMAP_GROW_SPECIAL, -EFAULT);
	if (!may_lock(model, vma->flags, more))
		return -EAGAIN;
	return may_expand(model, vma->flags, pages_of(more)) ? 0 : -ENOMEM;
}

/*
 * Moving.
 */

/* What the copy of a part of `vma` looks like where it arrives. */
static struct vma copy_at(const struct vma *vma, plat_addr addr, plat_addr to, uint64_t size)
{
	struct vma copy = *vma;

	copy.pgoff = vma_pgoff_at(vma, addr);
	if (rule_holds(RULE_REMAP_FRESH_OFFSET, is_private_anonymous(vma) && !vma->anon))
		copy.pgoff = pages_of(to);
	copy.start = to;
	copy.end = to + size;
	return copy;
}

/* The source stays mapped, empty, without locks, of which the count is not told. */
static void leave_source(struct model *model, const struct remap *remap)
{
	struct vma_place place = vmas_find(&model->vmas, remap->addr);
	struct vma *vma = vmas_at(&model->vmas, place);

	vma->flags &= ~(uint32_t)VMA_LOCKS;
	if (!rule_holds(RULE_DONTUNMAP_LOCK_LEAK, true) && model->counters.locked)
		model->counters.locked -= pages_of(remap->old_size);
	if (rule_holds(RULE_DONTUNMAP_IDENTITY,
		       vma->start == remap->addr && vma_size(vma) == remap->old_size))
		vma->anon = ANON_NONE;
}

static int64_t check_move(struct model *model, const struct vma *vma, const struct remap *remap)
{
	bool whole = vma->start == remap->addr && vma->end == remap->addr + remap->old_size;
	uint64_t charged = remap->flags & REMAP_DONTUNMAP ? remap->new_size : remap->charged;

	if (rule_holds(RULE_MAP_COUNT_REMAP, model->vmas.count >= model->machine.max_map_count - 3))
		return refuse(model, RULE_MAP_COUNT_REMAP, -ENOMEM);
	if (rule_holds(RULE_CUT_WHOLE, !whole && is_whole(model, vma)))
		return refuse(model, RULE_CUT_WHOLE, -EINVAL);
	if ((vma->flags & VMA_ACCOUNT) && !may_commit(model, pages_of(charged)))
		return -ENOMEM;
	return 0;
}

static int64_t move_pages(struct model *model, const struct remap *remap)
{
	uint64_t size = min_u64(remap->old_size, remap->new_size);

	if (pages_move(&model->present, remap->addr, remap->to, size) < 0)
		return run_out(model);
	return 0;
}

/* To remap->to, where nothing lies. */
static int64_t move(struct model *model, const struct remap *remap)
{
	const struct vma *vma = vma_of(model, remap->addr);
	uint64_t pages = pages_of(remap->new_size);
	bool dont_unmap = remap->flags & REMAP_DONTUNMAP;
	uint32_t flags = vma->flags;
	struct vma copy;
	int64_t r = check_move(model, vma, remap);

	if (r < 0)
		return r;
	copy = copy_at(vma, remap->addr, remap->to, remap->new_size);
	r = add_vma(model, &copy);
	if (r == 0 && is_private_anonymous(&copy))
		r = move_pages(model, remap);
	if (r < 0)
		return r;
	count(model, flags, pages);
	if (flags & VMA_ACCOUNT)
		commit(model, pages);
	if (flags & VMA_LOCKED)
		model->counters.locked += pages;
	if (dont_unmap)
		leave_source(model, remap);
	else if (remap->old_size)
		r = unmap(model, remap->addr, remap->addr + remap->old_size);
	if (r < 0)
		return r;
	if ((flags & VMA_LOCKED) && remap->new_size > remap->old_size)
		r = populate(model, remap->to + remap->old_size, remap->to + remap->new_size, true);
	return r < 0 ? r : (int64_t)remap->to;
}

/* Finds the place for the VMA, which may be the one that was named. */
static int64_t place_and_move(struct model *model, struct remap *remap)
{
	const struct vma *vma = vma_of(model, remap->addr);
	struct placement placement = {
		.file = vma->file,
		.addr = remap->to,
		.length = remap->new_size,
		.pgoff = vma_pgoff_at(vma, remap->addr),
		.flags = remap->flags & REMAP_FIXED ? MAP_NUMBER_FIXED : 0,
	};
	int64_t found;

	placement.flags |= vma->flags & VMA_MAYSHARE ? MAP_NUMBER_SHARED : MAP_NUMBER_PRIVATE;
	found = place(model, &placement);
	if (found < 0)
		return found;
	remap->to = (uint64_t)found;
	return move(model, remap);
}

/*
 * In place.
 */

static bool has_room(const struct model *model, const struct vma *vma, const struct remap *remap)
{
	plat_addr end = remap->addr + remap->new_size;

	return remap->addr + remap->old_size == vma->end && end > vma->end &&
	       is_free(model, vma->end, end) && end <= model->task_size;
}

static int64_t extend(struct model *model, const struct remap *remap)
{
	struct vma more = *vma_of(model, remap->addr);
	uint64_t pages = pages_of(remap->new_size - remap->old_size);
	int64_t r;

	if ((more.flags & VMA_ACCOUNT) && !may_commit(model, pages))
		return -ENOMEM;
	more.pgoff = vma_pgoff_at(&more, more.end);
	more.start = more.end;
	more.end = remap->addr + remap->new_size;
	r = add_vma(model, &more);
	if (r < 0)
		return r;
	count(model, more.flags, pages);
	if (more.flags & VMA_ACCOUNT)
		commit(model, pages);
	if (more.flags & VMA_LOCKED) {
		model->counters.locked += pages;
		r = populate(model, more.start, more.end, true);
	}
	return r < 0 ? r : (int64_t)remap->addr;
}

static int64_t enlarge(struct model *model, struct remap *remap)
{
	const struct vma *vma;
	int64_t r = check_vma(model, remap);

	if (r < 0)
		return r;
	vma = vma_of(model, remap->addr);
	if (rule_holds(RULE_REMAP_IN_PLACE, has_room(model, vma, remap)))
		return extend(model, remap);
	if (rule_holds(RULE_REMAP_STAYS, !(remap->flags & REMAP_MAYMOVE)))
		return refuse(model, RULE_REMAP_STAYS, -ENOMEM);
	remap->to = 0;
	return place_and_move(model, remap);
}

static int64_t cut_tail(struct model *model, struct remap *remap)
{
	plat_addr tail = remap->addr + remap->new_size, end = remap->addr + remap->old_size;
	int64_t r;

	if (rule_holds(RULE_UNMAP_RANGE,
		       tail > model->task_size || end - tail > model->task_size - tail))
		return refuse(model, RULE_UNMAP_RANGE, -EINVAL);
	r = unmap(model, tail, end);
	if (r == 0)
		remap->old_size = remap->new_size;
	return r;
}

static int64_t resize(struct model *model, struct remap *remap)
{
	int64_t r;

	if (remap->new_size == remap->old_size)
		return (int64_t)remap->addr;
	if (remap->new_size > remap->old_size)
		return enlarge(model, remap);
	r = cut_tail(model, remap);
	return r < 0 ? r : (int64_t)remap->addr;
}

/*
 * To a place that was named.
 */

static int64_t clear_destination(struct model *model, const struct remap *remap)
{
	if (!(remap->flags & REMAP_FIXED))
		return 0;
	return unmap(model, remap->to, remap->to + remap->new_size);
}

static int64_t check_doubled(struct model *model, const struct remap *remap)
{
	const struct vma *vma = vma_of(model, remap->addr);

	if (!(remap->flags & REMAP_DONTUNMAP) || !rule_holds(RULE_DONTUNMAP_LIMIT, true))
		return 0;
	return may_expand(model, vma->flags, pages_of(remap->old_size)) ? 0 : -ENOMEM;
}

static int64_t relocate(struct model *model, struct remap *remap)
{
	bool check_first = is_multi(model);
	int64_t r = check_first ? check_vma(model, remap) : check_destination(model, remap);

	if (r == 0)
		r = clear_destination(model, remap);
	/* With an old length of 0 the destination may have been the source. */
	if (r == 0 && !vma_of(model, remap->addr))
		return refuse(model, RULE_REMAP_NOTHING, -EFAULT);
	if (r == 0 && remap->new_size < remap->old_size)
		r = cut_tail(model, remap);
	if (r == 0 && !check_first)
		r = check_vma(model, remap);
	if (r == 0)
		r = check_doubled(model, remap);
	return r < 0 ? r : place_and_move(model, remap);
}

/* Each VMA of the range by itself, at its distance. What was moved before an error stays. */
static int64_t relocate_all(struct model *model, const struct remap *all)
{
	plat_addr at = all->addr, end = all->addr + all->old_size;
	int64_t r;

	if (!vma_of(model, at))
		return refuse(model, RULE_REMAP_NOTHING, -EFAULT);
	while (at < end) {
		const struct vma *vma = vmas_above(&model->vmas, at);
		struct remap one = *all;

		if (!vma || vma->start >= end)
			break;
		at = max_u64(at, vma->start);
		one.addr = at;
		one.to = all->to + (at - all->addr);
		one.old_size = one.new_size = min_u64(vma->end, end) - at;
		at += one.old_size;
		r = check_sealed(model, vma);
		if (r == 0)
			r = check_vma(model, &one);
		if (r == 0)
			r = clear_destination(model, &one);
		if (r == 0)
			r = check_doubled(model, &one);
		if (r == 0)
			r = place_and_move(model, &one);
		if (r < 0)
			return r;
	}
	return (int64_t)all->to;
}

int64_t call_mremap(struct model *model, const uint64_t *arg)
{
	struct remap remap = {
		.addr = arg[0],
		.old_size = page_round(arg[1]),
		.new_size = page_round(arg[2]),
		.flags = (unsigned)arg[3],
		.to = arg[4],
	};
	bool named = remap.flags & (REMAP_FIXED | REMAP_DONTUNMAP);
	const struct vma *vma;
	int64_t r = check_arguments(model, &remap);

	if (r < 0)
		return r;
	remap.charged =
		max_u64(remap.old_size, remap.new_size) - min_u64(remap.old_size, remap.new_size);
	if (rule_holds(RULE_REMAP_MULTI, is_multi(model) && (remap.flags & REMAP_FIXED) &&
						 remap.old_size == remap.new_size))
		return relocate_all(model, &remap);
	vma = vma_of(model, remap.addr);
	if (!vma)
		return refuse(model, RULE_REMAP_NOTHING, -EFAULT);
	r = check_sealed(model, vma);
	if (r < 0)
		return r;
	return named ? relocate(model, &remap) : resize(model, &remap);
}
