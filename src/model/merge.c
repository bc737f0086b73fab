/*
 * How VMAs become one, and are cut.
 *
 *	new mapping, or growth	joined to the left, to the right, or to both
 *	heap and .bss		joined to the left alone
 *	flags of a part changed	joined to the left where the part begins with its VMA, to the right
 *				where it ends with it; else cut out
 *
 * Two become one if they touch and all is equal: flags, file, offset, and the identity of their
 * anonymous pages, where one of them may have none yet. Where left and right both fit but have two
 * different identities, only the left is joined.
 */
#include "model/parts.h"

#include <errno.h>

static bool identities_fit(uint32_t a, uint32_t b)
{
	uint32_t one = a ? a : b;

	if (a == b)
		return true;
	if (a && b)
		return !rule_holds(RULE_MERGE_IDENTITY, true);
	return !rule_holds(RULE_MERGE_INHERITED, one & ANON_INHERITED);
}

/* Whether `low` and `high`, which begins where it ends, can be one. */
static bool can_join(const struct vma *low, const struct vma *high)
{
	bool differ = rule_holds(RULE_MERGE_FLAGS, low->flags != high->flags) ||
		      rule_holds(RULE_MERGE_FILE, low->file != high->file) ||
		      rule_holds(RULE_MERGE_OFFSET, vma_pgoff_at(low, low->end) != high->pgoff) ||
		      rule_holds(RULE_MERGE_SPECIAL, low->flags & VMA_SPECIAL);

	return low->end == high->start && !differ && identities_fit(low->anon, high->anon);
}

/* The VMA right below `place`, if it ends at addr. */
static struct vma *left_of(struct model *model, struct vma_place place, plat_addr addr,
			   struct vma_place *ret)
{
	struct vma *left;

	*ret = place;
	if (!vmas_previous(&model->vmas, ret))
		return NULL;
	left = vmas_at(&model->vmas, *ret);
	return left->end == addr ? left : NULL;
}

/* What can be joined to `vma`, whose place among the others is before `above`. */
struct joints {
	struct vma *left, *right;
	struct vma_place left_place, right_place;
};

/* Leaves of both neighbours what `vma` can be joined to. */
static void check_joints(struct joints *joints, const struct vma *vma)
{
	if (joints->left && !can_join(joints->left, vma))
		joints->left = NULL;
	if (joints->right && !can_join(vma, joints->right))
		joints->right = NULL;
	if (joints->left && joints->right &&
	    rule_holds(RULE_MERGE_BOTH_SIDES,
		       !identities_fit(joints->left->anon, joints->right->anon)))
		joints->right = NULL;
}

static struct joints find_joints(struct model *model, const struct vma *vma, struct vma_place above)
{
	struct joints joints = {.right_place = above, .right = vmas_at(&model->vmas, above)};

	joints.left = left_of(model, above, vma->start, &joints.left_place);
	check_joints(&joints, vma);
	return joints;
}

static void inherit(struct vma *to, uint32_t anon)
{
	if (!to->anon)
		to->anon = anon;
}

int64_t add_vma(struct model *model, const struct vma *vma)
{
	struct joints joints = find_joints(model, vma, vmas_find(&model->vmas, vma->start));
	struct vmas *vmas = &model->vmas;

	if (joints.left && joints.right) {
		plat_addr start = joints.left->start, end = joints.right->end;

		inherit(joints.left, vma->anon);
		inherit(joints.left, joints.right->anon);
		vmas_remove(vmas, joints.right_place);
		vmas_resize(vmas, vmas_find(vmas, start), start, end);
	} else if (joints.left) {
		inherit(joints.left, vma->anon);
		vmas_resize(vmas, joints.left_place, joints.left->start, vma->end);
	} else if (joints.right) {
		inherit(joints.right, vma->anon);
		joints.right->pgoff = vma->pgoff;
		vmas_resize(vmas, joints.right_place, vma->start, joints.right->end);
	} else if (vmas_insert(vmas, vma) < 0) {
		return run_out(model);
	}
	return 0;
}

