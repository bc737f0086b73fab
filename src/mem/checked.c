/*
 * libplat-checked: memcpy and its like, which ask the allocator first whether what they read and
 * write lies within one live block. It is preloaded in front of libplat-malloc: a copy is where
 * most overflows happen, and here it does not happen.
 *
 *     program -> memcpy, here -> plat_check_range, in libplat-malloc: a fault, or nothing
 *                             -> memmove of the C library
 *
 * libplat-malloc's own copies are not asked about: it writes into free slots. Nor is seen what the
 * compiler has put in place of a call, what the C library copies inside itself, and calls that
 * _FORTIFY_SOURCE has given another name. Without libplat-malloc nobody is asked.
 */
#define _GNU_SOURCE 1 /* dl_iterate_phdr, RTLD_NEXT */
#include "alloc/ranges.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER() ((uintptr_t)__builtin_return_address(0))

extern __typeof__(plat_check_range) plat_check_range __attribute__((weak));

/* The C library's. memmove serves for memcpy too, as programs that were built long ago expect. */
static void *(*next_memmove)(void *to, const void *from, size_t n);
static void *(*next_memset)(void *to, int byte, size_t n);

/* The allocator's code. */
static uintptr_t low, high;

static int note_allocator(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t inside = (uintptr_t)data, first = UINTPTR_MAX, last = 0;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		first = start < first ? start : first;
		last = start + part->p_memsz > last ? start + part->p_memsz : last;
	}
	if (inside < first || inside >= last)
		return 0;
	low = first;
	high = last;
	return 1;
}

__attribute__((constructor)) static void start(void)
{
	next_memmove = (void *(*)(void *, const void *, size_t))dlsym(RTLD_NEXT, "memmove");
	next_memset = (void *(*)(void *, int, size_t))dlsym(RTLD_NEXT, "memset");
	if (plat_check_range)
		dl_iterate_phdr(note_allocator, (void *)(uintptr_t)plat_check_range);
}

static void ask(uintptr_t caller, const void *p, size_t n)
{
	if (high && (caller < low || caller >= high))
		plat_check_range(p, n);
}

/* Before start() there is nobody to call. */
static void *copy_up(char *to, const char *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = from[i];
	return to;
}

static void *copy_down(char *to, const char *from, size_t n)
{
	while (n-- > 0)
		to[n] = from[n];
	return to;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static size_t length_up_to(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && text[n])
		n++;
	return n;
}

static void *move(void *to, const void *from, size_t n)
{
	if (next_memmove)
		return next_memmove(to, from, n);
	return (uintptr_t)to < (uintptr_t)from ? copy_up(to, from, n) : copy_down(to, from, n);
}

static void *set(void *to, int byte, size_t n)
{
	size_t i;

	if (next_memset)
		return next_memset(to, byte, n);
	for (i = 0; i < n; i++)
		((char *)to)[i] = (char)byte;
	return to;
}

static void *copy(uintptr_t caller, void *to, const void *from, size_t n)
{
	ask(caller, to, n);
	ask(caller, from, n);
	return move(to, from, n);
}

/* --- the names --- */

EXPORT void *memcpy(void *restrict to, const void *restrict from, size_t n);
EXPORT void *mempcpy(void *restrict to, const void *restrict from, size_t n);
EXPORT void *memmove(void *to, const void *from, size_t n);
EXPORT void *memset(void *to, int byte, size_t n);
EXPORT char *strcpy(char *restrict to, const char *restrict from);
EXPORT char *stpcpy(char *restrict to, const char *restrict from);
EXPORT char *strcat(char *restrict to, const char *restrict from);
EXPORT char *strncpy(char *restrict to, const char *restrict from, size_t n);
EXPORT char *strncat(char *restrict to, const char *restrict from, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return copy(CALLER(), to, from, n);
}

void *mempcpy(void *restrict to, const void *restrict from, size_t n)
{
	return (char *)copy(CALLER(), to, from, n) + n;
}

void *memmove(void *to, const void *from, size_t n)
{
	return copy(CALLER(), to, from, n);
}

void *memset(void *to, int byte, size_t n)
{
	ask(CALLER(), to, n);
	return set(to, byte, n);
}

char *strcpy(char *restrict to, const char *restrict from)
{
	return copy(CALLER(), to, from, length(from) + 1);
}

char *stpcpy(char *restrict to, const char *restrict from)
{
	size_t n = length(from);

	copy(CALLER(), to, from, n + 1);
	return to + n;
}

char *strcat(char *restrict to, const char *restrict from)
{
	copy(CALLER(), to + length(to), from, length(from) + 1);
	return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t n)
{
	size_t used = length_up_to(from, n);

	ask(CALLER(), to, n);
	ask(CALLER(), from, used);
	move(to, from, used);
	set(to + used, 0, n - used);
	return to;
}

char *strncat(char *restrict to, const char *restrict from, size_t n)
{
	char *end = to + length(to);
	size_t used = length_up_to(from, n);

	ask(CALLER(), end, used + 1);
	ask(CALLER(), from, used);
	move(end, from, used);
	end[used] = '\0';
	return to;
}
