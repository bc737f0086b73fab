/*
 * Operations on memory: copies, fills, compares and searches, by the widest vectors that the
 * processor has.
 *
 * They are what <string.h> has under the names without plat_, with the same parameters and answers.
 * On glibc those that are at the limit there already are glibc's own: the inline functions below
 * make a call of plat_memcpy a call of memcpy, with all that the compiler knows about it.
 * plat_memmem is ours everywhere, and so are all others with another C library, as musl.
 *
 * None reads or writes a byte outside of what it is given, not even one that it leaves alone. All
 * are safe in threads, in signal handlers and in the child of a fork; none changes errno or fails.
 */
#ifndef PLAT_OPS_H
#define PLAT_OPS_H

#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies n bytes that do not overlap. Returns `to`. */
void *plat_memcpy(void *to, const void *from, size_t n);

/* Copies n bytes that may overlap. Returns `to`. */
void *plat_memmove(void *to, const void *from, size_t n);

/* Sets n bytes to (unsigned char)byte. Returns `to`. */
void *plat_memset(void *to, int byte, size_t n);

/*
 * Less than 0, 0, or more than 0, as the first byte that differs, taken as unsigned, is less in
 * `a`, there is none, or it is more. How long it takes tells how much is the same: to compare with
 * what nobody may know, take plat_memequal_ct.
 */
int plat_memcmp(const void *a, const void *b, size_t n);

/* The first of n bytes that is (unsigned char)byte, or NULL. */
void *plat_memchr(const void *in, int byte, size_t n);

/* The last of them. */
void *plat_memrchr(const void *in, int byte, size_t n);

/*
 * Where the m bytes of `needle` are for the first time among the n bytes of `in`, or NULL. Where m
 * is 0, `in`. The time it takes grows as n + m does, whatever the bytes are.
 */
void *plat_memmem(const void *in, size_t n, const void *needle, size_t m);

/*
 * Sets n bytes to zero, also where a compiler sees that nobody will read them. Copies that a
 * compiler made, in registers or in memory of its own, are not reached.
 */
void plat_memzero_explicit(void *to, size_t n);

/*
 * 1 if the n bytes of `a` and of `b` are the same, else 0. All bytes are looked at, by the same
 * instructions whatever they are: the time it takes tells nothing but n.
 */
int plat_memequal_ct(const void *a, const void *b, size_t n);

#if defined(__GLIBC__) && defined(__GNUC__)
#define PLAT__IS_LIBC extern __inline__ __attribute__((__gnu_inline__, __always_inline__))

PLAT__IS_LIBC void *plat_memcpy(void *to, const void *from, size_t n)
{
	return memcpy(to, from, n);
}

PLAT__IS_LIBC void *plat_memmove(void *to, const void *from, size_t n)
{
	return memmove(to, from, n);
}

PLAT__IS_LIBC void *plat_memset(void *to, int byte, size_t n)
{
	return memset(to, byte, n);
}

PLAT__IS_LIBC int plat_memcmp(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n);
}

PLAT__IS_LIBC void *plat_memchr(const void *in, int byte, size_t n)
{
	return (void *)memchr(in, byte, n);
}

/* What other programs see of it is the library's, which goes on to glibc's. */
#ifdef _GNU_SOURCE
PLAT__IS_LIBC void *plat_memrchr(const void *in, int byte, size_t n)
{
	return (void *)memrchr(in, byte, n);
}
#endif

#undef PLAT__IS_LIBC
#endif

#ifdef __cplusplus
}
#endif

#endif
