/*
 * Where a mapping goes that does not say where it wants to be.
 *
 *	 0        legacy_base                                mmap_base    stack
 *	 |            |-- from below: lowest gap ->                |        |
 *	 |                                <- from above: highest gap --|    |
 *
 * The gap below a VMA that grows down is kept free by searches and hints alone: MAP_FIXED may map
 * right up to it, and nothing is kept free below other VMAs.
 */
#include "model/parts.h"

#include <errno.h>

#define HUGE UINT64_C(0x200000)
#define BELOW_2GIB_START UINT64_C(0x40000000)
#define BELOW_2GIB_END UINT64_C(0x80000000)
#define FOUR_GIB UINT64_C(0x100000000)

plat_addr gap_start(const struct model *model, const struct vma *vma)
{
	if (!rule_holds(RULE_STACK_GAP, vma->flags & VMA_GROWSDOWN))
		return vma->start;
	return sub_floored(vma->start, model->machine.stack_guard_gap);
}

bool is_free(const struct model *model, plat_addr start, plat_addr end)
{
	const struct vma *next = vmas_above(&model->vmas, start);

	return !next || next->start >= end;
}

/* Whether a hint can be followed: nothing is asked of the VMA below. */
static bool hint_fits(const struct model *model, plat_addr addr, uint64_t length, plat_addr end)
{
	const struct vma *next;

	if (length > end || end - length < addr)
		return false;
	next = vmas_above(&model->vmas, addr);
	return !next || addr + length <= gap_start(model, next);
}

static bool is_below_2gib(const struct model *model, const struct placement *wanted)
{
	return rule_holds(RULE_MAP_32BIT, model->bits == 64 && (wanted->flags & MAP_NUMBER_32BIT));
}

static int64_t search_from_below(struct model *model, const struct placement *wanted)
{
	bool low = is_below_2gib(model, wanted);
	plat_addr from = low ? BELOW_2GIB_START : model->legacy_base;
	plat_addr end = low ? BELOW_2GIB_END : model->task_size;
	plat_addr bottom, top, hint = align_down(wanted->addr, MODEL_PAGE);
	struct vma_place above;

	if (wanted->addr && hint_fits(model, hint, wanted->length, end))
		return (int64_t)hint;
	while (vmas_lowest_gap(&model->vmas, from, end, wanted->length, &bottom, &top, &above)) {
		const struct vma *next = vmas_at(&model->vmas, above);

		if (!next || gap_start(model, next) >= bottom + wanted->length - 1)
			return (int64_t)bottom;
		from = next->end;
	}
	return refuse(model, RULE_NO_GAP, -ENOMEM);
}

/* 0 where there is no gap. */
static int64_t search_from_above(struct model *model, const struct placement *wanted)
{
	plat_addr low = max_u64(model->machine.lowest_hint, MODEL_PAGE), high = model->mmap_base;
	plat_addr bottom, top;
	struct vma_place above;

	if (rule_holds(RULE_MAP_ABOVE4G, model->bits == 64 && (wanted->flags & MAP_NUMBER_ABOVE4G)))
		low = max_u64(low, FOUR_GIB);
	while (vmas_highest_gap(&model->vmas, low, high, wanted->length, &bottom, &top, &above)) {
		const struct vma *next = vmas_at(&model->vmas, above);

		if (!next || gap_start(model, next) >= top)
			return (int64_t)(top - wanted->length);
		high = gap_start(model, next);
		/* A limit of 0 is none: the search then finds what lies behind user space. */
		if (rule_holds(RULE_STACK_GAP_BELOW_0, high == 0))
			return refuse(model, RULE_STACK_GAP_BELOW_0, -ENOMEM);
		if (high <= low)
			break;
	}
	return 0;
}

static int64_t plain_search(struct model *model, const struct placement *wanted)
{
	plat_addr hint = align_down(wanted->addr, MODEL_PAGE);
	int64_t found;

	if (rule_holds(RULE_LENGTH_TOO_LARGE, wanted->length > model->task_size))
		return refuse(model, RULE_LENGTH_TOO_LARGE, -ENOMEM);
	if (wanted->flags & MAP_NUMBER_FIXED)
		return (int64_t)wanted->addr;
	if (!model->top_down || is_below_2gib(model, wanted))
		return search_from_below(model, wanted);
	if (wanted->addr && hint_fits(model, hint, wanted->length, model->task_size))
		return (int64_t)hint;
	found = search_from_above(model, wanted);
	if (found)
		return found;
	if (!rule_holds(RULE_FROM_BELOW_WHEN_FULL, true))
		return refuse(model, RULE_NO_GAP, -ENOMEM);
	return search_from_below(model, wanted);
}

/* For a mapping that could hold a huge page: at the place in memory that fits the file's offset. */
static int64_t huge_search(struct model *model, const struct placement *wanted, uint64_t offset)
{
	uint64_t end = offset + wanted->length, aligned = align_up(offset, HUGE), sub;
	struct placement larger = *wanted;
	int64_t found;

	if (model->bits == 32 || end <= aligned || end - aligned < HUGE)
		return plain_search(model, wanted);
	larger.length = wanted->length + HUGE;
	if (larger.length < wanted->length || offset + larger.length < offset)
		return plain_search(model, wanted);
	found = plain_search(model, &larger);
	if (found < 0)
		return plain_search(model, wanted);
	if ((uint64_t)found == wanted->addr)
		return found;
	sub = (offset - (uint64_t)found) & (HUGE - 1);
	if (rule_holds(RULE_HUGE_TOP, model->top_down && sub == 0))
		return found + (int64_t)HUGE;
	return found + (int64_t)sub;
}

static int64_t search(struct model *model, const struct placement *wanted)
{
	bool shared_anonymous = (wanted->flags & MAP_NUMBER_ANONYMOUS) &&
				(wanted->flags & MAP_NUMBER_TYPE) == MAP_NUMBER_SHARED;

	if (wanted->file != VMA_NO_FILE) {
		if (rule_holds(RULE_HUGE_FILE, model->files[wanted->file].huge_aligned))
			return huge_search(model, wanted, wanted->pgoff * MODEL_PAGE);
	} else if (rule_holds(RULE_HUGE_ANONYMOUS, model->machine.huge_pages && !shared_anonymous &&
							   wanted->addr == 0 &&
							   is_aligned(wanted->length, HUGE))) {
		return huge_search(model, wanted, 0);
	}
	return plain_search(model, wanted);
}

int64_t place(struct model *model, const struct placement *wanted)
{
	int64_t found;

	if (rule_holds(RULE_LENGTH_TOO_LARGE, wanted->length > model->task_size))
		return refuse(model, RULE_LENGTH_TOO_LARGE, -ENOMEM);
	found = search(model, wanted);
	if (found < 0 && found > -4096)
		return found;
	if (rule_holds(RULE_BEHIND_USER_SPACE, (uint64_t)found > model->task_size - wanted->length))
		return refuse(model, RULE_BEHIND_USER_SPACE, -ENOMEM);
	if (rule_holds(RULE_FIXED_UNALIGNED, !is_aligned((uint64_t)found, MODEL_PAGE)))
		return refuse(model, RULE_FIXED_UNALIGNED, -EINVAL);
	if (rule_holds(RULE_MIN_ADDR, (uint64_t)found < model->machine.mmap_min_addr &&
					      !may(model, MODEL_CAP_SYS_RAWIO)))
		return refuse(model, RULE_MIN_ADDR, -EPERM);
	return found;
}
