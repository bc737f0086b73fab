#define _GNU_SOURCE 1 /* dl_iterate_phdr, RTLD_NEXT */
#include "mem/preload/next.h"

#include "mem/overlap.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>

static void *move_by_loop(void *to, const void *from, size_t n)
{
	char *up = to;
	const char *source = from;
	size_t i;

	if ((uintptr_t)to < (uintptr_t)from)
		for (i = 0; i < n; i++)
			up[i] = source[i];
	else
		for (i = n; i > 0; i--)
			up[i - 1] = source[i - 1];
	return to;
}

static void *set_by_loop(void *to, int byte, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		((char *)to)[i] = (char)byte;
	return to;
}

static int compare_by_loop(const void *a, const void *b, size_t n)
{
	const unsigned char *left = a, *right = b;
	size_t i;

	for (i = 0; i < n; i++)
		if (left[i] != right[i])
			return left[i] - right[i];
	return 0;
}

static void *find_by_loop(const void *p, int byte, size_t n)
{
	const unsigned char *bytes = p;
	size_t i;

	for (i = 0; i < n; i++)
		if (bytes[i] == (unsigned char)byte)
			return (void *)(bytes + i);
	return NULL;
}

static void *find_last_by_loop(const void *p, int byte, size_t n)
{
	const unsigned char *bytes = p;

	while (n-- > 0)
		if (bytes[n] == (unsigned char)byte)
			return (void *)(bytes + n);
	return NULL;
}

static size_t length_by_loop(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static size_t length_up_to_by_loop(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && text[n])
		n++;
	return n;
}

static void ask_nobody(const void *p, size_t bytes, const char *by, bool writes)
{
	(void)p;
	(void)bytes;
	(void)by;
	(void)writes;
}

static int compare_unasked(const void *a, const void *b, size_t bytes,
			   const struct plat__comparer *comparer)
{
	return (*comparer->then)(a, b, bytes);
}

static void *move_unasked(void *to, const void *from, size_t bytes, const struct plat__mover *mover)
{
	return (*mover->then)(to, from, bytes);
}

static void *set_unasked(void *to, int byte, size_t bytes, const struct plat__setter *setter)
{
	return (*setter->then)(to, byte, bytes);
}

static int memcmp_unasked(const void *a, const void *b, size_t bytes)
{
	return plat__next.memcmp(a, b, bytes);
}

static void *memmove_unasked(void *to, const void *from, size_t bytes)
{
	return plat__next.memmove(to, from, bytes);
}

static void *memset_unasked(void *to, int byte, size_t bytes)
{
	return plat__next.memset(to, byte, bytes);
}

/* Where there is no libplat-malloc, only what takes no knowledge of blocks is looked at. */
static void *copy_apart(void *to, const void *from, size_t bytes, const struct plat__mover *mover)
{
	plat__overlap_refuse(mover->by, to, from, bytes);
	return (*mover->then)(to, from, bytes);
}

static void *memcpy_apart(void *to, const void *from, size_t bytes)
{
	plat__overlap_refuse("memcpy", to, from, bytes);
	return plat__next.memmove(to, from, bytes);
}

struct plat__next plat__next = {
	.memmove = move_by_loop,
	.memset = set_by_loop,
	.memcmp = compare_by_loop,
	.memchr = find_by_loop,
	.memrchr = find_last_by_loop,
	.strlen = length_by_loop,
	.strnlen = length_up_to_by_loop,
	.check_access = ask_nobody,
	.check_compare = compare_unasked,
	.check_copy = move_unasked,
	.check_memcmp = memcmp_unasked,
	.check_memcpy = memmove_unasked,
	.check_memmove = memmove_unasked,
	.check_memset = memset_unasked,
	.check_move = move_unasked,
	.check_set = set_unasked,
};

/* Tells the allocator where it is, the library that the address `data` lies in. */
static int tell_allocator(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t inside = (uintptr_t)data, first = UINTPTR_MAX, last = 0;
	struct plat__behind behind = {
		.move = plat__next.memmove,
		.set = plat__next.memset,
		.compare = plat__next.memcmp,
	};
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
	plat_check_begin((const void *)first, last - first, &behind);
	return 1;
}

/* In place of the loop, if the C library has it. memmove serves for memcpy, too. */
#define FIND_NEXT(name)                                                                            \
	do {                                                                                       \
		void *found = dlsym(RTLD_NEXT, #name);                                             \
                                                                                                   \
		if (found)                                                                         \
			plat__next.name = (__typeof__(plat__next.name))found;                      \
	} while (0)

/* The library is marked to be the first whose constructor runs. */
__attribute__((constructor)) static void start(void)
{
	FIND_NEXT(memmove);
	FIND_NEXT(memset);
	FIND_NEXT(memcmp);
	FIND_NEXT(memchr);
	FIND_NEXT(memrchr);
	FIND_NEXT(strlen);
	FIND_NEXT(strnlen);
	plat__next.check_copy = copy_apart;
	plat__next.check_memcpy = memcpy_apart;
	if (!plat_check_access || !plat_check_begin || !plat_check_compare || !plat_check_copy ||
	    !plat_check_memcmp || !plat_check_memcpy || !plat_check_memmove || !plat_check_memset ||
	    !plat_check_move || !plat_check_set)
		return;
	if (!dl_iterate_phdr(tell_allocator, (void *)(uintptr_t)plat_check_move))
		return;
	plat__next.check_access = plat_check_access;
	plat__next.check_compare = plat_check_compare;
	plat__next.check_copy = plat_check_copy;
	plat__next.check_memcmp = plat_check_memcmp;
	plat__next.check_memcpy = plat_check_memcpy;
	plat__next.check_memmove = plat_check_memmove;
	plat__next.check_memset = plat_check_memset;
	plat__next.check_move = plat_check_move;
	plat__next.check_set = plat_check_set;
}
