/*
 * An allocator's functions come from one object file, and lie side by side. Those that others can
 * call are found by name; those that only it calls lie among them, or a little before or behind.
 */
#include "heap/trim_function.h"

#include "base/compiler.h"
#include "space/dynamic.h"

#include <errno.h>

#define CODE_BEFORE 16384
#define CODE_BEHIND 16384
#define CODE_MOST (UINT64_C(1) << 20) /* further away it is another object file */

static void take_code(plat_addr at, struct trim_function *ret)
{
	if (at + CODE_MOST < ret->function || at > ret->function + CODE_MOST)
		return;
	ret->code_start = min_u64(ret->code_start, sub_floored(at, CODE_BEFORE));
	ret->code_end = max_u64(ret->code_end, at + CODE_BEHIND);
}

static int find_in(struct reader *reader, const struct module *module, struct trim_function *ret)
{
	static const char *const names[] = {
		"malloc",	  "free",
		"calloc",	  "realloc",
		"memalign",	  "aligned_alloc",
		"posix_memalign", "valloc",
		"pvalloc",	  "mallinfo",
		"mallopt",	  "malloc_info",
		"malloc_stats",	  "malloc_usable_size",
	};
	struct dynamic dynamic;
	plat_addr at;
	size_t i;
	int r = dynamic_read(reader, module, &dynamic);

	if (r == 0)
		r = dynamic_find(reader, &dynamic, "malloc_trim", &ret->function);
	if (r < 0)
		return r;
	ret->code_start = ret->code_end = ret->function;
	take_code(ret->function, ret);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (dynamic_find(reader, &dynamic, names[i], &at) == 0)
			take_code(at, ret);
	return 0;
}

/* Only code may be called. */
static bool is_code(const struct space *space, plat_addr at)
{
	const struct region *region = space_find(space, at);

	return region && (region->rights & RIGHT_EXEC);
}

int trim_function_find(const struct space *space, struct reader *reader,
		       const struct allocator *allocator, struct trim_function *ret,
		       struct error *err)
{
	struct trim_function found = {0};
	int r = -ENOENT;

	/* Its functions have names in its file at most, of which stripping leaves none. */
	if (allocator->how == ALLOCATOR_STATIC)
		return fail(err, -ENOTSUP,
			    "it is linked statically: nothing in its memory says where malloc_trim "
			    "is");
	if (allocator->kind == ALLOCATOR_MUSL)
		return fail(err, -ENOTSUP,
			    "musl's malloc has nothing that can be called to give memory back");
	if (allocator->kind != ALLOCATOR_GLIBC && allocator->kind != ALLOCATOR_PLAT)
		return fail(err, -ENOTSUP, "it uses %s, which has no malloc_trim that plat knows",
			    allocator_words(allocator->kind));
	if (allocator->how == ALLOCATOR_LINKED && allocator->provider != NO_MODULE)
		r = find_in(reader, &space->modules[allocator->provider], &found);
	if (r == 0 && !is_code(space, found.function))
		r = -ENOENT;
	if (r == -ENOENT)
		return fail(err, -ENOTSUP, "its malloc_trim is not among what it exports");
	if (r < 0)
		return fail(err, -r, "its libraries cannot be read");
	if (allocator->kind == ALLOCATOR_PLAT) /* which has no locks */
		found.code_start = found.code_end = 0;
	*ret = found;
	return 0;
}