int64_t append_vma(struct model *model, const struct vma *vma)
{
	struct vma_place place = vmas_find(&model->vmas, vma->start);
	struct vma *left = left_of(model, place, vma->start, &place);

	if (left && can_join(left, vma))
		vmas_resize(&model->vmas, place, left->start, vma->end);
	else if (vmas_insert(&model->vmas, vma) < 0)
		return run_out(model);
	return 0;
}

/* Cuts the VMA at `place` in two at addr, without asking whether that may be. */
static int64_t cut(struct model *model, struct vma_place place, plat_addr addr)
{
	struct vma high = *vmas_at(&model->vmas, place);

	high.pgoff = vma_pgoff_at(&high, addr);
	high.start = addr;
	vmas_resize(&model->vmas, place, vmas_at(&model->vmas, place)->start, addr);
	return vmas_insert(&model->vmas, &high) < 0 ? run_out(model) : 0;
}

/* The same, if it may be cut. */
static int64_t cut_if_allowed(struct model *model, plat_addr addr)
{
	struct vma_place place = vmas_find(&model->vmas, addr);

	if (rule_holds(RULE_CUT_WHOLE, is_whole(model, vmas_at(&model->vmas, place))))
		return refuse(model, RULE_CUT_WHOLE, -EINVAL);
	return cut(model, place, addr);
}

static int64_t cut_if_counted(struct model *model, plat_addr addr)
{
	if (rule_holds(RULE_MAP_COUNT_SPLIT, model->vmas.count >= model->machine.max_map_count))
		return refuse(model, RULE_MAP_COUNT_SPLIT, -ENOMEM);
	return cut_if_allowed(model, addr);
}

/* The part of `vma` that lies in [start, end), with other flags. */
static struct vma part_of(const struct vma *vma, plat_addr start, plat_addr end, uint32_t flags)
{
	struct vma part = *vma;

	part.pgoff = vma_pgoff_at(vma, start);
	part.start = start;
	part.end = end;
	part.flags = flags;
	return part;
}

/* Joins the part, which is all of the VMA at `place`, to its neighbours. */
static void join_whole(struct model *model, struct vma_place place, const struct vma *part,
		       struct joints joints)
{
	plat_addr start = joints.left ? joints.left->start : part->start;
	plat_addr end = joints.right ? joints.right->end : part->end;
	struct vma *stays = joints.left ? joints.left : joints.right;

	inherit(stays, part->anon);
	if (joints.left && joints.right) {
		inherit(stays, joints.right->anon);
		vmas_remove(&model->vmas, joints.right_place);
		place = vmas_find(&model->vmas, part->start);
	} else if (joints.right) {
		stays->pgoff = part->pgoff;
	}
	vmas_remove(&model->vmas, place);
	vmas_resize(&model->vmas, vmas_find(&model->vmas, start), start, end);
}

/* The beginning of the VMA goes to its left neighbour. */
static void join_beginning(struct model *model, struct vma_place place, const struct vma *part,
			   struct joints joints)
{
	struct vma *vma = vmas_at(&model->vmas, place);

	inherit(joints.left, part->anon);
	vma->pgoff = vma_pgoff_at(vma, part->end);
	vmas_resize(&model->vmas, place, part->end, vma->end);
	vmas_resize(&model->vmas, joints.left_place, joints.left->start, part->end);
}

/* Its end goes to the right neighbour. */
static void join_end(struct model *model, struct vma_place place, const struct vma *part,
		     struct joints joints)
{
	struct vma *vma = vmas_at(&model->vmas, place);

	inherit(joints.right, part->anon);
	joints.right->pgoff = part->pgoff;
	vmas_resize(&model->vmas, place, vma->start, part->start);
	vmas_resize(&model->vmas, joints.right_place, part->start, joints.right->end);
}

/* Joints of a part: none where it does not reach its VMA's border. */
static struct joints joints_of_part(struct model *model, struct vma_place place,
				    const struct vma *part)
{
	const struct vma *vma = vmas_at(&model->vmas, place);
	struct joints joints = {.right_place = vmas_next(&model->vmas, place)};

	if (part->start == vma->start)
		joints.left = left_of(model, place, vma->start, &joints.left_place);
	if (part->end == vma->end)
		joints.right = vmas_at(&model->vmas, joints.right_place);
	check_joints(&joints, part);
	return joints;
}

