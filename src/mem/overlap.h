/* The end of a program that copies between ranges which overlap, where nobody else is asked. */
#ifndef PLAT_MEM_OVERLAP_H
#define PLAT_MEM_OVERLAP_H

#include <stddef.h>

/*
 * Returns if no byte of one range is the other's, or they are the same: compilers make such copies
 * of an assignment. Else one line with the name of who copies, and abort.
 */
void plat__overlap_refuse(const char *by, const void *to, const void *from, size_t size);

#endif
