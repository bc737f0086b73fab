/*
 * The processor's own copies and fills. Those that serve here know the size from the start, and
 * read no line of memory that they will overwrite as a whole; for much memory nothing is faster.
 */
#ifndef MEM_OPS_X86_STRING_H
#define MEM_OPS_X86_STRING_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

static ALWAYS_INLINE void plat__copy_string(uint8_t *to, const uint8_t *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static ALWAYS_INLINE void plat__fill_string(uint8_t *to, uint8_t byte, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
}

#endif
