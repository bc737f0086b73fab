/* Twenty blocks of 5 to 25 MiB; each step frees a random one and fills it anew, page by page. */
#include "work.h"

#include <stdlib.h>

enum { SLOTS = 20, LOW = 5 << 20, HIGH = 25 << 20 };

uint64_t large(const struct job *job)
{
	unsigned char *blocks[SLOTS] = {NULL};
	size_t sizes[SLOTS] = {0}, at, k;
	struct dice dice = dice_new(6);
	uint64_t i, check = 0;

	for (i = 0; i < job->n; i++) {
		at = below(&dice, SLOTS);
		if (blocks[at])
			check_mark(blocks[at], sizes[at], (unsigned char)at);
		free(blocks[at]);
		sizes[at] = between(&dice, LOW, HIGH);
		blocks[at] = need(malloc(sizes[at]));
		for (k = 0; k < sizes[at]; k += 4096)
			((volatile unsigned char *)blocks[at])[k] = 1;
		mark(blocks[at], sizes[at], (unsigned char)at);
		check += sizes[at];
	}
	peak();
	for (at = 0; at < SLOTS; at++)
		free(blocks[at]);
	return check;
}
