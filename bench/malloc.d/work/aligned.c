/* Blocks aligned to 16 bytes to a page, 1 byte to 8 KiB large, five thousand alive. */
#include "work.h"

#include <stdlib.h>

enum { SLOTS = 5000 };

uint64_t aligned(const struct job *job)
{
	unsigned char **slots = reserve(SLOTS * sizeof(*slots));
	size_t *sizes = reserve(SLOTS * sizeof(*sizes)), at, alignment;
	struct dice dice = dice_new(9);
	uint64_t i, check = 0;
	void *block = NULL;

	for (i = 0; i < job->n; i++) {
		at = below(&dice, SLOTS);
		if (slots[at])
			check_mark(slots[at], sizes[at], (unsigned char)at);
		free(slots[at]);
		alignment = mostly_small(&dice, 16, 4096);
		alignment = (size_t)1 << (63 - __builtin_clzll(alignment));
		sizes[at] = mostly_small(&dice, 1, 8192);
		if (posix_memalign(&block, alignment, sizes[at]) != 0)
			need(NULL);
		if ((uintptr_t)block % alignment)
			need(NULL);
		slots[at] = block;
		mark(block, sizes[at], (unsigned char)at);
		check += sizes[at];
	}
	peak();
	for (at = 0; at < SLOTS; at++)
		free(slots[at]);
	return check;
}
