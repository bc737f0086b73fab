/*
 * Stacks of our own: one mapping each, without access at its lower end. Nothing is reserved for
 * them, as most of a stack is never touched; and no huge pages, which would make the first touch
 * cost two megabytes, and hide how far a stack was used.
 */
#include "../include/plat/stack.h"

#include "mem/pages.h"
#include "mem/stack.h"
#include "mem/stack_bounds.h"

#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

#define SIGNAL_STACK ((size_t)64 * 1024)

static size_t default_size(void)
{
	pthread_attr_t attr;
	size_t size = 0;

	if (pthread_attr_init(&attr) != 0)
		return 0;
	pthread_attr_getstacksize(&attr, &size);
	pthread_attr_destroy(&attr);
	return size;
}

/* At least as much as pthread_attr_setstack takes: PTHREAD_STACK_MIN, which may be no constant. */
static size_t least_size(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);

	return least > 16384 ? (size_t)least : 16384;
}

static int in_pages(size_t size, size_t *ret)
{
	size_t page = plat__page_size();

	if (size > SIZE_MAX / 4)
		return -EINVAL;
	*ret = (size + page - 1) & ~(page - 1);
	return 0;
}

static int map_stack(size_t size, size_t guard, size_t behind, struct plat__known_stack *ret)
{
	size_t between = behind ? plat__page_size() : 0, all = guard + size + between + behind;
	char *start = mmap(NULL, all, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	char *base;
	int r;

	if (start == MAP_FAILED)
		return -errno;
	base = start + guard;
	*ret = (struct plat__known_stack){
		.start = (uintptr_t)start,
		.base = (uintptr_t)base,
		.end = (uintptr_t)base + size,
		.mapping_end = (uintptr_t)start + all,
	};
	/* Where there are no huge pages nobody needs to be told so. */
	madvise(start, all, MADV_NOHUGEPAGE);
	if (mprotect(base, size, PROT_READ | PROT_WRITE) < 0 ||
	    (behind && mprotect(base + size + between, behind, PROT_READ | PROT_WRITE) < 0))
		r = -errno;
	else
		r = plat__stack_table_add(ret);
	if (r < 0)
		munmap(start, all);
	return r;
}

int plat__stack_map(size_t size, size_t guard_size, size_t behind, struct plat__known_stack *ret)
{
	size_t least = least_size();
	int before = errno, r;

	if (size == 0)
		size = default_size();
	r = in_pages(size < least ? least : size, &size);
	if (r == 0)
		r = in_pages(guard_size ? guard_size : PLAT_STACK_GUARD, &guard_size);
	if (r == 0)
		r = in_pages(behind, &behind);
	if (r == 0)
		r = map_stack(size, guard_size, behind, ret);
	errno = before;
	return r;
}

void plat__stack_unmap(struct plat__stack_slot *slot, const struct plat__known_stack *stack)
{
	int before = errno;

	/* Before the addresses can be somebody else's. */
	plat__stack_table_drop(slot);
	plat__bounds_forget();
	munmap((void *)stack->start, stack->mapping_end - stack->start);
	errno = before;
}

size_t plat__signal_stack_size(void)
{
	return SIGNAL_STACK + (size_t)getauxval(AT_MINSIGSTKSZ);
}

int plat_stack_new(size_t size, size_t guard_size, struct plat_stack *ret)
{
	struct plat__known_stack stack;
	int r = plat__stack_map(size, guard_size, 0, &stack);

	if (r < 0)
		return r;
	*ret = (struct plat_stack){
		.base = (void *)stack.base,
		.size = stack.end - stack.base,
		.guard_size = stack.base - stack.start,
	};
	return 0;
}

int plat_stack_free(struct plat_stack *stack)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	struct plat__known_stack known;
	struct plat__stack_slot *slot;

	if (!stack->base && stack->size == 0)
		return 0;
	slot = plat__stack_table_claim((uintptr_t)stack->base, &known);
	if (!slot)
		return -EINVAL;
	if (known.mapping_end != known.end || (here >= known.base && here < known.end)) {
		plat__stack_table_unclaim(slot);
		return -EBUSY;
	}
	if (known.end - known.base != stack->size) {
		plat__stack_table_unclaim(slot);
		return -EINVAL;
	}
	plat__stack_unmap(slot, &known);
	memset(stack, 0, sizeof(*stack));
	return 0;
}

int plat_stack_attach(const struct plat_stack *stack, pthread_attr_t *attr)
{
	struct plat__known_stack known;

	if (!plat__stack_table_find((uintptr_t)stack->base, &known) ||
	    known.base != (uintptr_t)stack->base || known.end - known.base != stack->size ||
	    known.mapping_end != known.end)
		return -EINVAL;
	return -pthread_attr_setstack(attr, stack->base, stack->size);
}
