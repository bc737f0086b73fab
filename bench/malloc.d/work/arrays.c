/*
 * Zeroed arrays of 100 bytes to 256 KiB, written here and there, and read whole: it counts whether
 * the allocator knows which memory is zero already. Some hundred live at a time.
 */
#include "work.h"

#include <stdlib.h>

enum { SLOTS = 200 };

uint64_t arrays(const struct job *job)
{
	uint32_t *slots[SLOTS] = {NULL};
	size_t counts[SLOTS], at, count, k;
	struct dice dice = dice_new(8);
	uint64_t i, check = 0, wrong;

	for (i = 0; i < job->n; i++) {
		at = below(&dice, SLOTS);
		free(slots[at]);
		count = mostly_small(&dice, 25, i % 256 ? 4096 : 65536);
		if (i % 256 == 0)
			count = between(&dice, 16384, 65536);
		slots[at] = need(calloc(count, sizeof(slots[at][0])));
		for (wrong = 0, k = 0; k < count; k++)
			wrong |= slots[at][k];
		if (wrong)
			need(NULL);
		for (k = below(&dice, 100); k < count; k += 100)
			slots[at][k] = 1;
		counts[at] = count;
		check += counts[at];
	}
	peak();
	for (at = 0; at < SLOTS; at++)
		free(slots[at]);
	return check;
}
