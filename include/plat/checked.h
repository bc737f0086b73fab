/*
 * Copies that stay within their block. Where libplat-malloc is the program's malloc, linked or
 * preloaded, it is asked about the bytes that are about to be read and written: if they begin in a
 * heap block, or would run into one, they have to lie within one live block, to the byte. Bytes on
 * stacks, in variables and in mappings of others are not judged. With another malloc nobody knows
 * where blocks end, and these are the plain functions; that plat_checked_memcpy's ranges do not
 * overlap is checked always.
 *
 * What does not hold is a bug of the program, and no error code could tell it to those who do not
 * look at the result of memcpy: one line on standard error names the operation with its addresses
 * and the block, and the program is aborted before a byte is written. The line and whether it ends
 * are libplat-malloc's, so PLAT_ON_ERROR=report lets the program go on, and "ignore" without a
 * line: then the operation is done as the plain function does it, overlapping bytes as by memmove.
 * Where there is no libplat-malloc, an overlap always aborts.
 *
 *	plat-malloc: access past the end: 0xADDRESS, behind the block of 100 bytes at 0xSTART,
 *		destination of memcpy: 101 bytes from 0xFROM to 0xSTART		(one line)
 *	plat: overlap: memcpy: 24 bytes from 0xFROM to 0xTO
 *
 * All sizes are in bytes; what is returned is what the plain function returns. They take no lock,
 * do not allocate, leave errno alone, and may be called from any thread, a signal handler, and the
 * child of a fork. Small blocks take some nanoseconds more than the plain function.
 */
#ifndef PLAT_CHECKED_H
#define PLAT_CHECKED_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * memcpy. The ranges must not overlap, but may be the same: compilers make such copies of an
 * assignment. Returns `to`.
 */
void *plat_checked_memcpy(void *to, const void *from, size_t size);

/* memmove: the ranges may overlap. Returns `to`. */
void *plat_checked_memmove(void *to, const void *from, size_t size);

/* memset. Returns `to`. */
void *plat_checked_memset(void *to, int byte, size_t size);

/*
 * memcmp: less than, equal to or greater than 0. Both ranges are judged as a whole, also where a
 * difference lies near the begin.
 */
int plat_checked_memcmp(const void *a, const void *b, size_t size);

#ifdef __cplusplus
}
#endif

#endif
