#include "heap/roots.h"

#include "base/list.h"
#include "heap/roots_parts.h"

#include <errno.h>
#include <stdlib.h>

int roots_begin(struct roots_making *making, const struct root_origin *origin)
{
	struct roots *roots = &making->roots;
	int r = roots->norigins < UINT32_MAX
			? list_reserve(&roots->origins, &roots->origins_room, roots->norigins, 1)
			: -ENOMEM;

	if (r == 0)
		roots->origins[roots->norigins++] = *origin;
	return r;
}

static int add(struct roots *roots, const struct root *root)
{
	int r = list_reserve(&roots->list, &roots->room, roots->n, 1);

	if (r < 0)
		return r;
	roots->list[roots->n] = *root;
	roots->list[roots->n].owner = (uint32_t)roots->norigins - 1;
	roots->list[roots->n].kind = roots->origins[roots->norigins - 1].kind;
	roots->n++;
	return 0;
}

int roots_add(struct roots_making *making, plat_addr start, plat_addr end)
{
	return start < end ? add(&making->roots, &(struct root){.start = start, .end = end}) : 0;
}

int roots_add_word(struct roots_making *making, uint64_t word)
{
	return add(&making->roots, &(struct root){.is_word = true, .word = word});
}

int roots_add_outside(struct roots_making *making, const struct ranges *ranges, plat_addr start,
		      plat_addr end)
{
	const struct range *range = ranges_from(ranges, start);
	const struct range *last = ranges->items + ranges->n;
	int r = 0;

	for (; r == 0 && range && range < last && range->start < end; range++) {
		r = roots_add(making, start, range->start);
		start = max_u64(start, range->end);
	}
	return r == 0 ? roots_add(making, start, end) : r;
}

/*
 * What belongs to no thread.
 */

/* Whether a region can be a root, and of which kind. */
static bool kind_of(const struct region *region, enum root_kind *ret)
{
	bool is_writable = region->rights & RIGHT_WRITE;

	*ret = ROOT_UNCLAIMED;
	switch ((enum kind)region->kind) {
	case KIND_RELRO:
	case KIND_DATA:
	case KIND_BSS:
		*ret = ROOT_GLOBAL;
		return region->rights & RIGHT_READ;
	case KIND_TEXT:
	case KIND_RODATA:
		*ret = ROOT_GLOBAL;
		return is_writable;
	case KIND_HEAP:
	case KIND_ANON:
		return region->rights & RIGHT_READ;
	case KIND_FILE:
	case KIND_SHM:
	case KIND_SECRET:
	case KIND_HUGETLB:
		return is_writable;
	case KIND_STACK:
	case KIND_THREAD_STACK:
	case KIND_ARGS:
	case KIND_ENV:
	case KIND_AUXV:
		*ret = ROOT_STACK; /* of nobody knows whom */
		return is_writable;
	case KIND_TLS:
		*ret = ROOT_TLS;
		return is_writable;
	default:
		/* What has no access, or belongs to the kernel; and devices, where a look is an
		 * act. */
		return false;
	}
}

static int take_regions(struct roots_making *making)
{
	const struct space *space = making->input->space;
	struct root_origin origin = ORIGIN_NONE;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < space->nregions; i++) {
		const struct region *region = &space->regions[i];

		if (!kind_of(region, &origin.kind))
			continue;
		origin.region = (uint32_t)i;
		origin.module = region->module;
		origin.thread = region->thread;
		r = roots_begin(making, &origin);
		if (r == 0)
			r = roots_add_outside(making, &making->taken, region->start, region->end);
	}
	return r;
}

/*
 * Memory is looked at once, however many threads say that it is their stack: of roots that overlap
 * the second begins where the first ends.
 */

static int by_start(const void *a, const void *b)
{
	const struct root *x = *(struct root *const *)a, *y = *(struct root *const *)b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int part_roots(struct roots *roots)
{
	struct root **order = calloc(roots->n + 1, sizeof(struct root *));
	plat_addr end = 0;
	size_t i, n = 0;

	if (!order)
		return -ENOMEM;
	for (i = 0; i < roots->n; i++)
		if (!roots->list[i].is_word)
			order[n++] = &roots->list[i];
	qsort(order, n, sizeof(struct root *), by_start);
	for (i = 0; i < n; i++) {
		order[i]->end = max_u64(order[i]->end, end);
		order[i]->start = max_u64(order[i]->start, end);
		end = order[i]->end;
	}
	free(order);
	return 0;
}

/*
 * What could not be had.
 */

static struct error *why(struct roots *roots)
{
	return &roots->whys[roots->nwhys++];
}

static void say_what_is_missing(struct roots_making *making)
{
	struct roots *roots = &making->roots;
	int r = 0;

	if (!making->nthreads)
		r = fail(why(roots), -ENODATA,
			 "no thread of it is known: what only registers hold is taken for lost");
	if (making->nwithout_registers)
		r = fail(why(roots), -ENODATA,
			 "the registers of %zu of %zu threads are not known: what only they hold "
			 "is taken for lost",
			 making->nwithout_registers, making->nthreads);
	if (making->nwithout_sp)
		r = fail(why(roots), -ENODATA,
			 "the stack pointers of %zu of %zu threads are not known: what is left in "
			 "their stacks from earlier calls holds blocks, too",
			 making->nwithout_sp, making->nthreads);
	(void)r;
}

/*
 * All of it.
 */

static int copy_claimed(struct roots_making *making)
{
	const struct ranges *claimed = making->input->claimed;
	size_t i;

	for (i = 0; i < claimed->n; i++)
		ranges_add(&making->taken, claimed->items[i].start, claimed->items[i].end);
	return making->taken.is_short ? -ENOMEM : 0;
}

int roots_make(const struct roots_input *input, struct roots *ret)
{
	struct roots_making making = {
		.input = input,
		.width = input->space->process.bits == 32 ? 4 : 8,
	};
	int r = copy_claimed(&making);

	if (r == 0)
		r = roots_of_threads(&making);
	if (r == 0)
		r = ranges_sort(&making.taken);
	if (r == 0)
		r = take_regions(&making);
	if (r == 0)
		r = part_roots(&making.roots);
	ranges_fini(&making.taken);
	if (r < 0) {
		roots_fini(&making.roots);
		return r;
	}
	say_what_is_missing(&making);
	*ret = making.roots;
	return 0;
}

void roots_fini(struct roots *roots)
{
	free(roots->list);
	free(roots->origins);
	roots->list = NULL;
	roots->origins = NULL;
	roots->n = roots->room = roots->norigins = roots->origins_room = 0;
}
