/* What the kernel tells in short files, as /proc/meminfo. */
#ifndef MEM_TOLD_H
#define MEM_TOLD_H

#include <stddef.h>

/* Reads at most `size` - 1 bytes, and ends them with a NUL; nothing where there is no such file. */
void plat__told_read(const char *path, char *text, size_t size);

/* The decimal number behind the word, 0 if there is none. */
size_t plat__told_number(const char *text, const char *word);

#endif
