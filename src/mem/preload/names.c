/*
 * libplat-checked: memcpy and its like, which ask the allocator first whether what they read and
 * write lies within one live block. It is preloaded in front of libplat-malloc: a copy is where
 * most overflows happen, and here it does not happen.
 *
 *     program -> memcpy, here -> plat_check_memcpy, in libplat-malloc -> memmove of the C library
 *                                       '-> a fault
 *
 * Here are those that are told a size; strings.c has those that look for a NUL, fortified.c the
 * names that _FORTIFY_SOURCE gives to both. Not seen is what the compiler has put in place of a
 * call, and what the C library copies inside itself. Without libplat-malloc nobody is asked: what
 * overlaps is all that is found.
 */
#define _GNU_SOURCE 1
#include "mem/preload/next.h"

#include <string.h>
#include <strings.h>

MOVER(mempcpy);
MOVER(bcopy);
SETTER(bzero);
SETTER(explicit_bzero);
COMPARER(bcmp);

EXPORT void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return plat__next.check_memcpy(to, from, n);
}

EXPORT void *mempcpy(void *restrict to, const void *restrict from, size_t n)
{
	return (char *)copy(&mempcpy_mover, to, from, n) + n;
}

EXPORT void *memmove(void *to, const void *from, size_t n)
{
	return plat__next.check_memmove(to, from, n);
}

EXPORT void bcopy(const void *from, void *to, size_t n)
{
	move(&bcopy_mover, to, from, n);
}

EXPORT void *memset(void *to, int byte, size_t n)
{
	return plat__next.check_memset(to, byte, n);
}

EXPORT void bzero(void *to, size_t n)
{
	set(&bzero_setter, to, 0, n);
}

EXPORT void explicit_bzero(void *to, size_t n)
{
	set(&explicit_bzero_setter, to, 0, n);
}

EXPORT int memcmp(const void *a, const void *b, size_t n)
{
	return plat__next.check_memcmp(a, b, n);
}

EXPORT int bcmp(const void *a, const void *b, size_t n)
{
	return plat__next.check_compare(a, b, n, &bcmp_comparer);
}

/* It may be told more than there is: it reads no further than it has to. */
EXPORT void *memchr(const void *p, int byte, size_t n)
{
	char *found = plat__next.memchr(p, byte, n);

	ask_read("memchr", p, found ? (size_t)(found - (const char *)p) + 1 : n);
	return found;
}

EXPORT void *memrchr(const void *p, int byte, size_t n)
{
	ask_read("memrchr", p, n);
	return plat__next.memrchr(p, byte, n);
}
