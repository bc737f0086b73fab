/*
 * Pages from the break, and from mappings when it cannot move.
 *
 * The break is libc's: glibc keeps its own idea of it, so only sbrk may move it, and anybody else
 * may call sbrk too. What comes back is taken where it is, and nothing is thought of what lies
 * between. sbrk knows no threads: one at a time is let in, and whoever finds it taken for long, as
 * a signal handler or a forked child may, is sent away and takes a mapping.
 */
#include "alloc/source.h"

#include "alloc/atomic.h"
#include "alloc/system.h"

#include <errno.h>
#include <unistd.h>

#define PATIENCE 64

static uint32_t is_taken;
static uintptr_t end; /* of what was taken last */

static bool enter(void)
{
	unsigned i;

	for (i = 0; i < PATIENCE; i++) {
		uint32_t seen = 0;

		if (compare_exchange(&is_taken, &seen, 1))
			return true;
		plat__system_yield();
	}
	return false;
}

static void leave(void)
{
	store_release(&is_taken, 0);
}

static uintptr_t move_break(intptr_t bytes)
{
	int saved = errno;
	void *before = sbrk(bytes);

	errno = saved;
	return before == (void *)-1 ? 0 : (uintptr_t)before;
}

/*
 * A child can have another break than memory: fork copies the number before it holds the mappings
 * still (Linux kernel/fork.c dup_mm), and another thread of the parent can shrink the heap in
 * between. The kernel then takes what it has for what is wanted, and maps nothing there; once the
 * break is above, all is well again.
 *
 * The break stands anywhere; the first granule border above it is where the range begins. Where it
 * stands at one, and not behind what was taken last, that is the next: the dynamic linker, and who
 * moved it, remember where it stood, and to who looks for pointers that would be one to a block.
 */
static int grow_inside(size_t bytes, uintptr_t *ret)
{
	uintptr_t now = move_break(0), at;
	size_t before = now == end ? 0 : GRANULE - (now & (GRANULE - 1));

	if (now == 0 || bytes > PTRDIFF_MAX - GRANULE)
		return -ENOMEM;
	at = move_break((intptr_t)(before + bytes));
	if (at == 0)
		return -ENOMEM;
	if (at != now) {
		/* Somebody moved it between the two calls: only what is aligned by chance serves.
		 */
		if (at & (GRANULE - 1))
			return -ENOMEM;
		before = 0;
	}
	end = at + before + bytes;
	if (!plat__system_is_mapped(at + before, bytes))
		return -ENOMEM;
	*ret = at + before;
	return 0;
}

static int grow(size_t bytes, uintptr_t *ret)
{
	int r;

	if (!enter())
		return -EBUSY;
	r = grow_inside(bytes, ret);
	leave();
	return r;
}

static int shrink(uintptr_t start, size_t bytes)
{
	int r = -EBUSY;

	if (!enter())
		return r;
	if (start + bytes == end && move_break(0) == end && move_break(-(intptr_t)bytes) != 0) {
		end = start;
		r = 0;
	}
	leave();
	return r;
}

/* Whoever was inside did not come along. */
void plat__source_after_fork(void)
{
	leave();
}

static int map(size_t bytes, size_t alignment, uintptr_t *ret)
{
	return plat__source_mmap.map(bytes, alignment, ret);
}

const struct source plat__source_brk = {
	.grow = grow,
	.shrink = shrink,
	.map = map,
	.unmap = plat__system_unmap,
	.remap = plat__system_remap,
	.fence = plat__system_fence,
	.drop = plat__system_drop,
};
