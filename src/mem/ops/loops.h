/* For processors that have nothing better for much memory than vectors in a loop. */
#ifndef MEM_OPS_LOOPS_H
#define MEM_OPS_LOOPS_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define MUCH SIZE_MAX

static ALWAYS_INLINE void move_much(uint8_t *to, const uint8_t *from, size_t n)
{
	(void)to, (void)from, (void)n;
}

static ALWAYS_INLINE void set_much(uint8_t *to, uint8_t byte, size_t n)
{
	(void)to, (void)byte, (void)n;
}

#endif
