/*
 * The functions ask and then do as they are named. What they ask is libplat-malloc's, and weak: it
 * may be there or not, by whatever way it came.
 */
#include "../include/plat/checked.h"
#include "alloc/ranges.h"
#include "mem/overlap.h"

#include <string.h>

extern __typeof__(plat_check_memcmp) plat_check_memcmp __attribute__((weak));
extern __typeof__(plat_check_memcpy) plat_check_memcpy __attribute__((weak));
extern __typeof__(plat_check_memmove) plat_check_memmove __attribute__((weak));
extern __typeof__(plat_check_memset) plat_check_memset __attribute__((weak));

/* memmove does it, and where faults are not to end the program an overlap does no harm. */
void *plat_checked_memcpy(void *to, const void *from, size_t size)
{
	if (plat_check_memcpy)
		return plat_check_memcpy(to, from, size);
	plat__overlap_refuse("memcpy", to, from, size);
	return memmove(to, from, size);
}

void *plat_checked_memmove(void *to, const void *from, size_t size)
{
	return plat_check_memmove ? plat_check_memmove(to, from, size) : memmove(to, from, size);
}

void *plat_checked_memset(void *to, int byte, size_t size)
{
	return plat_check_memset ? plat_check_memset(to, byte, size) : memset(to, byte, size);
}

int plat_checked_memcmp(const void *a, const void *b, size_t size)
{
	return plat_check_memcmp ? plat_check_memcmp(a, b, size) : memcmp(a, b, size);
}
