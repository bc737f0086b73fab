/* Sums over all blocks, for everybody who is asked how much there is. */
#ifndef PLAT_ALLOC_FIGURES_H
#define PLAT_ALLOC_FIGURES_H

#include "alloc/state.h"

struct figures {
	/* Live blocks. */
	size_t blocks;
	size_t bytes;	 /* as requested */
	size_t mappings; /* of these blocks: those with a mapping of their own */
	size_t mapped;	 /* bytes of the pages of these */

	/* All else that the kernel lent for blocks: the heap. */
	size_t heap;
	size_t taken;	    /* of these bytes: in slots and runs of live blocks */
	size_t free_blocks; /* slots, and rows of granules */
	size_t ready;	    /* of these: slots in windows */
	size_t ready_bytes;
	size_t resident; /* of the free bytes: may be resident */
	size_t top;	 /* of the free bytes: at the end, where the break could move down */

	/* Free slots by class. */
	size_t slots[NCLASSES];
};

void plat__figures(struct figures *ret);

#endif
