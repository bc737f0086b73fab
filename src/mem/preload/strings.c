/*
 * The functions that look for a NUL. How far they read is known when they have: what they read is
 * asked about then, and what they write before they do.
 */
#define _GNU_SOURCE 1
#include "mem/preload/strings.h"

#include <string.h>

/* The C library may not have declared these two yet. */
EXPORT size_t strlcpy(char *restrict to, const char *restrict from, size_t size);
EXPORT size_t strlcat(char *restrict to, const char *restrict from, size_t size);

EXPORT char *strcpy(char *restrict to, const char *restrict from)
{
	return copy_string(&strcpy_mover, to, from);
}

EXPORT char *stpcpy(char *restrict to, const char *restrict from)
{
	size_t length = plat__next.strlen(from);

	copy(&stpcpy_mover, to, from, length + 1);
	return to + length;
}

EXPORT char *strcat(char *restrict to, const char *restrict from)
{
	return add_string(&strcat_mover, to, from);
}

EXPORT char *strncpy(char *restrict to, const char *restrict from, size_t n)
{
	fill_string(&strncpy_mover, to, from, n);
	return to;
}

EXPORT char *stpncpy(char *restrict to, const char *restrict from, size_t n)
{
	return to + fill_string(&stpncpy_mover, to, from, n);
}

EXPORT char *strncat(char *restrict to, const char *restrict from, size_t n)
{
	return add_part(&strncat_mover, to, from, n);
}

EXPORT size_t strlcpy(char *restrict to, const char *restrict from, size_t size)
{
	return copy_limited(&strlcpy_mover, to, from, size);
}

EXPORT size_t strlcat(char *restrict to, const char *restrict from, size_t size)
{
	size_t used = plat__next.strnlen(to, size);

	return used + copy_limited(&strlcat_mover, to + used, from, size - used);
}
