/* Copies between memory that is ours and memory that may not be there. */
#ifndef MEM_COPY_H
#define MEM_COPY_H

#include <stddef.h>

/* -EFAULT, after some bytes: a page cannot be had, whichever of the two it is of. */
int plat__copy(void *to, const void *from, size_t size);

/* As if a byte of each page of this size were read. */
int plat__touch(const char *start, size_t size, size_t page);

#endif
