/* The parts of string functions, for their names in strings.c and in fortified.c. */
#ifndef PLAT_MEM_PRELOAD_STRINGS_H
#define PLAT_MEM_PRELOAD_STRINGS_H

#include "mem/preload/next.h"

MOVER(strcpy);
MOVER(stpcpy);
MOVER(strcat);
MOVER(strncpy);
MOVER(stpncpy);
MOVER(strncat);
MOVER(strlcpy);
MOVER(strlcat);

/* strcpy. */
static inline char *copy_string(const struct plat__mover *who, char *to, const char *from)
{
	return copy(who, to, from, plat__next.strlen(from) + 1);
}

/* strcat. */
static inline char *add_string(const struct plat__mover *who, char *to, const char *from)
{
	copy_string(who, to + plat__next.strlen(to), from);
	return to;
}

/* At most n bytes of a string, which need not end; returns how many, less its end. */
static inline size_t copy_part(const struct plat__mover *who, char *to, const char *from, size_t n)
{
	size_t length = plat__next.strnlen(from, n);

	copy(who, to, from, length);
	return length;
}

/* strncpy: n bytes, zeros behind the string. Returns the string's length. */
static inline size_t fill_string(const struct plat__mover *who, char *to, const char *from,
				 size_t n)
{
	size_t length;

	ask_write(who->by, to, n);
	length = copy_part(who, to, from, n);
	plat__next.memset(to + length, 0, n - length);
	return length;
}

/* strncat. */
static inline char *add_part(const struct plat__mover *who, char *to, const char *from, size_t n)
{
	char *end = to + plat__next.strlen(to);
	size_t length = plat__next.strnlen(from, n);

	ask_write(who->by, end, length + 1);
	copy(who, end, from, length);
	end[length] = '\0';
	return to;
}

/* strlcpy: what fits into `size` bytes with its end. Returns how long the string is. */
static inline size_t copy_limited(const struct plat__mover *who, char *to, const char *from,
				  size_t size)
{
	size_t length = plat__next.strlen(from), fits = length < size ? length : size - 1;

	if (size == 0)
		return length;
	ask_write(who->by, to, fits + 1);
	copy(who, to, from, fits);
	to[fits] = '\0';
	return length;
}

#endif