int64_t change_flags(struct model *model, plat_addr start, plat_addr end, uint32_t flags)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma = vmas_at(&model->vmas, place);
	struct vma part = part_of(vma, start, end, flags);
	struct joints joints = joints_of_part(model, place, &part);
	bool from_start = start == vma->start, to_end = end == vma->end;
	int64_t r;

	if (from_start && to_end && (joints.left || joints.right)) {
		join_whole(model, place, &part, joints);
		return 0;
	}
	if (joints.left) {
		join_beginning(model, place, &part, joints);
		return 0;
	}
	if (joints.right) {
		join_end(model, place, &part, joints);
		return 0;
	}
	if (!from_start) {
		r = cut_if_counted(model, start);
		if (r < 0)
			return r;
	}
	if (!to_end) {
		r = cut_if_counted(model, end);
		if (r < 0)
			return r;
	}
	vmas_above(&model->vmas, start)->flags = flags;
	return 0;
}

/*
 * Unmapping.
 */

int64_t check_sealed(struct model *model, const struct vma *vma)
{
	if (rule_holds(RULE_SEALED, vma->flags & VMA_SEALED))
		return refuse(model, RULE_SEALED, -EPERM);
	return 0;
}

static int64_t cut_first(struct model *model, plat_addr start, plat_addr end)
{
	const struct vma *vma = vmas_above(&model->vmas, start);
	int64_t r;

	if (!vma || vma->start >= start)
		return 0;
	if (rule_holds(RULE_MAP_COUNT_HOLE,
		       vma->end > end && model->vmas.count >= model->machine.max_map_count))
		return refuse(model, RULE_MAP_COUNT_HOLE, -ENOMEM);
	r = check_sealed(model, vma);
	return r < 0 ? r : cut_if_allowed(model, start);
}

int64_t cut_for_unmap(struct model *model, plat_addr start, plat_addr end)
{
	struct vma_place place;
	int64_t r = cut_first(model, start, end);

	for (place = vmas_find(&model->vmas, start); r == 0;
	     place = vmas_next(&model->vmas, place)) {
		const struct vma *vma = vmas_at(&model->vmas, place);

		if (!vma || vma->start >= end)
			break;
		r = check_sealed(model, vma);
		if (r == 0 && vma->end > end)
			return cut_if_allowed(model, end);
	}
	return r;
}

void sum_range(const struct model *model, plat_addr start, plat_addr end, uint64_t *pages,
	       uint64_t *accounted)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma;

	*pages = *accounted = 0;
	for (; (vma = vmas_at(&model->vmas, place)) && vma->start < end;
	     place = vmas_next(&model->vmas, place)) {
		*pages += pages_of(vma_size(vma));
		if (vma->flags & VMA_ACCOUNT)
			*accounted += pages_of(vma_size(vma));
	}
}

int64_t take_away(struct model *model, plat_addr start, plat_addr end)
{
	struct vma_place place = vmas_find(&model->vmas, start);
	const struct vma *vma;

	for (; (vma = vmas_at(&model->vmas, place)) && vma->start < end;
	     place = vmas_find(&model->vmas, start)) {
		uint64_t pages = pages_of(vma_size(vma));

		uncount(model, vma->flags, pages);
		if (rule_holds(RULE_COUNT_UNLOCKED, vma->flags & VMA_LOCKED))
			model->counters.locked -= pages;
		if (vma->flags & VMA_ACCOUNT)
			uncommit(model, pages);
		vmas_remove(&model->vmas, place);
	}
	return pages_take(&model->present, start, end) < 0 ? run_out(model) : 0;
}

int64_t unmap(struct model *model, plat_addr start, plat_addr end)
{
	int64_t r = cut_for_unmap(model, start, end);

	return r < 0 ? r : take_away(model, start, end);
}
