/* The blocks that were live in an earlier snapshot or core of the same process. */
#ifndef CLI_LEAKS_SINCE_H
#define CLI_LEAKS_SINCE_H

#include "cli/leaks.h"
#include "heap/block_index.h"

/*
 * Of the file wish->since. Below EXIT_NO_LOOK *ret is the caller's to block_index_fini(); else it
 * is an exit code after a complaint, as where the file is of another process than `space`.
 */
int leaks_since_load(const struct leaks_wish *wish, const struct space *space,
		     struct block_index *ret);

#endif
