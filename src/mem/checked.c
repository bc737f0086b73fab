/*
 * The functions ask and then do as they are named. What they ask is libplat-malloc's, and weak: it
 * may be there or not, by whatever way it came.
 */
#include "../include/plat/checked.h"
#include "alloc/ranges.h"
#include "mem/complaint.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern __typeof__(plat_check_compare) plat_check_compare __attribute__((weak));
extern __typeof__(plat_check_copy) plat_check_copy __attribute__((weak));
extern __typeof__(plat_check_move) plat_check_move __attribute__((weak));
extern __typeof__(plat_check_set) plat_check_set __attribute__((weak));

static bool overlap(const void *to, const void *from, size_t size)
{
	uintptr_t ahead = (uintptr_t)to - (uintptr_t)from;

	return ahead != 0 && (ahead < size || -ahead < size);
}

static _Noreturn void stop(const void *to, const void *from, size_t size)
{
	struct plat__complaint complaint = {.length = 0};

	plat__complaint_add(&complaint, "overlap: memcpy: ");
	plat__complaint_number(&complaint, size);
	plat__complaint_add(&complaint, " bytes from ");
	plat__complaint_address(&complaint, from);
	plat__complaint_add(&complaint, " to ");
	plat__complaint_address(&complaint, to);
	plat__complaint_write(&complaint);
	abort();
}

/* Where the C library's functions are: their addresses are known to nobody but the loader. */
static plat__compare_function *const by_memcmp = memcmp;
static plat__move_function *const by_memmove = memmove;
static plat__set_function *const by_memset = memset;

/* memmove does it, and where faults are not to end the program an overlap does no harm. */
void *plat_checked_memcpy(void *to, const void *from, size_t size)
{
	static const struct plat__mover who = {"memcpy", &by_memmove};

	if (plat_check_copy)
		return plat_check_copy(to, from, size, &who);
	if (overlap(to, from, size))
		stop(to, from, size);
	return memmove(to, from, size);
}

void *plat_checked_memmove(void *to, const void *from, size_t size)
{
	static const struct plat__mover who = {"memmove", &by_memmove};

	if (plat_check_move)
		return plat_check_move(to, from, size, &who);
	return memmove(to, from, size);
}

void *plat_checked_memset(void *to, int byte, size_t size)
{
	static const struct plat__setter who = {"memset", &by_memset};

	if (plat_check_set)
		return plat_check_set(to, byte, size, &who);
	return memset(to, byte, size);
}

int plat_checked_memcmp(const void *a, const void *b, size_t size)
{
	static const struct plat__comparer who = {"memcmp", &by_memcmp};

	if (plat_check_compare)
		return plat_check_compare(a, b, size, &who);
	return memcmp(a, b, size);
}
