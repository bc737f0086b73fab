/*
 * What C++ needs of a shared library only.
 *
 * Operators new that return NULL instead of throwing: the new-handler may throw all the same, and
 * only C++ can catch that. So where there is no memory, the C++ library's own operator of this name
 * is asked, which calls the throwing one, ours, and catches. A static program has these operators
 * from its C++ library from the start.
 */
#define _GNU_SOURCE 1 /* RTLD_NEXT */
#include "alloc/operators.h"

#include "alloc/hard.h"
#include "alloc/malloc.h"

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))
#define NAME(mangled) __asm__(mangled)
#define ONE "_Znw" SIZE_LETTER "RKSt9nothrow_t"
#define ARRAY "_Zna" SIZE_LETTER "RKSt9nothrow_t"
#define ALIGNED "_Znw" SIZE_LETTER "St11align_val_tRKSt9nothrow_t"
#define ALIGNED_ARRAY "_Zna" SIZE_LETTER "St11align_val_tRKSt9nothrow_t"

EXPORT void *new_nothrow(size_t bytes, const void *nothrow) NAME(ONE);
EXPORT void *new_nothrow_array(size_t bytes, const void *nothrow) NAME(ARRAY);
EXPORT void *new_nothrow_aligned(size_t bytes, size_t alignment, const void *nothrow) NAME(ALIGNED);
EXPORT void *new_nothrow_aligned_array(size_t bytes, size_t alignment, const void *nothrow)
	NAME(ALIGNED_ARRAY);

void *plat__plugin_symbol(const char *name)
{
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);

	return library ? dlsym(library, name) : NULL;
}

static void *next_symbol(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	return symbol ? symbol : plat__plugin_symbol(name);
}

void *new_nothrow(size_t bytes, const void *nothrow)
{
	void *p = plat__malloc(bytes), *(*next)(size_t, const void *);

	plat__set_kind(p, KIND_NEW);
	if (p || !plat__new_handler())
		return p;
	next = (void *(*)(size_t, const void *))next_symbol(ONE);
	return next ? next(bytes, nothrow) : NULL;
}

void *new_nothrow_array(size_t bytes, const void *nothrow)
{
	void *p = new_nothrow(bytes, nothrow);

	plat__set_kind(p, KIND_NEW_ARRAY);
	return p;
}

void *new_nothrow_aligned(size_t bytes, size_t alignment, const void *nothrow)
{
	void *p, *(*next)(size_t, size_t, const void *);

	if (alignment == 0 || (alignment & (alignment - 1)) != 0)
		return NULL;
	p = plat__aligned(alignment, bytes);
	plat__set_kind(p, KIND_NEW);
	if (p || !plat__new_handler())
		return p;
	next = (void *(*)(size_t, size_t, const void *))next_symbol(ALIGNED);
	return next ? next(bytes, alignment, nothrow) : NULL;
}

void *new_nothrow_aligned_array(size_t bytes, size_t alignment, const void *nothrow)
{
	void *p = new_nothrow_aligned(bytes, alignment, nothrow);

	plat__set_kind(p, KIND_NEW_ARRAY);
	return p;
}
