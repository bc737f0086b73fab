/*
 * How glibc hides a pointer that it does not want to be overwritten: what atexit() was told, and
 * where longjmp() goes. A guard, drawn when the program began, is laid over it, and it is turned:
 *
 *     pointer   0000 7f12 3456 7890  xor guard, rotate left by 17   ->   word
 *
 * (glibc sysdeps/unix/sysv/linux/x86_64/pointer_guard.h; by 9 on i386.) musl hides nothing.
 */
#ifndef SPACE_MANGLE_H
#define SPACE_MANGLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"
#include "space/space.h"

struct mangle {
	unsigned width; /* of a word, 8 or 4 bytes; 0: nothing is hidden, or nobody knows how */
	uint64_t guard;
};

#define MANGLE_NONE ((struct mangle){0, 0})

static inline uint64_t mangle_do(const struct mangle *mangle, uint64_t pointer)
{
	uint64_t word = pointer ^ mangle->guard;

	if (mangle->width == 8)
		return word << 17 | word >> 47;
	return (uint32_t)(word << 9) | (uint32_t)word >> 23;
}

static inline uint64_t mangle_undo(const struct mangle *mangle, uint64_t word)
{
	if (mangle->width == 8)
		return (word >> 17 | word << 47) ^ mangle->guard;
	return ((uint32_t)word >> 9 | (uint32_t)(word << 23)) ^ mangle->guard;
}

/*
 * The guard stands in each thread's descriptor; MANGLE_NONE where none of glibc's can be read, and
 * in 32 bits.
 */
struct mangle mangle_find(const struct space *space, struct reader *reader);

/* Whether it is glibc's descriptor, of words of `width` bytes; *vector is then its dtv. */
bool mangle_is_glibc(struct reader *reader, plat_addr descriptor, unsigned width,
		     plat_addr *vector);

#endif
