/*
 * For processors whose vectors nobody has written code for: the operations are the C library's. A
 * needle is found by a rare byte of it, which the C library looks for.
 */
#include "mem/ops/portable/plain.h"

#include "mem/ops/needle.h"

#include <string.h>

static void swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

/* Over when as much was compared as the slow search would have: memcmp does not say how much it
 * was.
 */
void *plat__plain_find(const void *in, size_t n, const void *of, size_t m)
{
	const uint8_t *start = in, *needle = of, *hit;
	size_t spots = n - m + 1, work = 0, one, other, at;

	if (m > n)
		return NULL;
	if (m < 2)
		return m ? memchr(in, *needle, n) : (void *)in;
	plat__rare_pair(needle, m, spots, &one, &other);
	if (plat__commonness[needle[other]] < plat__commonness[needle[one]])
		swap(&one, &other);
	for (at = 0; at < spots; at++) {
		if (work > plat__work_allowed(at))
			return (void *)plat__find_slowly(start + at, n - at, needle, m);
		hit = memchr(start + at + one, needle[one], spots - at);
		if (!hit)
			return NULL;
		at = (size_t)(hit - start) - one;
		work += plat__work(0);
		if (start[at + other] != needle[other])
			continue;
		if (memcmp(start + at, needle, m) == 0)
			return (void *)(start + at);
		work += plat__work(m);
	}
	return NULL;
}

const struct plat__ops plat__plain_ops = {
	.name = "plain",
	.move = memmove,
	.set = memset,
	.compare = memcmp,
	.find_byte = memchr,
	.find_last_byte = memrchr,
	.find = plat__plain_find,
};
