/* How libplat answers: what failed by what it returns, and the rest by structures that may grow. */
#ifndef MEM_RESULT_H
#define MEM_RESULT_H

#include <stddef.h>

/*
 * Of a public function that calls others: puts errno back as it was before them.
 *
 *	int before = errno;
 *
 *	return plat__result(before, what_it_does());
 */
int plat__result(int before, int r);

#define PLAT__NOT_KNOWN 0xff /* in all bytes of a field: SIZE_MAX, PLAT_UNKNOWN */

/*
 * Gives an answer to a caller who knows `size` bytes of it. One who was built with an earlier
 * header gets as much as that; what only a later header has is filled with the byte `later`.
 */
void plat__answer(void *ret, size_t size, const void *answer, size_t answer_size, int later);

#endif
