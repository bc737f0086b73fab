/* Pages from mappings: where there is no brk, and for blocks that have a mapping of their own. */
#include "alloc/source.h"
#include "alloc/system.h"

#include <errno.h>

static bool is_aligned(uintptr_t at, size_t alignment)
{
	return (at & (alignment - 1)) == 0;
}

/* Maps more than is wanted and gives back what is over on both sides. */
static int map_and_trim(size_t bytes, size_t alignment, uintptr_t *ret)
{
	size_t whole = bytes + alignment - plat__page_bytes, before;
	uintptr_t at;
	int r = plat__system_map(whole, &at);

	if (r < 0)
		return r;
	before = -at & (alignment - 1);
	if (before > 0)
		plat__system_unmap(at, before);
	if (whole > before + bytes)
		plat__system_unmap(at + before + bytes, whole - before - bytes);
	*ret = at + before;
	return 0;
}

/*
 * The kernel places a mapping below the last one (Linux mm/mmap.c, top-down), so that after the
 * first one those of whole granules mostly come aligned.
 */
static int map(size_t bytes, size_t alignment, uintptr_t *ret)
{
	uintptr_t at;
	int r = plat__system_map(bytes, &at);

	if (r < 0)
		return r;
	if (is_aligned(at, alignment)) {
		*ret = at;
		return 0;
	}
	plat__system_unmap(at, bytes);
	return map_and_trim(bytes, alignment, ret);
}

static int grow(size_t bytes, uintptr_t *ret)
{
	(void)bytes;
	(void)ret;
	return -ENOSYS;
}

static int shrink(uintptr_t start, size_t bytes)
{
	(void)start;
	(void)bytes;
	return -ENOSYS;
}

const struct source plat__source_mmap = {
	.grow = grow,
	.shrink = shrink,
	.map = map,
	.unmap = plat__system_unmap,
	.remap = plat__system_remap,
	.fence = plat__system_fence,
	.drop = plat__system_drop,
};
