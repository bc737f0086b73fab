/*
 * The heap: brk, and PR_SET_MM_MAP, which declares another one.
 *
 *	| data | bss |  heap ->      |              | next mapping |
 *	             start_brk     brk     a page or more
 *
 * It is what lies between start_brk and the break, whoever has mapped it there.
 */
#include "model/parts.h"

#include <errno.h>

static bool exceeds_data_limit(const struct model *model, plat_addr start_brk, plat_addr brk,
			       plat_addr start_data, plat_addr end_data)
{
	uint64_t limit = model->limits[MODEL_DATA].soft;

	return limit < MODEL_INFINITE && (brk - start_brk) + (end_data - start_data) > limit;
}

static int64_t shrink_heap(struct model *model, plat_addr new_end, plat_addr old_end)
{
	if (rule_holds(RULE_BRK_NOTHING_THERE, is_free(model, new_end, old_end)))
		return refuse(model, RULE_BRK_NOTHING_THERE, -ENOMEM);
	return unmap(model, new_end, old_end);
}

int64_t check_brk_range(struct model *model, plat_addr start, plat_addr end)
{
	if (rule_holds(RULE_BEHIND_USER_SPACE, end > model->task_size || end < start))
		return refuse(model, RULE_BEHIND_USER_SPACE, -ENOMEM);
	if (rule_holds(RULE_MIN_ADDR,
		       start < model->machine.mmap_min_addr && !may(model, MODEL_CAP_SYS_RAWIO)))
		return refuse(model, RULE_MIN_ADDR, -EPERM);
	return 0;
}

int64_t check_brk_limits(struct model *model, const struct vma *more)
{
	uint64_t pages = pages_of(vma_size(more));

	if (!may_expand(model, more->flags, pages))
		return -ENOMEM;
	if (rule_holds(RULE_MAP_COUNT, model->vmas.count > model->machine.max_map_count))
		return refuse(model, RULE_MAP_COUNT, -ENOMEM);
	return may_commit(model, pages) ? 0 : -ENOMEM;
}

/* Whether there is room for the heap up to new_end. */
static int64_t check_heap_room(struct model *model, plat_addr old_end, plat_addr new_end)
{
	const struct vma *next = vmas_above(&model->vmas, old_end);
	uint64_t gap = rule_holds(RULE_BRK_PAGE_GAP, true) ? MODEL_PAGE : 0;
	int64_t r = check_brk_range(model, old_end, new_end);

	if (r < 0)
		return r;
	if (!may_lock(model, model->new_flags, new_end - old_end))
		return -EAGAIN;
	if (rule_holds(RULE_BRK_NEIGHBOUR, next && new_end + gap > gap_start(model, next)))
		return refuse(model, RULE_BRK_NEIGHBOUR, -ENOMEM);
	return 0;
}

/* The heap's flags are those of data, whatever the rights of what lies below. */
static uint32_t heap_flags(const struct model *model)
{
	uint32_t flags = VMA_READ | VMA_WRITE | VMA_MAY | VMA_ACCOUNT | model->new_flags;

	if (model->personality & PERSONALITY_READ_IMPLIES_EXEC)
		flags |= VMA_EXEC;
	return flags;
}

/* What ends where the heap starts is no part of it. */
static int64_t extend_heap(struct model *model, const struct vma *more)
{
	if (rule_holds(RULE_BRK_BSS, more->start <= model->start_brk))
		return vmas_insert(&model->vmas, more) < 0 ? run_out(model) : 0;
	return append_vma(model, more);
}

static struct vma heap_between(const struct model *model, plat_addr start, plat_addr end)
{
	return (struct vma){
		.start = start,
		.end = end,
		.pgoff = pages_of(start),
		.flags = heap_flags(model),
		.file = VMA_NO_FILE,
	};
}

static int64_t check_heap_growth(struct model *model, const struct vma *more)
{
	int64_t r = check_heap_room(model, more->start, more->end);

	return r < 0 ? r : check_brk_limits(model, more);
}

static int64_t grow_heap(struct model *model, plat_addr old_end, plat_addr new_end)
{
	const struct vma more = heap_between(model, old_end, new_end);
	uint64_t pages = pages_of(new_end - old_end);
	int64_t r = check_heap_growth(model, &more);

	if (r == 0)
		r = extend_heap(model, &more);
	if (r < 0)
		return r;
	model->counters.total += pages;
	model->counters.data += pages;
	commit(model, pages);
	if (more.flags & VMA_LOCKED) {
		model->counters.locked += pages;
		r = populate(model, old_end, new_end, true);
	}
	return r;
}

/* What is asked of every break, also of one below. */
static int64_t check_break(struct model *model, plat_addr brk)
{
	if (rule_holds(RULE_BRK_START, brk < model->start_brk))
		return refuse(model, RULE_BRK_START, -ENOMEM);
	if (rule_holds(RULE_BRK_DATA_LIMIT, exceeds_data_limit(model, model->start_brk, brk,
							       model->start_data, model->end_data)))
		return refuse(model, RULE_BRK_DATA_LIMIT, -ENOMEM);
	return 0;
}

bool may_grow_heap(struct model *model, plat_addr brk)
{
	plat_addr old_end = page_round(model->brk), new_end = page_round(brk);
	struct vma more = heap_between(model, old_end, new_end);

	if (check_break(model, brk) < 0)
		return false;
	return new_end == old_end || check_heap_growth(model, &more) == 0;
}

static int64_t move_break(struct model *model, plat_addr brk)
{
	plat_addr old_end = page_round(model->brk), new_end = page_round(brk);
	int64_t r = check_break(model, brk);

	if (r < 0 || new_end == old_end)
		return r;
	if (brk <= model->brk)
		return shrink_heap(model, new_end, old_end);
	return grow_heap(model, old_end, new_end);
}

/* Says by the value alone whether it worked: the break stays where it was. */
int64_t call_brk(struct model *model, const uint64_t *arg)
{
	if (move_break(model, arg[0]) == 0)
		model->brk = arg[0];
	return (int64_t)model->brk;
}

/* PR_SET_MM_MAP, for the fields that the rules ask for. */
int64_t call_set_mm(struct model *model, const uint64_t *arg)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		if (rule_holds(RULE_SET_MM_RANGE,
			       arg[i] < model->machine.lowest_hint || arg[i] >= model->task_size))
			return refuse(model, RULE_SET_MM_RANGE, -EINVAL);
	if (rule_holds(RULE_SET_MM_ORDER, arg[0] > arg[1] || arg[2] > arg[3]))
		return refuse(model, RULE_SET_MM_ORDER, -EINVAL);
	if (rule_holds(RULE_SET_MM_DATA_LIMIT,
		       exceeds_data_limit(model, arg[0], arg[1], arg[2], arg[3])))
		return refuse(model, RULE_SET_MM_DATA_LIMIT, -EINVAL);
	model->start_brk = arg[0];
	model->brk = arg[1];
	model->start_data = arg[2];
	model->end_data = arg[3];
	return 0;
}
