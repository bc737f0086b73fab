/*
 * What _FORTIFY_SOURCE makes of the names: the compiler knows how much room there is, which is
 * often more than the block that it lies in has left. Too little of it ends the program, as in the
 * C library, but first the block is named.
 */
#define _GNU_SOURCE 1
#include "mem/preload/strings.h"

#include <stdlib.h>
#include <string.h>

extern _Noreturn void __chk_fail(void) __attribute__((weak)); /* glibc's */

EXPORT void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
EXPORT void *__mempcpy_chk(void *to, const void *from, size_t n, size_t room);
EXPORT void *__memmove_chk(void *to, const void *from, size_t n, size_t room);
EXPORT void *__memset_chk(void *to, int byte, size_t n, size_t room);
EXPORT void __explicit_bzero_chk(void *to, size_t n, size_t room);
EXPORT char *__strcpy_chk(char *to, const char *from, size_t room);
EXPORT char *__stpcpy_chk(char *to, const char *from, size_t room);
EXPORT char *__strcat_chk(char *to, const char *from, size_t room);
EXPORT char *__strncpy_chk(char *to, const char *from, size_t n, size_t room);
EXPORT char *__stpncpy_chk(char *to, const char *from, size_t n, size_t room);
EXPORT char *__strncat_chk(char *to, const char *from, size_t n, size_t room);
EXPORT size_t __strlcpy_chk(char *to, const char *from, size_t size, size_t room);
EXPORT size_t __strlcat_chk(char *to, const char *from, size_t size, size_t room);

MOVER(memcpy);
MOVER(mempcpy);
MOVER(memmove);
SETTER(memset);
SETTER(explicit_bzero);

static void need(size_t n, size_t room)
{
	if (n <= room)
		return;
	if (__chk_fail)
		__chk_fail();
	abort();
}

static inline void ask_room(const char *by, void *to, size_t n, size_t room)
{
	if (n <= room)
		return;
	ask_write(by, to, n);
	need(n, room);
}

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	ask_room("memcpy", to, n, room);
	return copy(&memcpy_mover, to, from, n);
}

void *__mempcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	ask_room("mempcpy", to, n, room);
	return (char *)copy(&mempcpy_mover, to, from, n) + n;
}

void *__memmove_chk(void *to, const void *from, size_t n, size_t room)
{
	ask_room("memmove", to, n, room);
	return move(&memmove_mover, to, from, n);
}

void *__memset_chk(void *to, int byte, size_t n, size_t room)
{
	ask_room("memset", to, n, room);
	return set(&memset_setter, to, byte, n);
}

void __explicit_bzero_chk(void *to, size_t n, size_t room)
{
	ask_room("explicit_bzero", to, n, room);
	set(&explicit_bzero_setter, to, 0, n);
}

char *__strcpy_chk(char *to, const char *from, size_t room)
{
	size_t bytes = plat__next.strlen(from) + 1;

	ask_room("strcpy", to, bytes, room);
	return copy(&strcpy_mover, to, from, bytes);
}

char *__stpcpy_chk(char *to, const char *from, size_t room)
{
	size_t bytes = plat__next.strlen(from) + 1;

	ask_room("stpcpy", to, bytes, room);
	return (char *)copy(&stpcpy_mover, to, from, bytes) + bytes - 1;
}

char *__strcat_chk(char *to, const char *from, size_t room)
{
	size_t bytes = plat__next.strlen(to) + plat__next.strlen(from) + 1;

	ask_room("strcat", to, bytes, room);
	return add_string(&strcat_mover, to, from);
}

char *__strncpy_chk(char *to, const char *from, size_t n, size_t room)
{
	ask_room("strncpy", to, n, room);
	fill_string(&strncpy_mover, to, from, n);
	return to;
}

char *__stpncpy_chk(char *to, const char *from, size_t n, size_t room)
{
	ask_room("stpncpy", to, n, room);
	return to + fill_string(&stpncpy_mover, to, from, n);
}

char *__strncat_chk(char *to, const char *from, size_t n, size_t room)
{
	size_t bytes = plat__next.strlen(to) + plat__next.strnlen(from, n) + 1;

	ask_room("strncat", to, bytes, room);
	return add_part(&strncat_mover, to, from, n);
}

size_t __strlcpy_chk(char *to, const char *from, size_t size, size_t room)
{
	ask_room("strlcpy", to, size, room);
	return copy_limited(&strlcpy_mover, to, from, size);
}

size_t __strlcat_chk(char *to, const char *from, size_t size, size_t room)
{
	size_t used = plat__next.strnlen(to, size);

	ask_room("strlcat", to, size, room);
	return used + copy_limited(&strlcat_mover, to + used, from, size - used);
}
